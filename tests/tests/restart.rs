//! What happens when an exporter ends and another begins, and when two run at a time.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_tests::exporter::{self, Exporter, Scrape, ask};
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::structure;
use rustix::process::Signal;

/// One test at a time: each would see the other's exporters.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

const CALLS: &str = "container_syscalls_total";
const OPEN_METRICS: [(&str, &str); 1] = [("Accept", "application/openmetrics-text; version=1.0.0")];

/// What tells one life of the exporter from the next: a counter, when it was zero, and when the process began.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    calls: f64,
    created: f64,
    started: f64,
}

/// A scrape while it restarts: `None` if there is nobody, or somebody who goes away in the middle; an error if what is served is
/// not whole.
fn seen(address: SocketAddr, id: &str) -> Result<Option<Seen>> {
    let Ok((head, body)) = ask(address, "GET", "/metrics", &OPEN_METRICS) else { return Ok(None) };
    let body = String::from_utf8(body)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("{head}{body}");
    }
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    if length != Some(body.len()) {
        return Ok(None);
    }
    let faults = structure::faults(&body, true);
    ensure!(faults.is_empty(), "{faults:#?}");
    let scrape = Scrape::parse(&body);
    let labels = [("id", id), ("syscall", "getsid")];
    let value = |name: &str, labels: &[(&str, &str)]| scrape.value(name, labels);
    Ok(Some(Seen {
        calls: value(CALLS, &labels).unwrap_or_default(),
        created: value("container_syscalls_created", &labels).unwrap_or_default(),
        started: value("process_start_time_seconds", &[]).context("no start time")?,
    }))
}

#[test]
fn counters_begin_again_say_since_when_and_no_scrape_between_is_wrong() -> Result<()> {
    let _alone = alone();
    let mut container = Container::new(&Config::default())?.start()?;
    let id = container.container().cgroups_path().to_owned();
    let mut exporter = Exporter::start(&[])?;
    let address = exporter.address();
    let listen = format!("--web.listen-address={address}");
    for (signal, status) in [(Signal::KILL, None), (Signal::TERM, Some(0))] {
        container.run("syscalls 100 getsid")?;
        let before = seen(address, &id)?.context("nobody")?;
        assert_eq!(before.calls, 100.0, "{signal:?}");
        let done = AtomicBool::new(false);
        let (next, all) = std::thread::scope(|scope| {
            let scraper = scope.spawn(|| {
                let mut all = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    all.push(seen(address, &id)?);
                }
                Ok::<_, anyhow::Error>(all)
            });
            let mut restart = || {
                exporter.signal(signal)?;
                let ended = exporter.wait()?;
                ensure!(ended.code() == status, "{ended}");
                let gone = now()?;
                // Until there is another there is nobody, and the kernel says so.
                let refused = TcpStream::connect(address).map(drop).map_err(|error| error.kind());
                ensure!(refused == Err(std::io::ErrorKind::ConnectionRefused), "{refused:?}");
                exporter = Exporter::start(&[listen.as_str()])?;
                container.run("syscalls 7 getsid")?;
                Ok::<_, anyhow::Error>((gone, seen(address, &id)?.context("nobody")?))
            };
            let next = restart();
            done.store(true, Ordering::Relaxed);
            Ok::<_, anyhow::Error>((next?, scraper.join().ok().context("a panic")??))
        })?;
        let (gone, next) = next;
        assert_eq!(next.calls, 7.0, "{signal:?}: from zero");
        assert!(next.created >= gone - 0.1, "{signal:?}: {next:?}, and the one before ended at {gone}");
        assert!(next.started > before.started, "{next:?} {before:?}");
        assert!(all.contains(&None), "somebody answered all the time");
        for seen in all.into_iter().flatten() {
            let first = seen == before;
            // The worker's calls are not all made, or its row is not there yet: nothing was counted.
            let second = seen.started == next.started
                && seen.calls <= 7.0
                && (seen.created == next.created || seen.calls == 0.0);
            assert!(first || second, "{signal:?}: {seen:?} is neither {before:?} nor on the way to {next:?}");
        }
        // What follows counts from here.
        exporter = restarted(exporter, &listen)?;
    }
    container.finish()
}

fn restarted(exporter: Exporter, listen: &str) -> Result<Exporter> {
    ensure!(exporter.stop()?.success());
    Exporter::start(&[listen])
}

/// What a process has of BPF, by the numbers the kernel shows of its descriptors: programs, maps and links.
fn held(pid: u32) -> Result<[BTreeSet<u32>; 3]> {
    let mut held: [BTreeSet<u32>; 3] = Default::default();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // It may be closed by now.
        let Ok(text) = std::fs::read_to_string(entry?.path()) else { continue };
        for (ids, name) in held.iter_mut().zip(["prog_id:", "map_id:", "link_id:"]) {
            ids.extend(text.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse::<u32>().ok()));
        }
    }
    Ok(held)
}

