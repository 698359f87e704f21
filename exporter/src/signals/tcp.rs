//! `tcp`: how attempts to connect end, which connections are open, and what goes through them.

use plimsoll_abi::histogram::{BUCKETS, Histogram};
use plimsoll_abi::keyed::record_key;
use plimsoll_abi::tcp::{Cell, DIRECTIONS, IN, RESULTS, UNKNOWN};
use zerocopy::IntoBytes as _;

use super::{KernelRow, Row, Signal, Source, histogram};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::kernel::layout::{self, TCP_CONNECTS};

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "tcp",
    summary: "TCP: connects by result, open connections, bytes, segments, retransmits, resets, round trip times",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

/// Where the kernel's own counts of a socket are from.
macro_rules! member {
    ($member:literal) => {
        concat!(
            "growth of ",
            $member,
            " in struct tcp_sock, looked at by each scrape (iterator bpf_sk_storage_map, v5.12 to v7.x) and when the \
             state changes (tracepoint inet_sock_set_state, v5.10 to v7.x); in v5.10, instead of by scrapes, when a reader takes \
             data, an acknowledgement without data arrives or a segment is sent again (tracepoints tcp_rcv_space_adjust, \
             tcp_probe and tcp_retransmit_skb)"
        )
    };
}

static FAMILIES: [Family; 12] = [
    Family {
        name: "container_tcp_connect_duration_seconds",
        kind: Kind::Histogram,
        help: "How long attempts to connect took, by how they ended; result=\"aborted\" when the application gave up \
               first. A socket belongs to the cgroup it was made in, whoever uses it now.",
        labels: &["result"],
        unit: "seconds",
        source: "tracepoint inet_sock_set_state (v5.10 to v7.x) and sock.sk_err. What the routing table refuses sends \
                 nothing and is no attempt: container_syscall_errors_total{syscall=\"connect\"}",
        bound: "7 results that were seen x 28: 26 buckets from 1 µs to 16.8 s, sum and count",
    },
    Family {
        name: "container_tcp_connect_attempts_total",
        kind: Kind::Counter,
        help: "Attempts to connect, by how they ended. More than the histogram's count only for those that began before the \
               exporter or when its tables were full.",
        labels: &["result"],
        unit: "attempts",
        source: "as container_tcp_connect_duration_seconds",
        bound: "7 results that were seen",
    },
    Family {
        name: "container_tcp_accepts_total",
        kind: Kind::Counter,
        help: "Connections that came in and were complete, whether or not the application has called accept yet. They \
               belong to the cgroup the listening socket was made in.",
        labels: &[],
        unit: "connections",
        source: "tracepoint inet_sock_set_state (v5.10 to v7.x): SYN_RECV to ESTABLISHED",
        bound: "1",
    },
    Family {
        name: "container_tcp_connections",
        kind: Kind::Gauge,
        help: "Connections open now: established, and not closed by their owner. Those from before the \
               exporter are found when it starts; direction=\"unknown\" are those of them whose port was bound and on \
               which nobody listens any more.",
        labels: &["direction"],
        unit: "connections",
        source: "tracepoint inet_sock_set_state (v5.10 to v7.x), sock.sk_shutdown; at the start the iterator tcp in each \
                 network namespace (v5.9)",
        bound: "3",
    },
    Family {
        name: "container_tcp_connection_duration_seconds",
        kind: Kind::Histogram,
        help: "How long connections were open, counted when they no longer are.",
        labels: &[],
        unit: "seconds",
        source: "tracepoint inet_sock_set_state (v5.10 to v7.x)",
        bound: histogram::LONG_SERIES,
    },
    counter(
        "container_tcp_sent_bytes_total",
        "Payload bytes sent, each counted once.",
        "bytes",
        member!("bytes_sent less bytes_retrans"),
    ),
    counter(
        "container_tcp_received_bytes_total",
        "Payload bytes received in order, each counted once.",
        "bytes",
        member!("bytes_received, without the byte that it counts for the other's FIN"),
    ),
    counter(
        "container_tcp_sent_segments_total",
        "Segments that sockets sent, those without data and those sent again included. What answers in a closed socket's place is not in it.",
        "segments",
        member!("segs_out"),
    ),
    counter(
        "container_tcp_received_segments_total",
        "Segments that sockets received.",
        "segments",
        member!("segs_in"),
    ),
    counter(
        "container_tcp_retransmitted_segments_total",
        "Segments sent again.",
        "segments",
        member!("total_retrans"),
    ),
    Family {
        name: "container_tcp_resets_total",
        kind: Kind::Counter,
        help: "Resets sent and received by sockets. One that answers where no socket is has id=\"unattributed\" where the kernel tells of it.",
        labels: &["direction"],
        unit: "resets",
        source: "tracepoints tcp_send_reset and tcp_receive_reset (v5.10 to v7.x)",
        bound: "2",
    },
    Family {
        name: "container_tcp_rtt_seconds",
        kind: Kind::Histogram,
        help: "The kernel's smoothed round trip time: once when a connection is closed, and before that by each scrape that finds 64 more segments received.",
        labels: &[],
        unit: "seconds",
        source: "tcp_sock.srtt_us (v5.10 to v7.x)",
        bound: histogram::SERIES,
    },
];

