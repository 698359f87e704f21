//! Pressure stall information of the cgroup.

use super::per_row::{Read, counter, encode_all};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "pressure",
    summary: "time lost waiting for CPU, memory and disk I/O",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 6] = [
    counter(
        "container_pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a CPU.",
        "seconds",
        "v2 cpu.pressure some total; absent where PSI is off",
    ),
    counter(
        "container_pressure_cpu_stalled_seconds_total",
        "Time in which no task could run for want of a CPU.",
        "seconds",
        "v2 cpu.pressure full total (5.13)",
    ),
    counter(
        "container_pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory.",
        "seconds",
        "v2 memory.pressure some total",
    ),
    counter(
        "container_pressure_memory_stalled_seconds_total",
        "Time in which no task could run for want of memory.",
        "seconds",
        "v2 memory.pressure full total",
    ),
    counter(
        "container_pressure_io_waiting_seconds_total",
        "Time in which some task waited for disk I/O.",
        "seconds",
        "v2 io.pressure some total",
    ),
    counter(
        "container_pressure_io_stalled_seconds_total",
        "Time in which no task could run because of disk I/O.",
        "seconds",
        "v2 io.pressure full total",
    ),
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [Read; 6] = [
        |s| s.pressure.cpu?.some_us.map(Value::Micros),
        |s| s.pressure.cpu?.full_us.map(Value::Micros),
        |s| s.pressure.memory?.some_us.map(Value::Micros),
        |s| s.pressure.memory?.full_us.map(Value::Micros),
        |s| s.pressure.io?.some_us.map(Value::Micros),
        |s| s.pressure.io?.full_us.map(Value::Micros),
    ];
    encode_all(encoder, rows, &FAMILIES, &READS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostStats, Pressure, PressureStats};
    use crate::signals::per_row::lines;

    #[test]
    fn totals_in_seconds() {
        let pressure = PressureStats {
            cpu: Some(Pressure { some_us: Some(1_500_000), full_us: None }),
            memory: Some(Pressure { some_us: Some(2), full_us: Some(1) }),
            io: None,
        };
        assert_eq!(
            lines(&SIGNAL, &HostStats { pressure, ..HostStats::default() }),
            [
                r#"container_pressure_cpu_waiting_seconds_total{id="/a"} 1.5"#,
                r#"container_pressure_memory_waiting_seconds_total{id="/a"} 0.000002"#,
                r#"container_pressure_memory_stalled_seconds_total{id="/a"} 0.000001"#,
            ]
        );
    }
}
