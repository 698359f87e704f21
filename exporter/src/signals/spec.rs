//! What a cgroup may use, with cAdvisor's conventions: no quota is absent, no memory limit is 0.

use super::per_row::{Read, encode_all, gauge};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "spec",
    summary: "limits of CPU and memory",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 6] = [
    gauge(
        "container_spec_cpu_period",
        "The period of the CPU quota, in microseconds.",
        "microseconds",
        "v2 cpu.max; v1 cpu.cfs_period_us; a change shows after at most five minutes, like that of any limit here",
    ),
    gauge(
        "container_spec_cpu_quota",
        "CPU time allowed in a period, in microseconds; absent if unlimited.",
        "microseconds",
        "v2 cpu.max; v1 cpu.cfs_quota_us",
    ),
    gauge(
        "container_spec_cpu_shares",
        "The share of CPU time when it is short; 1024 is the default.",
        "shares",
        "v2 cpu.weight, as 2 + (weight - 1) * 262142 / 9999; v1 cpu.shares",
    ),
    gauge(
        "container_spec_memory_limit_bytes",
        "The memory limit; 0 if unlimited, the machine's memory for the root cgroup.",
        "bytes",
        "v2 memory.max; v1 memory.limit_in_bytes",
    ),
    gauge(
        "container_spec_memory_swap_limit_bytes",
        "The limit of swap (v2), or of memory and swap together (v1); 0 if unlimited.",
        "bytes",
        "v2 memory.swap.max; v1 memory.memsw.limit_in_bytes",
    ),
    gauge(
        "container_spec_memory_reservation_limit_bytes",
        "Memory that is protected (v2), or the soft limit (v1); 0 if none.",
        "bytes",
        "v2 memory.min; v1 memory.soft_limit_in_bytes",
    ),
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [Read; 6] = [
        |s| s.limits.cpu_period_us.map(Value::Int),
        |s| s.limits.cpu_quota_us.map(Value::Int),
        |s| s.limits.cpu_shares.map(Value::Int),
        |s| s.limits.memory.map(Value::Int),
        |s| s.limits.memory_swap.map(Value::Int),
        |s| s.limits.memory_reservation.map(Value::Int),
    ];
    encode_all(encoder, rows, &FAMILIES, &READS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostStats, LimitStats};
    use crate::signals::per_row::lines;

    #[test]
    fn limited() {
        let limits = LimitStats {
            cpu_quota_us: Some(50_000),
            cpu_period_us: Some(100_000),
            cpu_shares: Some(512),
            memory: Some(1 << 20),
            memory_reservation: Some(4096),
            memory_swap: Some(1 << 21),
            threads: Some(9),
            threads_effective: Some(8),
        };
        assert_eq!(
            lines(&SIGNAL, &HostStats { limits, ..HostStats::default() }),
            [
                r#"container_spec_cpu_period{id="/a"} 100000"#,
                r#"container_spec_cpu_quota{id="/a"} 50000"#,
                r#"container_spec_cpu_shares{id="/a"} 512"#,
                r#"container_spec_memory_limit_bytes{id="/a"} 1048576"#,
                r#"container_spec_memory_swap_limit_bytes{id="/a"} 2097152"#,
                r#"container_spec_memory_reservation_limit_bytes{id="/a"} 4096"#,
            ]
        );
    }

    #[test]
    fn unlimited() {
        let limits = LimitStats { cpu_period_us: Some(100_000), memory: Some(0), ..LimitStats::default() };
        assert_eq!(
            lines(&SIGNAL, &HostStats { limits, ..HostStats::default() }),
            [
                r#"container_spec_cpu_period{id="/a"} 100000"#,
                r#"container_spec_memory_limit_bytes{id="/a"} 0"#,
            ]
        );
    }
}
