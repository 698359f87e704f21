//! `process`: processes and threads started, programs executed, processes ended and how.

use std::borrow::Cow;

use plimsoll_abi::process::Cell;

use super::{KernelRow, Keyed, Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout::{self, PROCESS_EXITS};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "process",
    summary: "processes and threads started, programs executed, exits by code and signal",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 4] = [
    Family {
        name: "container_process_forks_total",
        kind: Kind::Counter,
        help: "Processes started, in the cgroup of the child.",
        labels: &[],
        unit: "processes",
        source: "tracepoint task_newtask (v5.10 to v7.x) without CLONE_THREAD; kernel threads left out",
        bound: "1",
    },
    Family {
        name: "container_threads_started_total",
        kind: Kind::Counter,
        help: "Threads started beside a process' first.",
        labels: &[],
        unit: "threads",
        source: "tracepoint task_newtask (v5.10 to v7.x) with CLONE_THREAD; io_uring workers included",
        bound: "1",
    },
    Family {
        name: "container_process_execs_total",
        kind: Kind::Counter,
        help: "Programs executed with success.",
        labels: &[],
        unit: "executions",
        source: "tracepoint sched_process_exec (v5.10 to v7.x)",
        bound: "1",
    },
    Family {
        name: "container_process_exits_total",
        kind: Kind::Counter,
        help: "Processes that ended, as wait() tells it: by exit code or by the signal that killed them.",
        labels: &["reason", "code", "signal"],
        unit: "processes",
        source: "tracepoint sched_process_exit (v5.10 to v7.x) of a process' last thread: \
                 signal_struct.group_exit_code, else the first thread's task_struct.exit_code",
        bound: "64 codes and signals; beyond them reason=\"other\" and \
                plimsoll_losses_total{reason=\"process_exit_folded\"}",
    },
];

/// One of the plain counters of a cell.
type Field = fn(&Cell) -> u64;

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let fields: [Field; 3] = [|cell| cell.forks, |cell| cell.threads_started, |cell| cell.execs];
    for (family, field) in FAMILIES.iter().zip(fields) {
        encoder.family(family);
        for row in rows {
            let Some(kernel) = row.kernel else { continue };
            let Some(cell) = layout::process(kernel.cells) else { continue };
            encoder.counter(row.kernel_series(kernel), &[], Value::Int(field(cell)));
        }
    }
    encoder.family(&FAMILIES[3]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        exits(encoder, row, kernel);
    }
}

fn exits(encoder: &mut Encoder<'_>, row: &Row<'_>, kernel: KernelRow<'_>) {
    let series = row.kernel_series(kernel);
    for Keyed { key: [status, _], count, .. } in kernel.keyed.iter().filter(|k| k.map == PROCESS_EXITS) {
        let (reason, code, signal) = ended(*status);
        let labels = [("reason", reason), ("code", &*code), ("signal", &*signal)];
        encoder.counter(series, &labels, Value::Int(*count));
    }
    let folded = layout::process(kernel.cells).map_or(0, |cell| cell.exits_folded);
    if folded > 0 {
        let labels = [("reason", names::OTHER), ("code", ""), ("signal", "")];
        encoder.counter(series, &labels, Value::Int(folded));
    }
}

/// `reason`, `code` and `signal` of a status, as wait() has it.
pub(super) fn ended(status: u32) -> (&'static str, String, Cow<'static, str>) {
    match status & 0x7f {
        0 => ("exited", (status >> 8 & 0xff).to_string(), Cow::Borrowed("")),
        signal => ("signaled", String::new(), names::signal(signal)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    #[test]
    fn exits_are_told_apart() {
        let cells = vec![0; layout::WORDS];
        let keyed = [keyed(PROCESS_EXITS, [0x300, 0], 200), keyed(PROCESS_EXITS, [9, 0], 50)];
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &keyed)]);
        for line in [
            "container_process_forks_total{id=\"/a\"} 0\n",
            "container_threads_started_total{id=\"/a\"} 0\n",
            "container_process_execs_total{id=\"/a\"} 0\n",
            "container_process_exits_total{id=\"/a\",reason=\"exited\",code=\"3\",signal=\"\"} 200\n",
            "container_process_exits_total{id=\"/a\",reason=\"signaled\",code=\"\",signal=\"SIGKILL\"} 50\n",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
    }
}
