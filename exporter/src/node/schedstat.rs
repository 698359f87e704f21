//! How long tasks ran and waited on each CPU, where the kernel counts it.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "schedstat",
    summary: "time tasks ran and waited on each CPU of the host",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &["cpu"], source: "/proc/schedstat", bound: "one for each CPU" };

static FAMILIES: [Family; 3] = [
    OF.counter(
        "node_schedstat_running_seconds_total",
        "Number of seconds CPU spent running a process.",
        "seconds",
    ),
    OF.counter(
        "node_schedstat_waiting_seconds_total",
        "Number of seconds spent by processing waiting for this CPU.",
        "seconds",
    ),
    OF.counter("node_schedstat_timeslices_total", "Number of timeslices executed by CPU.", "timeslices"),
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.proc("schedstat")?;
    let mut cpus = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let Some(cpu) = words.next().and_then(|word| word.strip_prefix("cpu")) else { continue };
        let numbers: Vec<u64> = words.flat_map(str::parse).collect();
        let Some(numbers) = numbers.get(6..9) else {
            return Err(NodeError::parse("/proc/schedstat", line));
        };
        cpus.push((cpu, [Value::Nanos(numbers[0]), Value::Nanos(numbers[1]), Value::Int(numbers[2])]));
    }
    for (at, family) in FAMILIES.iter().enumerate() {
        page.family(family);
        for (cpu, values) in &cpus {
            page.put(&[("cpu", cpu)], values[at]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn the_last_three_of_each_cpu() {
        let text = "version 15\ntimestamp 15819019232\ncpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 343796328169361 4767485306\ndomain0 3 2 1\n";
        assert_eq!(
            samples(&COLLECTOR, &[("proc/schedstat", text)]),
            [
                r#"node_schedstat_running_seconds_total{cpu="0"} 2045936.778163039"#,
                r#"node_schedstat_waiting_seconds_total{cpu="0"} 343796.328169361"#,
                r#"node_schedstat_timeslices_total{cpu="0"} 4767485306"#,
            ]
        );
    }
}
