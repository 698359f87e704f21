//! `check_kube` beside an API server that says what a real one was recorded to say.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use plimsoll_tests::apiserver::{Answer, ApiServer, Asked, End};
use plimsoll_tests::servers::Servers;
use serde_json::Value;

use crate::status::{Row, all_say};

const ROWS: &[Row] = &[
    (
        "check_kube --server {api} --ca-cert {api-files}/authority.pem",
        0,
        "KUBE OK - API server answers in #.# seconds|time=#.#s;;;;",
    ),
    (
        "check_kube --server {api} --insecure --critical-time 0",
        2,
        "KUBE CRITICAL - API server answers in #.# seconds|time=#.#s;;#;;",
    ),
    (
        "check_kube --kubeconfig {files} --nodes --workload deploy/web --workload sts --workload daemonsets --workload job/once \
         --certificates",
        0,
        "KUBE OK - API server answers in #.# seconds, # of # nodes ready, deployment shop/web has # of #, statefulset shop/db \
         has # of #, daemonset kube-system/agent has # of #, job shop/once is complete, the API server's certificate lasts # \
         days, our certificate lasts # days|time=#.#s;;;; nodes=#;;;; nodes_not_ready=#;;#;; nodes_pressure=#;#;;; \
         nodes_cordoned=#;;;; desired=#;;;; available=#;;;; jobs_active=#;;;; jobs_failed=#;;;; server_days=#d;#:;#:;; \
         client_days=#d;#:;#:;;",
    ),
    (
        "check_kube --kubeconfig {data} --certificates --warning-days 101:",
        1,
        "KUBE WARNING - the API server's certificate lasts # days (WARNING), our certificate lasts # days (WARNING), API server",
    ),
    (
        "check_kube --kubeconfig {files} --pods --pending-after 60 -n shop",
        2,
        "KUBE CRITICAL - crashing: shop/crasher (Error), shop/noimage (ErrImageNeverPull), shop/oomer (CrashLoopBackOff) \
         (CRITICAL), pending: shop/unschedulable (Unschedulable) (WARNING), API server answers in #.# seconds, # pods|",
    ),
    (
        "check_kube --kubeconfig {files} --context token --pods",
        2,
        "KUBE CRITICAL - crashing: shop/crasher (Error) (CRITICAL), ",
    ),
    (
        "check_kube --kubeconfig {files} --workload deploy/none",
        2,
        "KUBE CRITICAL - no deployment shop/none (CRITICAL), API server",
    ),
    (
        "check_kube --kubeconfig {files} --context exec",
        3,
        "KUBE UNKNOWN - the user logs in by the program aws, which is not done here",
    ),
    ("check_kube --kubeconfig {files} --context none", 3, "KUBE UNKNOWN - no context is called 'none'"),
    ("check_kube --kubeconfig /no/such/file", 3, "KUBE UNKNOWN - /no/such/file: No such file or directory"),
    ("check_kube --kubeconfig {www-garbage}", 3, "KUBE UNKNOWN - "),
    (
        "check_kube {own} --token-file {bad}",
        3,
        "KUBE UNKNOWN - the API server does not know who asks, or no more (#): Unauthorized",
    ),
    (
        "check_kube {own} --token-file {no-pods} --pods",
        3,
        "KUBE UNKNOWN - the API server does not allow that (#): pods is forbidden: User",
    ),
    (
        "check_kube {own} --nodes",
        3,
        "KUBE UNKNOWN - the API server does not allow that (#): pods is forbidden: User \"system:anonymous\"",
    ),
    (
        "check_kube {own} --token-file {paged} --pods",
        2,
        "KUBE CRITICAL - crashing: shop/crasher (Error) (CRITICAL), API server answers in #.# seconds, # pods|",
    ),
    (
        "check_kube {own} --token-file {expires} --pods",
        2,
        "KUBE CRITICAL - crashing: shop/crasher (Error) (CRITICAL), API server answers in #.# seconds, # pods|",
    ),
    (
        "check_kube {own} --token-file {expired} --pods",
        3,
        "KUBE UNKNOWN - the list was too old before all of it was read (#): The provided continue",
    ),
    (
        "check_kube {own} --token-file {slow} --pods",
        2,
        "KUBE CRITICAL - the API server is not done in its own time (#): Timeout: Too large",
    ),
    (
        "check_kube {own} --token-file {faulty} --pods",
        2,
        "KUBE CRITICAL - the API server fails (#): resourceVersion: Invalid value",
    ),
    (
        "check_kube {own} --token-file {cut} --pods",
        2,
        "KUBE CRITICAL - /api/v#/pods?limit=#: an answer that cannot be read: ",
    ),
    (
        "check_kube {own} --token-file {sick}",
        2,
        "KUBE CRITICAL - not ready: etcd failed: reason withheld (CRITICAL), API server answers",
    ),
    (
        "check_kube {own} --token-file {down}",
        2,
        "KUBE CRITICAL - the API server fails (#): apiserver is shutting down",
    ),
    ("check_kube {own} --token-file {paged} --workload ds/agent", 3, "KUBE UNKNOWN - "),
    ("check_kube --server {api}", 2, "KUBE CRITICAL - localhost:#: "),
    (
        "check_kube --server https://127.0.0.1:{closed} --insecure",
        2,
        "KUBE CRITICAL - connect to #.#.#.#:#: Connection refused",
    ),
    ("check_kube --server https://127.0.0.1:{garbage} --insecure", 2, "KUBE CRITICAL - #.#.#.#:#: "),
    ("check_kube --server http://127.0.0.1:{http-501}", 2, "KUBE CRITICAL - the API server fails (#): no"),
    ("check_kube --server http://127.0.0.1:{closing}", 2, "KUBE CRITICAL - /readyz?verbose: "),
    ("check_kube --insecure", 3, "check_kube: --ca-cert, --insecure, --token-file, -J and -K need --server"),
];

