//! Labels and annotations of namespaces are on the series of their pods' containers if a rule names one, and else nobody asks
//! for them.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use plimsoll_tests::apiserver::{Answer, End, Feed};
use plimsoll_tests::cluster::{Cluster, NAMESPACES, event, metadata_only, namespaces, namespaces_but};
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::scrape::Scrape;
use rustix::process::Signal;
use serde_json::json;

use super::{is_up, recorded_ones, requests, start};

/// Cgroups of containers that were recorded, two of one pod in `shop` and one in `kube-system`.
const HTTPD: &str = "/kubepods/burstable/pod657363f3-12a1-4b65-a9a9-2c9a2c9ddf88/3183ebe0ed8fcd0170008a0036292eeb9e97cbc51ebe9dc8c34acf337a63a8fc";
const BURN: &str = "/kubepods/burstable/pod657363f3-12a1-4b65-a9a9-2c9a2c9ddf88/9c2b4fdb4ccb3166c75d53677121c0338a05ab1e30445f540d0fdd36a57ad8b2";
const SLEEPER: &str = "/kubepods/burstable/pod03e5f85044ae536ec08cdfacda26b077/c78e11ab038f4b0dee0b80bb4d4468bd940e5394666318c795456f7297077457";
const RULES: &str =
    "labels: [{namespace_label: team}, {namespace_annotation: example.com/owner, as: owner}]\n";

