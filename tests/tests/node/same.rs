//! Debian's node_exporter beside ours: every series that both have is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::node_exporter::NodeExporter;
use plimsoll_tests::structure;

use crate::{Directory, explained};

/// A scrape: the types of families, and the value of each series of host metrics.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) types: BTreeMap<String, String>,
    pub(crate) series: BTreeMap<String, f64>,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let types = types.map(|(name, kind)| (name.to_owned(), kind.to_owned()));
        let scrape = Scrape::parse(text);
        let mut series = BTreeMap::new();
        for name in scrape.names().filter(|name| name.starts_with("node_") || name.starts_with("left_by_")) {
            for sample in scrape.all(name, &[]) {
                series.insert(format!("{name} {:?}", sample.labels), sample.value);
            }
        }
        Self { types: types.collect(), series }
    }

    fn families(&self) -> BTreeSet<&str> {
        self.series.keys().filter_map(|series| series.split(' ').next()).collect()
    }
}

/// Families that only theirs has here, and why; a name's beginning is enough.
const ONLY_THEIRS: &[(&str, &str)] = &[
    ("node_exporter_build_info", "ours is plimsoll_build_info"),
    ("node_bcache_", "no dashboard or rule reads it"),
    ("node_btrfs_", "no dashboard or rule reads it"),
    ("node_fibrechannel_", "no dashboard or rule reads it"),
    ("node_infiniband_", "no dashboard or rule reads it"),
    ("node_ipvs_", "no dashboard or rule reads it"),
    ("node_nfs_", "no dashboard or rule reads it"),
    ("node_nfsd_", "no dashboard or rule reads it"),
    ("node_tape_", "no dashboard or rule reads it"),
    ("node_xfs_", "no dashboard or rule reads it"),
    ("node_systemd_", "off unless asked for; Debian's has it on"),
    ("node_zfs_", "no dashboard or rule reads it"),
    ("node_power_supply_", "of its many files ours has those of dashboards"),
];

/// Families that only ours has here, and why.
const ONLY_OURS: &[(&str, &str)] = &[
    ("node_pressure_irq_stalled_seconds_total", "later than 1.5"),
    ("node_softnet_cpu_collision_total", "later than 1.5"),
    ("node_softnet_received_rps_total", "later than 1.5"),
    ("node_softnet_flow_limit_count_total", "later than 1.5"),
    ("node_softnet_backlog_len", "later than 1.5"),
    ("node_cpu_scaling_governor", "later than 1.5"),
    ("node_netstat_TcpExt_TCPOFOQueue", "in the default of later versions"),
    ("node_netstat_TcpExt_TCPRcvQDrop", "in the default of later versions"),
];

/// Series that cannot be the same, and why.
const NOT_THE_SAME: &[(&str, &str)] = &[
    ("node_scrape_collector_duration_seconds", "each took its own time"),
    (r#"node_scrape_collector_success {"collector": "bcache"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "btrfs"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "fibrechannel"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "infiniband"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "ipvs"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "nfs"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "nfsd"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "systemd"}"#, "off unless asked for"),
    (r#"node_scrape_collector_success {"collector": "tapestats"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "xfs"}"#, "a collector that ours has not"),
    (r#"node_scrape_collector_success {"collector": "zfs"}"#, "a collector that ours has not"),
    ("node_processes_", "each counts what it is itself made of"),
    ("node_memory_Committed_AS_bytes", "to be asked takes memory of its own"),
    (r#"node_tcp_connection_states {"state": "rx_queued_bytes"}"#, "what is on its way at that moment"),
    (r#"node_tcp_connection_states {"state": "tx_queued_bytes"}"#, "what is on its way at that moment"),
];

#[test]
fn the_same_numbers_as_node_exporter() -> Result<()> {
    let text = Directory::new("text")?;
    text.file("a.prom", "# HELP left_by_job A job's.\n# TYPE left_by_job gauge\nleft_by_job{job=\"x\"} 5\n")?;
    // What differs between the versions' defaults is said to both.
    let mut args = vec![format!("--collector.textfile.directory={}", text.0.display())];
    args.push("--collector.filesystem.mount-points-exclude=^/(dev|proc|sys)($|/)".to_owned());
    args.push("--collector.diskstats.device-exclude=^(z?ram|loop)\\d+$".to_owned());
    for name in ["interrupts", "meminfo_numa", "processes", "tcpstat"] {
        args.push(format!("--collector.{name}"));
    }
    let theirs = NodeExporter::start(&args)?;
    let ours = Exporter::start(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    let end = Instant::now() + Duration::from_secs(60);
    let mut matched = BTreeSet::new();
    loop {
        // A value between two of theirs is right: some series rise all the time.
        let before = Page::parse(&theirs.metrics()?);
        let served = ours.get("/metrics/node", &[])?;
        let after = Page::parse(&theirs.metrics()?);
        let here = Page::parse(&served);
        let mut open = Vec::new();
        for (series, value) in here.series.iter().filter(|(series, _)| !explained(NOT_THE_SAME, series)) {
            let (Some(a), Some(b)) = (before.series.get(series), after.series.get(series)) else {
                // A family that theirs has, with labels that it has not: as when something came meanwhile.
                if before.families().contains(series.split(' ').next().unwrap_or_default()) {
                    open.push(format!("{series} {value}, which theirs has not"));
                }
                continue;
            };
            // They multiply by 0.001, which leaves a little in the last digits.
            let little = value.abs() * 1e-12;
            if (a.min(*b) - little..=a.max(*b) + little).contains(value) {
                matched.insert(series.clone());
            } else if !matched.contains(series) {
                open.push(format!("{series} {value}, theirs {a} and {b}"));
            }
        }
        for series in before.series.keys().filter(|series| after.series.contains_key(*series)) {
            let family = series.split(' ').next().unwrap_or_default();
            let known = explained(ONLY_THEIRS, family) || explained(NOT_THE_SAME, series);
            if !known && !here.series.contains_key(series) {
                open.push(format!("{series}, which ours has not"));
            }
        }
        if open.is_empty() {
            let faults = structure::faults(&served, false);
            ensure!(faults.is_empty(), "{faults:#?}");
            ensure!(matched.len() > 200, "only {} series are shared", matched.len());
            for (name, kind) in &here.types {
                let same = before.types.get(name).is_none_or(|theirs| theirs == kind);
                ensure!(same, "{name}: {kind}, theirs {:?}", before.types.get(name));
            }
            let only: Vec<_> = here.families().difference(&before.families()).copied().collect();
            let new: Vec<_> = only.into_iter().filter(|name| !explained(ONLY_OURS, name)).collect();
            ensure!(new.is_empty(), "only ours has {new:?}");
            return Ok(());
        }
        if Instant::now() > end {
            bail!("not the same within a minute:\n{}", open.join("\n"));
        }
    }
}
