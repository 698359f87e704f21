//! The last numbers of a container's cgroup files: read when its last task is gone, kept from then on, and counted as missed
//! where that was too late.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::hierarchy::Hierarchies;
use plimsoll_tests::netns::Cable;
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::scrape::{Scrape, is_of_kernel};
use rustix::process::{Pid, Signal, kill_process};

use crate::names::quiet;
use crate::{alone, end, live_and_die, lost, scrape_as, sum, until};

const ONCPU: &str = "container_cpu_oncpu_seconds_total";

/// Stops the exporter, or has it go on.
fn signal(exporter: &Exporter, signal: Signal) -> Result<()> {
    let pid = i32::try_from(exporter.pid()).ok().and_then(Pid::from_raw).context("the pid")?;
    kill_process(pid, signal).context("kill")
}

fn value(scrape: &Scrape, name: &str, id: &str) -> Option<f64> {
    scrape.value(name, &[("id", id)])
}

/// What a tombstone has of cgroup files and procfs: names and values, the labels left out.
fn of_files(scrape: &Scrape, id: &str) -> BTreeMap<String, f64> {
    let names = ["container_cpu_", "container_memory_", "container_network_", "container_last_seen"];
    let of_files = |name: &&str| names.iter().any(|start| name.starts_with(start)) && !is_of_kernel(name);
    let mut found = BTreeMap::new();
    for name in scrape.names().filter(of_files) {
        for sample in scrape.all(name, &[("id", id)]) {
            let labels =
                ["failure_type", "scope", "interface"].map(|label| sample.labels.get(label).cloned());
            found.insert(
                format!("{name} {}", labels.into_iter().flatten().collect::<Vec<_>>().join(" ")),
                sample.value,
            );
        }
    }
    found
}

#[test]
fn the_last_numbers_are_those_the_files_had_at_the_end() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&[])?;
    scrape_as(&exporter, "a")?;
    let mut running = Container::new(&Config::default().memory(64 << 20))?.start()?;
    let id = running.container().cgroups_path().to_owned();
    running.run("spin 0.2")?;
    running.run("children 3 exit 0")?;
    end(&mut running)?;
    quiet(&exporter)?;
    // Nothing runs in it any more, and runc has not taken it away yet.
    let hierarchies = Hierarchies::find()?;
    let (cpu, memory) = (hierarchies.place("cpuacct", &id)?, hierarchies.place("memory", &id)?);
    let usage = match cpu.v2 {
        true => cpu.field("cpu.stat", "usage_usec")? as f64 / 1e6,
        false => cpu.number("cpuacct.usage")? as f64 / 1e9,
    };
    let peak = memory.number(if memory.v2 { "memory.peak" } else { "memory.max_usage_in_bytes" })?;
    running.finish()?;
    let scrape = scrape_as(&exporter, "a")?;
    assert_eq!(sum(&scrape, "container_cpu_usage_seconds_total", &id, ("cpu", "total")), usage);
    assert!(usage > 0.0, "{usage}");
    // Over a whole life: what entered the container in the middle of a run is split by the kernel, and not here.
    let oncpu = value(&scrape, ONCPU, &id).context("time on CPU")?;
    assert!((oncpu - usage).abs() <= usage / 100.0, "{oncpu} counted, {usage} charged");
    assert_eq!(value(&scrape, "container_memory_max_usage_bytes", &id), Some(peak as f64));
    assert_eq!(value(&scrape, "container_memory_usage_bytes", &id), None, "nothing uses it any more");
    Ok(())
}

#[test]
fn a_last_read_that_came_too_late_is_counted_and_what_the_kernel_counted_is_whole() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&[])?;
    let before = lost(&scrape_as(&exporter, "a")?, "last_read_missed");
    signal(&exporter, Signal::STOP)?;
    let id = live_and_die("syscalls 7 getsid , children 2 exit 3");
    signal(&exporter, Signal::CONT)?;
    let id = id?;
    let scrape = scrape_as(&exporter, "a")?;
    assert_eq!(sum(&scrape, "container_syscalls_total", &id, ("syscall", "getsid")), 7.0);
    assert_eq!(sum(&scrape, "container_process_exits_total", &id, ("code", "3")), 2.0);
    assert_eq!(of_files(&scrape, &id), BTreeMap::new());
    // Its CPU time was in files that nobody read; the scheduler's is there.
    assert!(value(&scrape, ONCPU, &id) > Some(0.0), "{:?}", value(&scrape, ONCPU, &id));
    // It is counted when the row has become a tombstone.
    until(&exporter, "a", |scrape| (lost(scrape, "last_read_missed") > before).then_some(()))
}

#[test]
fn without_a_last_read_the_numbers_of_the_last_whole_scrape_stay() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&[])?;
    let mut running = Container::new(&Config::default().memory(64 << 20).own_network())?.start()?;
    let id = running.container().cgroups_path().to_owned();
    let bytes = Cable::lay(running.pid(), "eth0")?.send(5, 100)?;
    running.run("spin 0.1")?;
    let mut served = of_files(&scrape_as(&exporter, "a")?, &id);
    assert_eq!(served.get("container_network_transmit_bytes_total eth0"), Some(&(bytes as f64)));
    // A scrape of a part reads that part alone, and must not cost the rest.
    exporter.get("/metrics?collect[]=pids", &[("User-Agent", "b")])?;
    signal(&exporter, Signal::STOP)?;
    let finished = running.finish();
    signal(&exporter, Signal::CONT)?;
    finished?;
    let rises = |name: &str| {
        !["usage_bytes", "working_set_bytes", "rss", "cache", "swap", "mapped_file"]
            .iter()
            .any(|gauge| name.trim_end() == format!("container_memory_{gauge}"))
    };
    served.retain(|name, _| rises(name));
    let scrape = until(&exporter, "a", |scrape| {
        value(scrape, "container_memory_usage_bytes", &id).is_none().then(|| scrape.clone())
    })?;
    assert_eq!(of_files(&scrape, &id), served);
    Ok(())
}

#[test]
fn a_network_outlives_its_last_process_in_what_is_served() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&[])?;
    let mut running = Container::new(&Config::default().own_network())?.start()?;
    let id = running.container().cgroups_path().to_owned();
    let cable = Cable::lay(running.pid(), "eth0")?;
    let bytes = cable.send(3, 50)? + cable.send(4, 60)?;
    let sent = |scrape: &Scrape| {
        let eth0 = [("id", &*id), ("interface", "eth0")];
        let families = ["container_network_transmit_bytes_total", "container_network_transmit_packets_total"];
        families.map(|family| scrape.value(family, &eth0))
    };
    let expected = [Some(bytes as f64), Some(7.0)];
    assert_eq!(sent(&scrape_as(&exporter, "a")?), expected);
    end(&mut running)?;
    assert_eq!(sent(&scrape_as(&exporter, "a")?), expected, "the container is there, its process is not");
    running.finish()?;
    assert_eq!(sent(&scrape_as(&exporter, "a")?), expected);
    Ok(())
}
