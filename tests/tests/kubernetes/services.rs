//! Which services select a pod is on the row of its cgroup if it is asked for, whatever changes, and else nobody asks.

use anyhow::{Context as _, Result};
use plimsoll_tests::apiserver::{Answer, Feed};
use plimsoll_tests::cluster::{Cluster, SERVICES, event, services};
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::scrape::Scrape;
use serde_json::{Value, json};

use super::{is_up, recorded_ones, requests, start};

/// Pods that were recorded, `web` in its version 1 and `db`, with a container of each.
const WEB: &str = "/kubepods/burstable/pod657363f3-12a1-4b65-a9a9-2c9a2c9ddf88";
const DB: &str = "/kubepods/burstable/pod35bae5fb-e06d-441d-b96b-177844376025";
const OF_WEB: &str = "3183ebe0ed8fcd0170008a0036292eeb9e97cbc51ebe9dc8c34acf337a63a8fc";
const OF_DB: &str = "e6f88aabc5e7748cf1240533fefd50e6abd800659d6fca989939b72dc34b093b";

fn run(pod: &str, id: &str) -> Result<Running> {
    Container::new(&Config::default().id(id).cgroups_path(&format!("{pod}/ID")))?.start()
}

/// Of each series: namespace, pod, container and service.
fn shown(scrape: &Scrape, wanted: &[(&str, &str)]) -> Vec<String> {
    let all = scrape.all("container_service_info", wanted).filter(|sample| sample.value == 1.0);
    let names = ["namespace", "pod", "container", "kubernetes_service"];
    let mut all: Vec<_> = all
        .map(|sample| names.map(|name| sample.labels.get(name).map_or("", String::as_str)).join(" "))
        .collect();
    all.sort_unstable();
    all
}

fn followed(scrape: &Scrape) -> Option<f64> {
    scrape.value("plimsoll_kubernetes_followed", &[("what", "services")])
}

/// A service of the shop is like this from now on.
fn told(name: &str, spec: &Value) -> String {
    let metadata =
        json!({"name": name, "namespace": "shop", "uid": format!("u-{name}"), "resourceVersion": "4000"});
    event("MODIFIED", &json!({"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": spec}))
}

#[test]
fn the_services_of_a_pod_are_on_its_row() -> Result<()> {
    let _one = recorded_ones();
    let feed = Feed::default();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    cluster.answer_at(SERVICES, services()?.fed(&feed));
    let exporter = start(&cluster, &["--kubernetes.services".to_owned()])?;
    exporter.scrape_until("both are followed", |scrape| is_up(scrape) && followed(scrape) == Some(1.0))?;
    let running = [run(WEB, OF_WEB)?, run(DB, OF_DB)?];
    let both = ["shop db-0  db", "shop web-78f949dc8d-lhsdf  web"];
    exporter.scrape_until("both are shown", |scrape| shown(scrape, &[]) == both)?;

    // The web is switched over to a version that does not run here, and others come.
    let db = json!({"type": "ClusterIP", "selector": {"app": "db"}});
    let spare = told("spare", &json!({"selector": {"app": "web", "tier": "front"}}));
    let web = told("web", &json!({"type": "ClusterIP", "selector": {"app": "web", "version": "3"}}));
    let external = told("away", &json!({"type": "ExternalName", "selector": {"app": "db"}}));
    feed.say([external, told("bare", &json!({})), web, spare, told("db-read", &db)].concat());
    let all = ["shop db-0  db", "shop db-0  db-read", "shop web-78f949dc8d-lhsdf  spare"];
    exporter.scrape_until("the news are shown", |scrape| shown(scrape, &[]) == all)?;

    // More than there is room for: each of the two pods of `db` has 16 of its 20.
    let more: String = (0..18).map(|at| told(&format!("more-{at:02}"), &db)).collect();
    feed.say(more);
    let lost = |scrape: &Scrape| {
        scrape.value("plimsoll_losses_total", &[("reason", "service_left_out")]) == Some(8.0)
    };
    let scrape = exporter.scrape_until("four of each are left out", lost)?;
    assert_eq!(shown(&scrape, &[("id", DB)]).len(), 16);

    let asked = cluster.asked_for(SERVICES);
    assert_eq!(asked.len(), 1, "once, by a watch");
    assert_eq!(asked.first().context("one")?.parameter("watch").as_deref(), Some("true"));
    // What is dead is nobody's.
    for running in running {
        running.finish()?;
    }
    exporter.scrape_until("none is shown", |scrape| shown(scrape, &[]).is_empty())?;
    Ok(())
}

#[test]
fn nobody_asks_for_them_unless_it_is_said() -> Result<()> {
    let _one = recorded_ones();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    cluster.answer_at(SERVICES, services()?);
    let exporter = start(&cluster, &[])?;
    exporter.scrape_until("it is followed", is_up)?;
    let running = run(WEB, OF_WEB)?;
    let addressed = |scrape: &Scrape| scrape.all("container_ip_info", &[("id", WEB)]).count() == 1;
    let scrape = exporter.scrape_until("its pod is known", addressed)?;
    assert_eq!((shown(&scrape, &[]), followed(&scrape)), (Vec::new(), None));
    assert_eq!(cluster.asked_for(SERVICES), []);
    running.finish()?;
    Ok(())
}

#[test]
fn who_may_not_see_them_lacks_nothing_else() -> Result<()> {
    let _one = recorded_ones();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    for _ in 0..1000 {
        cluster.answer_at(SERVICES, Answer::recorded("errors/forbidden")?);
    }
    let exporter = start(&cluster, &["--kubernetes.services".to_owned()])?;
    let tried = |scrape: &Scrape| requests(scrape, "watch", "forbidden") >= 3.0 && is_up(scrape);
    let scrape = exporter.scrape_until("it is tried again", tried)?;
    assert_eq!(followed(&scrape), Some(0.0));
    let running = run(WEB, OF_WEB)?;
    let addressed = |scrape: &Scrape| scrape.all("container_ip_info", &[("id", WEB)]).count() == 1;
    let scrape = exporter.scrape_until("its pod is known", addressed)?;
    assert_eq!(scrape.value("plimsoll_kubernetes_failures_total", &[]), Some(0.0), "pods never failed");
    running.finish()?;
    Ok(())
}
