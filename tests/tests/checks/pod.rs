//! `check_kube` as a pod of the cluster: what a pod finds in its environment and at its usual mount is all there is to know.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicUsize;

use anyhow::{Result, ensure};
use plimsoll_tests::apiserver::{Answer, ApiServer, Asked};
use plimsoll_tests::plugins::{Ran, ours_dir, run_ours};

use crate::kube::says;
use crate::status::numbers_masked;

/// Has the files of the first argument where a pod has them, in a tree of mounts of its own.
const MOUNTED: &str = "mount -t tmpfs tmpfs /var/run && mkdir -p /var/run/secrets/kubernetes.io && \
                       cp -r \"$1\" /var/run/secrets/kubernetes.io/serviceaccount && shift && exec \"$@\"";

#[test]
fn a_pod_of_the_cluster_asks_as_its_service_account() -> Result<()> {
    let answer = |asked: &Asked| {
        says(asked, &AtomicUsize::new(0)).unwrap_or_else(|error| Answer::text(599, error.to_string()))
    };
    let server = ApiServer::start(answer)?;
    let (files, address) = (server.path("serviceaccount"), server.address());
    let environment = [
        ("KUBERNETES_SERVICE_HOST", address.ip().to_string()),
        ("KUBERNETES_SERVICE_PORT", address.port().to_string()),
    ];
    let asks = |environment: &[(&str, String)]| asks(&files, environment);

    account(&server, "of-the-pod\n", "authority.pem")?;
    let ran = asks(&environment)?;
    assert_eq!(
        (ran.code, numbers_masked(ran.summary()).as_str()),
        (0, "KUBE OK - API server answers in #.# seconds, deployment shop/web has # of #")
    );
    let asked: Vec<_> = server.asked().into_iter().map(|asked| (asked.path, asked.token)).collect();
    let token = || Some("of-the-pod".to_owned());
    let web = "/apis/apps/v1/namespaces/shop/deployments/web".to_owned();
    assert_eq!(
        asked,
        [("/readyz".to_owned(), token()), (web, token())],
        "in its own namespace, with its own token"
    );

    // The kubelet writes another before the one there is ends; each run reads what is there.
    account(&server, "bad", "authority.pem")?;
    let begins = |ran: Ran, code: i32, text: &str| -> Result<()> {
        ensure!(ran.code == code && ran.output.starts_with(text), "not {code} {text}: {ran:?}");
        Ok(())
    };
    begins(asks(&environment)?, 3, "KUBE UNKNOWN - the API server does not know who asks, or no more (401)")?;
    account(&server, "of-the-pod", "self-signed.pem")?;
    begins(asks(&environment)?, 2, &format!("KUBE CRITICAL - {address}: invalid peer certificate: "))?;
    std::fs::remove_file(files.join("token"))?;
    let none =
        "KUBE UNKNOWN - /var/run/secrets/kubernetes.io/serviceaccount/token: No such file or directory";
    begins(asks(&environment)?, 3, none)?;
    begins(asks(&environment[..1])?, 3, "KUBE UNKNOWN - no cluster is told: --kubeconfig or --server")
}

/// The files of a service account.
fn account(server: &ApiServer, token: &str, authority: &str) -> Result<()> {
    let files = server.path("serviceaccount");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("token"), token)?;
    std::fs::write(files.join("namespace"), "shop")?;
    std::fs::copy(server.path(authority), files.join("ca.crt"))?;
    Ok(())
}

fn asks(files: &Path, environment: &[(&str, String)]) -> Result<Ran> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", MOUNTED, "sh"]).arg(files);
    command.arg(ours_dir()?.join("check_kube")).args(["--workload", "deployment/web"]);
    for name in ["KUBECONFIG", "HOME", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").envs(environment.iter().map(|(name, value)| (name, value)));
    run_ours(command)
}
