//! What the exporter says equals what really happened, in real containers, several at once.
//!
//! Scrapes are made while the workers sleep in `read`, so nothing moves under them; a command in a worker's script costs
//! one `read` and one `write` beside what it does, and those are counted too.

#[path = "truth/block_io.rs"]
mod block_io;
#[path = "truth/cgroups.rs"]
mod cgroups;
#[path = "truth/connections.rs"]
mod connections;
#[path = "truth/cpu.rs"]
mod cpu;
#[path = "truth/dns.rs"]
mod dns;
#[path = "truth/drops.rs"]
mod drops;
#[path = "truth/faults.rs"]
mod faults;
#[path = "truth/files.rs"]
mod files;
#[path = "truth/listen.rs"]
mod listen;
#[path = "truth/nat.rs"]
mod nat;
#[path = "truth/oom.rs"]
mod oom;
#[path = "truth/process.rs"]
mod process;
#[path = "truth/sched.rs"]
mod sched;
#[path = "truth/slow.rs"]
mod slow;
#[path = "truth/syscall_latency.rs"]
mod syscall_latency;
#[path = "truth/syscalls.rs"]
mod syscalls;
#[path = "truth/tasks.rs"]
mod tasks;
#[path = "truth/tcp.rs"]
mod tcp;
#[path = "truth/udp.rs"]
mod udp;
#[path = "truth/unix.rs"]
mod unix;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anyhow::Result;
use plimsoll_tests::exporter::Scrape;
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::undisturbed::undisturbed;

/// A storm of connections has programs run all the time on all CPUs, and what an interrupt brings while one runs, such as the end of
/// an attempt that nobody answers, the kernel does not run it for: it says how often, but nobody else's numbers are exact.
static STORM: RwLock<()> = RwLock::new(());

/// A measurement of what interrupts bring: no storm meanwhile, and again if the kernel hid some of it.
fn calmly(measure: impl Fn() -> Result<()>) -> Result<()> {
    let _calm: RwLockReadGuard<'static, ()> = STORM.read().unwrap_or_else(PoisonError::into_inner);
    undisturbed(measure)
}

/// Nobody else counts connections while this is held.
fn storm() -> RwLockWriteGuard<'static, ()> {
    STORM.write().unwrap_or_else(PoisonError::into_inner)
}

/// A container whose worker sleeps in `read`.
fn container(config: &Config) -> Result<Running> {
    let mut running = Container::new(config)?.start()?;
    running.run("noop")?;
    Ok(running)
}

/// Containers that do a thing each, all at the same time: begins all, and waits until each is done and sleeps.
fn together(containers: &mut [Running], commands: &[&str]) -> Result<Vec<String>> {
    for (container, command) in containers.iter_mut().zip(commands) {
        container.script().begin(command)?;
    }
    containers.iter_mut().map(Running::finished).collect()
}

fn id(container: &Running) -> String {
    container.container().cgroups_path().to_owned()
}

/// What moved in one family of a row, by the values of these labels, joined by a space.
fn moved(
    (before, after): (&Scrape, &Scrape),
    family: &str,
    id: &str,
    labels: &[&str],
) -> BTreeMap<String, u64> {
    let mut moved = BTreeMap::new();
    for sample in after.all(family, &[("id", id)]) {
        let mut same: Vec<(&str, &str)> = vec![("id", id)];
        same.extend(labels.iter().map(|label| (*label, sample.labels[*label].as_str())));
        let by = after.sum(family, &same) - before.sum(family, &same);
        if by != 0.0 {
            let values: Vec<&str> =
                same[1..].iter().map(|(_, value)| *value).filter(|v| !v.is_empty()).collect();
            moved.insert(values.join(" "), by as u64);
        }
    }
    moved
}

/// The form in which `moved` answers.
fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}
