//! `files`: what system calls did with files, pipes and sockets.

use plimsoll_abi::files::{Cell, TYPES};

use super::{KernelRow, Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::kernel::layout::{self, FILE_ERRORS};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "files",
    summary: "reads, writes, opens and fsyncs: operations, bytes and errors by type of file",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

/// What the three families have in common.
macro_rules! source {
    ($rest:literal) => {
        concat!(
            "tracepoint sys_exit (v5.10 to v7.x) of open, openat, openat2, creat, open_by_handle_at; read, pread64, \
             readv, preadv, preadv2; write, pwrite64, writev, pwritev, pwritev2; fsync, fdatasync, sync_file_range. \
             sendfile, splice and copy_file_range are a read of one and a write of the other. Not seen: I/O through \
             mmap and io_uring (see container_io_uring_submissions_total), and sockets' send and recv. ",
            $rest
        )
    };
}

static FAMILIES: [Family; 3] = [
    Family {
        name: "container_file_operations_total",
        kind: Kind::Counter,
        help: "System calls on files that returned, failed ones too, by what the descriptor led to: type=\"file\" is \
               a regular file, none is a failed open or no such descriptor.",
        labels: &["operation", "type"],
        unit: "calls",
        source: source!(
            "The type is that of the descriptor when the call returns: inode.i_mode. Files of /proc and /sys are \
             regular files, devices, directories and eventfds are type=\"other\""
        ),
        bound: "20: open, read, write and fsync of file, pipe, socket, other and none, those that occurred",
    },
    Family {
        name: "container_file_bytes_total",
        kind: Kind::Counter,
        help: "Bytes that system calls read and wrote, by what the descriptor led to; as rchar and wchar in \
               /proc/PID/io, so with what the page cache answers.",
        labels: &["operation", "type"],
        unit: "bytes",
        source: source!("Results above 0"),
        bound: "8: read and write of file, pipe, socket and other, those that occurred",
    },
    Family {
        name: "container_file_errors_total",
        kind: Kind::Counter,
        help: "System calls on files that returned an error, by errno.",
        labels: &["operation", "type", "errno"],
        unit: "calls",
        source: source!(
            "A result from -4095 to -1; ERESTARTSYS and its kin are seen before the kernel turns them into EINTR or \
             a restart"
        ),
        bound: "64; beyond them, or when the map for all containers is full, operation=\"other\", type=\"other\", \
                errno=\"other\" and plimsoll_losses_total{reason=\"file_error_folded\"}",
    },
];

/// In the order of their places in a cell.
pub(super) static OPERATIONS: [&str; plimsoll_abi::files::OPERATIONS] = ["open", "read", "write", "fsync"];
static TYPE: [&str; TYPES] = ["file", "pipe", "socket", "other", "none"];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let writes: [fn(&mut Encoder<'_>, Series<'_>, KernelRow<'_>, &Cell); 3] = [operations, bytes, errors];
    for (family, write) in FAMILIES.iter().zip(writes) {
        encoder.family(family);
        for row in rows {
            let Some(kernel) = row.kernel else { continue };
            let Some(cell) = layout::files(kernel.cells) else { continue };
            write(encoder, row.kernel_series(kernel), kernel, cell);
        }
    }
}

fn operations(encoder: &mut Encoder<'_>, series: Series<'_>, _: KernelRow<'_>, cell: &Cell) {
    by_type(encoder, series, &OPERATIONS, &cell.operations);
}

fn bytes(encoder: &mut Encoder<'_>, series: Series<'_>, _: KernelRow<'_>, cell: &Cell) {
    by_type(encoder, series, &OPERATIONS[1..3], &cell.bytes);
}

fn by_type(encoder: &mut Encoder<'_>, series: Series<'_>, operations: &[&str], counts: &[[u64; TYPES]]) {
    for (operation, counts) in operations.iter().zip(counts) {
        for (kind, &count) in TYPE.iter().zip(counts).filter(|(_, count)| **count > 0) {
            encoder.counter(series, &[("operation", operation), ("type", kind)], Value::Int(count));
        }
    }
}

fn errors(encoder: &mut Encoder<'_>, series: Series<'_>, kernel: KernelRow<'_>, cell: &Cell) {
    for counter in kernel.keyed.iter().filter(|k| k.map == FILE_ERRORS) {
        let place = counter.key[0] as usize;
        let (Some(operation), kind) = (OPERATIONS.get(place / TYPES), TYPE[place % TYPES]) else { continue };
        let labels = [("operation", *operation), ("type", kind), ("errno", &names::errno(counter.key[1]))];
        encoder.counter(series, &labels, Value::Int(counter.count));
    }
    if cell.errors_folded > 0 {
        let other = [("operation", names::OTHER), ("type", names::OTHER), ("errno", names::OTHER)];
        encoder.counter(series, &other, Value::Int(cell.errors_folded));
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_abi::files::{FILE, NONE, PIPE, error_key};

    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;
    use crate::kernel::layout::{CELLS, WORDS};

    #[test]
    fn what_occurred_and_nothing_else() {
        let first = CELLS.iter().find(|c| c.signal == "files").expect("in the table").first;
        let mut cells = vec![0; WORDS];
        cells[first] = 3; // open of a file
        cells[first + 4] = 2; // open of none
        cells[first + 6] = 7; // read of a pipe
        cells[first + 10] = 9; // write of a file
        cells[first + 15] = 4; // fsync of a file
        cells[first + 21] = 700; // bytes read from a pipe
        cells[first + 25] = 900; // bytes written to a file
        cells[first + 30] = 5;
        let keyed = [
            keyed(FILE_ERRORS, error_key(0, NONE, 2), 2),
            keyed(FILE_ERRORS, error_key(1, PIPE, 11), 6),
            keyed(FILE_ERRORS, error_key(2, FILE, 28), 1),
        ];
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &keyed)]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let wanted = [
            r#"container_file_operations_total{id="/a",operation="open",type="file"} 3"#,
            r#"container_file_operations_total{id="/a",operation="open",type="none"} 2"#,
            r#"container_file_operations_total{id="/a",operation="read",type="pipe"} 7"#,
            r#"container_file_operations_total{id="/a",operation="write",type="file"} 9"#,
            r#"container_file_operations_total{id="/a",operation="fsync",type="file"} 4"#,
            r#"container_file_bytes_total{id="/a",operation="read",type="pipe"} 700"#,
            r#"container_file_bytes_total{id="/a",operation="write",type="file"} 900"#,
            r#"container_file_errors_total{id="/a",operation="open",type="none",errno="ENOENT"} 2"#,
            r#"container_file_errors_total{id="/a",operation="read",type="pipe",errno="EAGAIN"} 6"#,
            r#"container_file_errors_total{id="/a",operation="write",type="file",errno="ENOSPC"} 1"#,
            r#"container_file_errors_total{id="/a",operation="other",type="other",errno="other"} 5"#,
        ];
        assert_eq!(lines, wanted);
    }
}
