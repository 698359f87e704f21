//! Connections that the host's netfilter tracks.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "conntrack",
    summary: "connections that the host's netfilter tracks, and their limit",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/proc/sys/net/netfilter", bound: "1" };
const STAT: Of = Of { labels: &[], source: "/proc/net/stat/nf_conntrack, all CPUs together", bound: "1" };

static FAMILIES: [Family; 10] = [
    OF.gauge(
        "node_nf_conntrack_entries",
        "Number of currently allocated flow entries for connection tracking.",
        "entries",
    ),
    OF.gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.", "entries"),
    STAT.gauge(
        "node_nf_conntrack_stat_found",
        "Number of searched entries which were successful.",
        "searches",
    ),
    STAT.gauge(
        "node_nf_conntrack_stat_invalid",
        "Number of packets seen which can not be tracked.",
        "packets",
    ),
    STAT.gauge(
        "node_nf_conntrack_stat_ignore",
        "Number of packets seen which are already connected to a conntrack entry.",
        "packets",
    ),
    STAT.gauge("node_nf_conntrack_stat_insert", "Number of entries inserted into the list.", "entries"),
    STAT.gauge(
        "node_nf_conntrack_stat_insert_failed",
        "Number of entries for which list insertion was attempted but failed.",
        "entries",
    ),
    STAT.gauge(
        "node_nf_conntrack_stat_drop",
        "Number of packets dropped due to conntrack failure.",
        "packets",
    ),
    STAT.gauge(
        "node_nf_conntrack_stat_early_drop",
        "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
        "entries",
    ),
    STAT.gauge(
        "node_nf_conntrack_stat_search_restart",
        "Number of conntrack table lookups which had to be restarted due to hashtable resizes.",
        "lookups",
    ),
];

/// The columns of the families from the third on.
const COLUMNS: [&str; 8] =
    ["found", "invalid", "ignore", "insert", "insert_failed", "drop", "early_drop", "search_restart"];

/// A column's sum: a line for each CPU, in hexadecimal, below the names.
fn sum(text: &str, column: &str) -> Option<u64> {
    let mut lines = text.lines();
    let at = lines.next()?.split_whitespace().position(|name| name == column)?;
    let value = |line: &str| u64::from_str_radix(line.split_whitespace().nth(at)?, 16).ok();
    lines.map(value).try_fold(0, |sum: u64, value| Some(sum.wrapping_add(value?)))
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    for (family, file) in
        FAMILIES.iter().zip(["sys/net/netfilter/nf_conntrack_count", "sys/net/netfilter/nf_conntrack_max"])
    {
        let text = host.proc(file)?;
        let value: u64 =
            text.trim().parse().map_err(|_| NodeError::parse("/proc/sys/net/netfilter", &text))?;
        page.one(family, Some(value));
    }
    let Ok(text) = host.of_init("1/net/stat/nf_conntrack") else { return Ok(()) };
    for (family, column) in FAMILIES[2..].iter().zip(COLUMNS) {
        page.one(family, sum(&text, column));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn entries_and_sums_over_cpus() {
        let files = [
            ("proc/sys/net/netfilter/nf_conntrack_count", "123\n"),
            ("proc/sys/net/netfilter/nf_conntrack_max", "65536\n"),
            (
                "proc/net/stat/nf_conntrack",
                "entries  searched found insert_failed drop\n00000021  00000000 0000000a 00000001 ffffffff\n00000021  00000000 00000006 00000002 00000001\n",
            ),
        ];
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                "node_nf_conntrack_entries 123",
                "node_nf_conntrack_entries_limit 65536",
                "node_nf_conntrack_stat_found 16",
                "node_nf_conntrack_stat_insert_failed 3",
                "node_nf_conntrack_stat_drop 4294967296",
            ]
        );
    }
}
