//! Processes and threads, from the cgroup.

use super::per_row::{Read, encode_all, gauge};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "pids",
    summary: "numbers of processes and threads",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 4] = [
    gauge(
        "container_processes",
        "Processes: in a container with those in nested cgroups, elsewhere those in the cgroup itself.",
        "processes",
        "cgroup.procs of cgroup2, else of v1; absent if a container has more than 1,024 nested cgroups",
    ),
    gauge("container_threads", "Threads, those of descendants included.", "threads", "pids.current"),
    gauge("container_threads_max", "Threads allowed; 0 if unlimited.", "threads", "pids.max"),
    gauge(
        "container_threads_limit",
        "Threads that may be before none can be started: the lowest limit that holds here. One from above is shared with \
         all below it.",
        "threads",
        "the lowest of pids.max here and in the cgroups above, kernel.threads-max and kernel.pid_max; read anew at most \
         every five minutes",
    ),
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [Read; 4] = [
        |s| s.pids.processes.map(Value::Int),
        |s| s.pids.threads.map(Value::Int),
        |s| s.limits.threads.map(Value::Int),
        |s| s.limits.threads_effective.map(Value::Int),
    ];
    encode_all(encoder, rows, &FAMILIES, &READS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostStats, LimitStats, PidStats};
    use crate::signals::per_row::lines;

    #[test]
    fn numbers() {
        let stats = HostStats {
            pids: PidStats { processes: Some(2), threads: Some(5), ..PidStats::default() },
            limits: LimitStats { threads: Some(100), threads_effective: Some(80), ..LimitStats::default() },
            ..HostStats::default()
        };
        assert_eq!(
            lines(&SIGNAL, &stats),
            [
                r#"container_processes{id="/a"} 2"#,
                r#"container_threads{id="/a"} 5"#,
                r#"container_threads_max{id="/a"} 100"#,
                r#"container_threads_limit{id="/a"} 80"#,
            ]
        );
    }
}
