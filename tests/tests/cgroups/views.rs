//! `/metrics/cadvisor`, `collect[]` and `exclude[]`: the same numbers, of exactly the families asked for.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use plimsoll::signals;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::scrape::Scrape;

use crate::{Busy, expected};

/// The names that cAdvisor has, and dashboards ask for.
const CADVISORS: [&str; 57] = [
    "container_cpu_cfs_burst_periods_total",
    "container_cpu_cfs_burst_seconds_total",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_cfs_throttled_seconds_total",
    "container_cpu_system_seconds_total",
    "container_cpu_usage_seconds_total",
    "container_cpu_user_seconds_total",
    "container_creation_time_seconds",
    "container_file_descriptors",
    "container_fs_reads_bytes_total",
    "container_fs_reads_total",
    "container_fs_writes_bytes_total",
    "container_fs_writes_total",
    "container_last_seen",
    "container_memory_cache",
    "container_memory_events_high_total",
    "container_memory_events_max_total",
    "container_memory_failcnt",
    "container_memory_failures_total",
    "container_memory_mapped_file",
    "container_memory_max_usage_bytes",
    "container_memory_rss",
    "container_memory_swap",
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_network_receive_bytes_total",
    "container_network_receive_errors_total",
    "container_network_receive_packets_dropped_total",
    "container_network_receive_packets_total",
    "container_network_transmit_bytes_total",
    "container_network_transmit_errors_total",
    "container_network_transmit_packets_dropped_total",
    "container_network_transmit_packets_total",
    "container_oom_events_total",
    "container_pressure_cpu_stalled_seconds_total",
    "container_pressure_cpu_waiting_seconds_total",
    "container_pressure_io_stalled_seconds_total",
    "container_pressure_io_waiting_seconds_total",
    "container_pressure_memory_stalled_seconds_total",
    "container_pressure_memory_waiting_seconds_total",
    "container_processes",
    "container_sockets",
    "container_spec_cpu_period",
    "container_spec_cpu_quota",
    "container_spec_cpu_shares",
    "container_spec_memory_limit_bytes",
    "container_spec_memory_reservation_limit_bytes",
    "container_spec_memory_swap_limit_bytes",
    "container_start_time_seconds",
    "container_tasks_state",
    "container_threads",
    "container_threads_max",
    "container_ulimits_soft",
    "machine_cpu_cores",
    "machine_memory_bytes",
    "machine_swap_bytes",
];

/// A row's samples, and the machine's, without what a scrape itself moves.
type Row = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// What the rules, alerts and dashboards of kubernetes-mixin read of cAdvisor. They select by `image`, `namespace`, `pod`, `container`
/// and, of disks, `device`.
const KUBERNETES_MIXINS: [&str; 17] = [
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_usage_seconds_total",
    "container_fs_reads_bytes_total",
    "container_fs_reads_total",
    "container_fs_writes_bytes_total",
    "container_fs_writes_total",
    "container_memory_cache",
    "container_memory_rss",
    "container_memory_swap",
    "container_memory_working_set_bytes",
    "container_network_receive_bytes_total",
    "container_network_receive_packets_dropped_total",
    "container_network_receive_packets_total",
    "container_network_transmit_bytes_total",
    "container_network_transmit_packets_dropped_total",
    "container_network_transmit_packets_total",
];

fn row(exporter: &Exporter, path: &str, id: &str) -> Result<Row> {
    let scrape = Scrape::parse(&exporter.get(path, &[])?);
    let mut row = Row::new();
    for name in scrape.names().filter(|name| *name != "container_last_seen") {
        let of_row = scrape.all(name, &[]).filter(|sample| {
            name.starts_with("machine_") || sample.labels.get("id").is_some_and(|of| of == id)
        });
        row.extend(of_row.map(|sample| ((name.to_owned(), sample.labels.clone()), sample.value)));
    }
    Ok(row)
}

