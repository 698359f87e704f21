//! Time the host's tasks lost waiting for CPU, memory and disk I/O.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "pressure",
    summary: "time the host lost waiting for CPU, memory and disk I/O",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/proc/pressure (4.20)", bound: "1" };
const IRQ: Of = Of { source: "/proc/pressure/irq (6.1)", ..OF };

static FAMILIES: [Family; 6] = [
    OF.counter(
        "node_pressure_cpu_waiting_seconds_total",
        "Total time in seconds that processes have waited for CPU time.",
        "seconds",
    ),
    OF.counter(
        "node_pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion.",
        "seconds",
    ),
    OF.counter(
        "node_pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion.",
        "seconds",
    ),
    OF.counter(
        "node_pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory.",
        "seconds",
    ),
    OF.counter(
        "node_pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion.",
        "seconds",
    ),
    IRQ.counter(
        "node_pressure_irq_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IRQ congestion.",
        "seconds",
    ),
];

/// The file and line of each family.
const LINES: [(&str, &str); 6] = [
    ("pressure/cpu", "some "),
    ("pressure/io", "some "),
    ("pressure/io", "full "),
    ("pressure/memory", "some "),
    ("pressure/memory", "full "),
    ("pressure/irq", "full "),
];

/// The total of a line, in microseconds.
fn total(text: &str, line: &str) -> Option<u64> {
    // Not procfs' records: they want both lines, and CPUs have one before 5.13.
    text.lines().find(|text| text.starts_with(line))?.rsplit_once(" total=")?.1.parse().ok()
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    for (family, (file, line)) in FAMILIES.iter().zip(LINES) {
        let text = match host.proc(file) {
            Ok(text) => text,
            Err(_) if file == "pressure/irq" => continue,
            // Where PSI is off by default the files are there, and cannot be read.
            Err(error) => return Err(error),
        };
        page.one(family, total(&text, line).map(Value::Micros));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, samples};
    use super::*;

    #[test]
    fn waiting_and_stalled() {
        let line = |word, total| format!("{word} avg10=0.00 avg60=1.00 avg300=0.00 total={total}\n");
        let both = |some, full| line("some", some) + &line("full", full);
        let files = [
            ("proc/pressure/cpu", &*line("some", 14_036_781)),
            ("proc/pressure/io", &both(2, 1)),
            ("proc/pressure/memory", &both(0, 0)),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                "node_pressure_cpu_waiting_seconds_total 14.036781",
                "node_pressure_io_waiting_seconds_total 0.000002",
                "node_pressure_io_stalled_seconds_total 0.000001",
                "node_pressure_memory_waiting_seconds_total 0",
                "node_pressure_memory_stalled_seconds_total 0",
            ]
        );
        let (text, result) = Fixture::new(&[]).text(&COLLECTOR);
        assert!(text.is_empty() && matches!(result, Err(NodeError::Nothing(_))));
    }
}
