//! `block_io`: requests to block devices, how long they took, what they moved and how many failed.

use std::collections::BTreeMap;

use plimsoll_abi::block_io::{OPERATIONS, OTHER_DEVICE, Record, major_minor};
use plimsoll_abi::keyed::record_key;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::{KernelRow, Row, Signal, Source, histogram};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout::{self, BLOCK_IO_REQUESTS};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "block_io",
    summary: "requests to block devices: latency, bytes and errors",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

const LABELS: &[&str] = &["device", "operation"];
const BOUND: &str = "64 pairs of device and operation; beyond them, or when the map for all containers is full, \
                     device=\"other\" and plimsoll_losses_total{reason=\"block_io_folded\"}";

static FAMILIES: [Family; 4] = [
    Family {
        name: "container_block_io_duration_seconds",
        kind: Kind::Histogram,
        help: "How long requests took from being queued to completion. A request belongs to the nearest cgroup with the \
               io controller of who caused it, so what is written back later counts for who wrote.",
        labels: LABELS,
        unit: "seconds",
        source: "request.start_time_ns at tracepoint block_rq_complete (v5.10 to v7.x), owner from \
                 request.bio->bi_blkg->blkcg. Requests are counted after merging. operation=\"flush\" is an empty request \
                 that waits for the device's cache; the device's own flush command, which may serve several, is not \
                 counted. Where v1 has the controller, its cgroup stands for the v2 cgroup of the same path",
        bound: "28 series for each pair: 26 buckets from 1 µs to 16.8 s, sum and count; 64 pairs of device and operation, \
                beyond them device=\"other\"",
    },
    Family {
        name: "container_block_io_operations_total",
        kind: Kind::Counter,
        help: "Requests completed, failed ones included. More than the histogram's count only where the kernel kept no \
               time of them.",
        labels: LABELS,
        unit: "requests",
        source: "tracepoint block_rq_complete (v5.10 to v7.x): completions that leave nothing of a request",
        bound: BOUND,
    },
    Family {
        name: "container_block_io_bytes_total",
        kind: Kind::Counter,
        help: "Bytes read, written or discarded without an error.",
        labels: LABELS,
        unit: "bytes",
        source: "tracepoint block_rq_complete (v5.10 to v7.x), its byte count",
        bound: BOUND,
    },
    Family {
        name: "container_block_io_errors_total",
        kind: Kind::Counter,
        help: "Completions with an error.",
        labels: LABELS,
        unit: "requests",
        source: "tracepoint block_rq_complete (v5.10 to v7.x), its error",
        bound: BOUND,
    },
];

/// The records of a row by device and operation. Two numbers may share a name: a device that came back.
type Records = BTreeMap<(String, usize), Record>;

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let records: Vec<Option<Records>> = rows.iter().map(|row| row.kernel.map(records)).collect();
    let write = |encoder: &mut Encoder<'_>, family, value: fn(usize, &Record) -> Option<Sample<'_>>| {
        encoder.family(family);
        for (row, records) in rows.iter().zip(&records) {
            let (Some(kernel), Some(records)) = (row.kernel, records) else { continue };
            let series = row.kernel_series(kernel);
            for ((device, operation), record) in records {
                let labels = [("device", device.as_str()), ("operation", OPERATIONS[*operation])];
                match value(*operation, record) {
                    Some(Sample::Histogram(times)) => histogram::write(encoder, series, &labels, times),
                    Some(Sample::Count(count)) => encoder.counter(series, &labels, Value::Int(count)),
                    None => {}
                }
            }
        }
    };
    let [duration, operations, bytes, errors] = &FAMILIES;
    write(encoder, duration, |_, r| (timed(r) > 0).then_some(Sample::Histogram(&r.duration)));
    write(encoder, operations, |_, r| Some(Sample::Count(timed(r) + r.untimed)));
    write(encoder, bytes, |at, r| (OPERATIONS[at] != "flush").then_some(Sample::Count(r.bytes)));
    write(encoder, errors, |_, r| Some(Sample::Count(r.errors)));
}

enum Sample<'a> {
    Histogram(&'a plimsoll_abi::histogram::Histogram),
    Count(u64),
}

fn timed(record: &Record) -> u64 {
    record.duration.buckets.iter().sum()
}

fn records(kernel: KernelRow<'_>) -> Records {
    let mut records = Records::new();
    for counter in kernel.keyed.iter().filter(|counter| counter.map == BLOCK_IO_REQUESTS) {
        let ([device, operation], word) = record_key(counter.key);
        let record = entry(&mut records, device_name(kernel, device), operation as usize);
        let mut words =
            <[u64; size_of::<Record>() / 8]>::read_from_bytes(record.as_bytes()).unwrap_or_default();
        if let Some(sum) = words.get_mut(word) {
            *sum += counter.count;
        }
        *record = zerocopy::transmute!(words);
    }
    let Some(cell) = layout::block_io(kernel.cells) else { return records };
    for at in 0..OPERATIONS.len() {
        if cell.operations[at] + cell.bytes[at] + cell.errors[at] > 0 {
            let other = entry(&mut records, names::OTHER.to_owned(), at);
            other.untimed += cell.operations[at];
            other.bytes += cell.bytes[at];
            other.errors += cell.errors[at];
        }
    }
    records
}

