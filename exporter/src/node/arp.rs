//! Neighbours of the host, by interface.

use std::collections::BTreeMap;

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "arp",
    summary: "entries of the host's ARP table by interface",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &["device"], source: "/proc/1/net/arp", bound: "one for each interface" };

static FAMILIES: [Family; 1] = [OF.gauge("node_arp_entries", "ARP entries by device.", "entries")];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.of_init("1/net/arp")?;
    let mut entries: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines().skip(1) {
        // Not procfs' ArpEntries: one hardware type that it does not know spoils all.
        let device = line.split_whitespace().nth(5).ok_or_else(|| NodeError::parse("/proc/net/arp", line))?;
        *entries.entry(device).or_default() += 1;
    }
    page.family(&FAMILIES[0]);
    for (device, count) in entries.into_iter().filter(|(device, _)| host.options.arp().admits(device)) {
        page.put(&[("device", device)], count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn counted_by_interface() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
                   192.0.2.1        0x1         0x2         02:00:00:00:00:01     *        eth1\n\
                   192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth1\n\
                   198.51.100.1     0x1         0x2         02:00:00:00:00:02     *        eth0\n";
        assert_eq!(
            samples(&COLLECTOR, &[("proc/net/arp", arp)]),
            [r#"node_arp_entries{device="eth0"} 1"#, r#"node_arp_entries{device="eth1"} 2"#]
        );
    }
}
