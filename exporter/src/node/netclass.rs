//! What each network interface of the host is and can do.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "netclass",
    summary: "state, speed, MTU and other properties of the host's network interfaces",
    default: true,
    families: &FAMILIES,
    collect,
};

const BOUND: &str = "one for each interface that `--collector.netclass.ignored-devices` leaves";
const OF: Of = Of { labels: &["device"], source: "/sys/class/net", bound: BOUND };
const INFO: Of = Of {
    labels: &["address", "broadcast", "device", "duplex", "ifalias", "operstate"],
    source: "/sys/class/net",
    bound: BOUND,
};

/// The file of each family from the third on.
const FILES: [&str; 17] = [
    "addr_assign_type",
    "carrier",
    "carrier_changes",
    "carrier_up_count",
    "carrier_down_count",
    "dev_id",
    "dormant",
    "flags",
    "ifindex",
    "iflink",
    "link_mode",
    "mtu",
    "name_assign_type",
    "netdev_group",
    "speed",
    "tx_queue_len",
    "type",
];

static FAMILIES: [Family; 19] = [
    OF.gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", "0 or 1"),
    INFO.gauge("node_network_info", "Non-numeric data from /sys/class/net/<iface>, value is always 1.", "1"),
    OF.gauge("node_network_address_assign_type", "Network device property: address_assign_type.", "a number"),
    OF.gauge("node_network_carrier", "Network device property: carrier.", "0 or 1"),
    OF.counter(
        "node_network_carrier_changes_total",
        "Network device property: carrier_changes_total.",
        "changes",
    ),
    OF.counter(
        "node_network_carrier_up_changes_total",
        "Network device property: carrier_up_changes_total.",
        "changes",
    ),
    OF.counter(
        "node_network_carrier_down_changes_total",
        "Network device property: carrier_down_changes_total.",
        "changes",
    ),
    OF.gauge("node_network_device_id", "Network device property: device_id.", "a number"),
    OF.gauge("node_network_dormant", "Network device property: dormant.", "0 or 1"),
    OF.gauge("node_network_flags", "Network device property: flags.", "bits"),
    OF.gauge("node_network_iface_id", "Network device property: iface_id.", "a number"),
    OF.gauge("node_network_iface_link", "Network device property: iface_link.", "a number"),
    OF.gauge("node_network_iface_link_mode", "Network device property: iface_link_mode.", "a number"),
    OF.gauge("node_network_mtu_bytes", "Network device property: mtu_bytes.", "bytes"),
    OF.gauge("node_network_name_assign_type", "Network device property: name_assign_type.", "a number"),
    OF.gauge("node_network_net_dev_group", "Network device property: net_dev_group.", "a number"),
    OF.gauge("node_network_speed_bytes", "Network device property: speed_bytes.", "bytes a second"),
    OF.gauge(
        "node_network_transmit_queue_length",
        "Network device property: transmit_queue_length.",
        "packets",
    ),
    OF.gauge("node_network_protocol_type", "Network device property: protocol_type.", "a number"),
];

/// A file's number: flags and the device's are hexadecimal, the speed is in Mbit/s and -1 if unknown.
fn number(file: &str, text: &str) -> Option<Value> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None => text.parse().ok()?,
    };
    let value = if file == "speed" { value * 125_000 } else { value };
    Some(u64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let directory = host.paths.sysfs.join("class/net");
    let mut devices = host.list(&directory)?;
    devices.retain(|name| {
        !host.options.netclass_ignored.matches(name) && directory.join(name).join("ifindex").exists()
    });
    let states: Vec<String> = devices
        .iter()
        .map(|name| host.text(directory.join(name).join("operstate")).unwrap_or_default())
        .collect();
    page.family(&FAMILIES[0]);
    for (device, state) in devices.iter().zip(&states) {
        page.put(&[("device", device)], state == "up");
    }
    page.family(&FAMILIES[1]);
    for (device, state) in devices.iter().zip(&states) {
        let text = |name: &str| host.text(directory.join(device).join(name)).unwrap_or_default();
        let labels = [
            ("address", &*text("address")),
            ("broadcast", &text("broadcast")),
            ("device", device),
            ("duplex", &text("duplex")),
            ("ifalias", &text("ifalias")),
            ("operstate", state),
        ];
        page.put(&labels, 1u64);
    }
    for (family, file) in FAMILIES[2..].iter().zip(FILES) {
        page.family(family);
        for device in &devices {
            let text = host.text(directory.join(device).join(file));
            if let Some(value) = text.and_then(|text| number(file, &text)) {
                page.put(&[("device", device)], value);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn what_an_interface_is() {
        let files = [
            ("sys/class/net/eth0/ifindex", "2\n"),
            ("sys/class/net/eth0/operstate", "up\n"),
            ("sys/class/net/eth0/address", "02:fc:00:00:00:01\n"),
            ("sys/class/net/eth0/duplex", "full\n"),
            ("sys/class/net/eth0/flags", "0x1003\n"),
            ("sys/class/net/eth0/speed", "10000\n"),
            ("sys/class/net/eth0/carrier_up_count", "3\n"),
            ("sys/class/net/wlan0/ifindex", "3\n"),
            ("sys/class/net/wlan0/operstate", "down\n"),
            ("sys/class/net/wlan0/speed", "-1\n"),
            ("sys/class/net/bonding_masters", "bond0\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_network_up{device="eth0"} 1"#,
                r#"node_network_up{device="wlan0"} 0"#,
                r#"node_network_info{address="02:fc:00:00:00:01",broadcast="",device="eth0",duplex="full",ifalias="",operstate="up"} 1"#,
                r#"node_network_info{address="",broadcast="",device="wlan0",duplex="",ifalias="",operstate="down"} 1"#,
                r#"node_network_carrier_up_changes_total{device="eth0"} 3"#,
                r#"node_network_flags{device="eth0"} 4099"#,
                r#"node_network_iface_id{device="eth0"} 2"#,
                r#"node_network_iface_id{device="wlan0"} 3"#,
                r#"node_network_speed_bytes{device="eth0"} 1250000000"#,
                r#"node_network_speed_bytes{device="wlan0"} -125000"#,
            ]
        );
    }
}
