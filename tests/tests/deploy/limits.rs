//! What the chart gives it is enough for a node that is full.

use std::process::{Child, Command};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::exporter::{self, Exporter};
use plimsoll_tests::hierarchy::{Hierarchies, Place};
use serde_json::Value;

use crate::given::read;

/// What the kubelet allows on large nodes.
const PODS: usize = 250;
/// The sandbox and what it is for.
const CONTAINERS: usize = 2;
const SCRAPES: usize = 20;

/// A pod: a network of its own, and containers in which somebody sleeps.
struct Pod {
    sleepers: Vec<Child>,
    containers: Vec<Cgroup>,
    _pod: Cgroup,
}

impl Pod {
    fn start(below: &str, number: usize) -> Result<Self> {
        let pod = Cgroup::make(&format!("{below}/pod00000000-0000-4000-8000-{number:012x}"))?;
        let container = |which| Cgroup::make(&format!("{}/{:064x}", pod.id(), number * CONTAINERS + which));
        let containers = (0..CONTAINERS).map(container).collect::<Result<Vec<_>>>()?;
        let mut pod = Self { sleepers: Vec::new(), containers, _pod: pod };
        for container in &pod.containers {
            let sleeper = Command::new("unshare").args(["--net", "sleep", "infinity"]).spawn()?;
            pod.sleepers.push(sleeper);
            container.enter(pod.sleepers.last().context("one")?.id())?;
        }
        Ok(pod)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        for sleeper in &mut self.sleepers {
            let _ = sleeper.kill();
            let _ = sleeper.wait();
        }
    }
}

/// A cgroup of the controller `memory`, with a limit; removed when dropped.
struct Limited(Place);

impl Limited {
    fn make(limit: u64) -> Result<Self> {
        let name = format!("plimsoll-limits-{}", std::process::id());
        let place = Hierarchies::find()?.place("memory", &name)?;
        std::fs::create_dir(place.path()).with_context(|| place.path().display().to_string())?;
        let limited = Self(place);
        let file = if limited.0.v2 { "memory.max" } else { "memory.limit_in_bytes" };
        std::fs::write(limited.0.path().join(file), limit.to_string()).context(file)?;
        Ok(limited)
    }

    /// The most that was ever charged, and how often the limit was hit.
    fn peak(&self) -> Result<(u64, u64)> {
        if self.0.v2 {
            return Ok((self.0.number("memory.peak")?, self.0.field("memory.events", "max")?));
        }
        Ok((self.0.number("memory.max_usage_in_bytes")?, self.0.number("memory.failcnt")?))
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(self.0.path());
    }
}

#[test]
fn the_chart_s_memory_is_enough_for_250_pods() -> Result<()> {
    let values: Value = serde_saphyr::from_str(&read("deploy/helm/plimsoll/values.yaml")?)?;
    let limit = values["resources"]["limits"]["memory"].as_str().and_then(|text| text.strip_suffix("Mi"));
    let limit = limit.context("no limit in MiB")?.parse::<u64>()? << 20;
    let limited = Limited::make(limit)?;
    let below = Cgroup::make(&format!("/plimsoll-limits-{}", std::process::id()))?;
    let kubepods = Cgroup::make(&format!("{}/kubepods", below.id()))?;
    let mut pods = (0..PODS).map(|number| Pod::start(kubepods.id(), number)).collect::<Result<Vec<_>>>()?;

    let mut command = Command::new("sh");
    command.args(["-c", "echo 0 >\"$0/cgroup.procs\" && exec \"$@\""]).arg(limited.0.path());
    command.arg(exporter::path()?).arg(format!("--kernel.slots={}", values["slots"])).args([
        "--collector.syscall_latency",
        "--collector.dns",
        "--collector.unix",
        "--tcp.actual-destination=on",
    ]);
    let exporter = Exporter::start_command(command)?;
    let containers = || pods.iter().flat_map(|pod| &pod.containers);
    for (number, container) in containers().enumerate() {
        let dials = (1..=8).map(|port| format!("connect-failing 127.0.0.1:{port} 1 111"));
        let commands = [format!("syscalls {} getsid", 1 + number)].into_iter().chain(dials);
        let commands = commands.collect::<Vec<_>>().join(" , ");
        ensure!(container.run(&commands)? == 0, "{commands}");
    }
    for _ in 0..SCRAPES {
        exporter.get_bytes("/metrics", &[("Accept-Encoding", "gzip")])?;
        exporter.get("/metrics", &[("Accept", "application/openmetrics-text; version=1.0.0")])?;
    }
    let scrape = exporter.scrape()?;
    for (number, container) in containers().enumerate() {
        let of = [("id", container.id())];
        let calls = scrape.sum("container_syscalls_total", &[of[0], ("syscall", "getsid")]);
        assert_eq!(
            (calls, scrape.sum("container_processes", &of)),
            (1.0 + number as f64, 1.0),
            "{}",
            container.id()
        );
        assert_eq!(scrape.sum("container_tcp_connects_total", &of), 8.0, "{}", container.id());
    }
    let (peak, hit) = limited.peak()?;
    eprintln!("{PODS} pods: {:.0} of {} MiB", peak as f64 / f64::from(1 << 20), limit >> 20);
    assert_eq!(hit, 0, "the limit was hit; {peak} bytes at most");
    assert!(peak > 32 << 20, "{peak} bytes: is it in the cgroup at all?");
    exporter.stop()?;
    for pod in &mut pods {
        pod.sleepers.iter_mut().try_for_each(Child::kill)?;
    }
    Ok(())
}
