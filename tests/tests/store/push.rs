//! What the exporter pushes itself: real receivers go away and come back, and in the end each has every sample.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::certificates;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::influx::Influx;
use plimsoll_tests::prometheus::{Door, Prometheus};
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::victoria::Victoria;

use super::{same, samples, tempdir};

/// Of the password.
const HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
const PASSWORD: &str = "fakepassword";

/// A Prometheus that asks for TLS and a password, and takes what is written to it.
fn behind_a_door(place: &Path) -> Result<Prometheus> {
    certificates::write(place)?;
    let web = place.join("web.yml");
    let text = format!(
        "tls_server_config: {{cert_file: good.pem, key_file: good.key}}\nbasic_auth_users: {{pusher: {HASH}}}\n"
    );
    std::fs::write(&web, text)?;
    std::fs::write(place.join("password"), format!("{PASSWORD}\n"))?;
    let door = Door {
        authority: place.join("authority.pem"),
        name: "good.example".to_owned(),
        login: format!("pusher:{PASSWORD}"),
    };
    let web = format!("--web.config.file={}", web.display());
    let zero = "--enable-feature=created-timestamp-zero-ingestion";
    Prometheus::start_behind(
        3,
        "global: {}\n",
        &["--web.enable-remote-write-receiver", zero, &web],
        Some(door),
    )
}

/// The file that has the exporter push once a second.
struct File(PathBuf);

impl File {
    fn write(place: &Path, receivers: &str) -> Result<Self> {
        let file = Self(place.join("plimsoll.yml"));
        file.again(place, receivers)?;
        Ok(file)
    }

    fn again(&self, place: &Path, receivers: &str) -> Result<()> {
        let queues = place.join("queues");
        let text = format!(
            "push:\n  interval: 1s\n  instance: box\n  external_labels: {{cluster: site-b}}\n  directory: {}\n{receivers}",
            queues.display()
        );
        Ok(std::fs::write(&self.0, text)?)
    }

    fn exporter(&self, more: &[&str]) -> Result<Exporter> {
        let file = format!("--config.file={}", self.0.display());
        Exporter::start(&[&[file.as_str()][..], more].concat())
    }
}

/// A Prometheus behind its door, and this version of the protocol.
fn prometheus(place: &Path, server: &Prometheus, message: &str) -> String {
    let place = place.display();
    format!(
        "    - name: prometheus\n      url: https://{}/api/v1/write\n      protobuf_message: {message}\n      \
         tls_config: {{ca_file: {place}/authority.pem, server_name: good.example}}\n      \
         basic_auth: {{username: pusher, password_file: {place}/password}}\n      \
         queue_config: {{min_backoff: 50ms, max_backoff: 200ms, max_samples_per_send: 700}}\n",
        server.address()
    )
}

fn victoria(name: &str, server: &Victoria, more: &str) -> String {
    format!(
        "    - name: {name}\n      url: http://{}/api/v1/write\n      \
         queue_config: {{min_backoff: 50ms, max_backoff: 200ms}}\n{more}",
        server.address()
    )
}

/// Waits until the exporter says so.
fn until(exporter: &Exporter, what: &str, done: impl Fn(&Scrape) -> bool) -> Result<Scrape> {
    exporter.scrape_until(what, done)
}

fn waiting(scrape: &Scrape, receiver: &str) -> f64 {
    scrape.value("plimsoll_push_queue_requests", &[("receiver", receiver)]).unwrap_or_default()
}

fn sent_at(scrape: &Scrape, receiver: &str) -> f64 {
    scrape.value("plimsoll_push_sent_timestamp_seconds", &[("receiver", receiver)]).unwrap_or_default()
}

