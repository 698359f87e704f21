//! `workloads`: what happened in all containers of a workload, those that are gone among them.

use plimsoll_abi::histogram::BUCKETS;
use plimsoll_abi::keyed::record_key;
use plimsoll_abi::tcp::RESULTS;

use super::{Keyed, Row, Signal, Source, process};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::kernel::layout::{self, PROCESS_EXITS, SYSCALL_ERRORS, TCP_CONNECTS};
use crate::ledger::{WORKLOAD_FOLDED, sum_keyed};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "workloads",
    summary: "what happened in all containers of a workload, those that are gone among them",
    source: Source::Identity,
    default: true,
    families: &FAMILIES,
    encode,
};

/// The events of a workload: in a counter's `map`, each the place of its family in [`FAMILIES`].
const STARTS: u32 = 0;
const RESTARTS: u32 = 1;
const EXITS: u32 = 2;
const OOM_KILLS: u32 = 3;
const ERRORS: u32 = 4;
const CONNECTS: u32 = 5;

/// What counts the events that a program in the kernel counts.
const COUNTED_BY: [(u32, &str); 4] =
    [(EXITS, "process"), (OOM_KILLS, "oom"), (ERRORS, "syscalls"), (CONNECTS, "tcp")];

const ONE: &str = "1 a workload";
const BOUND: &str =
    "64 a workload; beyond them \"other\", and plimsoll_losses_total{reason=\"workload_folded\"}";

static FAMILIES: [Family; 6] = [
    family(
        "workload_container_starts_total",
        "Containers that began while Plimsoll ran; pause containers are left out.",
        &[],
        "containers",
        "cgroups that are made, and what Kubernetes says of their pods",
        ONE,
    ),
    family(
        "workload_container_restarts_total",
        "Of those, the ones before which a container of the same name ended in the same pod.",
        &[],
        "containers",
        "restartCount of the pod's status, which an API server tells some time after the container began",
        ONE,
    ),
    family(
        "workload_process_exits_total",
        "Processes that ended, as wait() tells it: by exit code or by the signal that killed them.",
        &["reason", "code", "signal"],
        "processes",
        "the sum of container_process_exits_total",
        BOUND,
    ),
    family(
        "workload_oom_kills_total",
        "Processes that the OOM killer chose.",
        &[],
        "processes",
        "the sum of container_oom_kills_total",
        ONE,
    ),
    family(
        "workload_syscall_errors_total",
        "System calls that returned an error, by errno.",
        &["errno"],
        "calls",
        "the sum of container_syscall_errors_total over all system calls",
        BOUND,
    ),
    family(
        "workload_tcp_connect_attempts_total",
        "Attempts to connect, by how they ended.",
        &["result"],
        "attempts",
        "the sum of container_tcp_connect_attempts_total",
        "7 results that were seen, a workload",
    ),
];

const fn family(
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
    unit: &'static str,
    source: &'static str,
    bound: &'static str,
) -> Family {
    Family { name, kind: Kind::Counter, help, labels, unit, source, bound }
}

/// What a workload has counted.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadRow<'a> {
    /// Unix time in seconds at which its first container's counters were zero.
    pub created: f64,
    /// The events.
    pub events: &'a [Keyed],
    /// Those that nobody counts just now.
    pub resting: &'a [u32],
}

/// The events of a row, sorted: those in its counters, and how it began. `restarted` is `None` while nobody knows; zeros of
/// the OOM killer are only true while `oom` says that its program runs.
pub(crate) fn events(
    cells: &[u64],
    keyed: &[Keyed],
    began: bool,
    restarted: Option<bool>,
    oom: bool,
) -> Vec<Keyed> {
    let event = |map, key: u32, count| Keyed { map, key: [key, 0], count };
    let restarted = began && restarted.unwrap_or(false);
    let mut events = vec![event(STARTS, 0, began.into()), event(RESTARTS, 0, restarted.into())];
    let kills = layout::oom(cells).map_or(0, |cell| cell.kills);
    if oom || kills > 0 {
        events.push(event(OOM_KILLS, 0, kills));
    }
    for counter in keyed {
        match counter.map {
            PROCESS_EXITS => events.push(event(EXITS, counter.key[0], counter.count)),
            SYSCALL_ERRORS if counter.key[1] != 0 => {
                events.push(event(ERRORS, counter.key[1], counter.count));
            }
            TCP_CONNECTS => {
                let ([result, _], word) = record_key(counter.key);
                if word < BUCKETS && (result as usize) < RESULTS.len() {
                    events.push(event(CONNECTS, result, counter.count));
                }
            }
            _ => {}
        }
    }
    let folded = [
        (EXITS, layout::process(cells).map_or(0, |cell| cell.exits_folded)),
        (ERRORS, layout::syscalls(cells).map_or(0, |cell| cell.errors_folded)),
    ];
    events.extend(folded.map(|(map, count)| Keyed { map, key: WORKLOAD_FOLDED, count }));
    let untimed = layout::tcp(cells).map(|cell| cell.untimed).unwrap_or_default();
    events.extend((0..).zip(untimed).map(|(result, count)| event(CONNECTS, result, count)));
    sum_keyed(&mut events);
    events.retain(|event| event.count > 0 || matches!(event.map, STARTS | RESTARTS | OOM_KILLS));
    events
}