/// A configuration file, removed when dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("plimsoll-{name}-{}.yml", std::process::id()));
        std::fs::write(&path, text)?;
        Ok(Self(path))
    }

    fn flag(&self) -> String {
        format!("--config.file={}", self.0.display())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn run(path: &str, calls: u32) -> Result<Running> {
    let id = path.rsplit('/').next().unwrap_or_default();
    let mut running = Container::new(&Config::default().id(id).cgroups_path(path))?.start()?;
    running.run(&format!("syscalls {calls} getsid"))?;
    Ok(running)
}

/// Of each series of a row's system calls: the container, the team, the owner, and how many calls there were.
fn shown(scrape: &Scrape, path: &str) -> Vec<(String, f64)> {
    let wanted = [("id", path), ("syscall", "getsid")];
    let all = scrape.all("container_syscalls_total", &wanted).map(|sample| {
        let label = |name: &str| sample.labels.get(name).map_or("-", String::as_str);
        (["container", "team", "owner"].map(label).join(" "), sample.value)
    });
    all.collect()
}

fn has(path: &'static str, labels: &'static str) -> impl Fn(&Scrape) -> bool {
    move |scrape| shown(scrape, path).iter().any(|(shown, _)| shown == labels)
}

fn is(labels: &str, calls: f64) -> Vec<(String, f64)> {
    vec![(labels.to_owned(), calls)]
}

/// Whether namespaces are followed; `None` if nobody asked for them.
fn followed(scrape: &Scrape) -> Option<f64> {
    scrape.value("plimsoll_kubernetes_followed", &[("what", "namespaces")])
}

/// There is such a namespace from now on.
fn told(kind: &str, name: &str, team: &str) -> String {
    let metadata = json!({"name": name, "uid": format!("u-{name}"), "resourceVersion": "4000",
        "labels": {"team": team}, "annotations": {"example.com/owner": "ann"}});
    event(kind, &metadata_only(&metadata))
}

#[test]
fn what_a_rule_names_is_on_containers_and_stays_what_it_was() -> Result<()> {
    let _one = recorded_ones();
    let (config, feed) = (File::new("namespaces", RULES)?, Feed::default());
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    cluster.answer_at(NAMESPACES, namespaces_but("kube-system")?.fed(&feed));
    let exporter = start(&cluster, &[config.flag()])?;
    exporter.scrape_until("both are followed", |scrape| is_up(scrape) && followed(scrape) == Some(1.0))?;
    let (httpd, sleeper) = (run(HTTPD, 7)?, run(SLEEPER, 9)?);
    let named = |scrape: &Scrape| has(HTTPD, "httpd retail -")(scrape) && has(SLEEPER, "sleeper - -")(scrape);
    let scrape = exporter.scrape_until("what is known is shown", named)?;
    assert_eq!(shown(&scrape, HTTPD), is("httpd retail -", 7.0));
    let pod = HTTPD.rsplit_once('/').context("a path")?.0;
    assert_eq!(
        scrape.all("container_info", &[("id", pod), ("team", "retail")]).count(),
        1,
        "the pod's own row"
    );

    // One changes, and then the other is told of: who lacked that gets it.
    feed.say(told("MODIFIED", "shop", "wholesale") + &told("ADDED", "kube-system", "platform"));
    let scrape = exporter.scrape_until("the late one is shown", has(SLEEPER, "sleeper platform ann"))?;
    assert_eq!(shown(&scrape, SLEEPER), is("sleeper platform ann", 9.0));
    // Who runs stays what it was, and who starts later has what is so now.
    let burn = run(BURN, 5)?;
    let scrape = exporter.scrape_until("it is shown", has(BURN, "burn wholesale ann"))?;
    assert_eq!(shown(&scrape, HTTPD), is("httpd retail -", 7.0));

    let asked = cluster.asked_for(NAMESPACES);
    assert_eq!(asked.len(), 1, "once, by a watch");
    let accept = asked[0].accept.as_deref().context("it says what it takes")?;
    assert!(accept.contains("as=PartialObjectMetadata;"), "{accept}");
    assert_eq!(asked[0].parameter("watch").as_deref(), Some("true"));
    for running in [httpd, sleeper, burn] {
        running.finish()?;
    }
    Ok(())
}

#[test]
fn they_are_asked_for_while_a_rule_names_one() -> Result<()> {
    let _one = recorded_ones();
    let config = File::new("namespaces-reload", "labels: [{pod_label: tier}]\n")?;
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    cluster.answer_at(NAMESPACES, namespaces_but("")?);
    let exporter = start(&cluster, &[config.flag()])?;
    exporter.scrape_until("pods are followed", is_up)?;
    let running = run(HTTPD, 7)?;
    let scrape = exporter.scrape_until("it has its name", has(HTTPD, "httpd - -"))?;
    assert_eq!((followed(&scrape), cluster.asked_for(NAMESPACES).len()), (None, 0));

    std::fs::write(&config.0, RULES)?;
    exporter.signal(Signal::HUP)?;
    let scrape = exporter.scrape_until("its team is shown", has(HTTPD, "httpd retail -"))?;
    assert_eq!((followed(&scrape), cluster.asked_for(NAMESPACES).len()), (Some(1.0), 1));

    std::fs::write(&config.0, "labels: []\n")?;
    exporter.signal(Signal::HUP)?;
    let ended = |scrape: &Scrape| followed(scrape).is_none() && has(HTTPD, "httpd - -")(scrape);
    exporter.scrape_until("nobody asks for them", ended)?;
    running.finish()?;
    Ok(())
}

#[test]
fn who_may_not_see_them_lacks_nothing_else() -> Result<()> {
    let _one = recorded_ones();
    let config = File::new("namespaces-forbidden", RULES)?;
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    for _ in 0..1000 {
        cluster.answer_at(NAMESPACES, Answer::recorded("errors/forbidden")?);
    }
    let exporter = start(&cluster, &[config.flag()])?;
    let tried = |scrape: &Scrape| requests(scrape, "watch", "forbidden") >= 3.0 && is_up(scrape);
    let scrape = exporter.scrape_until("it is tried again", tried)?;
    assert_eq!(followed(&scrape), Some(0.0));
    let running = run(HTTPD, 7)?;
    exporter.scrape_until("it has its name", has(HTTPD, "httpd - -"))?;
    let scrape = exporter.scrape()?;
    assert_eq!(scrape.value("plimsoll_kubernetes_failures_total", &[]), Some(0.0), "pods never failed");
    running.finish()?;
    Ok(())
}

#[test]
fn whatever_the_server_does_they_are_followed_in_the_end() -> Result<()> {
    let _one = recorded_ones();
    let config = File::new("namespaces-errors", RULES)?;
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    let refused = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":422,"reason":"Invalid",
        "message":"sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"}"#;
    for answer in [
        Answer::recorded("errors/forbidden")?,
        // Half of them, and then it breaks off.
        namespaces_but("shop")?.end(End::Cut),
        Answer::text(422, refused),
        namespaces()?,
        // Expired: all is listed anew.
        Answer::recorded("errors/watch_rv1_gone")?,
        namespaces()?,
    ] {
        cluster.answer_at(NAMESPACES, answer);
    }
    let exporter = start(&cluster, &[config.flag()])?;
    let both = |scrape: &Scrape| requests(scrape, "list", "ok") == 2.0 && followed(scrape) == Some(1.0);
    let scrape = exporter.scrape_until("they are followed", both)?;
    let counted = [("watch", "forbidden", 1.0), ("watch", "refused", 1.0)];
    let of = |(request, outcome, _): (&str, &str, f64)| requests(&scrape, request, outcome);
    assert_eq!(counted.map(of), counted.map(|(.., count)| count));
    let running = run(HTTPD, 7)?;
    exporter.scrape_until("its team is shown", has(HTTPD, "httpd retail -"))?;
    running.finish()?;
    Ok(())
}
