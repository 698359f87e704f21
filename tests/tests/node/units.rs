//! Units of a real systemd, beside Debian's node_exporter on the same bus.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use plimsoll::node::ALL;
use plimsoll_tests::exporter::{self, Exporter, Scrape};
use plimsoll_tests::node_exporter::NodeExporter;
use plimsoll_tests::systemd::Systemd;

use crate::Directory;
use crate::same::Page;

/// One that runs, one that failed, one that was started again as often as it may be, one that has begun by a timer, one that
/// a connection begins, and one that cannot be loaded.
const UNITS: [(&str, &str); 7] = [
    ("good.service", "ExecStart=/bin/sleep infinity\nTasksMax=7"),
    ("bad.service", "Type=oneshot\nExecStart=/bin/false"),
    (
        "again.service",
        "ExecStart=/bin/false\nRestart=on-failure\nRestartSec=1ms\n[Unit]\nStartLimitIntervalSec=1000\nStartLimitBurst=4",
    ),
    ("soon.timer", "[Timer]\nOnActiveSec=1ms\nAccuracySec=1ms\nUnit=later.service"),
    ("later.service", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true"),
    ("door.socket", "[Socket]\nListenStream=/run/door\nAccept=yes"),
    ("odd\\x20name.service", "ExecStart=/bin/sleep infinity"),
];
/// What a connection to the door begins.
const TEMPLATE: (&str, &str) = ("door@.service", "ExecStart=/bin/cat\nStandardInput=socket");

/// Debian's leaves targets out, too.
const FLAGS: [&str; 5] = [
    "--collector.systemd",
    "--collector.systemd.unit-exclude=.+\\.(automount|device|mount|scope|slice)",
    "--collector.systemd.enable-task-metrics",
    "--collector.systemd.enable-restarts-metrics",
    "--collector.systemd.enable-start-time-metrics",
];

fn ours(environment: &[(&str, &str)], more: &[String]) -> Result<Exporter> {
    let mut command = Command::new(exporter::path()?);
    command.args(["--collector.disable-defaults", "--collector.loadavg"]).args(FLAGS).args(more);
    command.envs(environment.iter().copied());
    Exporter::start_command(command)
}

fn of_systemd(page: &Page) -> BTreeMap<&str, f64> {
    let series = page.series.iter().filter(|(series, _)| series.starts_with("node_systemd_"));
    series.map(|(series, value)| (series.as_str(), *value)).collect()
}

/// Waits for what systemd does by itself.
fn until<T>(what: &str, mut done: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let last = done();
        if let Ok(Some(done)) = last {
            return Ok(done);
        }
        if Instant::now() > end {
            bail!("not within a minute: {what}: {:?}", last.map(drop));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn units_are_those_of_node_exporter() -> Result<()> {
    let systemd = Systemd::start(&[&UNITS[..], &[TEMPLATE]].concat())?;
    let root = until("it has begun", || Ok(Some(systemd.root()?)))?;
    let bus = root.join("run/dbus/system_bus_socket");
    let address = format!("unix:path={}", bus.display());
    let environment = [("DBUS_SYSTEM_BUS_ADDRESS", &*address)];
    until("there is a bus", || Ok(UnixStream::connect(&bus).ok()))?;
    let ours = self::ours(&environment, &[])?;
    let theirs = NodeExporter::start_with(&FLAGS.map(str::to_owned), &environment)?;
    // By the environment, within a root directory, and by systemd's own socket.
    let in_root = self::ours(&[], &[format!("--path.rootfs={}", root.display())])?;
    // systemd itself speaks to those whose number it sees.
    let mut private = systemd.command(&exporter::path()?.display().to_string())?;
    private.args(["--collector.disable-defaults", "--collector.systemd.private"]).args(FLAGS);
    let private = Exporter::start_command(private)?;
    let scrape =
        |exporter: &Exporter| Ok::<_, anyhow::Error>(Page::parse(&exporter.get("/metrics/node", &[])?));

    let state = |page: &Page, name: &str, state: &str, kind: &str| {
        let series = format!(
            "node_systemd_unit_state {:?}",
            BTreeMap::from([("name", name), ("state", state), ("type", kind)])
        );
        page.series.get(&series).copied() == Some(1.0)
    };
    until("all have become what they become", || {
        let page = scrape(&ours)?;
        let all = [
            state(&page, "good.service", "active", "simple"),
            state(&page, "bad.service", "failed", "oneshot"),
            state(&page, "again.service", "failed", "simple"),
            state(&page, "later.service", "active", "oneshot"),
            state(&page, "door.socket", "active", ""),
            state(&page, "odd\\x20name.service", "active", "simple"),
        ];
        Ok(all.iter().all(|is| *is).then_some(()))
    })?;
    // Two connections that stay, and one that goes.
    let door = root.join("run/door");
    let mut held = [UnixStream::connect(&door)?, UnixStream::connect(&door)?];
    drop(UnixStream::connect(&door)?);
    held.iter_mut().try_for_each(|stream| stream.write_all(b"x"))?;
    let value = |page: &Page, family: &str, name: &str| {
        page.series.get(&format!("node_systemd_{family} {:?}", BTreeMap::from([("name", name)]))).copied()
    };
    let page = until("both are the same", || {
        let (before, page, after) =
            (Page::parse(&theirs.metrics()?), scrape(&ours)?, Page::parse(&theirs.metrics()?));
        let same = of_systemd(&before) == of_systemd(&page) && of_systemd(&page) == of_systemd(&after);
        let settled = value(&page, "socket_current_connections", "door.socket") == Some(2.0);
        if !same && settled {
            let (page, after) = (of_systemd(&page), of_systemd(&after));
            let differ = page.iter().filter(|(series, value)| after.get(*series) != Some(*value));
            let missing = after.keys().filter(|series| !page.contains_key(*series));
            bail!("{:?}, theirs alone {:?}", differ.collect::<Vec<_>>(), missing.collect::<Vec<_>>());
        }
        let typed = |name: &&String| name.starts_with("node_systemd_");
        for (name, kind) in page.types.iter().filter(|(name, _)| typed(name)) {
            anyhow::ensure!(
                after.types.get(name) == Some(kind),
                "{name}: {kind}, theirs {:?}",
                after.types.get(name)
            );
        }
        Ok((same && settled).then_some(page))
    })?;
    let families: BTreeSet<_> =
        of_systemd(&page).into_keys().filter_map(|series| series.split(' ').next()).collect();
    let of_table = ALL.iter().filter(|collector| collector.name == "systemd").flat_map(|of| of.families);
    // systemd counts the tasks of a unit where it has the controller for it.
    let missing: Vec<_> = of_table
        .map(|family| family.name)
        .filter(|name| !families.contains(name) && *name != "node_systemd_unit_tasks_current")
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
    for (family, name, wanted) in [
        ("service_restart_total", "again.service", 4.0),
        ("unit_tasks_max", "good.service", 7.0),
        ("socket_accepted_connections_total", "door.socket", 3.0),
    ] {
        assert_eq!(value(&page, family, name), Some(wanted), "{family} of {name}");
    }
    let begun = value(&page, "unit_start_time_seconds", "good.service").context("a time")?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs_f64();
    assert!(begun > now - 120.0 && begun <= now, "{begun} {now}");
    assert_eq!(value(&page, "unit_start_time_seconds", "bad.service"), Some(0.0));
    for other in [&in_root, &private] {
        until("all ways lead to it", || {
            let (there, here) = (scrape(other)?, scrape(&ours)?);
            Ok((of_systemd(&there) == of_systemd(&here)).then_some(()))
        })?;
    }
    Ok(())
}

/// Whoever holds the bus may let it wait, or not be there: that costs these families, and nothing else.
#[test]
fn a_bus_that_does_not_answer_costs_itself_alone() -> Result<()> {
    let directory = Directory::new("bus")?;
    let silent = directory.0.join("silent");
    let _listener = UnixListener::bind(&silent)?;
    for place in [silent, directory.0.join("none")] {
        let address = format!("unix:path={}", place.display());
        let exporter = ours(&[("DBUS_SYSTEM_BUS_ADDRESS", &address)], &[])?;
        for _ in 0..2 {
            let scrape = exporter.get("/metrics/node", &[("X-Prometheus-Scrape-Timeout-Seconds", "1")])?;
            let scrape = Scrape::parse(&scrape);
            let success = |name| scrape.value("node_scrape_collector_success", &[("collector", name)]);
            assert_eq!((success("systemd"), success("loadavg")), (Some(0.0), Some(1.0)), "{address}");
            assert!(scrape.names().all(|name| !name.starts_with("node_systemd_")));
            assert!(scrape.value("node_load1", &[]).is_some());
        }
    }
    Ok(())
}
