//! Traffic of each network interface of the host.

use procfs::FromBufRead as _;
use procfs::net::{DeviceStatus, InterfaceDeviceStatus};

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "netdev",
    summary: "bytes, packets, errors and drops of the host's network interfaces",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of {
    labels: &["device"],
    source: "/proc/1/net/dev",
    bound: "one for each interface that `--collector.netdev.device-exclude` leaves",
};

const NOHANDLER: Of = Of { source: "/sys/class/net/*/statistics/rx_nohandler (4.6)", ..OF };

static FAMILIES: [Family; 17] = [
    OF.counter("node_network_receive_bytes_total", "Network device statistic receive_bytes.", "bytes"),
    OF.counter("node_network_receive_packets_total", "Network device statistic receive_packets.", "packets"),
    OF.counter("node_network_receive_errs_total", "Network device statistic receive_errs.", "packets"),
    OF.counter("node_network_receive_drop_total", "Network device statistic receive_drop.", "packets"),
    OF.counter("node_network_receive_fifo_total", "Network device statistic receive_fifo.", "packets"),
    OF.counter("node_network_receive_frame_total", "Network device statistic receive_frame.", "packets"),
    OF.counter(
        "node_network_receive_compressed_total",
        "Network device statistic receive_compressed.",
        "packets",
    ),
    OF.counter(
        "node_network_receive_multicast_total",
        "Network device statistic receive_multicast.",
        "packets",
    ),
    OF.counter("node_network_transmit_bytes_total", "Network device statistic transmit_bytes.", "bytes"),
    OF.counter(
        "node_network_transmit_packets_total",
        "Network device statistic transmit_packets.",
        "packets",
    ),
    OF.counter("node_network_transmit_errs_total", "Network device statistic transmit_errs.", "packets"),
    OF.counter("node_network_transmit_drop_total", "Network device statistic transmit_drop.", "packets"),
    OF.counter("node_network_transmit_fifo_total", "Network device statistic transmit_fifo.", "packets"),
    OF.counter("node_network_transmit_colls_total", "Network device statistic transmit_colls.", "packets"),
    OF.counter(
        "node_network_transmit_carrier_total",
        "Network device statistic transmit_carrier.",
        "packets",
    ),
    OF.counter(
        "node_network_transmit_compressed_total",
        "Network device statistic transmit_compressed.",
        "packets",
    ),
    NOHANDLER.counter(
        "node_network_receive_nohandler_total",
        "Network device statistic receive_nohandler.",
        "packets",
    ),
];

const READS: [fn(&DeviceStatus) -> u64; 16] = [
    |d| d.recv_bytes,
    |d| d.recv_packets,
    |d| d.recv_errs,
    |d| d.recv_drop,
    |d| d.recv_fifo,
    |d| d.recv_frame,
    |d| d.recv_compressed,
    |d| d.recv_multicast,
    |d| d.sent_bytes,
    |d| d.sent_packets,
    |d| d.sent_errs,
    |d| d.sent_drop,
    |d| d.sent_fifo,
    |d| d.sent_colls,
    |d| d.sent_carrier,
    |d| d.sent_compressed,
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.of_init("1/net/dev")?;
    let parsed = InterfaceDeviceStatus::from_buf_read(text.as_bytes());
    let parsed = parsed.map_err(|error| NodeError::parse("/proc/net/dev", &error.to_string()))?;
    let mut devices: Vec<DeviceStatus> = parsed.0.into_values().collect();
    devices.retain(|device| host.options.netdev().admits(&device.name));
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    for (family, read) in FAMILIES.iter().zip(READS) {
        page.family(family);
        for device in &devices {
            page.put(&[("device", &device.name)], read(device));
        }
    }
    let directory = host.paths.sysfs.join("class/net");
    page.family(&FAMILIES[16]);
    for device in &devices {
        let file = directory.join(&device.name).join("statistics/rx_nohandler");
        if let Some(value) = host.number::<u64>(file) {
            page.put(&[("device", &device.name)], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn every_column_of_those_that_are_left() {
        let dev = "Inter-|   Receive                                                |  Transmit\n \
                   face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
                   \u{20} eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n    lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n";
        let mut fixture = Fixture::new(&[("proc/net/dev", dev)]);
        let samples = fixture.samples(&COLLECTOR);
        let values: Vec<u32> =
            samples.iter().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        assert_eq!(values, (1..=16).collect::<Vec<u32>>(), "no loopback");
        assert_eq!(samples[3], r#"node_network_receive_drop_total{device="eth0"} 4"#);
        assert_eq!(samples[14], r#"node_network_transmit_carrier_total{device="eth0"} 15"#);
        fixture.options().netdev_include = Some("^lo$".parse().expect("a pattern"));
        assert_eq!(fixture.samples(&COLLECTOR)[0], r#"node_network_receive_bytes_total{device="lo"} 1"#);
    }
}
