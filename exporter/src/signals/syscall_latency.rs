//! `syscall_latency`: how long system calls take, by class, and operations on regular files.

use plimsoll_abi::histogram::Histogram;
use plimsoll_abi::syscall_latency::CLASSES;

use super::files::OPERATIONS;
use super::{Row, Signal, Source, histogram};
use crate::exposition::{Encoder, Family, Kind};
use crate::kernel::layout;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "syscall_latency",
    summary: "how long system calls take, by class, and operations on regular files: costs every call three times what `syscalls` does",
    source: Source::Kernel,
    default: false,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 2] = [
    Family {
        name: "container_syscall_duration_seconds",
        kind: Kind::Histogram,
        help: "How long system calls took that began and returned while this signal was on, waits included, by class.",
        labels: &["class"],
        unit: "seconds",
        source: "tracepoints sys_enter and sys_exit (v5.10 to v7.x). Observed when they return, in the cgroup the task is in then: \
                 exit and exit_group never do, a call that a signal interrupts and the kernel restarts is two, the child's \
                 return from fork is none, nor is a call that seccomp or a tracer refused",
        bound: "280: 28 a class that occurred of file, network, poll, futex, process, memory, time, signal, ipc, other. \
                65,536 tasks are followed at once; others are in plimsoll_losses_total{reason=\"syscall_table_full\"}",
    },
    Family {
        name: "container_file_duration_seconds",
        kind: Kind::Histogram,
        help: "How long operations on regular files took, waits for the disk included.",
        labels: &["operation"],
        unit: "seconds",
        source: "as container_syscall_duration_seconds, of the calls in container_file_operations_total{type=\"file\"}",
        bound: "112: 28 of open, read, write and fsync each, those that occurred",
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::syscall_latency(kernel.cells) else { continue };
        for (class, times) in CLASSES.iter().zip(&cell.classes).filter(|(_, times)| occurred(times)) {
            histogram::write(encoder, row.kernel_series(kernel), &[("class", class)], times);
        }
    }
    encoder.family(&FAMILIES[1]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::syscall_latency(kernel.cells) else { continue };
        for (operation, times) in OPERATIONS.iter().zip(&cell.files).filter(|(_, times)| occurred(times)) {
            histogram::write(encoder, row.kernel_series(kernel), &[("operation", operation)], times);
        }
    }
}

fn occurred(times: &Histogram) -> bool {
    times.buckets.iter().any(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row};
    use super::*;
    use crate::kernel::layout::{CELLS, WORDS};

    #[test]
    fn classes_and_operations_that_occurred() {
        let first = CELLS.iter().find(|c| c.signal == "syscall_latency").expect("in the table").first;
        let mut cells = vec![0; WORDS];
        cells[first + 4 * 27 + 1] = 2; // futex, up to 2 µs
        cells[first + 4 * 27 + 26] = 3_000;
        cells[first + 10 * 27 + 3 * 27 + 13] = 1; // fsync, up to 8.192 ms
        cells[first + 10 * 27 + 3 * 27 + 26] = 5_000_000;
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        for line in [
            "container_syscall_duration_seconds_bucket{id=\"/a\",class=\"futex\",le=\"1e-06\"} 0\n",
            "container_syscall_duration_seconds_bucket{id=\"/a\",class=\"futex\",le=\"2e-06\"} 2\n",
            "container_syscall_duration_seconds_sum{id=\"/a\",class=\"futex\"} 0.000003\n",
            "container_syscall_duration_seconds_count{id=\"/a\",class=\"futex\"} 2\n",
            "container_file_duration_seconds_bucket{id=\"/a\",operation=\"fsync\",le=\"0.004096\"} 0\n",
            "container_file_duration_seconds_bucket{id=\"/a\",operation=\"fsync\",le=\"0.008192\"} 1\n",
            "container_file_duration_seconds_sum{id=\"/a\",operation=\"fsync\"} 0.005\n",
            "container_file_duration_seconds_count{id=\"/a\",operation=\"fsync\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 2 * 28);
    }
}
