//! Memory, from the cgroup.

use super::per_row::{Read, counter, encode_all, gauge};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};
use crate::host::MemoryStats;
use crate::host::parse::MemoryEvents;

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "memory",
    summary: "memory used, by kind, and page faults",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

const FAILURES: Family = Family {
    labels: &["failure_type", "scope"],
    bound: "4",
    ..counter(
        "container_memory_failures_total",
        "Page faults, minor and major (pgfault) or major alone (pgmajfault).",
        "faults",
        "memory.stat; scope container is without descendants in v1, with them in v2, as hierarchy always is",
    )
};

static FAMILIES: [Family; 14] = [
    gauge(
        "container_memory_usage_bytes",
        "Memory charged, page cache and kernel memory included.",
        "bytes",
        "v2 memory.current (root: anon + file); v1 memory.usage_in_bytes",
    ),
    gauge(
        "container_memory_working_set_bytes",
        "Usage less inactive page cache: what cannot be given back easily.",
        "bytes",
        "usage - memory.stat inactive_file (v1 total_inactive_file), never below 0",
    ),
    gauge(
        "container_memory_rss",
        "Anonymous memory, swap not included.",
        "bytes",
        "memory.stat anon (v1 total_rss)",
    ),
    gauge("container_memory_cache", "Page cache.", "bytes", "memory.stat file (v1 total_cache)"),
    gauge(
        "container_memory_swap",
        "Swap used.",
        "bytes",
        "v2 memory.swap.current; v1 memory.stat total_swap",
    ),
    gauge(
        "container_memory_mapped_file",
        "Page cache that is mapped into a process.",
        "bytes",
        "memory.stat file_mapped (v1 total_mapped_file)",
    ),
    gauge(
        "container_memory_max_usage_bytes",
        "The highest usage there has been.",
        "bytes",
        "v2 memory.peak (5.19); v1 memory.max_usage_in_bytes",
    ),
    counter(
        "container_memory_failcnt",
        "How often usage hit the limit.",
        "events",
        "v1 memory.failcnt; absent in v2, see container_memory_events_max_total",
    ),
    FAILURES,
    counter(
        "container_memory_events_high_total",
        "How often tasks were held back because usage was above memory.high.",
        "events",
        "v2 memory.events high",
    ),
    counter(
        "container_memory_events_max_total",
        "How often usage was about to pass memory.max.",
        "events",
        "v2 memory.events max",
    ),
    counter(
        "container_memory_swapped_in_bytes_total",
        "Bytes read back from swap.",
        "bytes",
        "v2 memory.stat pswpin (6.13), in pages",
    ),
    counter(
        "container_memory_swapped_out_bytes_total",
        "Bytes written to swap.",
        "bytes",
        "v2 memory.stat pswpout (6.13), in pages",
    ),
    Family {
        labels: &["event"],
        bound: "6",
        ..counter(
            "container_memory_events_total",
            "What the memory controller had to do: reclaim below memory.low, throttle at memory.high, reclaim at \
             memory.max, find nothing to reclaim there (oom), kill for it.",
            "events",
            "v2 memory.events; oom_group_kill since 5.17",
        )
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [Read; 8] = [
        |s| s.memory.usage.map(Value::Int),
        |s| s.memory.working_set.map(Value::Int),
        |s| s.memory.rss.map(Value::Int),
        |s| s.memory.cache.map(Value::Int),
        |s| s.memory.swap.map(Value::Int),
        |s| s.memory.mapped_file.map(Value::Int),
        |s| s.memory.max_usage.map(Value::Int),
        |s| s.memory.failcnt.map(Value::Int),
    ];
    const MORE: [Read; 4] = [
        |s| s.memory.events.high.map(Value::Int),
        |s| s.memory.events.max.map(Value::Int),
        |s| s.memory.swapped_in.map(Value::Int),
        |s| s.memory.swapped_out.map(Value::Int),
    ];
    let [plain @ .., failures, high, max, swapped_in, swapped_out, events] = &FAMILIES;
    encode_all(encoder, rows, plain, &READS);
    encode_failures(encoder, rows, failures);
    for (family, read) in [high, max, swapped_in, swapped_out].into_iter().zip(MORE) {
        super::per_row::encode_family(encoder, rows, family, &[], read);
    }
    encode_events(encoder, rows, events);
}

fn encode_events(encoder: &mut Encoder<'_>, rows: &[Row<'_>], family: &'static Family) {
    type Event = fn(&MemoryEvents) -> Option<u64>;
    const EVENTS: [(&str, Event); 6] = [
        ("low", |e| e.low),
        ("high", |e| e.high),
        ("max", |e| e.max),
        ("oom", |e| e.oom),
        ("oom_kill", |e| e.oom_kill),
        ("oom_group_kill", |e| e.oom_group_kill),
    ];
    encoder.family(family);
    for (series, stats) in rows.iter().filter_map(Row::host_series) {
        for (event, read) in EVENTS {
            if let Some(count) = read(&stats.memory.events) {
                encoder.counter(series, &[("event", event)], Value::Int(count));
            }
        }
    }
}

