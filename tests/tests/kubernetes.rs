//! What Kubernetes says of pods is on every series of their containers, whatever the API server does.

#[path = "kubernetes/chaos.rs"]
mod chaos;
#[path = "kubernetes/grouping.rs"]
mod grouping;
#[path = "kubernetes/namespaces.rs"]
mod namespaces;
#[path = "kubernetes/services.rs"]
mod services;
#[path = "kubernetes/workloads.rs"]
mod workloads;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use plimsoll::identity::{Directory, Kind, Workload, classify};
use plimsoll::kubernetes::{Owner, PodObject};
use plimsoll_tests::apiserver::{Answer, End, Feed};
use plimsoll_tests::cluster::{Cluster, NODE, list};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::scrape::Scrape;

/// Every cgroup that the kubelet had made on the node, in the moment of the list of its pods.
const CGROUPS: &str = include_str!("../../exporter/src/identity/rules/kubelet.txt");

/// What a directory that was told of the recorded list calls every cgroup of a pod: `namespace/pod/container/restarts`.
fn called() -> Result<BTreeMap<&'static str, String>> {
    let list: serde_json::Value = serde_json::from_slice(&list()?.body())?;
    let directory = Directory::default();
    for item in list["items"].as_array().context("a list")? {
        let pod: PodObject = serde_json::from_value(item.clone())?;
        directory.tell_pod(pod.said(false).context("a pod")?.of(Workload::default()));
    }
    let of = |path: &'static str| {
        let identity = classify(path, 4);
        let details = directory.by_kubernetes(&identity, false);
        let names = details.as_ref().and_then(|details| details.kubernetes.clone()).unwrap_or_default();
        let text = |text: Option<String>| text.unwrap_or_default();
        let restarts = details.and_then(|details| details.restarts).map(|restarts| restarts.to_string());
        let parts = [text(names.namespace), text(names.pod), text(names.container), text(restarts)];
        let in_pod = matches!(identity.kind, Kind::Pod | Kind::Container);
        in_pod.then(|| (path, parts.join("/")))
    };
    Ok(CGROUPS.lines().filter_map(of).collect())
}

#[test]
fn the_cgroups_of_a_node_are_those_of_its_pods() -> Result<()> {
    let called = called()?;
    let pods: Vec<_> = called.iter().filter(|(path, _)| classify(path, 4).kind == Kind::Pod).collect();
    let names: HashSet<_> = pods.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!((pods.len(), names.len(), names.contains("///")), (12, 12, false));
    let of_static = called.get("/kubepods/burstable/pod03e5f85044ae536ec08cdfacda26b077");
    assert_eq!(of_static.map(String::as_str), Some("kube-system/static-web-rig-node//"));
    let mut containers: Vec<_> =
        called.values().filter(|name| !name.contains("//")).map(String::as_str).collect();
    containers.sort_unstable();
    let expected = [
        "kube-system/agent-98bgq/agent/0",
        "kube-system/static-web-rig-node/sleeper/0",
        "shop/db-0/db/0",
        "shop/db-1/db/0",
        "shop/sidecar/dbg/0",
        "shop/sidecar/main/0",
        "shop/sidecar/side/0",
        "shop/tick-29920702-wptdc/tick/0",
        "shop/web-689bc58f86-hdnhc/burn/0",
        "shop/web-689bc58f86-hdnhc/httpd/0",
        "shop/web-689bc58f86-zsx4g/burn/0",
        "shop/web-689bc58f86-zsx4g/httpd/0",
        "shop/web-78f949dc8d-bl2r7/burn/0",
        "shop/web-78f949dc8d-bl2r7/httpd/0",
    ];
    assert_eq!(containers, expected);
    // Each pod has one more: the pause container, of which the API server does not speak.
    let nameless =
        called.iter().filter(|(path, name)| classify(path, 4).kind == Kind::Container && **name == "///");
    assert_eq!(nameless.count(), 12);
    Ok(())
}

#[test]
fn owners_of_the_recorded_pods() -> Result<()> {
    let list: serde_json::Value = serde_json::from_slice(&list()?.body())?;
    let mut owners = BTreeMap::new();
    for item in list["items"].as_array().context("a list")? {
        let pod: PodObject = serde_json::from_value(item.clone())?;
        let owner = match pod.said(false).context("a pod")?.owner {
            Owner::Known(workload) => format!("{} {}", workload.kind, workload.name),
            Owner::Ask(question) => question.target,
        };
        owners.insert(item["metadata"]["name"].as_str().context("a name")?.to_owned(), owner);
    }
    for (pod, owner) in [
        ("agent-98bgq", "DaemonSet agent"),
        ("static-web-rig-node", "Pod static-web-rig-node"),
        ("db-0", "StatefulSet db"),
        ("web-689bc58f86-hdnhc", "Deployment web"),
        ("web-78f949dc8d-bl2r7", "Pod web-78f949dc8d-bl2r7"),
        ("tick-29920702-wptdc", "/apis/batch/v1/namespaces/shop/jobs/tick-29920702"),
    ] {
        assert_eq!(owners.get(pod).map(String::as_str), Some(owner), "{pod}");
    }
    Ok(())
}

