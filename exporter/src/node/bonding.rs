//! Bonded interfaces of the host: how many parts each has, and how many work.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "bonding",
    summary: "parts of the host's bonded interfaces, and how many work",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of =
    Of { labels: &["master"], source: "/sys/class/net/bonding_masters", bound: "one for each bond" };

static FAMILIES: [Family; 2] = [
    OF.gauge("node_bonding_slaves", "Number of configured slaves per bonding interface.", "interfaces"),
    OF.gauge("node_bonding_active", "Number of active slaves per bonding interface.", "interfaces"),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let directory = host.paths.sysfs.join("class/net");
    let path = directory.join("bonding_masters");
    let Some(masters) = host.text(&path) else { return Err(NodeError::Nothing(path)) };
    let mut bonds = Vec::new();
    for master in masters.split_whitespace() {
        let at = directory.join(master);
        let parts = host.text(at.join("bonding/slaves")).unwrap_or_default();
        let works = |part: &&str| {
            // Kernels before 3.13 have no directory lower_…, but one named slave_….
            let status = |kind| host.text(at.join(format!("{kind}_{part}/bonding_slave/mii_status")));
            status("lower").or_else(|| status("slave")).is_some_and(|status| status == "up")
        };
        let parts: Vec<&str> = parts.split_whitespace().collect();
        bonds.push((master, parts.len() as u64, parts.iter().filter(|part| works(part)).count() as u64));
    }
    page.family(&FAMILIES[0]);
    for (master, parts, _) in &bonds {
        page.put(&[("master", master)], *parts);
    }
    page.family(&FAMILIES[1]);
    for (master, _, active) in &bonds {
        page.put(&[("master", master)], *active);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn a_bond_with_a_part_that_is_down() {
        let files = [
            ("sys/class/net/bonding_masters", "bond0 dmz\n"),
            ("sys/class/net/bond0/bonding/slaves", "eth0 eth4\n"),
            ("sys/class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n"),
            ("sys/class/net/bond0/lower_eth4/bonding_slave/mii_status", "down\n"),
            ("sys/class/net/dmz/bonding/slaves", "\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_bonding_slaves{master="bond0"} 2"#,
                r#"node_bonding_slaves{master="dmz"} 0"#,
                r#"node_bonding_active{master="bond0"} 1"#,
                r#"node_bonding_active{master="dmz"} 0"#,
            ]
        );
    }
}