fn encode_failures(encoder: &mut Encoder<'_>, rows: &[Row<'_>], family: &'static Family) {
    type Fault = fn(&MemoryStats) -> Option<u64>;
    const FAULTS: [(&str, &str, Fault); 4] = [
        ("pgfault", "container", |m| m.pgfault),
        ("pgmajfault", "container", |m| m.pgmajfault),
        ("pgfault", "hierarchy", |m| m.total_pgfault),
        ("pgmajfault", "hierarchy", |m| m.total_pgmajfault),
    ];
    encoder.family(family);
    for (series, stats) in rows.iter().filter_map(Row::host_series) {
        for (kind, scope, read) in FAULTS {
            if let Some(count) = read(&stats.memory) {
                encoder.counter(series, &[("failure_type", kind), ("scope", scope)], Value::Int(count));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostStats;
    use crate::signals::per_row::lines;

    #[test]
    fn everything_known() {
        let memory = MemoryStats {
            usage: Some(1000),
            working_set: Some(900),
            rss: Some(500),
            cache: Some(400),
            swap: Some(0),
            mapped_file: Some(30),
            max_usage: Some(2000),
            failcnt: Some(7),
            pgfault: Some(11),
            pgmajfault: Some(2),
            total_pgfault: Some(13),
            total_pgmajfault: Some(3),
            swapped_in: Some(4096),
            swapped_out: Some(8192),
            events: MemoryEvents { low: Some(0), high: Some(4), max: Some(5), ..MemoryEvents::default() },
        };
        assert_eq!(
            lines(&SIGNAL, &HostStats { memory, ..HostStats::default() }),
            [
                r#"container_memory_usage_bytes{id="/a"} 1000"#,
                r#"container_memory_working_set_bytes{id="/a"} 900"#,
                r#"container_memory_rss{id="/a"} 500"#,
                r#"container_memory_cache{id="/a"} 400"#,
                r#"container_memory_swap{id="/a"} 0"#,
                r#"container_memory_mapped_file{id="/a"} 30"#,
                r#"container_memory_max_usage_bytes{id="/a"} 2000"#,
                r#"container_memory_failcnt{id="/a"} 7"#,
                r#"container_memory_failures_total{id="/a",failure_type="pgfault",scope="container"} 11"#,
                r#"container_memory_failures_total{id="/a",failure_type="pgmajfault",scope="container"} 2"#,
                r#"container_memory_failures_total{id="/a",failure_type="pgfault",scope="hierarchy"} 13"#,
                r#"container_memory_failures_total{id="/a",failure_type="pgmajfault",scope="hierarchy"} 3"#,
                r#"container_memory_events_high_total{id="/a"} 4"#,
                r#"container_memory_events_max_total{id="/a"} 5"#,
                r#"container_memory_swapped_in_bytes_total{id="/a"} 4096"#,
                r#"container_memory_swapped_out_bytes_total{id="/a"} 8192"#,
                r#"container_memory_events_total{id="/a",event="low"} 0"#,
                r#"container_memory_events_total{id="/a",event="high"} 4"#,
                r#"container_memory_events_total{id="/a",event="max"} 5"#,
            ]
        );
    }
}
