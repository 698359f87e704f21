//! `unix`: connects to and bytes through sockets of the host's own, by path.

use std::collections::BTreeMap;

use plimsoll_abi::keyed::record_key;
use plimsoll_abi::unix::{RESULTS, Record};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::{Keyed, Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::kernel::layout::{self, UNIX_PATHS};
use crate::kernel::{Number, Table};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "unix",
    summary: "connects to and bytes through Unix sockets, by path: runs for each system call",
    source: Source::Kernel,
    default: false,
    families: &FAMILIES,
    encode,
};

const BOUND: &str = "64 paths a container; beyond them \"other\", and plimsoll_losses_total{reason=\"path_folded\"} counts each such event";
const BYTES: &str = "tracepoints sock_send_length and sock_recv_length (v6.3 to v7.x), struct unix_sock; absent before. What one peeks at \
                     is not taken";

static FAMILIES: [Family; 3] = [
    Family {
        name: "container_unix_connects_total",
        kind: Kind::Counter,
        help: "Connects of Unix sockets by path, @NAME if it is abstract: that which the other side is bound to, or, where \
               there is none, that which was asked for. They belong to the cgroup of the task that calls.",
        labels: &["path", "result"],
        unit: "connects",
        source: "tracepoint sys_exit of connect (v5.10 to v7.x), struct unix_sock and the caller's memory. full is a queue of connections \
                 at its bound; what goes through io_uring or a 32-bit socketcall is not seen",
        bound: BOUND,
    },
    Family {
        name: "container_unix_sent_bytes_total",
        kind: Kind::Counter,
        help: "Bytes sent, by the path of the other side, or, where that has none, of this one. A datagram to another than \
               the socket is connected to counts so, too; where neither has a path, as in a pair, nothing is counted.",
        labels: &["path"],
        unit: "bytes",
        source: BYTES,
        bound: BOUND,
    },
    Family {
        name: "container_unix_received_bytes_total",
        kind: Kind::Counter,
        help: "Bytes received, by path in the same way.",
        labels: &["path"],
        unit: "bytes",
        source: BYTES,
        bound: BOUND,
    },
];

/// The number of the path in a key.
pub(super) fn number(counter: &Keyed) -> Option<Number> {
    (counter.map == UNIX_PATHS).then(|| (Table::Paths, record_key(counter.key).0[0]))
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let rows: Vec<_> = rows.iter().filter_map(paths).collect();
    encoder.family(&FAMILIES[0]);
    for (series, paths) in &rows {
        for (path, record) in paths {
            for (result, count) in RESULTS.iter().zip(record.results).filter(|(_, count)| *count > 0) {
                encoder.counter(*series, &[("path", path), ("result", result)], Value::Int(count));
            }
        }
    }
    const BYTES: [fn(&Record) -> u64; 2] = [|record| record.sent_bytes, |record| record.received_bytes];
    for (family, bytes) in FAMILIES[1..].iter().zip(BYTES) {
        encoder.family(family);
        for (series, paths) in &rows {
            // Older kernels do not tell of bytes.
            for (path, bytes) in
                paths.iter().map(|(path, record)| (path, bytes(record))).filter(|(_, n)| *n > 0)
            {
                encoder.counter(*series, &[("path", path)], Value::Int(bytes));
            }
        }
    }
}

/// A row's records by path. Two names may look the same: then they are one.
fn paths<'a>(row: &Row<'a>) -> Option<(Series<'a>, BTreeMap<String, Record>)> {
    let kernel = row.kernel?;
    let mut paths = BTreeMap::new();
    for counter in kernel.keyed.iter() {
        let Some((_, number)) = number(counter) else { continue };
        let path = kernel.paths.get(&number).map_or(names::UNKNOWN, String::as_str);
        let record = paths.entry(path.to_owned()).or_insert(Record::ZERO);
        let mut words = <[u64; WORDS]>::read_from_bytes(record.as_bytes()).unwrap_or_default();
        if let Some(sum) = words.get_mut(record_key(counter.key).1) {
            *sum += counter.count;
        }
        *record = zerocopy::transmute!(words);
    }
    if let Some(beyond) = layout::unix(kernel.cells).filter(|beyond| **beyond != Record::ZERO) {
        paths.insert(names::OTHER.to_owned(), *beyond);
    }
    Some((row.kernel_series(kernel), paths))
}

const WORDS: usize = size_of::<Record>() / 8;

#[cfg(test)]
mod tests {
    use plimsoll_abi::keyed::word_key;

    use super::super::KernelRow;
    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    #[test]
    fn by_path_and_result() {
        let first = layout::CELLS.iter().find(|c| c.signal == "unix").expect("in the table").first;
        let mut cells = vec![0; layout::WORDS];
        cells[first + 1] = 8;
        let at = |number, word, count| keyed(UNIX_PATHS, word_key([number, 0], word), count);
        let counters =
            [at(1, 0, 3), at(1, 6, 100), at(1, 7, 200), at(2, 1, 4), at(2, 2, 5), at(9, 3, 1), at(3, 0, 2)];
        let named = [(1, "/run/a.sock"), (2, "@b"), (3, "/run/a.sock")];
        let names: BTreeMap<_, _> = named.map(|(number, path)| (number, path.to_owned())).into();
        let mut row = kernel_row(&cells, &counters);
        row.kernel = row.kernel.map(|kernel| KernelRow { paths: &names, ..kernel });
        let text = encoded(&SIGNAL, &[row]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"container_unix_connects_total{id="/a",path="/run/a.sock",result="ok"} 5"#,
                r#"container_unix_connects_total{id="/a",path="@b",result="refused"} 4"#,
                r#"container_unix_connects_total{id="/a",path="@b",result="not_found"} 5"#,
                r#"container_unix_connects_total{id="/a",path="other",result="refused"} 8"#,
                r#"container_unix_connects_total{id="/a",path="unknown",result="denied"} 1"#,
                r#"container_unix_sent_bytes_total{id="/a",path="/run/a.sock"} 100"#,
                r#"container_unix_received_bytes_total{id="/a",path="/run/a.sock"} 200"#,
            ]
        );
    }
}