/// The events whose signals rest.
pub(crate) fn resting(rests: impl Fn(&str) -> bool) -> Vec<u32> {
    COUNTED_BY.iter().filter(|(_, signal)| rests(signal)).map(|(map, _)| *map).collect()
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let workloads: Vec<_> = rows.iter().filter_map(|row| Some((row.labels, row.workload?))).collect();
    for (map, family) in (0..).zip(&FAMILIES) {
        encoder.family(family);
        for (labels, workload) in workloads.iter().filter(|(_, workload)| !workload.resting.contains(&map)) {
            let series = Series { labels, created: Some(workload.created) };
            for event in workload.events.iter().filter(|event| event.map == map) {
                write(encoder, series, event);
            }
        }
    }
}

fn write(encoder: &mut Encoder<'_>, series: Series<'_>, event: &Keyed) {
    let (count, [key, _]) = (Value::Int(event.count), event.key);
    let folded = event.key == WORKLOAD_FOLDED;
    match event.map {
        EXITS if folded => {
            encoder.counter(series, &[("reason", names::OTHER), ("code", ""), ("signal", "")], count);
        }
        EXITS => {
            let (reason, code, signal) = process::ended(key);
            encoder.counter(series, &[("reason", reason), ("code", &code), ("signal", &signal)], count);
        }
        ERRORS if folded => encoder.counter(series, &[("errno", names::OTHER)], count),
        ERRORS => encoder.counter(series, &[("errno", &names::errno(key))], count),
        CONNECTS => {
            let result = RESULTS.get(key as usize).copied().unwrap_or(names::OTHER);
            encoder.counter(series, &[("result", result)], count);
        }
        _ => encoder.counter(series, &[], count),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_abi::keyed::word_key;
    use plimsoll_abi::tcp::{REFUSED, TIMEOUT};

    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    fn first(signal: &str) -> usize {
        layout::CELLS.iter().find(|cells| cells.signal == signal).expect("in the table").first
    }

    #[test]
    fn everything_that_outlives_a_container() {
        let mut cells = vec![0; layout::WORDS];
        cells[first("oom")] = 2;
        let untimed = std::mem::offset_of!(plimsoll_abi::tcp::Cell, untimed) / 8;
        cells[first("tcp") + untimed + TIMEOUT as usize] = 4;
        let folded = std::mem::offset_of!(plimsoll_abi::syscalls::Cell, errors_folded) / 8;
        cells[first("syscalls") + folded] = 9;
        let keyed = [
            keyed(SYSCALL_ERRORS, [257, 2], 900),
            keyed(SYSCALL_ERRORS, [0, 2], 7),
            keyed(SYSCALL_ERRORS, [20 | 1 << 31, 0], 5),
            keyed(PROCESS_EXITS, [0x300, 0], 20),
            keyed(PROCESS_EXITS, [9, 0], 1),
            keyed(TCP_CONNECTS, word_key([REFUSED, 0], 3), 6),
            keyed(TCP_CONNECTS, word_key([REFUSED, 0], BUCKETS), 1000),
        ];
        let events = events(&cells, &keyed, true, Some(true), true);
        let row = kernel_row(&[], &[]);
        let workload = |resting: &[u32]| {
            let workload = WorkloadRow { created: 1.0, events: &events, resting };
            encoded(&SIGNAL, &[row, Row { labels: r#"workload="w""#, workload: Some(workload), ..row }])
        };
        let text = workload(&[]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            r#"workload_container_starts_total{workload="w"} 1"#,
            r#"workload_container_restarts_total{workload="w"} 1"#,
            r#"workload_process_exits_total{workload="w",reason="signaled",code="",signal="SIGKILL"} 1"#,
            r#"workload_process_exits_total{workload="w",reason="exited",code="3",signal=""} 20"#,
            r#"workload_oom_kills_total{workload="w"} 2"#,
            r#"workload_syscall_errors_total{workload="w",errno="ENOENT"} 907"#,
            r#"workload_syscall_errors_total{workload="w",errno="other"} 9"#,
            r#"workload_tcp_connect_attempts_total{workload="w",result="refused"} 6"#,
            r#"workload_tcp_connect_attempts_total{workload="w",result="timeout"} 4"#,
        ];
        assert_eq!(lines, expected);
        let resting = workload(&resting(|signal| signal == "syscalls"));
        assert!(!resting.contains("workload_syscall_errors_total{"), "{resting}");
    }

    #[test]
    fn nothing_is_zero_that_nobody_counts() {
        let cells = vec![0; layout::WORDS];
        let maps = |oom| events(&cells, &[], false, None, oom).iter().map(|e| e.map).collect::<Vec<_>>();
        assert_eq!(maps(true), [STARTS, RESTARTS, OOM_KILLS]);
        assert_eq!(maps(false), [STARTS, RESTARTS]);
        let counts = events(&cells, &[], false, Some(true), true).iter().map(|e| e.count).sum::<u64>();
        assert_eq!(counts, 0, "it was there before");
    }
}