fn start(cluster: &Cluster, more: &[String]) -> Result<Exporter> {
    let flags = [
        "--no-runtime.discover".to_owned(),
        format!("--kubernetes.node={NODE}"),
        format!("--kubernetes.kubeconfig={}", cluster.kubeconfig()?.display()),
        "--kubernetes.max-backoff=10ms".to_owned(),
        "--tombstone.scrapes=1000".to_owned(),
    ];
    let flags: Vec<&str> = flags.iter().chain(more).map(String::as_str).collect();
    Exporter::start(&flags)
}

/// The recorded pods' containers have one id each: one test at a time runs them.
fn recorded_ones() -> MutexGuard<'static, ()> {
    static RECORDED: Mutex<()> = Mutex::new(());
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_up(scrape: &Scrape) -> bool {
    scrape.all("plimsoll_kubernetes_up", &[]).map(|sample| sample.value).eq([1.0])
}

/// The labels of a row's system calls beside those that every row has, and how many calls there were.
fn shown(scrape: &Scrape, id: &str) -> Vec<(String, f64)> {
    let wanted = [("id", id), ("syscall", "getsid")];
    let series = scrape.all("container_syscalls_total", &wanted);
    let names = ["namespace", "pod", "container", "image", "workload_kind", "workload", "tier"];
    series
        .map(|sample| {
            let label = |name: &&str| sample.labels.get(*name).cloned().unwrap_or_default();
            (names.iter().map(label).collect::<Vec<_>>().join(" "), sample.value)
        })
        .collect()
}

#[test]
fn containers_have_the_names_of_their_pods_and_the_dead_get_them_too() -> Result<()> {
    let _one = recorded_ones();
    let config = std::env::temp_dir().join(format!("plimsoll-kubernetes-{}.yml", std::process::id()));
    std::fs::write(&config, "labels: [{pod_label: tier, where: {workload_kind: Deployment}}]\n")?;
    let feed = Feed::default();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?.fed(&feed)])?;
    let exporter = start(&cluster, &[format!("--config.file={}", config.display())])?;
    exporter.scrape_until("it is followed", is_up)?;

    // Its pod was told of long before.
    let id = "3183ebe0ed8fcd0170008a0036292eeb9e97cbc51ebe9dc8c34acf337a63a8fc";
    let pod = "/kubepods/burstable/pod657363f3-12a1-4b65-a9a9-2c9a2c9ddf88";
    let mut running =
        Container::new(&Config::default().id(id).cgroups_path(&format!("{pod}/ID")))?.start()?;
    running.run("syscalls 7 getsid")?;
    let path = format!("{pod}/{id}");
    let named = |scrape: &Scrape| shown(scrape, &path).iter().any(|(labels, _)| labels.starts_with("shop"));
    let scrape = exporter.scrape_until("its name is known", named)?;
    let web = "shop web-78f949dc8d-lhsdf httpd localhost/rig/busybox:1 Deployment web front";
    assert_eq!(shown(&scrape, &path), [(web.to_owned(), 7.0)]);
    let info = |scrape: &Scrape, path: &str| {
        let names = ["pod_uid", "restart_count", "pod_label_version"];
        let label = |labels: &BTreeMap<String, String>, name| labels.get(name).cloned().unwrap_or_default();
        let wanted = [("id", path)];
        let all = scrape.all("container_info", &wanted);
        all.map(|sample| names.map(|name| label(&sample.labels, name))).collect::<Vec<_>>()
    };
    let expected =
        |restarts: &str| ["657363f3-12a1-4b65-a9a9-2c9a2c9ddf88", restarts, "1"].map(str::to_owned);
    assert_eq!(info(&scrape, &path), [expected("0")]);
    assert_eq!(info(&scrape, pod), [expected("")], "the pod's own cgroup is named by its UID");

    // Its address is the pod's, for all its containers.
    let within = scrape.all("container_ip_info", &[]).filter(|sample| sample.labels["id"].starts_with(pod));
    let addresses: Vec<_> = within.map(|sample| (&*sample.labels["id"], &*sample.labels["ip"])).collect();
    assert_eq!(addresses, [(pod, "10.244.0.41")]);

    // A job's container is gone before its pod is told of.
    let id = "7722211eadda40a99c5b4bb17f62f2fe01b5b968b51b33de37b666701153a8f5";
    let path = format!("/kubepods/besteffort/podecd3996f-46cf-4927-9de3-ec0246536e0c/{id}");
    let mut job = Container::new(&Config::default().id(id).cgroups_path(&path))?.start()?;
    job.run("syscalls 9 getsid")?;
    job.finish()?;
    let died = |scrape: &Scrape| shown(scrape, &path).iter().any(|(_, value)| *value == 9.0);
    exporter.scrape_until("it is seen", died)?;
    feed.say(Answer::watch("pods_cronjob")?.body());
    let named = |scrape: &Scrape| shown(scrape, &path).iter().any(|(labels, _)| labels.starts_with("shop"));
    let scrape = exporter.scrape_until("its name is known", named)?;
    let tick = "shop tick-29920701-bfpv5 tick localhost/rig/busybox:1 CronJob tick ";
    assert_eq!(shown(&scrape, &path), [(tick.to_owned(), 9.0)]);
    let targets = cluster.targets();
    let watch = "/api/v1/pods?&watch=true&timeoutSeconds=290&fieldSelector=spec.nodeName%3Drig-node\
                 &allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0";
    let jobs = ["once", "tick-29920701"].map(|job| format!("/apis/batch/v1/namespaces/shop/jobs/{job}"));
    assert_eq!(targets, [watch, jobs[0].as_str(), jobs[1].as_str()], "each once");

    running.finish()?;
    std::fs::remove_file(&config)?;
    Ok(())
}

