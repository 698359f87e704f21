//! `connections`: whom a container connects to, and on which of its ports others connect to it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeMap;

use plimsoll_abi::connections::{BEYOND, CLIENT, GROUP, INCOMING, NAMED, NUMBERED, Numbered, Record};
use plimsoll_abi::keyed::record_key;
use plimsoll_abi::tcp::RESULTS;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::{KernelRow, Keyed, Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::kernel::layout::{CONNECTIONS, CONNECTIONS_BEYOND, CONNECTIONS_CLIENTS};
use crate::kernel::{Number, Table};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "connections",
    summary: "who talks to whom: connects, open connections and bytes by destination and by listening port",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

/// What a number stands for among the destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// As dialled.
    pub dialled: IpAddr,
    /// Where packets really go, if that is elsewhere.
    pub actual: Option<SocketAddr>,
}

impl From<Numbered> for Address {
    fn from([a, b, c, d, e, f, g, h, port]: Numbered) -> Self {
        let ip = |words: [u32; 4]| {
            let octets: [u8; 16] = zerocopy::transmute!(words);
            IpAddr::from(Ipv6Addr::from(octets)).to_canonical()
        };
        let actual = [e, f, g, h];
        let port = u16::from_be(port as u16);
        let is_elsewhere = port != 0 || actual != [0; 4];
        Self { dialled: ip([a, b, c, d]), actual: is_elsewhere.then(|| SocketAddr::new(ip(actual), port)) }
    }
}

const TO: &[&str] = &["destination", "actual_destination"];
const BOUND: &str = "64 destinations and listening ports a container; beyond them \"other\", and \
                     plimsoll_losses_total{reason=\"destination_folded\"} counts each such connection";
const SOURCE: &str = "as container_tcp_connects_total";

static FAMILIES: [Family; 10] = [
    Family {
        name: "container_tcp_connects_total",
        kind: Kind::Counter,
        help: "Attempts to connect by destination as it was dialled, by where address translation sent them, if it did \
               and --tcp.actual-destination is on, and by how they ended.",
        labels: &["destination", "actual_destination", "result"],
        unit: "attempts",
        source: "tracepoint inet_sock_set_state (v5.10 to v7.x), sock_common.skc_daddr, .skc_v6_daddr and .skc_dport. IPv4 in \
                 IPv6 is shown as IPv4. With programs that rewrite addresses in connect() it is what they wrote. \
                 actual_destination: nf_conn.tuplehash of the first packets, tracepoint net_dev_queue",
        bound: BOUND,
    },
    family(
        "container_tcp_destination_connections",
        Kind::Gauge,
        "Connections open now, by destination.",
        TO,
        "connections",
    ),
    family(
        "container_tcp_destination_sent_bytes_total",
        Kind::Counter,
        "Payload bytes sent, by destination.",
        TO,
        "bytes",
    ),
    family(
        "container_tcp_destination_received_bytes_total",
        Kind::Counter,
        "Payload bytes received, by destination.",
        TO,
        "bytes",
    ),
    family(
        "container_tcp_port_accepts_total",
        Kind::Counter,
        "Connections that came in, by the port that listens.",
        &["port"],
        "connections",
    ),
    family(
        "container_tcp_port_connections",
        Kind::Gauge,
        "Connections open now that came in, by the port that listens.",
        &["port"],
        "connections",
    ),
    family(
        "container_tcp_port_sent_bytes_total",
        Kind::Counter,
        "Payload bytes sent through what came in, by the port that listens.",
        &["port"],
        "bytes",
    ),
    family(
        "container_tcp_port_received_bytes_total",
        Kind::Counter,
        "Payload bytes received through what came in, by the port that listens.",
        &["port"],
        "bytes",
    ),
    client(
        "container_tcp_client_accepts_total",
        Kind::Counter,
        "Connections that came in, by the address they came from.",
    ),
    client(
        "container_tcp_client_connections",
        Kind::Gauge,
        "Connections open now that came in, by the address they came from.",
    ),
];

const fn client(name: &'static str, kind: Kind, help: &'static str) -> Family {
    const BOUND: &str = "64 addresses a container; beyond them \"other\", and \
                         plimsoll_losses_total{reason=\"client_folded\"} counts each such connection";
    Family { name, kind, help, labels: &["client"], unit: "connections", source: SOURCE, bound: BOUND }
}

const fn family(
    name: &'static str,
    kind: Kind,
    help: &'static str,
    labels: &'static [&'static str],
    unit: &'static str,
) -> Family {
    Family { name, kind, help, labels, unit, source: SOURCE, bound: BOUND }
}

