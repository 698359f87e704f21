//! Host metrics: node_exporter's numbers on this host, the trees of other machines, what dashboards read, a mount
//! that never answers, and the units of a systemd.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use plimsoll::node::is_ours;

#[path = "node/golden.rs"]
mod golden;
#[path = "node/hang.rs"]
mod hang;
#[path = "node/same.rs"]
mod same;
#[path = "node/units.rs"]
mod units;

/// A directory of its own, gone with the value.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("plimsoll-node-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn file(&self, name: &str, text: &str) -> Result<()> {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().context("a parent")?)?;
        Ok(std::fs::write(path, text)?)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a name is in a list of beginnings, each with a reason.
fn explained(list: &[(&str, &str)], name: &str) -> bool {
    list.iter().any(|(start, _)| name.starts_with(start))
}

/// What the node mixin's rules, alerts and dashboards and 'Node Exporter Full' (1860) read.
const READ: &str = include_str!("../fixtures/node/read.txt");

#[test]
fn what_dashboards_and_rules_read_is_served() {
    let names: Vec<_> = READ.lines().filter(|line| line.starts_with("node_")).collect();
    assert!(names.len() > 150, "the list is whole");
    let missing: Vec<_> = names.into_iter().filter(|name| !is_ours(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