const fn counter(name: &'static str, help: &'static str, unit: &'static str, source: &'static str) -> Family {
    Family { name, kind: Kind::Counter, help, labels: &[], unit, source, bound: "1" }
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let rows: Vec<_> = rows.iter().filter_map(Of::row).collect();
    let [connect, attempts, accepts, open, lifetime, plain @ .., resets, rtt] = &FAMILIES;
    encoder.family(connect);
    for row in &rows {
        for (result, times) in RESULTS.iter().zip(&row.connects).filter(|(_, times)| count(times) > 0) {
            histogram::write(encoder, row.series, &[("result", result)], times);
        }
    }
    encoder.family(attempts);
    for row in &rows {
        for (at, result) in RESULTS.iter().enumerate() {
            let attempts = count(&row.connects[at]) + row.cell.untimed[at];
            if attempts > 0 {
                encoder.counter(row.series, &[("result", result)], Value::Int(attempts));
            }
        }
    }
    encoder.family(accepts);
    for row in &rows {
        encoder.counter(row.series, &[], Value::Int(accepted(row.cell)));
    }
    encoder.family(open);
    for row in &rows {
        for (at, direction) in DIRECTIONS.iter().enumerate() {
            let (opened, closed) = (row.cell.opened[at], row.cell.closed[at]);
            if at != UNKNOWN as usize || opened > 0 {
                // One whose cgroup was gone when it closed is not in `closed` here, but it may be in another row's.
                encoder.gauge(
                    row.series,
                    &[("direction", direction)],
                    Value::Int(opened.saturating_sub(closed)),
                );
            }
        }
    }
    encoder.family(lifetime);
    for row in rows.iter().filter(|row| count(&row.cell.lifetime) > 0) {
        histogram::write_long(encoder, row.series, &[], &row.cell.lifetime);
    }
    encode_plain(encoder, plain, &rows);
    encoder.family(resets);
    for row in &rows {
        encoder.counter(row.series, &[("direction", "sent")], Value::Int(row.cell.resets_sent));
        encoder.counter(row.series, &[("direction", "received")], Value::Int(row.cell.resets_received));
    }
    encoder.family(rtt);
    for row in rows.iter().filter(|row| count(&row.cell.rtt) > 0) {
        histogram::write(encoder, row.series, &[], &row.cell.rtt);
    }
}

fn encode_plain(encoder: &mut Encoder<'_>, families: &'static [Family], rows: &[Of<'_>]) {
    const VALUES: [fn(&Cell) -> u64; 5] = [
        |cell| cell.sent_bytes,
        |cell| cell.received_bytes,
        |cell| cell.sent_segments,
        |cell| cell.received_segments,
        |cell| cell.retransmits,
    ];
    for (family, value) in families.iter().zip(VALUES) {
        encoder.family(family);
        for row in rows {
            encoder.counter(row.series, &[], Value::Int(value(row.cell)));
        }
    }
}

/// A row's numbers.
struct Of<'a> {
    series: Series<'a>,
    cell: &'a Cell,
    connects: [Histogram; RESULTS.len()],
}

impl<'a> Of<'a> {
    fn row(row: &Row<'a>) -> Option<Self> {
        let kernel = row.kernel?;
        let cell = layout::tcp(kernel.cells)?;
        // Most cgroups never have a connection: a dozen zeros for each would be the larger part of a scrape.
        let seen = cell.as_bytes().iter().any(|byte| *byte != 0)
            || kernel.keyed.iter().any(|counter| counter.map == TCP_CONNECTS);
        seen.then(|| Self { series: row.kernel_series(kernel), cell, connects: connects(kernel) })
    }
}

fn connects(kernel: KernelRow<'_>) -> [Histogram; RESULTS.len()] {
    let mut connects = [Histogram::ZERO; RESULTS.len()];
    for counter in kernel.keyed.iter().filter(|counter| counter.map == TCP_CONNECTS) {
        let ([result, _], word) = record_key(counter.key);
        let Some(times) = connects.get_mut(result as usize) else { continue };
        match times.buckets.get_mut(word) {
            Some(bucket) => *bucket += counter.count,
            None => times.sum_ns += counter.count,
        }
    }
    connects
}

