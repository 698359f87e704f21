//! `faults`: signals that killed, and who sent them; core dumps.

use plimsoll_abi::faults::signal_of;

use super::{KernelRow, Keyed, Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout::{self, FATAL_SIGNALS};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "faults",
    summary: "signals that killed and who sent them, core dumps",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 2] = [
    Family {
        name: "container_fatal_signals_total",
        kind: Kind::Counter,
        help: "Processes of the container that a signal killed, by who sent it: self, outside (sender_id says which \
               row), kernel (faults, OOM, timers, the end of a pid namespace), unknown.",
        labels: &["signal", "sender", "sender_id"],
        unit: "processes",
        source: "tracepoint sched_process_exit (v5.10 to v7.x), as container_process_exits_total{reason=\"signaled\"}, to \
                 which its sum is equal; the sender from tracepoint signal_generate: the current task's cgroup, or the \
                 kernel by siginfo. SIGPIPE, and the signal for a parent's death, are from self. Unknown: sent before \
                 the exporter started, or by seccomp before v5.16, or the sender's cgroup was gone for a second \
                 before the victim died",
        bound: "32 pairs of signal and sender for a cgroup, 64 for those of its cgroups that are gone; beyond them \
                signal=\"other\" and plimsoll_losses_total{reason=\"fatal_signal_folded\"}",
    },
    Family {
        name: "container_core_dumps_total",
        kind: Kind::Counter,
        help: "Processes of the container that left a core dump.",
        labels: &[],
        unit: "processes",
        source: "tracepoint sched_process_exit: the flag 0x80 that wait() tells (WCOREDUMP)",
        bound: "1",
    },
];

/// Who sent a signal, once its cgroup's id was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The kernel.
    Kernel,
    /// A process of the same row.
    Own,
    /// A process of the row with this place in [`KernelRow::senders`].
    Outside(u32),
    /// It was not seen, or is gone.
    Unknown,
    /// Beyond the bound.
    Other,
}

impl Sender {
    /// The key of a counter that [`KernelRow::keyed`] has for a raw one.
    pub(crate) fn key(self, signal: u32) -> [u32; 2] {
        let (kind, place) = match self {
            Self::Kernel => (0, 0),
            Self::Own => (1, 0),
            Self::Outside(place) => (2, place),
            Self::Unknown => (3, 0),
            Self::Other => (4, 0),
        };
        [signal << 24 | kind, place]
    }

    fn labels(key: [u32; 2], senders: &[String]) -> (&'static str, &str) {
        match key[0] & 0xff {
            0 => ("kernel", ""),
            1 => ("self", ""),
            2 => ("outside", senders.get(key[1] as usize).map_or("", String::as_str)),
            3 => ("unknown", ""),
            _ => (names::OTHER, ""),
        }
    }
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        fatal(encoder, row, kernel);
    }
    encoder.family(&FAMILIES[1]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::faults(kernel.cells) else { continue };
        encoder.counter(row.kernel_series(kernel), &[], Value::Int(cell.core_dumps));
    }
}

fn fatal(encoder: &mut Encoder<'_>, row: &Row<'_>, kernel: KernelRow<'_>) {
    let series = row.kernel_series(kernel);
    let mut folded = layout::faults(kernel.cells).map_or(0, |cell| cell.folded);
    for Keyed { key, count, .. } in kernel.keyed.iter().filter(|k| k.map == FATAL_SIGNALS) {
        let (sender, id) = Sender::labels(*key, kernel.senders);
        if sender == names::OTHER {
            folded += count;
            continue;
        }
        let signal = names::signal(signal_of(*key));
        let labels = [("signal", &*signal), ("sender", sender), ("sender_id", id)];
        encoder.counter(series, &labels, Value::Int(*count));
    }
    if folded > 0 {
        let labels = [("signal", names::OTHER), ("sender", names::OTHER), ("sender_id", "")];
        encoder.counter(series, &labels, Value::Int(folded));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    #[test]
    fn who_killed_it() {
        let mut cells = vec![0; layout::WORDS];
        let faults = layout::CELLS.iter().find(|map| map.map == "FAULTS").expect("there").first;
        (cells[faults], cells[faults + 1]) = (3, 2);
        let senders = ["/docker/b".to_owned()];
        let of = |sender: Sender, signal, count| keyed(FATAL_SIGNALS, sender.key(signal), count);
        let keyed = [
            of(Sender::Kernel, 11, 5),
            of(Sender::Own, 6, 4),
            of(Sender::Outside(0), 9, 1),
            of(Sender::Unknown, 15, 2),
            of(Sender::Other, 0, 7),
        ];
        let mut row = kernel_row(&cells, &keyed);
        row.kernel.as_mut().expect("a kernel row").senders = &senders;
        let text = encoded(&SIGNAL, &[row]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"container_fatal_signals_total{id="/a",signal="SIGSEGV",sender="kernel",sender_id=""} 5"#,
                r#"container_fatal_signals_total{id="/a",signal="SIGABRT",sender="self",sender_id=""} 4"#,
                r#"container_fatal_signals_total{id="/a",signal="SIGKILL",sender="outside",sender_id="/docker/b"} 1"#,
                r#"container_fatal_signals_total{id="/a",signal="SIGTERM",sender="unknown",sender_id=""} 2"#,
                r#"container_fatal_signals_total{id="/a",signal="other",sender="other",sender_id=""} 9"#,
                r#"container_core_dumps_total{id="/a"} 3"#,
            ]
        );
    }
}
