//! `io_uring`: requests that go to the kernel without a system call for each.

use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "io_uring",
    summary: "io_uring requests, which the signals made from system calls do not see",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 1] = [Family {
    name: "container_io_uring_submissions_total",
    kind: Kind::Counter,
    help: "Requests the kernel took from io_uring rings: I/O that container_file_* and container_syscalls_* miss.",
    labels: &[],
    unit: "requests",
    source: "tracepoint io_uring_submit_sqe (v5.10, v6.1) or io_uring_submit_req (v6.12 to v7.x); also by the kernel's \
             thread that polls a ring, which belongs to the ring's cgroup. A request that is malformed is not counted",
    bound: "1, if any",
}];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::io_uring(kernel.cells) else { continue };
        if cell.submissions > 0 {
            encoder.counter(row.kernel_series(kernel), &[], Value::Int(cell.submissions));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row};
    use super::*;
    use crate::kernel::layout::{CELLS, WORDS};

    #[test]
    fn those_who_use_it() {
        let first = CELLS.iter().find(|c| c.signal == "io_uring").expect("in the table").first;
        let mut cells = vec![0; WORDS];
        let none = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        assert!(!none.contains("id="), "{none}");
        cells[first] = 12;
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        assert!(text.ends_with("container_io_uring_submissions_total{id=\"/a\"} 12\n"), "{text}");
    }
}
