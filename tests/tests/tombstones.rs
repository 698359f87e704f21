//! What is served of containers that are gone: unchanged, complete, to everyone, for as long as the flags say.

#[path = "tombstones/last.rs"]
mod last;
#[path = "tombstones/names.rs"]
mod names;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::scrape::Scrape;

/// Tests one after the other: how many tombstones there are is a matter of the whole machine.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scrape by someone of this name.
fn scrape_as(exporter: &Exporter, who: &str) -> Result<Scrape> {
    Ok(Scrape::parse(&exporter.get("/metrics", &[("User-Agent", who)])?))
}

/// Scrapes as `who` until `done` gives something.
fn until<T>(exporter: &Exporter, who: &str, mut done: impl FnMut(&Scrape) -> Option<T>) -> Result<T> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let scrape = scrape_as(exporter, who)?;
        match done(&scrape) {
            Some(found) => return Ok(found),
            None => ensure!(Instant::now() < end, "not within a minute: {:#?}", scrape.losses()),
        }
    }
}

/// Everything that a row says, by series.
fn row(scrape: &Scrape, id: &str) -> BTreeMap<(String, BTreeMap<String, String>), f64> {
    let mut row = BTreeMap::new();
    for name in scrape.names() {
        for sample in scrape.all(name, &[("id", id)]) {
            row.insert((name.to_owned(), sample.labels.clone()), sample.value);
        }
    }
    row
}

/// What a family's series of a row add up to, those with one more label.
fn sum(scrape: &Scrape, name: &str, id: &str, label: (&str, &str)) -> f64 {
    scrape.sum(name, &[("id", id), label])
}

fn rows(scrape: &Scrape, state: &str) -> f64 {
    scrape.sum("plimsoll_rows", &[("state", state)])
}

fn lost(scrape: &Scrape, reason: &str) -> f64 {
    scrape.sum("plimsoll_losses_total", &[("reason", reason)])
}

/// Runs a container to its end; its cgroup is gone when this returns.
fn live_and_die(args: &str) -> Result<String> {
    let container = Container::new(&Config::default().args(args))?;
    let id = container.cgroups_path().to_owned();
    let (status, errors) = container.run()?;
    ensure!(status.success(), "{errors}");
    Ok(id)
}

/// Ends a worker, and leaves its container for runc to take away.
fn end(running: &mut Running) -> Result<()> {
    running.script().begin("exit 0")?;
    running.wait(Duration::from_secs(60))
}

/// A cgroup that is no container, in which this was done, and which is gone.
fn cgroup(name: &str, commands: &str) -> Result<String> {
    let cgroup = Cgroup::make(&format!("/plimsoll-tombstone-{}-{name}", std::process::id()))?;
    let id = cgroup.id().to_owned();
    assert_eq!(cgroup.run(commands)?, 0);
    cgroup.remove()?;
    Ok(id)
}

/// Longer than the time after which a removed cgroup's counts are final.
const FINAL: Duration = Duration::from_secs(2);

#[test]
fn a_tombstone_stays_unchanged_until_everyone_has_seen_it_twice() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&["--tombstone.scrapes=2", "--tombstone.min-age=200ms"])?;
    scrape_as(&exporter, "a")?;
    scrape_as(&exporter, "b")?;
    let id = live_and_die("sleep-ms 200 , syscalls 7 getsid , children 2 exit 3 , sleep-ms 100")?;
    let gone = Instant::now();
    // One scraper alone comes as often as it likes.
    let first = row(&scrape_as(&exporter, "a")?, &id);
    while gone.elapsed() < FINAL {
        assert_eq!(row(&scrape_as(&exporter, "a")?, &id), first);
    }
    let scrape = scrape_as(&exporter, "b")?;
    assert_eq!(row(&scrape, &id), first);
    assert_eq!(sum(&scrape, "container_syscalls_total", &id, ("syscall", "getsid")), 7.0);
    assert_eq!(sum(&scrape, "container_process_exits_total", &id, ("code", "3")), 2.0);
    for _ in 0..10 {
        assert_eq!(row(&scrape_as(&exporter, "a")?, &id), first, "the other has seen it once");
    }
    assert_eq!(row(&scrape_as(&exporter, "b")?, &id), first, "its second time");
    for who in ["a", "b"] {
        assert_eq!(row(&scrape_as(&exporter, who)?, &id), BTreeMap::new());
    }
    Ok(())
}

