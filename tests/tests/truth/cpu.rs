//! Time on a CPU from the scheduler, against what the kernel charged to the container's cgroup.

use anyhow::Result;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::hierarchy::Hierarchies;
use plimsoll_tests::runc::{Config, Running};

use crate::{container, id, together};

/// Nanoseconds charged, and how much less than one unit of its file the number may be off.
fn charged_ns(container: &Running) -> Result<(u64, u64)> {
    let place = Hierarchies::find()?.place("cpuacct", &id(container))?;
    match place.v2 {
        true => Ok((place.field("cpu.stat", "usage_usec")? * 1000, 1000)),
        false => Ok((place.number("cpuacct.usage")?, 1)),
    }
}

/// A spinner, many short processes, threads, and a crew that sleeps and yields: all of it is charged, and counted.
#[test]
fn time_on_cpu_is_what_the_cgroup_is_charged() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let mut containers = (0..5).map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    together(&mut containers[3..4], &["crew 3"])?;
    let charged =
        |containers: &[Running]| -> Result<Vec<(u64, u64)>> { containers.iter().map(charged_ns).collect() };
    let (before, charged_before) = (exporter.scrape()?, charged(&containers)?);
    let commands = ["spin 1", "children 300 exit 0", "threads 300", "crew-work 200", "noop"];
    together(&mut containers, &commands)?;
    let (after, charged_after) = (exporter.scrape()?, charged(&containers)?);
    for (at, container) in containers.iter().enumerate() {
        let id = id(container);
        let seconds = after.moved(&before, "container_cpu_oncpu_seconds_total", &[("id", &id)]);
        let counted = (seconds * 1e9).round() as u64;
        let (truth, unit) = (charged_after[at].0 - charged_before[at].0, charged_after[at].1);
        assert!(truth > 0, "{}", commands[at]);
        assert!(counted.abs_diff(truth) < unit, "{}: counted {counted}, charged {truth}", commands[at]);
    }
    Ok(())
}
