//! Requests to a loop device, against what the workers did and what `/proc/diskstats` counted.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::loopback::{Loop, Small};
use plimsoll_tests::runc::{Config, Running};
use plimsoll_tests::undisturbed::undisturbed;

use crate::{container, counts, id, moved, together};

const OPERATIONS: &str = "container_block_io_operations_total";
const BYTES: &str = "container_block_io_bytes_total";
const ERRORS: &str = "container_block_io_errors_total";
const DURATION: &str = "container_block_io_duration_seconds";
const MIB: u64 = 1 << 20;

fn using(device: &Loop) -> Result<Config> {
    Ok(Config::default().block_device(device.path(), device.number()?))
}

/// What moved in a family of a row, by operation on one device.
fn of(
    between: (&Scrape, &Scrape),
    family: &str,
    container: &Running,
    device: &Loop,
) -> BTreeMap<String, u64> {
    let all = moved(between, family, &id(container), &["device", "operation"]);
    let on = format!("{} ", device.path());
    all.into_iter().filter_map(|(key, count)| Some((key.strip_prefix(&on)?.to_owned(), count))).collect()
}

/// All that moved on a device, whoever's, and what was lost: for the text of an assertion.
fn told((before, after): (&Scrape, &Scrape), device: &str) -> String {
    let all: Vec<String> = after
        .all(OPERATIONS, &[("device", device)])
        .map(|sample| {
            let same: Vec<(&str, &str)> =
                sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let (id, operation) = (&sample.labels["id"], &sample.labels["operation"]);
            format!("{id} {operation} {}", sample.value - before.sum(OPERATIONS, &same))
        })
        .collect();
    format!("{device}: {all:?}; lost {:?}", after.losses())
}

/// Sum, count and buckets of a row's histogram agree: each request is in a bucket that its share of the sum can be in.
fn assert_consistent(scrape: &Scrape, container: &Running, device: &Loop, operation: &str) {
    let id = id(container);
    let labels = [("id", id.as_str()), ("device", device.path()), ("operation", operation)];
    let (mut below, mut least, mut most) = (0.0, 0.0, 0.0);
    let mut lower = 0.0;
    for sample in scrape.all(&format!("{DURATION}_bucket"), &labels) {
        let upper: f64 = sample.labels["le"].parse().expect("a bound");
        let here = sample.value - below;
        (least, most) = (least + here * lower, if here > 0.0 { most + here * upper } else { most });
        (below, lower) = (sample.value, upper);
    }
    let sum = scrape.sum(&format!("{DURATION}_sum"), &labels);
    assert!(least <= sum && sum <= most, "{operation}: {least} <= {sum} <= {most}");
    assert_eq!(below, scrape.sum(&format!("{DURATION}_count"), &labels));
}

#[test]
fn requests_and_bytes_are_exact_and_a_neighbour_does_not_move() -> Result<()> {
    undisturbed(requests_and_bytes)
}

