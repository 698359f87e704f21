//! Real runtimes, as Debian has them: containerd by CRI, Podman by Docker's interface.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll_tests::containerd::{Containerd, IMAGE};
use plimsoll_tests::cri::{Pod, cgroup};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::podman::Podman;
use plimsoll_tests::scrape::Scrape;
use plimsoll_tests::servers::Servers;

/// The labels of a row's `container_info`.
fn info(scrape: &Scrape, id: &str) -> Option<BTreeMap<String, String>> {
    scrape.all("container_info", &[("id", id)]).next().map(|sample| sample.labels.clone())
}

fn label<'l>(labels: &'l BTreeMap<String, String>, name: &str) -> &'l str {
    labels.get(name).map_or("", String::as_str)
}

fn up(scrape: &Scrape, runtime: &str) -> Option<f64> {
    scrape.value("plimsoll_runtime_up", &[("runtime", runtime)])
}

/// Follows one runtime and no other.
fn following(runtime: &str, socket: &str) -> Result<Exporter> {
    let socket = format!("--runtime.socket={runtime}={socket}");
    let exporter = Exporter::start(&["--no-runtime.discover", &socket, "--tombstone.scrapes=1000"])?;
    exporter.scrape_until("it is followed", |scrape| up(scrape, runtime) == Some(1.0))?;
    Ok(exporter)
}

/// Debian's containerd has no events of containers: each is listed because the kernel told of it.
#[test]
fn a_pod_has_what_containerd_says_of_it() -> Result<()> {
    let mut servers = Servers::start()?;
    let mut containerd = Containerd::start(&mut servers)?;
    containerd.import("k8s.io")?;
    let socket = containerd.socket();
    let exporter = following("containerd", &socket.display().to_string())?;
    let uid = format!("5e1f7a1e-0000-4000-8000-{:012x}", std::process::id());

    let pod = Pod::run(&socket, "web-1", &uid, "shop")?;
    let sleeps = ["/bin/busybox", "sleep", "3600"];
    let main = format!("{}/{}", cgroup(&uid), pod.container("main", 2, IMAGE, &sleeps)?);
    let scrape = exporter.scrape_until("it is named", |scrape| {
        info(scrape, &main).is_some_and(|of| !label(&of, "pod").is_empty())
    })?;
    let of = info(&scrape, &main).context("it is there")?;
    let base = ["namespace", "pod", "container", "image", "runtime", "restart_count", "pod_label_app"];
    assert_eq!(
        base.map(|name| label(&of, name)),
        ["shop", "web-1", "main", IMAGE, "containerd", "2", "shop"]
    );
    assert!(label(&of, "image_id").contains("sha256:"), "{of:?}");
    assert_eq!(scrape.value("container_restarts", &[("id", &main)]), Some(2.0));
    let pause = format!("{}/{}", cgroup(&uid), pod.id());
    let scrape = exporter.scrape_until("so is the pause container", |scrape| {
        info(scrape, &pause).is_some_and(|of| !label(&of, "pod").is_empty())
    })?;
    let of = info(&scrape, &pause).context("it is there")?;
    assert_eq!([label(&of, "pod"), label(&of, "container")], ["web-1", ""]);

    // How one ended that nobody looked at while it lived.
    let job = pod.container("job", 0, IMAGE, &["/bin/busybox", "sh", "-c", "exit 7"])?;
    let job = format!("{}/{job}", cgroup(&uid));
    let ended = |scrape: &Scrape| scrape.value("container_exit_code", &[("id", &job)]);
    let scrape = exporter.scrape_until("its end is known", |scrape| ended(scrape).is_some())?;
    assert_eq!(ended(&scrape), Some(7.0));
    assert_eq!(scrape.value("container_exit_reason", &[("id", &job), ("reason", "Error")]), Some(1.0));
    assert_eq!(scrape.value("container_exit_code", &[("id", &main)]), None, "it runs");

    // It goes, and its containers stay what they are; it comes back.
    containerd.stop()?;
    let scrape =
        exporter.scrape_until("it is not followed", |scrape| up(scrape, "containerd") == Some(0.0))?;
    let of = info(&scrape, &main).context("it is there")?;
    assert_eq!([label(&of, "pod"), label(&of, "container")], ["web-1", "main"]);
    containerd.serve()?;
    exporter.scrape_until("it is followed again", |scrape| up(scrape, "containerd") == Some(1.0))?;
    let other = pod.container("other", 0, IMAGE, &sleeps)?;
    let other = format!("{}/{other}", cgroup(&uid));
    exporter.scrape_until("what is new has its names", |scrape| {
        info(scrape, &other).is_some_and(|of| label(&of, "container") == "other")
    })?;
    Ok(())
}

#[test]
fn a_container_has_what_podman_says_of_it() -> Result<()> {
    let mut servers = Servers::start()?;
    let podman = Podman::start(&mut servers)?;
    let exporter = following("podman", servers.place("podman")?)?;
    let check = ["--health-cmd", r#"["/bin/busybox","true"]"#, "--health-interval", "disable"];
    podman.container("web", &[&check[..], &["--label", "app=shop"]].concat(), &["sleep", "3600"])?;
    let of_name = |scrape: &Scrape, name: &str| {
        scrape.all("container_info", &[("name", name)]).next().map(|sample| sample.labels.clone())
    };
    let whole = |of: BTreeMap<String, String>| of.contains_key("image_id");
    let scrape = exporter.scrape_until("it is known", |scrape| of_name(scrape, "web").is_some_and(whole))?;
    let of = of_name(&scrape, "web").context("it is there")?;
    assert_eq!([label(&of, "runtime"), label(&of, "container_label_app")], ["podman", "shop"]);
    assert!(label(&of, "image").ends_with("plimsoll/busybox:1"), "{of:?}");
    assert!(label(&of, "image_id").contains("sha256:"), "{of:?}");
    let id = label(&of, "id");
    assert_eq!(scrape.value("container_restarts", &[("id", id)]), Some(0.0));
    podman.run(&["healthcheck", "run", "web"])?;
    let health = |scrape: &Scrape, status: &str| {
        scrape.value("container_health_status", &[("id", id), ("status", status)])
    };
    let scrape =
        exporter.scrape_until("its health is known", |scrape| health(scrape, "healthy") == Some(1.0))?;
    assert_eq!([health(&scrape, "starting"), health(&scrape, "unhealthy")], [Some(0.0); 2]);

    podman.container("job", &[], &["sh", "-c", "exit 7"])?;
    let ended = |scrape: &Scrape| {
        scrape.all("container_exit_code", &[("name", "job")]).next().map(|sample| sample.value)
    };
    let scrape = exporter.scrape_until("its end is known", |scrape| ended(scrape).is_some())?;
    assert_eq!(ended(&scrape), Some(7.0));
    let reasons = [("name", "job"), ("reason", "Error")];
    assert_eq!(scrape.value("container_exit_reason", &reasons), Some(1.0));
    Ok(())
}