/// All that there is in the kernel.
fn there() -> Result<[BTreeSet<u32>; 3]> {
    // One may go between its number and its name.
    let programs = aya::programs::loaded_programs().filter_map(Result::ok).map(|one| one.id());
    let maps = aya::maps::loaded_maps().filter_map(Result::ok).map(|one| one.id());
    let links = aya::programs::loaded_links().filter_map(Result::ok).map(|one| one.id());
    Ok([programs.collect(), maps.collect(), links.collect()])
}

#[test]
fn nothing_stays_in_the_kernel() -> Result<()> {
    let _alone = alone();
    let all: Vec<String> =
        plimsoll::signals::ALL.iter().map(|signal| format!("--collector.{}", signal.name)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let pinned = || -> Result<BTreeSet<PathBuf>> {
        let entries = std::fs::read_dir("/sys/fs/bpf").into_iter().flatten();
        Ok(entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?)
    };
    let pinned_before = pinned()?;
    for signal in [Signal::KILL, Signal::TERM] {
        let mut exporter = Exporter::start(&all)?;
        let scrape = exporter.scrape()?;
        let own = held(exporter.pid())?;
        // A program is there once for each signal it serves.
        let up = scrape.all("plimsoll_program_up", &[]).filter(|up| up.value == 1.0);
        let up = up.map(|up| up.labels["program"].as_str()).collect::<BTreeSet<_>>().len();
        ensure!(up > 30 && own[0].len() >= up && own[1].len() > 20, "{up} programs are up: {own:?}");
        let running = there()?;
        assert!(
            own.iter().zip(&running).all(|(own, all)| own.is_subset(all)),
            "they are there while it runs"
        );
        exporter.signal(signal)?;
        exporter.wait()?;
        // The kernel takes them away once nobody can be in the middle of one.
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let left: Vec<Vec<u32>> = own
                .iter()
                .zip(&there()?)
                .map(|(own, all)| own.intersection(all).copied().collect())
                .collect();
            if left.iter().all(Vec::is_empty) {
                break;
            }
            ensure!(Instant::now() < end, "{signal:?} left programs, maps and links {left:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(pinned()?, pinned_before, "{signal:?}");
    }
    Ok(())
}

/// An exporter whose log is in a file, too.
struct Logged {
    exporter: Exporter,
    log: PathBuf,
}

impl Logged {
    fn start(name: &str) -> Result<Self> {
        let log = std::env::temp_dir().join(format!("plimsoll-restart-{}-{name}", std::process::id()));
        let mut command = Command::new("bash");
        command.args(["-c", "exec \"$0\" \"${@:2}\" 2> >(exec tee \"$1\" >&2)"]);
        command.arg(exporter::path()?).arg(&log).arg("--overhead.interval=50ms");
        Ok(Self { exporter: Exporter::start_command(command)?, log })
    }

    /// Waits until it has said this of a process.
    fn says(&self, what: &str, pid: u32) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        let said = |line: &str| line.contains(what) && line.contains(&format!("\"pid\":{pid},"));
        while !std::fs::read_to_string(&self.log)?.lines().any(said) {
            ensure!(Instant::now() < end, "it did not say {what:?} of {pid}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.log);
    }
}

/// Calls, forks and exits of a container that two exporters have seen since two scrapes.
fn counted(scrape: &Scrape, container: &Running) -> [f64; 3] {
    let id = container.container().cgroups_path();
    [
        scrape.sum(CALLS, &[("id", id), ("syscall", "getsid")]),
        scrape.sum("container_process_forks_total", &[("id", id)]),
        scrape.sum("container_process_exits_total", &[("id", id), ("code", "3")]),
    ]
}

#[test]
fn two_at_a_time_know_of_each_other_and_both_count_all() -> Result<()> {
    let _alone = alone();
    let mut container = Container::new(&Config::default())?.start()?;
    let (first, second) = (Logged::start("first")?, Logged::start("second")?);
    let both = [(&first, second.exporter.pid()), (&second, first.exporter.pid())];
    for (one, other) in both {
        one.says("another instance runs on this host", other)?;
        let others = |scrape: &Scrape| scrape.value("plimsoll_other_instances", &[]);
        one.exporter
            .scrape_until("it is counted", |scrape| others(scrape).is_some_and(|count| count >= 1.0))?;
    }
    container.run("syscalls 1000 getsid")?;
    container.run("children 20 exit 3")?;
    for (one, _) in both {
        assert_eq!(counted(&one.exporter.scrape()?, &container), [1000.0, 20.0, 20.0]);
    }
    let gone = second.exporter.pid();
    drop(second);
    first.says("another instance is gone", gone)?;
    container.run("syscalls 1000 getsid")?;
    assert_eq!(counted(&first.exporter.scrape()?, &container), [2000.0, 20.0, 20.0]);
    container.finish()
}