fn entry(records: &mut Records, device: String, operation: usize) -> &mut Record {
    records.entry((device, operation.min(OPERATIONS.len() - 1))).or_insert(Record::ZERO)
}

fn device_name(kernel: KernelRow<'_>, device: u32) -> String {
    match kernel.devices.get(&device) {
        _ if device == OTHER_DEVICE => names::OTHER.to_owned(),
        Some(name) => name.to_string(),
        None => {
            let (major, minor) = major_minor(device);
            format!("{major}:{minor}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_abi::block_io::{DISCARD, FLUSH, READ, WRITE, device};
    use plimsoll_abi::histogram::BUCKETS;
    use plimsoll_abi::keyed::word_key;

    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    const UNTIMED: usize = BUCKETS + 1;
    const BYTES: usize = BUCKETS + 2;
    const ERRORS: usize = BUCKETS + 3;

    #[test]
    fn by_device_and_operation() {
        let (sda, gone) = (device(8, 0), device(259, 7));
        let at = |device, operation, word, count| {
            keyed(BLOCK_IO_REQUESTS, word_key([device, operation], word), count)
        };
        let counters = [
            at(sda, READ, 7, 3), // up to 128 µs
            at(sda, READ, BUCKETS, 300_001),
            at(sda, READ, BYTES, 12_288),
            at(sda, WRITE, UNTIMED, 2),
            at(sda, WRITE, ERRORS, 1),
            at(sda, FLUSH, 13, 1),
            at(gone, DISCARD, 25, 1),
            at(gone, DISCARD, BYTES, 1 << 40),
            at(OTHER_DEVICE, WRITE, 0, 5),
        ];
        let mut cells = vec![0; layout::WORDS];
        let first = layout::CELLS.iter().find(|c| c.signal == "block_io").expect("in the table").first;
        cells[first + WRITE as usize] = 10;
        cells[first + OPERATIONS.len() + WRITE as usize] = 4096;
        let devices = BTreeMap::from([(sda, Arc::from("/dev/sda"))]);
        let mut row = kernel_row(&cells, &counters);
        row.kernel = row.kernel.map(|kernel| KernelRow { devices: &devices, ..kernel });
        let text = encoded(&SIGNAL, &[row]);
        let count = |name: &str, device: &str, operation: &str, value: &str| {
            format!(
                "container_block_io_{name}{{id=\"/a\",device=\"{device}\",operation=\"{operation}\"}} {value}\n"
            )
        };
        for line in [
            count("duration_seconds_count", "/dev/sda", "read", "3"),
            count("duration_seconds_sum", "/dev/sda", "read", "0.000300001"),
            count("operations_total", "/dev/sda", "read", "3"),
            count("bytes_total", "/dev/sda", "read", "12288"),
            count("errors_total", "/dev/sda", "read", "0"),
            count("operations_total", "/dev/sda", "write", "2"),
            count("errors_total", "/dev/sda", "write", "1"),
            count("operations_total", "/dev/sda", "flush", "1"),
            count("bytes_total", "259:7", "discard", "1099511627776"),
            count("operations_total", "other", "write", "15"),
            count("duration_seconds_count", "other", "write", "5"),
            count("bytes_total", "other", "write", "4096"),
        ] {
            assert!(text.contains(&line), "{line} not in\n{text}");
        }
        let bucket = "device=\"/dev/sda\",operation=\"read\",le=\"0.000128\"} 3\n";
        assert!(text.contains(bucket), "{bucket} not in\n{text}");
        for absent in [
            count("bytes_total", "/dev/sda", "flush", "0"),
            count("duration_seconds_count", "/dev/sda", "write", "0"),
        ] {
            assert!(!text.contains(&absent), "{absent} in\n{text}");
        }
    }

    #[test]
    fn a_device_under_two_numbers_is_one_series() {
        let (old, new) = (device(259, 0), device(259, 1));
        let counters =
            [old, new].map(|device| keyed(BLOCK_IO_REQUESTS, word_key([device, READ], BYTES), 512));
        let devices = BTreeMap::from([old, new].map(|device| (device, Arc::from("/dev/nvme0n1"))));
        let cells = vec![0; layout::WORDS];
        let mut row = kernel_row(&cells, &counters);
        row.kernel = row.kernel.map(|kernel| KernelRow { devices: &devices, ..kernel });
        let text = encoded(&SIGNAL, &[row]);
        let lines: Vec<_> =
            text.lines().filter(|line| line.starts_with("container_block_io_bytes_total")).collect();
        let line = r#"container_block_io_bytes_total{id="/a",device="/dev/nvme0n1",operation="read"} 1024"#;
        assert_eq!(lines, [line]);
    }
}