/// What came in while it was counted.
fn accepted(cell: &Cell) -> u64 {
    cell.opened[IN as usize].saturating_sub(cell.found[IN as usize])
}

fn count(times: &Histogram) -> u64 {
    times.buckets.iter().sum()
}

const _: () = assert!(size_of::<plimsoll_abi::tcp::Record>() == (BUCKETS + 1) * 8);

#[cfg(test)]
mod tests {
    use plimsoll_abi::keyed::word_key;
    use plimsoll_abi::tcp::{OK, REFUSED, TIMEOUT};

    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    #[test]
    fn all_that_was_seen() {
        let mut cell = <Cell as zerocopy::FromZeros>::new_zeroed();
        cell.opened = [7, 8, 1];
        cell.closed = [4, 8, 0];
        cell.found = [2, 3, 1];
        (cell.sent_bytes, cell.received_bytes, cell.retransmits) = (1000, 2000, 3);
        (cell.sent_segments, cell.received_segments) = (20, 30);
        (cell.resets_sent, cell.resets_received) = (1, 2);
        cell.untimed[TIMEOUT as usize] = 2;
        // 1.5 s: up to 2.048 s where the bounds begin at 1 ms.
        (cell.lifetime.buckets[11], cell.lifetime.sum_ns) = (1, 1_500_000);
        (cell.rtt.buckets[5], cell.rtt.sum_ns) = (1, 25_125);
        let mut cells = vec![0; layout::WORDS];
        let first = layout::CELLS.iter().find(|c| c.signal == "tcp").expect("in the table").first;
        let words = size_of::<Cell>() / 8;
        cells[first..first + words].as_mut_bytes().copy_from_slice(cell.as_bytes());
        let at = |result, word, count| keyed(TCP_CONNECTS, word_key([result, 0], word), count);
        let counters =
            [at(OK, 7, 6), at(OK, BUCKETS, 700_000), at(REFUSED, 3, 1), at(REFUSED, BUCKETS, 8_000)];
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &counters)]);
        for line in [
            r#"container_tcp_connect_duration_seconds_bucket{id="/a",result="ok",le="6.4e-05"} 0"#,
            r#"container_tcp_connect_duration_seconds_bucket{id="/a",result="ok",le="0.000128"} 6"#,
            r#"container_tcp_connect_duration_seconds_sum{id="/a",result="ok"} 0.0007"#,
            r#"container_tcp_connect_duration_seconds_count{id="/a",result="refused"} 1"#,
            r#"container_tcp_connect_attempts_total{id="/a",result="ok"} 6"#,
            r#"container_tcp_connect_attempts_total{id="/a",result="refused"} 1"#,
            r#"container_tcp_connect_attempts_total{id="/a",result="timeout"} 2"#,
            r#"container_tcp_accepts_total{id="/a"} 5"#,
            r#"container_tcp_connections{id="/a",direction="out"} 3"#,
            r#"container_tcp_connections{id="/a",direction="in"} 0"#,
            r#"container_tcp_connections{id="/a",direction="unknown"} 1"#,
            r#"container_tcp_connection_duration_seconds_bucket{id="/a",le="1.024"} 0"#,
            r#"container_tcp_connection_duration_seconds_bucket{id="/a",le="2.048"} 1"#,
            r#"container_tcp_connection_duration_seconds_sum{id="/a"} 1.5"#,
            r#"container_tcp_sent_bytes_total{id="/a"} 1000"#,
            r#"container_tcp_received_bytes_total{id="/a"} 2000"#,
            r#"container_tcp_sent_segments_total{id="/a"} 20"#,
            r#"container_tcp_received_segments_total{id="/a"} 30"#,
            r#"container_tcp_retransmitted_segments_total{id="/a"} 3"#,
            r#"container_tcp_resets_total{id="/a",direction="sent"} 1"#,
            r#"container_tcp_resets_total{id="/a",direction="received"} 2"#,
            r#"container_tcp_rtt_seconds_bucket{id="/a",le="3.2e-05"} 1"#,
            r#"container_tcp_rtt_seconds_sum{id="/a"} 0.000025125"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} not in\n{text}");
        }
    }

    #[test]
    fn what_was_never_seen_is_absent() {
        let cells = vec![0; layout::WORDS];
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        let mut once = cells;
        once[layout::CELLS.iter().find(|c| c.signal == "tcp").expect("in the table").first + 54] = 1;
        let text = encoded(&SIGNAL, &[kernel_row(&once, &[])]);
        for absent in ["result=", "_bucket", "direction=\"unknown\""] {
            assert!(!text.lines().any(|l| !l.starts_with('#') && l.contains(absent)), "{absent} in\n{text}");
        }
    }
}
