//! Load of the last 1, 5 and 15 minutes.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "loadavg",
    summary: "load averages of the host",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "/proc/loadavg", bound: "1" };

static FAMILIES: [Family; 3] = [
    OF.gauge("node_load1", "1m load average.", "tasks"),
    OF.gauge("node_load5", "5m load average.", "tasks"),
    OF.gauge("node_load15", "15m load average.", "tasks"),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.proc("loadavg")?;
    // Not procfs' LoadAverage: its numbers are of 32 bits, and 1.37 becomes 1.3700000047683716.
    let loads: Vec<f64> = text.split(' ').take(3).flat_map(str::parse).collect();
    if loads.len() < 3 {
        return Err(NodeError::parse("/proc/loadavg", &text));
    }
    for (family, load) in FAMILIES.iter().zip(loads) {
        page.one(family, Some(load));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, samples};
    use super::*;

    #[test]
    fn three_loads_or_an_error() {
        assert_eq!(
            samples(&COLLECTOR, &[("proc/loadavg", "0.21 1.37 12.00 1/98 4711\n")]),
            ["node_load1 0.21", "node_load5 1.37", "node_load15 12"]
        );
        let (text, result) = Fixture::new(&[("proc/loadavg", "0.21 x\n")]).text(&COLLECTOR);
        assert_eq!(text, "");
        assert!(result.is_err());
        let (_, result) = Fixture::new(&[]).text(&COLLECTOR);
        assert!(matches!(result, Err(NodeError::Nothing(path)) if path.ends_with("proc/loadavg")));
    }
}
