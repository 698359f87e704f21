//! CPU time and CFS throttling, from the cgroup.

use super::per_row::{Read, counter, encode_all, encode_family};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "cpu",
    summary: "CPU time used, and throttling where a quota is set",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

const USAGE: Family = Family {
    labels: &["cpu"],
    ..counter(
        "container_cpu_usage_seconds_total",
        "CPU time used, in user mode and in the kernel, by all tasks and on all CPUs.",
        "seconds",
        "v2 cpu.stat usage_usec (also without the controller); v1 cpuacct.usage",
    )
};

static FAMILIES: [Family; 8] = [
    USAGE,
    counter(
        "container_cpu_user_seconds_total",
        "CPU time used in user mode.",
        "seconds",
        "v2 cpu.stat user_usec; v1 cpuacct.stat user, in ticks",
    ),
    counter(
        "container_cpu_system_seconds_total",
        "CPU time used in the kernel.",
        "seconds",
        "v2 cpu.stat system_usec; v1 cpuacct.stat system, in ticks",
    ),
    counter(
        "container_cpu_cfs_periods_total",
        "Enforcement periods of the CPU quota that have passed.",
        "periods",
        "cpu.stat nr_periods; absent without a quota",
    ),
    counter(
        "container_cpu_cfs_throttled_periods_total",
        "Enforcement periods in which the quota was used up.",
        "periods",
        "cpu.stat nr_throttled; absent without a quota",
    ),
    counter(
        "container_cpu_cfs_throttled_seconds_total",
        "Time for which tasks were held back because the quota was used up.",
        "seconds",
        "v2 cpu.stat throttled_usec; v1 cpu.stat throttled_time; absent without a quota",
    ),
    counter(
        "container_cpu_cfs_burst_periods_total",
        "Enforcement periods in which more than the quota was used, by burst.",
        "periods",
        "cpu.stat nr_bursts (5.15); absent without a quota",
    ),
    counter(
        "container_cpu_cfs_burst_seconds_total",
        "CPU time used above the quota, by burst.",
        "seconds",
        "v2 cpu.stat burst_usec; v1 cpu.stat burst_time (5.15); absent without a quota",
    ),
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let [usage, rest @ ..] = &FAMILIES;
    encode_family(encoder, rows, usage, &[("cpu", "total")], |s| s.cpu.usage_ns.map(Value::Nanos));
    const READS: [Read; 7] = [
        |s| s.cpu.user_ns.map(Value::Nanos),
        |s| s.cpu.system_ns.map(Value::Nanos),
        |s| s.cpu.periods.map(Value::Int),
        |s| s.cpu.throttled_periods.map(Value::Int),
        |s| s.cpu.throttled_ns.map(Value::Nanos),
        |s| s.cpu.burst_periods.map(Value::Int),
        |s| s.cpu.burst_ns.map(Value::Nanos),
    ];
    encode_all(encoder, rows, rest, &READS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{CpuStats, HostStats};
    use crate::signals::per_row::lines;

    #[test]
    fn with_a_quota() {
        let cpu = CpuStats {
            usage_ns: Some(1_500_000_001),
            user_ns: Some(1_000_000_000),
            system_ns: Some(500_000_000),
            periods: Some(10),
            throttled_periods: Some(4),
            throttled_ns: Some(250_000_000),
            burst_periods: Some(2),
            burst_ns: Some(3_000),
        };
        assert_eq!(
            lines(&SIGNAL, &HostStats { cpu, ..HostStats::default() }),
            [
                r#"container_cpu_usage_seconds_total{id="/a",cpu="total"} 1.500000001"#,
                r#"container_cpu_user_seconds_total{id="/a"} 1"#,
                r#"container_cpu_system_seconds_total{id="/a"} 0.5"#,
                r#"container_cpu_cfs_periods_total{id="/a"} 10"#,
                r#"container_cpu_cfs_throttled_periods_total{id="/a"} 4"#,
                r#"container_cpu_cfs_throttled_seconds_total{id="/a"} 0.25"#,
                r#"container_cpu_cfs_burst_periods_total{id="/a"} 2"#,
                r#"container_cpu_cfs_burst_seconds_total{id="/a"} 0.000003"#,
            ]
        );
    }

    #[test]
    fn what_is_unknown_is_absent() {
        assert_eq!(lines(&SIGNAL, &HostStats::default()), [""; 0]);
    }
}