/// Tokens of who is answered in a way of its own.
const TOKENS: &[&str] =
    &["bad", "no-pods", "paged", "expires", "expired", "slow", "faulty", "cut", "sick", "down"];

pub(crate) fn says(asked: &Asked, starts: &AtomicUsize) -> Result<Answer> {
    let token = asked.token.as_deref().unwrap_or_default();
    match (asked.path.as_str(), token) {
        (_, "bad") => Answer::recorded("errors/bad_token"),
        ("/readyz", "sick") => {
            Ok(Answer::text(500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"))
        }
        ("/readyz", "down") => Ok(Answer::text(503, "apiserver is shutting down\n")),
        ("/readyz", _) => Ok(Answer::text(200, "[+]ping ok\n[+]etcd ok\nreadyz check passed\n")),
        (_, "") if !asked.certificate => Answer::recorded("errors/no_token"),
        (_, "slow") => Answer::recorded("errors/list_future_rv"),
        (_, "faulty") => Answer::recorded("errors/watch_bad_rv"),
        ("/api/v1/pods", "no-pods") => Answer::recorded("errors/forbidden"),
        ("/api/v1/pods", "cut") => {
            let body = Answer::list("pods")?.body();
            Ok(Answer::text(200, &body[..body.len() / 2]).end(End::Cut))
        }
        ("/api/v1/pods", "") | ("/api/v1/namespaces/shop/pods", _) => Answer::list("pods"),
        ("/api/v1/pods", _) => page(asked, token, starts),
        ("/api/v1/nodes", _) => Answer::list("nodes"),
        ("/apis/apps/v1/namespaces/shop/deployments/web", _) => item("deployments", "web"),
        ("/apis/batch/v1/namespaces/shop/jobs/once", _) => item("jobs", "once"),
        ("/apis/apps/v1/statefulsets", _) => Answer::list("statefulsets"),
        ("/apis/apps/v1/daemonsets", _) => Answer::list("daemonsets"),
        ("/apis/apps/v1/namespaces/default/daemonsets/agent", _) => Ok(Answer::text(429, "")),
        _ => Answer::recorded("errors/not_found"),
    }
}

/// The page that begins where the one before it ended. What is too old is so at the second page: once, or always.
fn page(asked: &Asked, token: &str, starts: &AtomicUsize) -> Result<Answer> {
    let Some(wanted) = asked.parameter("continue") else {
        starts.fetch_add(usize::from(token == "expires"), Ordering::Relaxed);
        return Answer::list("page_0");
    };
    if token == "expired" || (token == "expires" && starts.load(Ordering::Relaxed) == 1) {
        return Answer::recorded("errors/list_continue_expired_gone");
    }
    for (before, page) in [("page_0", "page_1"), ("page_1", "page_2"), ("page_2", "page_3")] {
        let list: Value = serde_json::from_slice(&Answer::list(before)?.body())?;
        if list["metadata"]["continue"] == wanted.as_str() {
            return Answer::list(page);
        }
    }
    Answer::recorded("errors/not_found")
}

/// One of a list.
fn item(list: &str, name: &str) -> Result<Answer> {
    let list: Value = serde_json::from_slice(&Answer::list(list)?.body())?;
    let mut items = list["items"].as_array().into_iter().flatten();
    let found = items.find(|item| item["metadata"]["name"] == name);
    Ok(Answer::text(200, found.map(ToString::to_string).unwrap_or_default()))
}

#[test]
fn a_recorded_cluster_is_judged() -> Result<()> {
    let starts = AtomicUsize::new(0);
    let answer = move |asked: &Asked| {
        says(asked, &starts).unwrap_or_else(|error| Answer::text(599, error.to_string()))
    };
    let server = ApiServer::start(answer)?;
    let mut servers = Servers::start()?;
    server.name(&mut servers, "api");
    for token in TOKENS {
        servers.file(token, &format!("{token}\n"))?;
    }
    servers.file("www-garbage", "clusters: [")?;
    write(&server, &mut servers)?;
    let own = format!("--server {} --ca-cert {}", server.url(), server.path("authority.pem").display());
    let rows: Vec<(String, i32, &str)> =
        ROWS.iter().map(|(line, code, text)| (line.replace("{own}", &own), *code, *text)).collect();
    let rows: Vec<(&str, i32, &str)> =
        rows.iter().map(|(line, code, text)| (line.as_str(), *code, *text)).collect();
    all_say(&servers, &rows)?;
    let pages = server
        .asked()
        .into_iter()
        .filter(|asked| asked.token.as_deref() == Some("paged") && asked.path == "/api/v1/pods");
    let pages: Vec<_> = pages
        .map(|asked| (asked.parameter("limit"), asked.parameter("continue").is_some(), asked.version))
        .collect();
    let limit = || Some("500".to_owned());
    let once = vec![(limit(), false, 1), (limit(), true, 1), (limit(), true, 1), (limit(), true, 1)];
    assert_eq!(pages, [once.clone(), once].concat(), "by either of the two that ask so");
    Ok(())
}

/// Two files of kubectl's: one names files beside it, one has all in itself.
fn write(server: &ApiServer, servers: &mut Servers) -> Result<()> {
    let text = |cluster: &str, user: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: own\nclusters:\n- name: c\n  cluster:\n    server: {}\n    {cluster}\n\
             users:\n- name: own\n  user: {{{user}}}\n- name: token\n  user: {{token: paged}}\n\
             - name: exec\n  user: {{exec: {{command: aws, apiVersion: client.authentication.k8s.io/v1}}}}\n\
             contexts:\n- {{name: own, context: {{cluster: c, user: own, namespace: shop}}}}\n\
             - {{name: token, context: {{cluster: c, user: token}}}}\n- {{name: exec, context: {{cluster: c, user: exec}}}}\n",
            server.url()
        )
    };
    let files =
        text("certificate-authority: authority.pem", "client-certificate: other.pem, client-key: other.key");
    std::fs::write(server.path("files.yml"), files)?;
    servers.name("files", server.path("files.yml").display());
    let coded = |name: &str| -> Result<String> {
        let output = Command::new("base64").arg("-w0").arg(server.path(name)).output()?;
        ensure!(output.status.success(), "base64 {name}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let user =
        format!("client-certificate-data: {}, client-key-data: {}", coded("other.pem")?, coded("other.key")?);
    servers.file("data", &text(&format!("certificate-authority-data: {}", coded("authority.pem")?), &user))
}