/// What a path has of a row, and what `/metrics` has, before and after the same: the period of a CPU quota goes on for a
/// moment when nothing runs any more.
fn bracketed(exporter: &Exporter, path: &str, id: &str) -> Result<(Row, Row)> {
    for _ in 0..100 {
        let before = row(exporter, "/metrics", id)?;
        let part = row(exporter, path, id)?;
        if before == row(exporter, "/metrics", id)? {
            return Ok((part, before));
        }
    }
    bail!("an idle container never stands still")
}

/// The names of a scrape that are not Plimsoll's own.
fn names(exporter: &Exporter, path: &str) -> Result<BTreeSet<String>> {
    let scrape = Scrape::parse(&exporter.get(path, &[])?);
    Ok(scrape.names().filter(|name| !name.starts_with("plimsoll_")).map(str::to_owned).collect())
}

/// The family a sample is of.
fn family(sample: &str) -> &str {
    let is_family = |name: &&str| signals::ALL.iter().flat_map(|s| s.families).any(|of| of.name == *name);
    let histogram = |suffix| sample.strip_suffix(suffix).filter(is_family);
    ["_bucket", "_sum", "_count"].into_iter().find_map(histogram).unwrap_or(sample)
}

#[test]
fn cadvisors_path_has_its_names_and_no_other_and_the_same_values() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let busy = Busy::new()?;
    let (cadvisor, mut all) = bracketed(&exporter, "/metrics/cadvisor", busy.id())?;
    assert!(all.keys().any(|(name, _)| name == "container_syscalls_total"));
    all.retain(|(name, _), _| CADVISORS.contains(&name.as_str()));
    assert_eq!(cadvisor, all);
    let names = names(&exporter, "/metrics/cadvisor")?;
    let foreign: Vec<_> = names.iter().filter(|name| !CADVISORS.contains(&name.as_str())).collect();
    assert_eq!(foreign, Vec::<&String>::new());
    assert!(names.len() >= 40, "{names:?}");
    busy.finish()
}

#[test]
fn every_family_of_the_host_is_cadvisors_and_compared_with_its_file() {
    let host = signals::ALL.iter().filter(|signal| signal.source.is_host());
    let mut families: Vec<_> = host.flat_map(|signal| signal.families).map(|family| family.name).collect();
    let compared = |name: &&str| !expected::NOT_COMPARED.contains(name);
    let not: Vec<_> =
        families.iter().copied().filter(compared).filter(|name| !expected::is_compared(name)).collect();
    assert_eq!(not, Vec::<&str>::new());
    families.retain(|name| !signals::NOT_CADVISORS.contains(name));
    families.push("container_oom_events_total");
    families.sort_unstable();
    assert_eq!(families, CADVISORS);
}

#[test]
fn collect_and_exclude_take_whole_signals_and_change_no_value() -> Result<()> {
    let optional = signals::ALL.iter().filter(|signal| !signal.default);
    let flags: Vec<String> = optional.map(|signal| format!("--collector.{}", signal.name)).collect();
    let exporter = Exporter::start(&flags.iter().map(String::as_str).collect::<Vec<_>>())?;
    let busy = Busy::new()?;
    for signal in signals::ALL {
        let is_of = |name: &str| signal.families.iter().any(|of| of.name == family(name));
        let name = signal.name;
        let (part, mut all) = bracketed(&exporter, &format!("/metrics?collect[]={name}"), busy.id())?;
        all.retain(|(name, _), _| is_of(name));
        assert_eq!(part, all, "{name}");
        let (part, mut all) = bracketed(&exporter, &format!("/metrics?exclude[]={name}"), busy.id())?;
        all.retain(|(name, _), _| !is_of(name));
        assert_eq!(part, all, "without {name}");
    }
    busy.finish()
}

#[test]
fn kubernetes_mixin_finds_what_it_reads() {
    let missing: Vec<_> = KUBERNETES_MIXINS.iter().filter(|name| !CADVISORS.contains(name)).collect();
    assert_eq!(missing, Vec::<&&str>::new());
}
