//! Requests to the disk and stalls for want of memory, in pure cgroup v2.

use anyhow::{Context as _, Result};
use plimsoll_tests::scrape::Scrape;

use crate::checks::Checks;
use crate::run::{D1, D2, GREEDY, PLAIN, Run, TIGHT};
use crate::truth::Between;

const DISK: (&str, &str) = ("device", "/dev/nvme0n1");
const OPERATIONS: &str = "container_block_io_operations_total";
const BYTES: &str = "container_block_io_bytes_total";
const STALLS: &str = "container_memory_direct_reclaim_seconds";

/// Each operation, for whoever asked for it.
pub(crate) fn requests(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("requests and bytes of the disk");
    let between = Between::of(run, "disk.before", "disk.after")?;
    let sub = format!("{PLAIN}/sub");
    let done = [
        (D1, "write", 40, 40 * 4096),
        (D1, "flush", 5, 0),
        (D2, "read", 30, 30 * 8192),
        (D2, "discard", 3, 3 * 65_536),
        // The one below has no controller of its own: the nearest that has one is charged.
        (PLAIN, "read", 6, 6 * 4096),
        (&sub, "read", 0, 0),
        (D1, "read", 0, 0),
        (D2, "write", 0, 0),
    ];
    for (id, operation, requests, bytes) in done {
        let moved = |name: &str| between.moved(name, id, &[DISK, ("operation", operation)]);
        checks.equal(format!("{operation} by {id}"), moved(OPERATIONS), f64::from(requests));
        let timed = moved("container_block_io_duration_seconds_count");
        checks.equal(format!("{operation} by {id}, timed"), timed, f64::from(requests));
        checks.equal(format!("bytes, {operation} by {id}"), moved(BYTES), f64::from(bytes));
        checks.equal("errors", moved("container_block_io_errors_total"), 0.0);
    }
    // The kernel's own account by cgroup: bytes read, written and discarded.
    for (name, bytes) in [("d1", [0, 40 * 4096, 0]), ("d2", [30 * 8192, 0, 3 * 65_536])] {
        let stat = run.text(&format!("disk.after.{name}.io"))?;
        let got = ["rbytes=", "wbytes=", "dbytes="].map(|key| sum(stat, key));
        checks.equal(format!("io.stat of {name}"), got, bytes);
    }
    checks.equal("nobody's", after_of(&between.after, "unattributed"), 0.0);
    Ok(())
}

/// Of all devices: a disk behind several paths shows as more than one.
fn sum(stat: &str, key: &str) -> u64 {
    stat.split_whitespace().filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok()).sum()
}

fn after_of(scrape: &Scrape, id: &str) -> f64 {
    scrape.sum(OPERATIONS, &[("id", id), DISK])
}

/// `sync` ran elsewhere.
pub(crate) fn written_back(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("what another writes back");
    let between = Between::of(run, "disk.after", "disk.synced")?;
    let write = [DISK, ("operation", "write")];
    checks.equal("bytes of who wrote", between.moved(BYTES, D1, &write), 64.0 * 4096.0);
    for id in [D2, PLAIN, "/", "unattributed"] {
        checks.equal(format!("bytes of {id}"), between.moved(BYTES, id, &write), 0.0);
    }
    // All that it did, by the kernel's own account.
    checks.equal("io.stat", sum(run.text("disk.synced.io")?, "wbytes="), 425_984);
    let all = between.after.sum(BYTES, &[("id", D1), write[0], write[1]]);
    checks.equal("all of it", all, 425_984.0);
    Ok(())
}

/// More short lives than slots: each has its own requests and no other's.
pub(crate) fn many(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("requests of 120 short lives in 96 slots");
    let scrape = run.scrape("disk.many")?;
    for n in 9001..=9120 {
        let id = format!("/docker/{n:064}");
        let of = |name, operation| scrape.value(name, &[("id", &id), DISK, ("operation", operation)]);
        let (reads, writes) = (f64::from(1 + n % 3), f64::from(n % 2));
        checks.equal(&id, of(OPERATIONS, "read"), Some(reads));
        checks.equal(&id, of(BYTES, "read"), Some(reads * 4096.0));
        checks.equal(&id, of(OPERATIONS, "write"), (writes > 0.0).then_some(writes));
        // Nobody could read its files in time; what the scheduler says of it is there.
        let oncpu = scrape.value("container_cpu_oncpu_seconds_total", &[("id", &id)]);
        checks.holds(format!("time on CPU of {id}: {oncpu:?}"), oncpu > Some(0.0));
    }
    checks.equal("nobody's", after_of(&scrape, "unattributed"), 0.0);
    Ok(())
}

/// One that reads more than it may hold, and one that takes all there is.
pub(crate) fn reclaim(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("stalls for want of memory");
    let between = Between::of(run, "stalls.before", "stalls.after")?;
    let of = |scrape: &Scrape, id: &str, scope: &str| {
        scrape.value(&format!("{STALLS}_count"), &[("id", id), ("scope", scope)])
    };
    // Each time a task is about to pass memory.max, it frees memory, as the kernel's own tracing saw it do.
    let traced: f64 = run.text("tight.traced")?.trim().parse()?;
    let stalls = of(&between.before, TIGHT, "cgroup").unwrap_or(0.0);
    // Exact but for what the exporter itself says it missed: nothing, up to 6.18.
    let missed = between.before.missed("reclaim");
    let exact = stalls <= traced && stalls + missed >= traced;
    checks.holds(format!("stalls at memory.max: {stalls} of {traced}, {missed} missed"), exact);
    // What may neither wait nor fail passes the limit without a stall, and is a `max` as well.
    let max = run.number("tight.events", "max").context("no max")? as f64;
    checks.holds(format!("{traced} of {max} in memory.events"), 10.0 < traced && traced <= max);
    checks.equal("not the machine's", of(&between.before, TIGHT, "global"), None);
    checks.equal("not of others", of(&between.after, D2, "cgroup"), None);
    let global = of(&between.after, GREEDY, "global");
    checks.holds(format!("the machine was short of memory: {global:?}"), global > Some(0.0));
    let sum = between.after.value(&format!("{STALLS}_sum"), &[("id", GREEDY), ("scope", "global")]);
    checks.holds("and that took time", sum > Some(0.0));
    // The kernel counts a stall once more if it goes over all again.
    let stalls = |when: &str| -> Result<f64> {
        let counts = run.text(when)?.lines().filter_map(|line| line.split_once(' ')?.1.parse::<f64>().ok());
        Ok(counts.sum())
    };
    let witness = stalls("stalls.after")? - stalls("stalls.before")?;
    let all = |scrape: &Scrape| scrape.sum(&format!("{STALLS}_count"), &[("scope", "global")]);
    let counted = all(&between.after) - all(&between.before);
    checks.holds(
        format!("{counted} of at most {witness} in /proc/vmstat"),
        0.0 < counted && counted <= witness,
    );
    Ok(())
}
