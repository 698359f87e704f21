//! Everything that a rule or a dashboard may ask for: what the exporter serves, what the rules record, what Prometheus adds.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll::engine::own_families;
use plimsoll::node;
use plimsoll::signals::ALL;
use plimsoll_tests::{rules, tools::workspace};

/// Of the families whose names only the host knows in full those that every host has; and what node_exporter alone serves.
const FOUND: [&str; 7] = [
    "node_memory_Buffers_bytes",
    "node_memory_Cached_bytes",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemFree_bytes",
    "node_memory_MemTotal_bytes",
    "node_systemd_unit_state",
    "node_vmstat_pgmajfault",
];

/// The name of each series there can be, and whether it is a counter, which only grows.
pub(crate) fn series() -> Result<BTreeMap<String, bool>> {
    let mut all = BTreeMap::new();
    let signals = ALL.iter().flat_map(|signal| signal.families);
    let host = node::ALL.iter().flat_map(|collector| collector.families).chain(&node::OUTCOME);
    let families = signals.chain(host).map(|family| (family.name.to_owned(), family.kind.as_str()));
    for (name, kind) in families.chain(own_families().into_iter().map(|(name, kind, _)| (name, kind))) {
        if kind == "histogram" {
            all.extend(["bucket", "sum", "count"].map(|part| (format!("{name}_{part}"), true)));
        } else {
            all.insert(name, kind == "counter");
        }
    }
    all.extend(FOUND.map(|name| (name.to_owned(), false)));
    all.extend(probes()?.into_iter().map(|name| (name, false)));
    all.extend(rules::rules()?.into_iter().filter_map(|rule| Some((rule.record?, false))));
    let prometheus = ["up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS"];
    all.extend(prometheus.map(|name| (name.to_owned(), false)));
    Ok(all)
}

/// The metrics of probes, as their reference lists them; another test holds what is served against blackbox_exporter.
fn probes() -> Result<Vec<String>> {
    let path = workspace().join("docs/probe.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let words = text.split('`').map(|word| word.split('{').next().unwrap_or_default());
    let named = |word: &&str| word.starts_with("probe_") || word.starts_with("plimsoll_probe_");
    Ok(words.filter(named).map(str::to_owned).collect())
}