/// The number in a key that stands for an address or a name, if there is one.
pub(super) fn number(counter: &Keyed) -> Option<Number> {
    let ([number, peer], _) = record_key(counter.key);
    match counter.map {
        CONNECTIONS | CONNECTIONS_CLIENTS if peer & NUMBERED != 0 => Some((Table::Addresses, number)),
        CONNECTIONS if peer & NAMED != 0 => Some((Table::Names, number)),
        _ => None,
    }
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    let rows: Vec<_> = rows.iter().filter_map(Of::row).collect();
    let [connects, outgoing @ .., accepts, port_open, port_sent, port_received, from, from_open] = &FAMILIES;
    encoder.family(connects);
    for row in &rows {
        for ((to, actual), record) in &row.destinations {
            for (result, count) in RESULTS.iter().zip(record.results).filter(|(_, count)| *count > 0) {
                let labels =
                    [("destination", to.as_str()), ("actual_destination", actual), ("result", result)];
                encoder.counter(row.series, &labels, Value::Int(count));
            }
        }
    }
    const PLAIN: [fn(&Record) -> u64; 3] = [open, |r| r.sent_bytes, |r| r.received_bytes];
    for (family, value) in outgoing.iter().zip(PLAIN) {
        encoder.family(family);
        for row in &rows {
            for ((to, actual), record) in &row.destinations {
                let labels = [("destination", to.as_str()), ("actual_destination", actual)];
                write(encoder, family, row.series, &labels, value(record));
            }
        }
    }
    const PORTS: [fn(&Record) -> u64; 4] = [|r| r.results[0], open, |r| r.sent_bytes, |r| r.received_bytes];
    for (family, value) in [accepts, port_open, port_sent, port_received].into_iter().zip(PORTS) {
        encoder.family(family);
        for row in &rows {
            for (port, record) in &row.ports {
                write(encoder, family, row.series, &[("port", port)], value(record));
            }
        }
    }
    for (family, value) in [from, from_open].into_iter().zip(PORTS) {
        encoder.family(family);
        for row in &rows {
            for (client, record) in &row.clients {
                write(encoder, family, row.series, &[("client", client)], value(record));
            }
        }
    }
}

fn write(
    encoder: &mut Encoder<'_>,
    family: &Family,
    series: Series<'_>,
    labels: &[(&str, &str)],
    value: u64,
) {
    match family.kind {
        Kind::Gauge => encoder.gauge(series, labels, Value::Int(value)),
        _ => encoder.counter(series, labels, Value::Int(value)),
    }
}

/// One that closed after its cgroup was gone is not in `closed` here.
fn open(record: &Record) -> u64 {
    record.opened.saturating_sub(record.closed)
}

/// A row's records.
struct Of<'a> {
    series: Series<'a>,
    /// As dialled, and where they really are if that is elsewhere.
    destinations: BTreeMap<(String, String), Record>,
    ports: BTreeMap<String, Record>,
    clients: BTreeMap<String, Record>,
}

impl<'a> Of<'a> {
    fn row(row: &Row<'a>) -> Option<Self> {
        let kernel = row.kernel?;
        const MAPS: [u32; 3] = [CONNECTIONS, CONNECTIONS_BEYOND, CONNECTIONS_CLIENTS];
        let (mut destinations, mut ports, mut clients) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for counter in kernel.keyed.iter().filter(|counter| MAPS.contains(&counter.map)) {
            let (peer, word) = record_key(counter.key);
            let (name, actual) = name(kernel, peer);
            let record = if peer[1] & INCOMING != 0 {
                ports.entry(name).or_insert(Record::ZERO)
            } else if peer[1] & CLIENT != 0 {
                clients.entry(name).or_insert(Record::ZERO)
            } else {
                destinations.entry((name, actual)).or_insert(Record::ZERO)
            };
            add(record, word, counter.count);
        }
        Some(Self { series: row.kernel_series(kernel), destinations, ports, clients })
    }
}

fn add(record: &mut Record, word: usize, count: u64) {
    const WORDS: usize = size_of::<Record>() / 8;
    let mut words = <[u64; WORDS]>::read_from_bytes(record.as_bytes()).unwrap_or_default();
    if let Some(sum) = words.get_mut(word) {
        *sum += count;
    }
    *record = zerocopy::transmute!(words);
}

/// A peer's name, and that of where packets really go.
fn name(kernel: KernelRow<'_>, [address, peer]: [u32; 2]) -> (String, String) {
    let port = (peer & 0xffff) as u16;
    let full = |address: IpAddr| match peer & CLIENT {
        0 => SocketAddr::new(address, port).to_string(),
        _ => address.to_string(),
    };
    let name = if peer & BEYOND != 0 {
        names::OTHER.to_owned()
    } else if peer & INCOMING != 0 {
        port.to_string()
    } else if peer & GROUP != 0 {
        let group = kernel.groups.get(address as usize).map_or(names::UNKNOWN, String::as_str);
        format!("{group}:{port}")
    } else if peer & NAMED != 0 {
        let name = kernel.names.get(&address).map_or(names::UNKNOWN, String::as_str);
        format!("{name}:{port}")
    } else if peer & NUMBERED == 0 {
        full(Ipv4Addr::from(address.to_ne_bytes()).into())
    } else {
        match kernel.addresses.get(&address) {
            Some(Address { dialled, actual: Some(actual) }) => return (full(*dialled), actual.to_string()),
            Some(Address { dialled, actual: None }) => full(*dialled),
            None if peer & CLIENT != 0 => names::UNKNOWN.to_owned(),
            None => format!("[{}]:{port}", names::UNKNOWN),
        }
    };
    (name, String::new())
}