#[test]
fn a_tombstone_stays_as_long_as_the_flag_says() -> Result<()> {
    let _alone = alone();
    let age = Duration::from_secs(3);
    let exporter = Exporter::start(&["--tombstone.scrapes=0", "--tombstone.min-age=3s"])?;
    let id = live_and_die("syscalls 7 getsid")?;
    let gone = Instant::now();
    let first = row(&scrape_as(&exporter, "a")?, &id);
    assert!(!first.is_empty());
    let mut seen = 0;
    until(&exporter, "a", |scrape| {
        let row = row(scrape, &id);
        seen += 1;
        assert!(row == first || row.is_empty(), "{row:?}");
        row.is_empty().then_some(())
    })?;
    assert!(gone.elapsed() >= age && seen > 2, "{:?}, {seen} scrapes", gone.elapsed());
    Ok(())
}

#[test]
fn slots_serve_newcomers_from_zero_while_the_tombstones_stay() -> Result<()> {
    // More than there are, so that each of the last 64 has a slot that another had before it.
    const MADE: usize = 256 + 64;
    let _alone = alone();
    let exporter = Exporter::start(&["--kernel.slots=256"])?;
    let free = |scrape: &Scrape| scrape.sum("plimsoll_slots", &[("state", "free")]);
    let mut made = Vec::new();
    while made.len() < MADE {
        until(&exporter, "a", |scrape| (free(scrape) >= 64.0).then_some(()))?;
        for _ in 0..16 {
            let calls = made.len() + 1;
            let commands = format!("syscalls {calls} sched_get_priority_max , open-enoent {calls}");
            made.push(cgroup(&calls.to_string(), &commands)?);
        }
    }
    // Until the last of them is a tombstone too.
    until(&exporter, "a", |scrape| (rows(scrape, "tombstone") >= made.len() as f64).then_some(()))?;
    let scrape = scrape_as(&exporter, "a")?;
    for (at, id) in made.iter().enumerate() {
        let calls = (at + 1) as f64;
        assert_eq!(
            sum(&scrape, "container_syscalls_total", id, ("syscall", "sched_get_priority_max")),
            calls
        );
        assert_eq!(sum(&scrape, "container_syscall_errors_total", id, ("errno", "ENOENT")), calls);
    }
    Ok(())
}

#[test]
fn beyond_the_bound_the_oldest_go_and_are_counted() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&["--tombstone.max=5"])?;
    let made = (0..8).map(|at| cgroup(&at.to_string(), "syscalls 7 getsid")).collect::<Result<Vec<_>>>()?;
    let scrape =
        until(&exporter, "a", |scrape| (lost(scrape, "tombstone_evicted") >= 3.0).then(|| scrape.clone()))?;
    assert_eq!(rows(&scrape, "tombstone"), 5.0);
    let there: Vec<bool> = made.iter().map(|id| !row(&scrape, id).is_empty()).collect();
    // A tombstone of someone else takes the place of one of ours.
    let ours = there.iter().filter(|there| **there).count();
    assert!(ours <= 5 && there.is_sorted(), "the newest: {there:?}");
    let evicted = lost(&scrape, "tombstone_evicted");
    assert!(evicted >= (made.len() - ours) as f64, "{evicted}: {there:?}");
    Ok(())
}

#[test]
fn the_same_container_again_goes_on_where_it_stood() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&[])?;
    let name = format!("plimsoll-tombstone-again-{}", std::process::id());
    let mut labels = Vec::new();
    for (calls, total) in [(5, 5.0), (6, 11.0)] {
        let mut running = Container::new(&Config::default().id(&name))?.start()?;
        running.run(&format!("syscalls {calls} getsid"))?;
        let scrape = scrape_as(&exporter, "a")?;
        let id = format!("/{name}");
        let calls = [("id", &*id), ("syscall", "getsid")];
        let samples: Vec<_> = scrape.all("container_syscalls_total", &calls).collect();
        let [sample] = samples[..] else { panic!("not one series: {:#?}", row(&scrape, &id)) };
        assert_eq!(sample.value, total);
        labels.push(sample.labels.clone());
        running.finish()?;
        // A tombstone now, or on its way.
        let after = scrape_as(&exporter, "a")?;
        assert_eq!(sum(&after, "container_syscalls_total", &id, ("syscall", "getsid")), total);
    }
    assert_eq!(labels[0], labels[1]);
    assert_eq!(labels[0].get("name").context("no name")?, &name);
    Ok(())
}