#[test]
fn two_receivers_that_go_away_in_turn_have_the_same_in_the_end_and_it_is_what_was_served() -> Result<()> {
    for message in ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"] {
        let place = tempdir("push")?;
        let (mut prom, mut vm) = (behind_a_door(&place.0)?, Victoria::start()?);
        let receivers =
            format!("  remote_write:\n{}{}", prometheus(&place.0, &prom, message), victoria("vm", &vm, ""));
        let file = File::write(&place.0, &receivers)?;
        let exporter = file.exporter(&[])?;
        let container = Container::new(&Config::default())?.start()?;
        let id = container.container().cgroups_path().to_owned();
        let forks = |scrape: &Scrape| scrape.value("container_process_forks_total", &[("id", &id)]).is_some();
        let before = until(&exporter, "the container", forks)?;
        let taken = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        // On a machine with no time to spare the exporter's own scrapes can come too late; what follows is about those that did not.
        until(&exporter, "both have what came after", |scrape| {
            let ups = vm.export("up{job=\"plimsoll\"}").unwrap_or_default();
            let mut samples = ups.iter().flat_map(|up| &up.samples);
            samples.any(|(at, up)| *at as f64 > taken * 1e3 && *up == 1.0)
                && sent_at(scrape, "prometheus") > taken + 1.0
        })?;

        prom.stop()?;
        until(&exporter, "requests for Prometheus wait", |scrape| waiting(scrape, "prometheus") >= 10.0)?;
        vm.stop()?;
        until(&exporter, "and for VictoriaMetrics", |scrape| waiting(scrape, "vm") >= 3.0)?;
        prom.run()?;
        until(&exporter, "Prometheus has them", |scrape| waiting(scrape, "prometheus") < 5.0)?;
        let after = exporter.scrape()?;
        // What waits outlives the exporter as well, and its series have ended then.
        ensure!(exporter.stop()?.success(), "an orderly stop");
        let ended = prom.until("an end of all series", |prom| {
            Ok(prom.query("{job=\"plimsoll\"}", None)?.is_empty().then_some(()))
        });
        ended.context("markers of Prometheus' own")?;
        vm.run()?;
        let exporter = file.exporter(&[])?;
        let at = sent_at(
            &until(&exporter, "pushes again", |scrape| sent_at(scrape, "prometheus") > 0.0)?,
            "prometheus",
        );
        let end = until(&exporter, "all is there", |scrape| {
            sent_at(scrape, "vm") > at && sent_at(scrape, "prometheus") > at
        })?;
        for receiver in ["prometheus", "vm"] {
            let lost = end.sum("plimsoll_push_samples_dropped_total", &[("receiver", receiver)])
                + after.sum("plimsoll_push_samples_dropped_total", &[("receiver", receiver)]);
            assert_eq!(lost, 0.0, "{receiver}: {message}");
        }
        drop(exporter);

        let until = (at * 1000.0).round() as i64;
        let has = samples(prom.query("{job=\"plimsoll\"}[30m]", None)?, until);
        let kept = samples(vm.export("{job=\"plimsoll\"}")?, until);
        let (has, zeros) = without_beginnings(has, &kept);
        assert_eq!(zeros > 0, message.ends_with("v2.Request"), "2.0 says when a counter began: {zeros}");
        same(&has, &kept)?;
        ensure!(has.len() > 500 && has.len() == kept.len(), "{} and {}", has.len(), kept.len());
        is_what_was_served(&kept, &before, &after)?;
    }
    Ok(())
}

type All = std::collections::BTreeMap<std::collections::BTreeMap<String, String>, Vec<(i64, f64)>>;

/// Without the zeros that Prometheus itself puts where a counter began; and how many they were.
fn without_beginnings(mut has: All, kept: &All) -> (All, usize) {
    let mut zeros = 0;
    for (labels, samples) in &mut has {
        let there = |at: i64| kept.get(labels).is_some_and(|kept| kept.iter().any(|(other, _)| *other == at));
        let all = samples.len();
        samples.retain(|(at, value)| *value != 0.0 || there(*at));
        zeros += all - samples.len();
    }
    // What counted first after the time that is looked at, but began before it.
    has.retain(|_, samples| !samples.is_empty());
    (has, zeros)
}

/// Every counter that was served before and after is there, and between what it was then.
fn is_what_was_served(kept: &All, before: &Scrape, after: &Scrape) -> Result<()> {
    let mut equal = 0;
    for name in before.names().filter(|name| name.ends_with("_total") && !name.starts_with("plimsoll_push")) {
        for sample in before.all(name, &[]) {
            let pairs: Vec<_> = sample.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let Some(later) = after.value(name, &pairs) else { continue };
            let mut labels = sample.labels.clone();
            labels.retain(|_, value| !value.is_empty());
            for (label, value) in [("__name__", name), ("job", "plimsoll"), ("instance", "box")] {
                labels.insert(label.to_owned(), value.to_owned());
            }
            let found = kept.get(&labels).with_context(|| {
                let alike = kept.keys().filter(|key| key.get("__name__") == labels.get("__name__"));
                format!("not there: {labels:?}, but {:?}", alike.collect::<Vec<_>>())
            })?;
            let near = |value: f64| value * 1e-12;
            let between = found
                .iter()
                .any(|(_, value)| (sample.value - near(later)..=later + near(later)).contains(value));
            ensure!(between, "{labels:?}: {found:?}, not from {} to {later}", sample.value);
            equal += usize::from(sample.value == later && found.iter().any(|(_, value)| *value == later));
        }
    }
    ensure!(equal > 100, "only {equal} counters stood still and were found as they were");
    Ok(())
}

#[test]
fn a_series_ends_where_its_container_is_forgotten() -> Result<()> {
    let place = tempdir("push-ends")?;
    let prom = behind_a_door(&place.0)?;
    let message = "io.prometheus.write.v2.Request";
    let file = File::write(&place.0, &format!("  remote_write:\n{}", prometheus(&place.0, &prom, message)))?;
    let exporter = file.exporter(&["--tombstone.min-age=0s", "--tombstone.scrapes=1"])?;
    let container = Container::new(&Config::default())?.start()?;
    let of = format!("container_process_forks_total{{id=\"{}\"}}", container.container().cgroups_path());
    prom.until("the container", |prom| Ok((!prom.query(&of, None)?.is_empty()).then_some(())))?;
    container.finish()?;
    // Without an end it would be there for five minutes.
    prom.until("its end", |prom| Ok(prom.query(&of, None)?.is_empty().then_some(())))?;
    let up = prom.query("up", None)?;
    assert_eq!(
        up.iter().map(|up| (up.label("cluster"), up.values())).collect::<Vec<_>>(),
        [("site-b", vec![1.0])]
    );
    drop(exporter);
    Ok(())
}