#[cfg(test)]
mod tests {
    use plimsoll_abi::keyed::word_key;
    use plimsoll_abi::tcp::{OK, REFUSED};

    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;
    use crate::kernel::layout;

    const OPENED: usize = RESULTS.len();
    const SENT: usize = OPENED + 2;

    #[test]
    fn by_destination_and_by_port() {
        let v4 = [u32::from_ne_bytes([127, 0, 0, 1]), 9];
        let (v6, lost, moved) = ([77, NUMBERED | 443], [78, NUMBERED | 443], [79, NUMBERED | 80]);
        let (port, beyond, beyond_in) = ([0, INCOMING | 7000], [0, BEYOND], [0, BEYOND | INCOMING]);
        let at = |peer, word: usize, count| keyed(CONNECTIONS, word_key(peer, word), count);
        let rest = |peer, word: usize, count| keyed(CONNECTIONS_BEYOND, word_key(peer, word), count);
        let from = |peer, word: usize, count| keyed(CONNECTIONS_CLIENTS, word_key(peer, word), count);
        let d = u32::from_ne_bytes([10, 0, 0, 5]);
        let counters = [
            at(v4, OK as usize, 3),
            at(v4, REFUSED as usize, 2),
            at(v4, OPENED, 3),
            at(v4, OPENED + 1, 1),
            at(v4, SENT, 100),
            at(v6, OK as usize, 1),
            at(lost, OK as usize, 1),
            at(moved, OK as usize, 6),
            at([1, GROUP | 443], OK as usize, 9),
            from([d, CLIENT], OK as usize, 3),
            from([77, CLIENT | NUMBERED], OK as usize, 2),
            from([77, CLIENT | NUMBERED], OPENED, 2),
            from([77, CLIENT | NUMBERED], OPENED + 1, 1),
            rest([0, BEYOND | CLIENT], OK as usize, 7),
            at(port, OK as usize, 4),
            at(port, SENT + 1, 50),
            rest(beyond, OK as usize, 8),
            rest(beyond_in, OK as usize, 5),
        ];
        let localhost = [0, 0, 0, 1u32.to_be()];
        let mapped = |address: [u8; 4]| [0, 0, 0xffff_u32.to_be(), u32::from_ne_bytes(address)];
        let numbered = |[a, b, c, d]: [u32; 4], [e, f, g, h]: [u32; 4], port: u16| {
            Address::from([a, b, c, d, e, f, g, h, port.to_be().into()])
        };
        let service = numbered(mapped([10, 96, 0, 1]), mapped([10, 0, 0, 7]), 8080);
        let addresses = BTreeMap::from([(77, numbered(localhost, [0; 4], 0)), (79, service)]);
        let groups = ["own".to_owned(), "internet".to_owned()];
        let cells = vec![0; layout::WORDS];
        let mut row = kernel_row(&cells, &counters);
        row.kernel = row.kernel.map(|kernel| KernelRow { addresses: &addresses, groups: &groups, ..kernel });
        let text = encoded(&SIGNAL, &[row]);
        let to = |destination: &str| format!(r#"id="/a",destination="{destination}",actual_destination="""#);
        for line in [
            format!(r#"container_tcp_connects_total{{{},result="ok"}} 3"#, to("127.0.0.1:9")),
            format!(r#"container_tcp_connects_total{{{},result="refused"}} 2"#, to("127.0.0.1:9")),
            format!(r#"container_tcp_connects_total{{{},result="ok"}} 1"#, to("[::1]:443")),
            format!(r#"container_tcp_connects_total{{{},result="ok"}} 1"#, to("[unknown]:443")),
            format!(r#"container_tcp_connects_total{{{},result="ok"}} 8"#, to("other")),
            format!(r#"container_tcp_connects_total{{{},result="ok"}} 9"#, to("internet:443")),
            r#"container_tcp_client_accepts_total{id="/a",client="10.0.0.5"} 3"#.to_owned(),
            r#"container_tcp_client_accepts_total{id="/a",client="::1"} 2"#.to_owned(),
            r#"container_tcp_client_accepts_total{id="/a",client="other"} 7"#.to_owned(),
            r#"container_tcp_client_connections{id="/a",client="::1"} 1"#.to_owned(),
            r#"container_tcp_connects_total{id="/a",destination="10.96.0.1:80",actual_destination="10.0.0.7:8080",result="ok"} 6"#
                .to_owned(),
            format!("container_tcp_destination_connections{{{}}} 2", to("127.0.0.1:9")),
            format!("container_tcp_destination_sent_bytes_total{{{}}} 100", to("127.0.0.1:9")),
            r#"container_tcp_port_accepts_total{id="/a",port="7000"} 4"#.to_owned(),
            r#"container_tcp_port_accepts_total{id="/a",port="other"} 5"#.to_owned(),
            r#"container_tcp_port_received_bytes_total{id="/a",port="7000"} 50"#.to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} not in\n{text}");
        }
    }
}
