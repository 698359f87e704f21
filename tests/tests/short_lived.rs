//! Containers that come and go between two scrapes are on the next one: all of them, once, complete.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::scrape::Rising;

const CONTAINERS: usize = 200;
/// More at once only wait for each other on a small machine.
const AT_ONCE: usize = 4;

/// What one of them does, and what must be said of it.
#[derive(Debug, PartialEq)]
struct Deeds {
    getsids: f64,
    opens: Option<f64>,
    exits: BTreeMap<String, f64>,
}

impl Deeds {
    /// Different for each, so that none can be taken for another.
    fn of(number: usize) -> Self {
        let mut exits = BTreeMap::from([("42".to_owned(), 1.0)]);
        exits.insert((100 + number % 50).to_string(), (1 + number % 3) as f64);
        if number.is_multiple_of(4) {
            exits.insert("SIGKILL".to_owned(), 2.0);
        }
        Self {
            getsids: (100 + number) as f64,
            opens: (!number.is_multiple_of(5)).then_some((number % 5) as f64),
            exits,
        }
    }

    fn command(&self, number: usize) -> String {
        let opens = self.opens.unwrap_or_default();
        let killed = if self.exits.contains_key("SIGKILL") { 2 } else { 0 };
        let (code, children) = (100 + number % 50, 1 + number % 3);
        format!(
            "syscalls {} getsid , open-eacces {opens} , children {children} exit {code} , \
             children {killed} signal SIGKILL , sleep-ms 300 , exit 42",
            self.getsids
        )
    }

    /// What a scrape says of a container.
    fn said(scrape: &Scrape, id: &str) -> Self {
        let one = |name: &str, labels: &[(&str, &str)]| {
            let labels: Vec<_> = [("id", id)].into_iter().chain(labels.iter().copied()).collect();
            scrape.value(name, &labels)
        };
        let mut exits = BTreeMap::new();
        for sample in scrape.all("container_process_exits_total", &[("id", id)]) {
            let (code, signal) = (&sample.labels["code"], &sample.labels["signal"]);
            // runc's own children on the way to the worker end with 0.
            if code != "0" {
                exits.insert(if code.is_empty() { signal } else { code }.clone(), sample.value);
            }
        }
        // ENOENT would not do: runc itself, on the way to the worker, looks for files that are not there.
        let refused = [("syscall", "openat"), ("errno", "EACCES")];
        Self {
            getsids: one("container_syscalls_total", &[("syscall", "getsid")]).unwrap_or(-1.0),
            opens: one("container_syscall_errors_total", &refused),
            exits,
        }
    }
}

#[test]
fn two_hundred_between_two_scrapes_are_all_on_the_next() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let mut rising = Rising::default();
    rising.check(&exporter.get("/metrics", &[])?)?;
    let before = exporter.scrape()?;
    let names = run_all()?;

    let after = exporter.scrape()?;
    check(&after, &names)?;
    // What the kernel's programs count is complete. The cgroup's files are read between its last process' end and runc's
    // removal of them, and where that comes too late it is said so.
    let mut losses = after.losses();
    let missed = losses.remove("last_read_missed").unwrap_or(0.0);
    assert!(missed <= CONTAINERS as f64, "{missed}");
    assert_eq!(losses, before.losses());
    let dead = |scrape: &Scrape| scrape.sum("plimsoll_rows", &[("state", "tombstone")]) >= CONTAINERS as f64;
    let tombstones = exporter.scrape_until("all tombstones", |scrape| dead(scrape))?;
    check(&tombstones, &names)?;
    rising.check(&exporter.get("/metrics", &[])?)
}

/// Runs them all to their ends, a few at a time: their names.
fn run_all() -> Result<Vec<String>> {
    let names: Vec<String> =
        (0..CONTAINERS).map(|number| format!("plimsoll-short-{}-{number}", std::process::id())).collect();
    let next = AtomicUsize::new(0);
    let run = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(name) = names.get(number) else { return Ok(()) };
            let config = Config::default().id(name).args(&Deeds::of(number).command(number));
            let (status, errors) = Container::new(&config)?.run()?;
            ensure!(status.code() == Some(42), "{name}: {status}: {errors}");
        }
    };
    std::thread::scope(|scope| {
        let runners: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
        runners.into_iter().try_for_each(|runner| runner.join().ok().context("a panic")?)
    })?;
    Ok(names)
}

fn check(scrape: &Scrape, names: &[String]) -> Result<()> {
    let of_ours = |id: &&String| id.starts_with(&format!("/plimsoll-short-{}-", std::process::id()));
    let rows = scrape.by_id("container_process_forks_total", &[]);
    assert_eq!(rows.keys().filter(of_ours).count(), CONTAINERS);
    for (number, name) in names.iter().enumerate() {
        let id = format!("/{name}");
        assert_eq!(Deeds::said(scrape, &id), Deeds::of(number), "{name}");
        let named = [("id", &*id), ("name", name.as_str())];
        ensure!(scrape.value("container_process_forks_total", &named).is_some(), "{name}: without its name");
    }
    Ok(())
}
