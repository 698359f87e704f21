//! Scrapes without a pause, and keeps what each cgroup last had.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::scrape::Rising;
use plimsoll_tests::structure;

/// What is recorded of the cgroups below one.
pub(crate) struct Recorder<'a> {
    exporter: &'a Exporter,
    below: String,
    call: &'a str,
    seen: Mutex<Seen>,
    room: Mutex<Room>,
    made_room: Condvar,
}

#[derive(Default)]
struct Seen {
    rising: Rising,
    last: BTreeMap<String, f64>,
}

/// How many may still be made before slots could run out.
#[derive(Default)]
struct Room {
    left: usize,
    taken: usize,
    over: bool,
}

/// Slots that stay free, for what else comes and goes on this host.
const RESERVE: usize = 100;

impl<'a> Recorder<'a> {
    /// Records counts of one system call.
    pub(crate) fn new(exporter: &'a Exporter, parent: &str, call: &'a str) -> Self {
        let below = format!("{parent}/");
        let (seen, room, made_room) = Default::default();
        Self { exporter, below, call, seen, room, made_room }
    }

    /// Scrapes while `work` goes on, and once after it.
    pub(crate) fn record_while(&self, work: impl FnOnce() -> Result<()> + Send) -> Result<()> {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let result = work();
                over.store(true, Ordering::Release);
                result
            });
            let recorded = loop {
                let last = over.load(Ordering::Acquire);
                let result = self.scrape();
                if last || result.is_err() {
                    break result;
                }
            };
            // Nobody may wait for a scrape that will not come.
            self.room.lock().ok().context("a panic")?.over = true;
            self.made_room.notify_all();
            let worked = worker.join().ok().context("a panic")?;
            recorded.and(worked)
        })
    }

    /// Waits until a slot is free for one more.
    pub(crate) fn when_there_is_room(&self) -> Result<()> {
        let full = |room: &mut Room| room.left == 0 && !room.over;
        let room = self.room.lock().ok().context("a panic")?;
        let mut room = self.made_room.wait_while(room, full).ok().context("a panic")?;
        ensure!(!room.over, "no more scrapes");
        (room.left, room.taken) = (room.left - 1, room.taken + 1);
        Ok(())
    }

    /// Takes in a scrape.
    pub(crate) fn look(&self, text: &str) -> Result<()> {
        let faults = structure::faults(text, false);
        ensure!(faults.is_empty(), "{faults:#?}");
        let mut seen = self.seen.lock().ok().context("a panic")?;
        seen.rising.check(text)?;
        let rows = Scrape::parse(text).by_id("container_syscalls_total", &[("syscall", self.call)]);
        seen.last.extend(rows.into_iter().filter(|(id, _)| id.starts_with(&self.below)));
        Ok(())
    }

    /// The last count of a cgroup; `None` if it never was on a scrape.
    pub(crate) fn count(&self, id: &str) -> Option<f64> {
        self.seen.lock().ok()?.last.get(id).copied()
    }

    /// Cgroups that were on a scrape.
    pub(crate) fn rows(&self) -> usize {
        self.seen.lock().map_or(0, |seen| seen.last.len())
    }

    /// All their counts.
    pub(crate) fn sum(&self) -> f64 {
        self.seen.lock().map_or(0.0, |seen| seen.last.values().sum())
    }

    fn scrape(&self) -> Result<()> {
        self.room.lock().ok().context("a panic")?.taken = 0;
        let text = self.exporter.get("/metrics", &[])?;
        self.look(&text)?;
        let free = Scrape::parse(&text).sum("plimsoll_slots", &[("state", "free")]) as usize;
        let mut room = self.room.lock().ok().context("a panic")?;
        // Those begun since this scrape began may not be in it; nor those just before, at most one for each maker.
        room.left = free.saturating_sub(RESERVE + room.taken);
        self.made_room.notify_all();
        Ok(())
    }
}
