//! The examples of `deploy/prometheus`: Prometheus' own tool takes them, and with local addresses they do what docs/scale.md says.

#[path = "store/push.rs"]
mod push;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::prometheus::{Prometheus, Series};
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::victoria::Victoria;
use plimsoll_tests::{rules, tools};

fn example(name: &str) -> PathBuf {
    tools::workspace().join("deploy/prometheus").join(name)
}

/// An example with these in the places of those, and seconds for its times.
fn local(name: &str, swaps: &[(&str, String)]) -> Result<String> {
    let mut text = std::fs::read_to_string(example(name))?;
    let times = [("interval: 15s", "interval: 1s"), ("interval: 30s", "interval: 1s")];
    let times = times.map(|(from, to)| (from, to.to_owned()));
    for (from, to) in swaps {
        ensure!(text.contains(from), "{name}: the example has no {from}");
        text = text.replace(from, to);
    }
    Ok(times.iter().fold(text, |text, (from, to)| text.replace(from, to)))
}

/// The rules and the roll-up of each second.
fn rule_files(directory: &std::path::Path) -> Result<String> {
    for path in rules::files()?.into_iter().chain([example("rollup.yaml")]) {
        let text = std::fs::read_to_string(&path)?.replace("interval: 5m", "interval: 1s");
        std::fs::write(directory.join(path.file_name().context("a name")?), text)?;
    }
    Ok(format!("{}/*.yaml", directory.display()))
}

#[test]
fn promtool_takes_the_examples() -> Result<()> {
    let check = |args: &[&str], name: &str| -> Result<()> {
        let output = Command::new(tools::promtool()?).args(args).arg(example(name)).output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&said));
        Ok(())
    };
    for name in ["prometheus.yml", "agent.yml", "federate.yml"] {
        check(&["check", "config"], name)?;
    }
    check(&["check", "rules", "--lint=all", "--lint-fatal"], "rollup.yaml")
}

#[test]
fn what_prometheus_has_victoria_metrics_has_and_for_years_the_roll_up() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let _container = Container::new(&Config::default())?.start()?;
    let directory = tempdir("store")?;
    for major in [2, 3] {
        let (mut all, years) = (Victoria::start()?, Victoria::start()?);
        let config = local(
            "prometheus.yml",
            &[
                ("node-1:18760", exporter.address().to_string()),
                ("/etc/prometheus/plimsoll/*.yaml", rule_files(&directory.0)?),
                ("victoria-metrics:8428", all.address().to_string()),
                ("victoria-metrics-years:8428", years.address().to_string()),
            ],
        )?;
        let server = Prometheus::start_config(major, &config, &[])?;
        server.next_scrape()?;
        // What was scraped while the store was away is not lost.
        all.stop()?;
        for _ in 0..3 {
            server.next_scrape()?;
        }
        all.run()?;
        let newest = server.query("timestamp(up)", None)?;
        let until =
            (newest.first().context("no scrape")?.samples.last().context("no sample")?.1 * 1000.0) as i64;
        server.until("all samples in the store", |_| {
            let up = all.export("{__name__=\"up\"}")?;
            Ok(up.iter().any(|up| up.samples.iter().any(|(at, _)| *at >= until)).then_some(()))
        })?;
        let has = samples(server.query("{job=\"plimsoll\"}[10m]", None)?, until);
        let kept = samples(all.export("{job=\"plimsoll\"}")?, until);
        same(&has, &kept)?;
        // Containers, Plimsoll itself, the host: and each at least four times.
        ensure!(has.len() > 500 && has.values().any(|samples| samples.len() >= 4), "{}", has.len());

        let mut recorded = BTreeSet::new();
        let there = ["workload:memory_working_set:bytes", "cluster:cpus:count", "container:cpu_usage:rate5m"];
        let found = server.until("what was recorded", |_| {
            let all = years.export("{__name__!=\"\"}")?;
            recorded = all.iter().map(|series| series.label("__name__").to_owned()).collect();
            Ok(there.iter().all(|name| recorded.contains(*name)).then_some(()))
        });
        found.with_context(|| format!("{recorded:?}"))?;
        ensure!(recorded.iter().all(|name| name.contains(':')), "only what was recorded: {recorded:?}");
    }
    Ok(())
}

