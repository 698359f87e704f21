//! What docs/grouping.md says of groups is so: its configuration, and its expressions asked of a real Prometheus.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll_tests::apiserver::Answer;
use plimsoll_tests::cluster::{Cluster, SERVICES, services};
use plimsoll_tests::prometheus::{Job, Prometheus};
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::tools::workspace;

use super::{is_up, recorded_ones, start};

/// What the blocks of a language say.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

/// What an expression answers with, by the values of these labels.
fn groups(server: &Prometheus, expression: &str, labels: &[String]) -> Result<BTreeMap<String, f64>> {
    let mut groups = BTreeMap::new();
    for series in server.query(expression, None)? {
        let value = |label: &String| series.labels.get(label).cloned().unwrap_or_default();
        let name = labels.iter().map(value).collect::<Vec<_>>().join(" ");
        groups.insert(name, series.samples.last().context("no sample")?.1);
    }
    Ok(groups)
}

/// Pods of the recorded list, by their UIDs, and containers of them; what is in none; with as many calls as no other has.
fn containers() -> Result<Vec<(Running, u32)>> {
    let web = "657363f3-12a1-4b65-a9a9-2c9a2c9ddf88";
    let db = "35bae5fb-e06d-441d-b96b-177844376025";
    let all = [
        (web, "3183ebe0ed8fcd0170008a0036292eeb9e97cbc51ebe9dc8c34acf337a63a8fc", 7),
        (web, "9c2b4fdb4ccb3166c75d53677121c0338a05ab1e30445f540d0fdd36a57ad8b2", 5),
        (db, "e6f88aabc5e7748cf1240533fefd50e6abd800659d6fca989939b72dc34b093b", 3),
    ];
    let mut running = Vec::new();
    for (uid, id, calls) in all {
        let config = Config::default().id(id).cgroups_path(&format!("/kubepods/burstable/pod{uid}/ID"));
        running.push((Container::new(&config)?.start()?, calls));
    }
    running.push((Container::new(&Config::default())?.start()?, 2));
    Ok(running)
}

#[test]
fn groups_are_one_expression_each() -> Result<()> {
    let _one = recorded_ones();
    let text = std::fs::read_to_string(workspace().join("docs/grouping.md"))?;
    let config = std::env::temp_dir().join(format!("plimsoll-grouping-{}.yml", std::process::id()));
    std::fs::write(&config, blocks(&text, "yaml").first().context("a configuration")?)?;
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    cluster.answer_at(SERVICES, services()?);
    let flags = [format!("--config.file={}", config.display()), "--kubernetes.services".to_owned()];
    let exporter = start(&cluster, &flags)?;
    exporter.scrape_until("it is followed", is_up)?;
    let mut running = containers()?;
    for (container, calls) in &mut running {
        container.run(&format!("syscalls {calls} getsid"))?;
        container.run("spin 0.1 0")?;
    }
    let server = Prometheus::start(3, "1s", &[Job::new("plimsoll", exporter.address())], &[])?;
    let paths: Vec<_> = running.iter().map(|(container, _)| container.container().cgroups_path()).collect();
    let ours = format!("id=~\"{}\"", paths.join("|"));
    let (instance, image) = (exporter.address().to_string(), "localhost/rig/busybox:1");
    let host = running
        .iter()
        .map(|(container, calls)| (format!("{instance} {}", container.container().id()), f64::from(*calls)));
    let of = |pairs: &[(&str, f64)]| -> BTreeMap<String, f64> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    };
    let pod = "shop Deployment web web-78f949dc8d-lhsdf";
    let expected: [BTreeMap<String, f64>; 5] = [
        of(&[
            ("production berlin shop db db", 3.0),
            ("production berlin shop web burn", 5.0),
            ("production berlin shop web httpd", 7.0),
        ]),
        host.collect(),
        of(&[
            (&format!("shop production db {image}"), 3.0),
            (&format!("shop production burn {image}"), 5.0),
            (&format!("shop production httpd {image}"), 7.0),
        ]),
        of(&[
            ("shop StatefulSet db db-0 db", 3.0),
            (&format!("{pod} burn"), 5.0),
            (&format!("{pod} httpd"), 7.0),
        ]),
        of(&[("shop db", 3.0), ("shop web", 12.0)]),
    ];
    let expressions = blocks(&text, "promql");
    assert_eq!(expressions.len(), expected.len());
    for (expression, expected) in expressions.iter().zip(expected) {
        let labels = expression.split_once("by (").and_then(|(_, rest)| rest.split_once(')'));
        let labels: Vec<_> = labels.context("no groups")?.0.split(", ").map(str::to_owned).collect();
        // Of ours alone, since other containers may run here: first as it stands, then of something that is exact.
        let own = expression.replace("!=\"\"}", &format!("!=\"\",{ours}}}"));
        server.until(&own, |_| {
            let there = groups(&server, &own, &labels)?;
            Ok(there.keys().eq(expected.keys()).then_some(()))
        })?;
        let calls = own.replace(
            "rate(container_cpu_usage_seconds_total{",
            "(container_syscalls_total{syscall=\"getsid\",",
        );
        let calls = calls.replace("[5m]", "");
        server.until(&calls, |_| Ok((groups(&server, &calls, &labels)? == expected).then_some(())))?;
    }
    for (container, _) in running {
        container.finish()?;
    }
    std::fs::remove_file(&config)?;
    Ok(())
}