/// How many requests of this kind came out so.
fn requests(scrape: &Scrape, request: &str, outcome: &str) -> f64 {
    let wanted = [("request", request), ("outcome", outcome)];
    scrape.all("plimsoll_kubernetes_requests_total", &wanted).map(|sample| sample.value).sum()
}

#[test]
fn whatever_the_server_does_it_is_followed_in_the_end() -> Result<()> {
    // What a server says that has no streaming lists: a list is asked for instead.
    let refused = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":422,"reason":"Invalid",
        "message":"sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"}"#;
    let refused = Answer::text(422, refused);
    let cluster = Cluster::start([
        Answer::recorded("errors/forbidden")?,
        Answer::recorded("errors/list_future_rv")?,
        Answer::watch("pods_node_watchlist")?.first(4).end(End::Cut),
        refused,
        Answer::recorded("errors/list_continue_expired_gone")?,
        list()?,
        // Expired, as a stream says it: all is listed anew.
        Answer::recorded("errors/watch_rv1_gone")?,
        list()?,
        // Expired, as the server says it before a stream begins.
        Answer::recorded("errors/list_continue_expired_gone")?,
        list()?,
        // Broken off: taken up where it was.
        Answer::watch("pods_cut_by_kill9")?.end(End::Cut),
    ])?;
    let exporter = start(&cluster, &[])?;
    // 17 pods less the one without a node, the four that ended, and one that was deleted while it was watched; one was new.
    let living = |scrape: &Scrape| scrape.sum("plimsoll_kubernetes_pods", &[]) == 12.0;
    let done = |scrape: &Scrape| requests(scrape, "watch", "ok") >= 4.0 && is_up(scrape) && living(scrape);
    let scrape = exporter.scrape_until("all is over", done)?;
    let counted = [
        ("watch", "forbidden", 1.0),
        ("watch", "timeout", 1.0),
        ("watch", "refused", 1.0),
        ("watch", "expired", 1.0),
        ("list", "expired", 1.0),
        ("list", "ok", 3.0),
        ("watch", "ok", 4.0),
        ("watch", "unreachable", 0.0),
    ];
    let of = |(request, outcome, _): (&str, &str, f64)| requests(&scrape, request, outcome);
    assert_eq!(counted.map(of), counted.map(|(.., count)| count));
    let targets = cluster.targets();
    let last = targets.iter().rfind(|target| target.contains("watch=true")).context("a watch")?;
    assert!(last.ends_with("&resourceVersion=3624"), "{last}");
    Ok(())
}

#[test]
fn who_is_not_let_in_serves_all_else() -> Result<()> {
    let cluster = Cluster::start([])?;
    for (token, authority, outcome) in
        [("wrong", "authority.pem", "unauthorized"), ("a-secret-token", "self-signed.pem", "unreachable")]
    {
        let exporter = start(&cluster, &[])?;
        exporter.scrape_until("it begins", |scrape| requests(scrape, "watch", "ok") == 1.0)?;
        drop(exporter);
        cluster.kubeconfig_of(token, authority)?;
        let flags = [
            format!("--kubernetes.kubeconfig={}", cluster.kubeconfig_of(token, authority)?.display()),
            format!("--kubernetes.node={NODE}"),
            "--kubernetes.max-backoff=10ms".to_owned(),
        ];
        let exporter = Exporter::start(&flags.each_ref().map(String::as_str))?;
        let tries = |scrape: &Scrape| requests(scrape, "watch", outcome) >= 3.0;
        let scrape = exporter.scrape_until("it is tried again", tries)?;
        assert!(!is_up(&scrape));
        // A runtime's own state needs no API server.
        let mut running = Container::new(&Config::default().cgroups_path("/ID"))?.start()?;
        running.run("syscalls 3 getsid")?;
        let path = running.container().cgroups_path().to_owned();
        let runc =
            |scrape: &Scrape| scrape.all("container_info", &[("id", &path), ("runtime", "oci")]).count() == 1;
        exporter.scrape_until("it has its runtime", runc)?;
        running.finish()?;
    }
    Ok(())
}
