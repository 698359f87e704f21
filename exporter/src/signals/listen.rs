//! `listen`: sockets that listen, and the connections that wait to be accepted.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::host::Listening;
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "listen",
    summary: "sockets that listen: where, their queues, what was dropped for want of room",
    source: Source::Process,
    default: true,
    families: &FAMILIES,
    encode,
};

/// Addresses and ports of a row.
const MOST: usize = 64;
const WHERE: &[&str] = &["address", "port"];
const BOUND: &str = "64 pairs of address and port; the rest together are \"other\"";
const SOURCE: &str = "sock_diag in each network namespace a row's processes are in, INET_DIAG_CGROUP_ID (v5.8). Sockets that \
                      share a port are one";

static FAMILIES: [Family; 4] = [
    gauge(
        "container_tcp_listen_info",
        "A socket listens here; always 1. It belongs to the cgroup it was made in.",
        "none",
    ),
    gauge(
        "container_tcp_listen_queue_length",
        "Connections that are complete and wait to be accepted.",
        "connections",
    ),
    gauge(
        "container_tcp_listen_queue_limit",
        "How many may wait; one more than that is taken before they are dropped.",
        "connections",
    ),
    gauge(
        "container_tcp_listen_drops",
        "Segments that would have begun or completed a connection and were dropped, nearly always since the queue was full. \
         A gauge, since it is the socket's own count, which goes with it.",
        "segments",
    ),
];

const fn gauge(name: &'static str, help: &'static str, unit: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, help, labels: WHERE, unit, source: SOURCE, bound: BOUND }
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const VALUES: [fn(&Listening) -> u64; 4] =
        [|_| 1, |l| l.waiting.into(), |l| l.limit.into(), |l| l.drops.into()];
    let rows: Vec<_> = rows.iter().map(|row| (row, places(row.listening))).collect();
    for (family, value) in FAMILIES.iter().zip(VALUES) {
        encoder.family(family);
        for (row, places) in &rows {
            let series = Series { labels: row.labels, created: None };
            for ((address, port), sum) in places {
                let labels = [("address", address.as_str()), ("port", port.as_str())];
                encoder.gauge(series, &labels, Value::Int(value(sum)));
            }
        }
    }
}

/// The sums by address and port, those with the lowest ports first.
fn places(listening: &[Listening]) -> BTreeMap<(String, String), Listening> {
    let mut by_place: BTreeMap<(u16, IpAddr), Listening> = BTreeMap::new();
    for socket in listening {
        let place = (socket.port, socket.address);
        by_place.entry(place).and_modify(|sum| add(sum, socket)).or_insert(*socket);
    }
    let mut places: BTreeMap<(String, String), Listening> = BTreeMap::new();
    for (at, ((port, address), sum)) in by_place.into_iter().enumerate() {
        let place = match at {
            0..MOST => (address.to_string(), port.to_string()),
            _ => (names::OTHER.to_owned(), names::OTHER.to_owned()),
        };
        places.entry(place).and_modify(|all| add(all, &sum)).or_insert(sum);
    }
    places
}

fn add(sum: &mut Listening, more: &Listening) {
    sum.waiting += more.waiting;
    sum.limit = sum.limit.saturating_add(more.limit);
    sum.drops = sum.drops.saturating_add(more.drops);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row};
    use super::*;

    #[test]
    fn those_that_share_a_port_are_one_and_those_beyond_the_bound_too() {
        let at = |port, waiting| Listening {
            cgroup_id: 1,
            address: IpAddr::from([0, 0, 0, 0]),
            port,
            waiting,
            limit: 128,
            drops: 2,
        };
        let mut all = vec![at(80, 3), at(80, 4)];
        all.extend((1000..1070).map(|port| at(port, 1)));
        let row = Row { listening: &all, ..kernel_row(&[], &[]) };
        let text = encoded(&SIGNAL, &[row]);
        for line in [
            r#"container_tcp_listen_info{id="/a",address="0.0.0.0",port="80"} 1"#,
            r#"container_tcp_listen_queue_length{id="/a",address="0.0.0.0",port="80"} 7"#,
            r#"container_tcp_listen_queue_limit{id="/a",address="0.0.0.0",port="80"} 256"#,
            r#"container_tcp_listen_drops{id="/a",address="0.0.0.0",port="80"} 4"#,
            r#"container_tcp_listen_queue_length{id="/a",address="0.0.0.0",port="1062"} 1"#,
            r#"container_tcp_listen_queue_length{id="/a",address="other",port="other"} 7"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} not in\n{text}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("container_tcp_listen_info{")).count(), 65);
    }
}
