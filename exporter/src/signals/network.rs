//! Traffic by interface of a container's network namespace, on one row a namespace.

use super::per_row::counter;
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};
use crate::host::InterfaceStats;

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "network",
    summary: "network traffic by interface, once for each network namespace",
    source: Source::Process,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 8] = [
    receive("container_network_receive_bytes_total", "Bytes received.", "bytes"),
    receive("container_network_receive_packets_total", "Packets received.", "packets"),
    receive("container_network_receive_errors_total", "Errors while receiving.", "errors"),
    receive("container_network_receive_packets_dropped_total", "Packets dropped while receiving.", "packets"),
    transmit("container_network_transmit_bytes_total", "Bytes transmitted.", "bytes"),
    transmit("container_network_transmit_packets_total", "Packets transmitted.", "packets"),
    transmit("container_network_transmit_errors_total", "Errors while transmitting.", "errors"),
    transmit(
        "container_network_transmit_packets_dropped_total",
        "Packets dropped while transmitting.",
        "packets",
    ),
];

const fn receive(name: &'static str, help: &'static str, unit: &'static str) -> Family {
    const SOURCE: &str = "/proc/<pid>/net/dev, receive; without lo, veth*, docker* and nerdctl*";
    by_interface(counter(name, help, unit, SOURCE))
}

const fn transmit(name: &'static str, help: &'static str, unit: &'static str) -> Family {
    const SOURCE: &str = "/proc/<pid>/net/dev, transmit; without lo, veth*, docker* and nerdctl*";
    by_interface(counter(name, help, unit, SOURCE))
}

const fn by_interface(family: Family) -> Family {
    const BOUND: &str = "64 interfaces; more are left out and counted";
    Family { labels: &["interface"], bound: BOUND, ..family }
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [fn(&InterfaceStats) -> u64; 8] = [
        |i| i.receive[0],
        |i| i.receive[1],
        |i| i.receive[2],
        |i| i.receive[3],
        |i| i.transmit[0],
        |i| i.transmit[1],
        |i| i.transmit[2],
        |i| i.transmit[3],
    ];
    for (family, read) in FAMILIES.iter().zip(READS) {
        encoder.family(family);
        for (series, stats) in rows.iter().filter_map(Row::host_series) {
            for interface in &stats.interfaces {
                encoder.counter(series, &[("interface", &interface.name)], Value::Int(read(interface)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostStats;
    use crate::signals::per_row::lines;

    #[test]
    fn by_interface_and_direction() {
        let eth0 = InterfaceStats { name: "eth0".into(), receive: [1, 2, 3, 4], transmit: [5, 6, 7, 8] };
        assert_eq!(
            lines(&SIGNAL, &HostStats { interfaces: vec![eth0], ..HostStats::default() }),
            [
                r#"container_network_receive_bytes_total{id="/a",interface="eth0"} 1"#,
                r#"container_network_receive_packets_total{id="/a",interface="eth0"} 2"#,
                r#"container_network_receive_errors_total{id="/a",interface="eth0"} 3"#,
                r#"container_network_receive_packets_dropped_total{id="/a",interface="eth0"} 4"#,
                r#"container_network_transmit_bytes_total{id="/a",interface="eth0"} 5"#,
                r#"container_network_transmit_packets_total{id="/a",interface="eth0"} 6"#,
                r#"container_network_transmit_errors_total{id="/a",interface="eth0"} 7"#,
                r#"container_network_transmit_packets_dropped_total{id="/a",interface="eth0"} 8"#,
            ]
        );
    }
}
