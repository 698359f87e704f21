//! What `/proc/stat` says beside the time of CPUs.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "stat",
    summary: "interrupts, context switches, forks and the time of boot",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/proc/stat", bound: "1" };

/// With the word that their line begins with.
const WORDS: [&str; 6] = ["intr", "ctxt", "processes", "btime", "procs_running", "procs_blocked"];
static FAMILIES: [Family; 6] = [
    OF.counter("node_intr_total", "Total number of interrupts serviced.", "interrupts"),
    OF.counter("node_context_switches_total", "Total number of context switches.", "switches"),
    OF.counter("node_forks_total", "Total number of forks.", "forks"),
    OF.gauge("node_boot_time_seconds", "Node boot time, in unixtime.", "seconds"),
    OF.gauge("node_procs_running", "Number of processes in runnable state.", "processes"),
    OF.gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.", "processes"),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.proc("stat")?;
    for (family, word) in FAMILIES.iter().zip(WORDS) {
        // Not procfs' KernelStats: it has no interrupts.
        let line = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
        let value = line.and_then(|line| line.split(' ').next()).map(str::parse::<u64>);
        page.one(family, value.transpose().map_err(|_| NodeError::parse("/proc/stat", word))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn each_from_its_line() {
        let stat = "cpu0 1 2 3 4\nintr 8885917 17 0 0\nctxt 38014093\nbtime 1418183276\nprocesses 26442\n\
                    procs_running 2\nprocs_blocked 1\nsoftirq 5057579 250191\n";
        assert_eq!(
            samples(&COLLECTOR, &[("proc/stat", stat)]),
            [
                "node_intr_total 8885917",
                "node_context_switches_total 38014093",
                "node_forks_total 26442",
                "node_boot_time_seconds 1418183276",
                "node_procs_running 2",
                "node_procs_blocked 1",
            ]
        );
    }
}
