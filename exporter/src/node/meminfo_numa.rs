//! Memory of each NUMA node of the host. Off by default, as in node_exporter.

use std::collections::BTreeMap;

use super::{Collector, Host, NodeError, Page, meminfo};
use crate::exposition::Kind;

pub(super) static COLLECTOR: Collector = Collector {
    name: "meminfo_numa",
    summary: "memory of each NUMA node of the host",
    default: false,
    families: &[],
    collect,
};

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let (directory, mut nodes) = host.sys_list("devices/system/node", "node");
    nodes.retain(|name| name["node".len()..].parse::<u32>().is_ok());
    // By name, in the order of their names: whether it counts, and the values by node.
    let mut families: BTreeMap<String, (Kind, Vec<(String, u64)>)> = BTreeMap::new();
    for node in &nodes {
        let number = &node["node".len()..];
        let mut add = |name: String, kind, value| {
            families.entry(name).or_insert((kind, Vec::new())).1.push((number.to_owned(), value));
        };
        let text = host.text(directory.join(node).join("meminfo")).unwrap_or_default();
        for line in text.lines() {
            // Each line begins with the node: `Node 0 MemTotal: 5 kB`.
            let rest = line.strip_prefix("Node ").and_then(|rest| rest.split_once(' '));
            let Some((_, rest)) = rest else { return Err(NodeError::parse("meminfo of a node", line)) };
            let (name, value) = meminfo::parse(rest, "meminfo of a node")?;
            // Without their unit here.
            add(name.trim_end_matches("_bytes").to_owned(), Kind::Gauge, value);
        }
        let text = host.text(directory.join(node).join("numastat")).unwrap_or_default();
        for line in text.lines() {
            if let Some((name, Ok(value))) = line.split_once(' ').map(|(name, value)| (name, value.parse())) {
                add(format!("{name}_total"), Kind::Counter, value);
            }
        }
    }
    for (name, (kind, values)) in families {
        let help = format!("Memory information field {}.", name.trim_end_matches("_total"));
        page.found(&format!("node_memory_numa_{name}"), kind, &help);
        for (node, value) in values {
            page.put(&[("node", &node)], value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn two_nodes() {
        let files = [
            ("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:  5 kB\nNode 0 Active(anon): 1 kB\n"),
            ("sys/devices/system/node/node0/numastat", "numa_hit 193460335812\n"),
            ("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:  6 kB\n"),
            ("sys/devices/system/node/possible", "0-1\n"),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                r#"node_memory_numa_Active_anon{node="0"} 1024"#,
                r#"node_memory_numa_MemTotal{node="0"} 5120"#,
                r#"node_memory_numa_MemTotal{node="1"} 6144"#,
                r#"node_memory_numa_numa_hit_total{node="0"} 193460335812"#,
            ]
        );
    }
}
