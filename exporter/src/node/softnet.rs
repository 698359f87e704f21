//! Packets that each CPU took in, and what it had to leave.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "softnet",
    summary: "packets each CPU processed, dropped and was squeezed at",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &["cpu"], source: "/proc/net/softnet_stat", bound: "one for each CPU" };

static FAMILIES: [Family; 7] = [
    OF.counter("node_softnet_processed_total", "Number of processed packets.", "packets"),
    OF.counter("node_softnet_dropped_total", "Number of dropped packets.", "packets"),
    OF.counter(
        "node_softnet_times_squeezed_total",
        "Number of times processing packets ran out of quota.",
        "times",
    ),
    OF.counter(
        "node_softnet_cpu_collision_total",
        "Number of collision occur while obtaining device lock while transmitting.",
        "times",
    ),
    OF.counter("node_softnet_received_rps_total", "Number of times cpu woken up received_rps.", "times"),
    OF.counter(
        "node_softnet_flow_limit_count_total",
        "Number of times flow limit has been reached.",
        "times",
    ),
    OF.gauge("node_softnet_backlog_len", "Softnet backlog status.", "packets"),
];

/// The column of each family; the twelfth names the CPU, since lines of those that are offline are missing.
const COLUMNS: [usize; 7] = [0, 1, 2, 8, 9, 10, 11];
const CPU: usize = 12;

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.proc("net/softnet_stat")?;
    let mut cpus: Vec<(String, Vec<u64>)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let columns: Result<Vec<u64>, _> =
            line.split_whitespace().map(|word| u64::from_str_radix(word, 16)).collect();
        let columns = columns.map_err(|_| NodeError::parse("/proc/net/softnet_stat", line))?;
        cpus.push((columns.get(CPU).copied().unwrap_or(at as u64).to_string(), columns));
    }
    for (family, column) in FAMILIES.iter().zip(COLUMNS) {
        page.family(family);
        for (cpu, columns) in &cpus {
            if let Some(value) = columns.get(column) {
                page.put(&[("cpu", cpu)], *value);
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
    fn old_kernels_have_fewer_columns() {
        let old = "0000000a 00000001 00000002 0 0 0 0 0 00000003\n0000000b 0 0 0 0 0 0 0 0\n";
        let new = "000000ff 0 0 0 0 0 0 0 0 00000007 0 00000004 00000005\n";
        let lines = samples(&COLLECTOR, &[("proc/net/softnet_stat", old)]);
        assert_eq!(
            lines[..2],
            [r#"node_softnet_processed_total{cpu="0"} 10"#, r#"node_softnet_processed_total{cpu="1"} 11"#]
        );
        assert_eq!(lines.last().map(String::as_str), Some(r#"node_softnet_cpu_collision_total{cpu="1"} 0"#));
        let lines = samples(&COLLECTOR, &[("proc/net/softnet_stat", new)]);
        assert_eq!(lines[0], r#"node_softnet_processed_total{cpu="5"} 255"#);
        assert_eq!(lines[6], r#"node_softnet_backlog_len{cpu="5"} 4"#);
    }
}