fn requests_and_bytes() -> Result<()> {
    let device = Loop::new(4 * MIB, None)?;
    let path = device.path();
    let exporter = Exporter::start(&[])?;
    let mut containers =
        [container(&using(&device)?)?, container(&using(&device)?)?, container(&using(&device)?)?];
    let neighbour = container(&using(&device)?)?;
    let (before, stats_before) = (exporter.scrape()?, device.stats()?);
    together(
        &mut containers,
        &[
            &format!("disk {path} write 300 4096 0"),
            &format!("disk {path} read 50 16384 0"),
            &format!("disk {path} write 20 512 2097152"),
        ],
    )?;
    containers[0].run(&format!("disk {path} flush 7 0 0"))?;
    containers[1].run(&format!("disk {path} discard 11 65536 2097152"))?;
    let (after, stats_after) = (exporter.scrape()?, device.stats()?);

    let of = |family: &str, at: usize| of((&before, &after), family, &containers[at], &device);
    for family in [OPERATIONS, &format!("{DURATION}_count")] {
        let told = || told((&before, &after), path);
        assert_eq!(of(family, 0), counts([("write", 300), ("flush", 7)]), "{family}: {}", told());
        assert_eq!(of(family, 1), counts([("read", 50), ("discard", 11)]), "{family}");
        assert_eq!(of(family, 2), counts([("write", 20)]), "{family}");
    }
    assert_eq!(of(BYTES, 0), counts([("write", 300 * 4096)]));
    assert_eq!(of(BYTES, 1), counts([("read", 50 * 16_384), ("discard", 11 * 65_536)]));
    assert_eq!(of(BYTES, 2), counts([("write", 20 * 512)]));
    for at in 0..3 {
        assert_eq!(of(ERRORS, at), counts([]));
    }
    let stats = stats_after.since(&stats_before);
    // To its statistics the request that waits for a flush is an empty write, and the flush itself counts, too.
    assert_eq!(stats.requests, [50, 300 + 20 + 7, 11, 7]);
    assert_eq!(stats.bytes, [50 * 16_384, 300 * 4096 + 20 * 512, 11 * 65_536]);
    for (at, operation) in [(0, "write"), (0, "flush"), (1, "read"), (1, "discard"), (2, "write")] {
        assert_consistent(&after, &containers[at], &device, operation);
    }
    assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

#[test]
fn a_request_that_fails_counts_and_moves_no_bytes() -> Result<()> {
    undisturbed(a_request_that_fails)
}

fn a_request_that_fails() -> Result<()> {
    // Sixteen pages of room for a device that promises more.
    let small = Small::new(16 * 4096)?;
    let device = Loop::new(MIB, Some(small.path()))?;
    let path = device.path();
    let exporter = Exporter::start(&[])?;
    let mut containers = [container(&using(&device)?)?, container(&using(&device)?)?];
    let before = exporter.scrape()?;
    containers[0].run(&format!("disk {path} write 16 4096 0"))?;
    containers[0].run(&format!("disk-failing {path} write 9 4096 65536"))?;
    containers[1].run(&format!("disk-failing {path} write 5 4096 131072"))?;
    let after = exporter.scrape()?;
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    let of = |family: &str, at: usize| of((&before, &after), family, &containers[at], &device);
    assert_eq!(of(OPERATIONS, 0), counts([("write", 25)]), "{}", told((&before, &after), path));
    assert_eq!(of(BYTES, 0), counts([("write", 16 * 4096)]));
    assert_eq!(of(ERRORS, 0), counts([("write", 9)]));
    assert_eq!(of(OPERATIONS, 1), counts([("write", 5)]), "{}", told((&before, &after), path));
    assert_eq!(of(ERRORS, 1), counts([("write", 5)]));
    assert_eq!(of(BYTES, 1), counts([]));
    Ok(())
}

/// Where v1 has the controller, a cgroup there is joined to the v2 one by path: those there before the exporter, and those
/// after it, also under a name that was used before.
#[test]
fn cgroups_from_before_and_reused_names_are_known() -> Result<()> {
    undisturbed(cgroups_from_before)
}

fn cgroups_from_before() -> Result<()> {
    let device = Loop::new(MIB, None)?;
    let command = format!("disk {} write 10 4096 0", device.path());
    let mut old = container(&using(&device)?)?;
    let exporter = Exporter::start(&[])?;
    old.run(&command)?;
    let name = format!("plimsoll-test-again-{}", std::process::id());
    let again = || -> Result<Running> { container(&using(&device)?.id(&name)) };
    let mut first = again()?;
    first.run(&command)?;
    let path = id(&first);
    first.finish()?;
    let mut second = again()?;
    second.run(&command)?;
    let after = exporter.scrape()?;
    let written =
        |id: &str| after.value(BYTES, &[("id", id), ("device", device.path()), ("operation", "write")]);
    assert_eq!(written(&id(&old)), Some(40_960.0));
    // The same path again is the same row: it counts on.
    assert_eq!(written(&path), Some(81_920.0));
    Ok(())
}

/// A row holds 64 pairs of device and operation; the totals stay exact.
#[test]
fn devices_beyond_the_bound_are_others() -> Result<()> {
    undisturbed(devices_beyond_the_bound)
}

fn devices_beyond_the_bound() -> Result<()> {
    const DEVICES: usize = 34;
    // In memory, so that nothing but these devices has requests.
    let small = Small::new(16 * MIB)?;
    let devices = (0..DEVICES).map(|_| Loop::new(MIB, Some(small.path()))).collect::<Result<Vec<_>>>()?;
    let config = devices.iter().try_fold(Config::default(), |config, device| -> Result<Config> {
        Ok(config.block_device(device.path(), device.number()?))
    })?;
    let exporter = Exporter::start(&[])?;
    let mut container = container(&config)?;
    let before = exporter.scrape()?;
    for device in &devices {
        container.run(&format!("disk {} write 3 4096 0", device.path()))?;
        container.run(&format!("disk {} read 2 4096 0", device.path()))?;
    }
    let after = exporter.scrape()?;
    let between = (&before, &after);
    for (family, unit) in [(OPERATIONS, 1), (&*format!("{DURATION}_count"), 1), (BYTES, 4096)] {
        let (mut named, mut sums) = (0, [0, 0]);
        for (key, count) in moved(between, family, &id(&container), &["device", "operation"]) {
            let (device, operation) = key.split_once(' ').expect("two labels");
            if device.starts_with("/dev/loop") {
                named += 1;
                let expected = if operation == "write" { 3 * unit } else { 2 * unit };
                assert_eq!(count, expected, "{family} {key}: {}", told(between, device));
            } else if device != "other" {
                continue;
            }
            sums[usize::from(operation == "write")] += count;
        }
        // The container's own file system may have taken a pair or two.
        assert!((60..=64).contains(&named), "{named} {family}");
        assert_eq!(sums, [2 * unit * DEVICES as u64, 3 * unit * DEVICES as u64], "{family}");
    }
    let folded = after.losses()["block_io_folded"] - before.losses().get("block_io_folded").unwrap_or(&0.0);
    let others = moved(between, OPERATIONS, &id(&container), &["device", "operation"]);
    let others: u64 =
        others.iter().filter(|(key, _)| key.starts_with("other ")).map(|(_, count)| count).sum();
    assert!(others > 0);
    assert_eq!(folded as u64, others);
    Ok(())
}