#[test]
fn what_a_receiver_refuses_is_counted_and_a_new_file_counts_at_once() -> Result<()> {
    let place = tempdir("push-refused")?;
    let prom = behind_a_door(&place.0)?;
    let vm = Victoria::start()?;
    let message = "io.prometheus.write.v2.Request";
    // This VictoriaMetrics knows 1.0 alone, and takes anything. The password is wrong.
    let two = victoria("old", &vm, &format!("      protobuf_message: {message}\n"));
    std::fs::create_dir_all(place.0.join("queues"))?;
    let receivers = format!("  remote_write:\n{}{two}", prometheus(&place.0, &prom, message));
    let file = File::write(&place.0, &receivers)?;
    std::fs::write(place.0.join("password"), "wrong\n")?;
    let exporter = file.exporter(&["--web.enable-lifecycle"])?;
    let dropped = |scrape: &Scrape, receiver: &str, reason: &str| {
        scrape.sum("plimsoll_push_samples_dropped_total", &[("receiver", receiver), ("reason", reason)])
    };
    let refused = until(&exporter, "both refuse", |scrape| {
        dropped(scrape, "prometheus", "401") > 0.0 && dropped(scrape, "old", "not_written") > 0.0
    })?;
    assert_eq!(refused.sum("plimsoll_push_samples_total", &[]), 0.0);
    // Another password counts without a word, another file when it is read.
    std::fs::write(place.0.join("password"), PASSWORD)?;
    prom.until("samples", |prom| Ok((!prom.query("up", None)?.is_empty()).then_some(())))?;
    file.again(&place.0, &format!("  remote_write:\n{}", victoria("old", &vm, "")))?;
    assert_eq!(exporter.post("/-/reload")?.0, 200);
    until(&exporter, "1.0 is taken", |scrape| {
        scrape.sum("plimsoll_push_samples_total", &[("receiver", "old")]) > 0.0
            && scrape.value("plimsoll_push_queue_bytes", &[("receiver", "prometheus")]).is_none()
    })?;
    let metrics = exporter.get("/metrics", &[])?;
    ensure!(!metrics.contains(PASSWORD), "a password is no metric");
    Ok(())
}

#[test]
fn influxdb_has_what_victoria_metrics_has() -> Result<()> {
    let place = tempdir("push-influx")?;
    let (mut influx, vm) = (Influx::start()?, Victoria::start()?);
    influx.make("plimsoll")?;
    let receivers = format!(
        "  remote_write:\n{}  influx:\n    - name: influx\n      url: http://{}\n      database: plimsoll\n      \
         queue_config: {{min_backoff: 50ms, max_backoff: 200ms}}\n",
        victoria("vm", &vm, ""),
        influx.address()
    );
    let file = File::write(&place.0, &receivers)?;
    let exporter = file.exporter(&[])?;
    until(&exporter, "both have some", |scrape| sent_at(scrape, "influx").min(sent_at(scrape, "vm")) > 0.0)?;
    influx.stop()?;
    until(&exporter, "some wait", |scrape| waiting(scrape, "influx") >= 3.0)?;
    influx.run()?;
    let at = sent_at(&exporter.scrape()?, "vm");
    until(&exporter, "all is there", |scrape| sent_at(scrape, "influx").min(sent_at(scrape, "vm")) > at)?;
    ensure!(exporter.stop()?.success(), "an orderly stop");
    let until = (at * 1000.0).round() as i64;
    let mut compared = 0;
    for name in ["up", "plimsoll_build_info", "node_boot_time_seconds", "container_process_forks_total"] {
        let kept = samples(vm.export(&format!("{{__name__=\"{name}\"}}"))?, until);
        let found = influx
            .query("plimsoll", &format!("SELECT value FROM {name} WHERE time <= {until}ms GROUP BY *"))?;
        ensure!(!kept.is_empty() && found.len() == kept.len(), "{name}: {} and {}", kept.len(), found.len());
        for (tags, points) in found {
            let tags = tags.as_object().context("no tags")?;
            let labels = |series: &std::collections::BTreeMap<String, String>| {
                tags.iter().all(|(tag, value)| {
                    let value = value.as_str().unwrap_or_default();
                    tag == "cluster" || series.get(tag).map_or("", String::as_str) == value
                })
            };
            let (_, wanted) = kept
                .iter()
                .find(|(series, _)| labels(series))
                .with_context(|| format!("{name}: {tags:?}"))?;
            assert_eq!(&points, wanted, "{name}: {tags:?}");
            compared += points.len();
        }
    }
    ensure!(compared >= 4 * 3, "each has what waited: {compared} samples");
    Ok(())
}
