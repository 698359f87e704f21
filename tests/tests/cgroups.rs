//! The families under cAdvisor's names equal the files read beside them, whichever hierarchies this host has.

#[path = "cgroups/expected.rs"]
mod expected;
#[path = "cgroups/neighbours.rs"]
mod neighbours;
#[path = "cgroups/views.rs"]
mod views;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::hierarchy::Hierarchies;
use plimsoll_tests::netns::Cable;
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::scrape::Scrape;

use expected::Numbers;
use neighbours::{Loop, sleeper_with_socket, write_directly};

/// A container that has something of everything, and is idle.
struct Busy {
    running: Running,
    sleeper: neighbours::Sleeper,
    _disk: Loop,
    cable: Cable,
}

impl Busy {
    fn new() -> Result<Self> {
        let config = Config::default().memory(64 << 20).pids(50).cpu_quota(20_000, 100_000).own_network();
        let mut running = Container::new(&config)?.start()?;
        let id = running.container().cgroups_path().to_owned();
        // More than its quota, so that it is throttled; more than its memory, so that the limit is hit.
        let cpu = Hierarchies::find()?.place("cpu", &id)?;
        while cpu.field("cpu.stat", "nr_throttled")? == 0 {
            running.run("spin 0.1")?;
        }
        running.run("oom 80")?;
        let cable = Cable::lay(running.pid(), "eth0")?;
        cable.send(5, 100)?;
        let disk = Loop::attach()?;
        write_directly(&disk, &id, 16)?;
        let sleeper = sleeper_with_socket(&id)?;
        Ok(Self { running, sleeper, _disk: disk, cable })
    }

    fn id(&self) -> &str {
        self.running.container().cgroups_path()
    }

    fn finish(self) -> Result<()> {
        drop(self.sleeper);
        self.running.finish()
    }
}

/// What a scrape says of a row in the families that are compared, by name and the family's own labels.
fn served(scrape: &Scrape, id: &str) -> Numbers {
    let mut numbers = Numbers::new();
    for name in scrape.names().filter(|name| expected::is_compared(name)) {
        for sample in scrape.all(name, &[("id", id)]) {
            numbers.insert(expected::key(name, &sample.labels), sample.value);
        }
    }
    numbers
}

fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

/// The files before and after a scrape: equal ones bracket it.
fn bracketed(exporter: &Exporter, busy: &Busy) -> Result<(Numbers, Scrape)> {
    let hierarchies = Hierarchies::find()?;
    let read = || expected::read(&hierarchies, busy.id());
    for _ in 0..100 {
        let before = read()?;
        let scrape = exporter.scrape()?;
        if before == read()? {
            return Ok((before, scrape));
        }
    }
    anyhow::bail!("the files of an idle container never stand still")
}

#[test]
fn every_number_is_the_files_own() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let born = now()?;
    let busy = Busy::new()?;
    let (expected, scrape) = bracketed(&exporter, &busy)?;
    assert_eq!(served(&scrape, busy.id()), expected);
    // What was done shows in the files: the comparison is not of zeros.
    for (name, least) in [
        ("container_cpu_usage_seconds_total cpu=total", 0.02),
        ("container_cpu_cfs_throttled_periods_total", 1.0),
        ("container_memory_usage_bytes", 4096.0),
        ("container_memory_max_usage_bytes", 60e6),
        ("container_spec_memory_limit_bytes", f64::from(64 << 20)),
        ("container_spec_cpu_quota", 20_000.0),
        ("container_threads_max", 50.0),
        ("container_processes", 2.0),
        ("container_sockets", 1.0),
        ("container_network_transmit_packets_total interface=eth0", 5.0),
    ] {
        let found = expected.get(name);
        assert!(found.is_some_and(|value| *value >= least), "{name}: {found:?}");
    }
    let written = expected
        .iter()
        .filter(|(name, _)| name.starts_with("container_fs_writes_bytes_total device=/dev/loop"));
    assert_eq!(written.map(|(_, value)| *value).sum::<f64>(), f64::from(16 * 65_536));
    // And once more when all of it moved.
    busy.cable.send(7, 300)?;
    let mut busy = busy;
    busy.running.run("spin 0.1")?;
    let (later, scrape) = bracketed(&exporter, &busy)?;
    assert_eq!(served(&scrape, busy.id()), later);
    assert!(later != expected);
    let (seen, until) = (scrape.value("container_last_seen", &[("id", busy.id())]), now()?);
    assert!(seen.is_some_and(|seen| born < seen && seen < until), "{seen:?}");
    for name in ["container_start_time_seconds", "container_creation_time_seconds"] {
        let time = scrape.value(name, &[("id", busy.id())]);
        assert!(
            time.is_some_and(|time| born < time && Some(time) < seen),
            "{name}: {born}, {time:?}, {seen:?}"
        );
    }
    busy.finish()
}

/// A container that was there first: read from its files' first look on, with limits, in full.
#[test]
fn what_was_there_before_the_exporter_is_read_as_well() -> Result<()> {
    let busy = Busy::new()?;
    let exporter = Exporter::start(&[])?;
    let (expected, scrape) = bracketed(&exporter, &busy)?;
    assert_eq!(served(&scrape, busy.id()), expected);
    busy.finish()
}

#[test]
fn the_machine_is_what_proc_says() -> Result<()> {
    let scrape = Exporter::start(&[])?.scrape()?;
    let meminfo = std::fs::read_to_string("/proc/meminfo")?;
    let kilobytes = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok())
            .map(|kilobytes| kilobytes * 1024.0)
    };
    let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
    let cpus = cpus.lines().filter(|line| line.starts_with("processor")).count();
    ensure!(cpus > 0);
    let found = ["machine_cpu_cores", "machine_memory_bytes", "machine_swap_bytes"]
        .map(|name| scrape.value(name, &[]));
    assert_eq!(found, [Some(cpus as f64), kilobytes("MemTotal"), kilobytes("SwapTotal")]);
    Ok(())
}