#[test]
fn an_agent_keeps_nothing_and_its_server_has_all() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    for (major, mode) in [(2, "--enable-feature=agent"), (3, "--agent")] {
        let server =
            Prometheus::start_config(major, "global: {}\n", &["--web.enable-remote-write-receiver"])?;
        let config = local(
            "agent.yml",
            &[
                ("node-1:18760", exporter.address().to_string()),
                ("https://prometheus.example.com", format!("http://{}", server.address())),
            ],
        )?;
        let agent = Prometheus::start_config(major, &config, &[mode])?;
        agent.next_scrape()?;
        let scrape = exporter.scrape()?;
        let wanted = scrape.value("plimsoll_build_info", &[]).is_some();
        ensure!(wanted, "the exporter says who it is");
        let found = server.until("what the agent wrote", |server| {
            Ok(Some(server.query("plimsoll_build_info{cluster=\"site-b\"}", None)?)
                .filter(|all| !all.is_empty()))
        })?;
        assert_eq!(found.iter().map(|one| one.label("job")).collect::<Vec<_>>(), ["plimsoll"]);
        ensure!(agent.query("up", None).is_err(), "an agent answers no query");
    }
    Ok(())
}

#[test]
fn who_is_above_has_what_was_recorded_and_who_is_up() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let directory = tempdir("federate")?;
    let site = |name: &str| -> Result<Prometheus> {
        let config = local(
            "prometheus.yml",
            &[
                ("node-1:18760", exporter.address().to_string()),
                ("/etc/prometheus/plimsoll/*.yaml", rule_files(&directory.0)?),
                ("site-a", name.to_owned()),
            ],
        )?;
        let config = config.split("\nremote_write:").next().unwrap_or_default().to_owned();
        Prometheus::start_config(3, &config, &[])
    };
    let (a, b) = (site("site-a")?, site("site-b")?);
    let addresses: [SocketAddr; 2] = [a.address(), b.address()];
    let config = local(
        "federate.yml",
        &[
            ("prometheus-site-a:9090", addresses[0].to_string()),
            ("prometheus-site-b:9090", addresses[1].to_string()),
        ],
    )?;
    let above = Prometheus::start_config(3, &config, &[])?;
    let clusters = above.until("both sites", |above| {
        let counts = above.query("cluster:cpus:count", None)?;
        Ok((counts.len() == 2).then_some(counts))
    })?;
    let cpus = a.value("cluster:cpus:count", None)?.context("not recorded")?;
    for series in &clusters {
        assert_eq!(series.values(), [cpus], "{series:?}");
        ensure!(["site-a", "site-b"].contains(&series.label("cluster")), "{series:?}");
    }
    assert_eq!(above.query("up{job=\"plimsoll\"}", None)?.len(), 2);
    assert_eq!(above.query("container_threads", None)?, []);
    Ok(())
}

/// Samples up to a time by their series, without what was added on the way.
fn samples(all: Vec<Series>, until: i64) -> BTreeMap<BTreeMap<String, String>, Vec<(i64, f64)>> {
    let one = |mut series: Series| {
        series.labels.remove("cluster");
        series.samples.retain(|(at, value)| *at <= until && !value.is_nan());
        (!series.samples.is_empty()).then_some((series.labels, series.samples))
    };
    all.into_iter().filter_map(one).collect()
}

/// The store cuts a number that has more digits off behind the twelfth or thirteenth, so that up to 1e-12 of it is lost (1/7 loses
/// exactly that); and all samples of a series are multiples of one power of ten, which is below 1e-17 of the largest.
const CUT_OFF: f64 = 1.1e-12;
const STEP: f64 = 1e-17;

fn same<K: Ord + std::fmt::Debug>(
    one: &BTreeMap<K, Vec<(i64, f64)>>,
    other: &BTreeMap<K, Vec<(i64, f64)>>,
) -> Result<()> {
    for (labels, samples) in one {
        let found = other.get(labels).with_context(|| format!("not there: {labels:?}: {samples:?}"))?;
        let most = samples
            .iter()
            .map(|(_, value)| value.abs())
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        let equal = samples.len() == found.len()
            && samples.iter().zip(found).all(|((at, value), (when, kept))| {
                at == when && (value == kept || (value - kept).abs() <= value.abs() * CUT_OFF + most * STEP)
            });
        ensure!(equal, "{labels:?}: {samples:?}, not {found:?}");
    }
    ensure!(one.len() == other.len(), "more series than were written: {} and {}", one.len(), other.len());
    Ok(())
}

struct Temporary(PathBuf);

fn tempdir(name: &str) -> Result<Temporary> {
    let path = std::env::temp_dir().join(format!("plimsoll-{name}-{}", std::process::id()));
    std::fs::create_dir(&path)?;
    Ok(Temporary(path))
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
