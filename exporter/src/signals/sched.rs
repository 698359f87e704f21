//! `sched`: how long tasks waited for a CPU, how long they had it, and why they left it.

use plimsoll_abi::sched::Cell;

use super::{Row, Signal, Source, histogram};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "sched",
    summary: "run queue waits, time on CPU, context switches and migrations",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 4] = [
    Family {
        name: "container_cpu_runqueue_wait_seconds",
        kind: Kind::Histogram,
        help: "How long tasks that could run waited for a CPU, each wait counted when the run after it ends.",
        labels: &[],
        unit: "seconds",
        source: "growth of task_struct.sched_info.run_delay between two switches away from a task, at tracepoint \
                 sched_switch (v5.10 to v7.x); needs CONFIG_SCHED_INFO",
        bound: histogram::SERIES,
    },
    Family {
        name: "container_context_switches_total",
        kind: Kind::Counter,
        help: "Switches away from a task: voluntary when it blocked, involuntary when it could have run on.",
        labels: &["kind"],
        unit: "switches",
        source: "task_struct.nvcsw and .nivcsw at tracepoint sched_switch (v5.10 to v7.x)",
        bound: "2",
    },
    Family {
        name: "container_cpu_oncpu_seconds_total",
        kind: Kind::Counter,
        help: "Time on a CPU as the scheduler charges it, each run counted when it ends. Unlike \
               container_cpu_usage_seconds_total it is complete for a container whose files are gone before they are read.",
        labels: &[],
        unit: "seconds",
        source: "growth of task_struct.se.sum_exec_runtime between two switches away from a task, at tracepoint \
                 sched_switch (v5.10 to v7.x); what of a run is still under way is not in it",
        bound: "1",
    },
    Family {
        name: "container_cpu_migrations_total",
        kind: Kind::Counter,
        help: "Moves of a task to another CPU, each counted when the run after it ends.",
        labels: &[],
        unit: "moves",
        source: "growth of task_struct.se.nr_migrations between two switches away from a task, at tracepoint \
                 sched_switch (v5.10 to v7.x)",
        bound: "1",
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::sched(kernel.cells) else { continue };
        histogram::write(encoder, row.kernel_series(kernel), &[], &cell.wait);
    }
    encoder.family(&FAMILIES[1]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::sched(kernel.cells) else { continue };
        let series = row.kernel_series(kernel);
        encoder.counter(series, &[("kind", "voluntary")], Value::Int(cell.voluntary));
        encoder.counter(series, &[("kind", "involuntary")], Value::Int(cell.involuntary));
    }
    const PLAIN: [fn(&Cell) -> Value; 2] = [|c| Value::Nanos(c.oncpu_ns), |c| Value::Int(c.migrations)];
    for (family, value) in FAMILIES[2..].iter().zip(PLAIN) {
        encoder.family(family);
        for row in rows {
            let Some(kernel) = row.kernel else { continue };
            let Some(cell) = layout::sched(kernel.cells) else { continue };
            encoder.counter(row.kernel_series(kernel), &[], value(cell));
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_abi::histogram::BUCKETS;

    use super::super::tests::{encoded, kernel_row};
    use super::*;
    use crate::kernel::layout::{CELLS, WORDS};

    #[test]
    fn waits_and_switches() {
        let first = CELLS.iter().find(|c| c.signal == "sched").expect("in the table").first;
        let mut cells = vec![0; WORDS];
        cells[first + 1] = 3;
        cells[first + BUCKETS - 1] = 1;
        cells[first + BUCKETS] = 20_000_004_500;
        cells[first + BUCKETS + 1] = 3;
        cells[first + BUCKETS + 2] = 1;
        cells[first + BUCKETS + 3] = 1_500_000_001;
        cells[first + BUCKETS + 4] = 5;
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        for line in [
            "container_cpu_runqueue_wait_seconds_bucket{id=\"/a\",le=\"1e-06\"} 0\n",
            "container_cpu_runqueue_wait_seconds_bucket{id=\"/a\",le=\"2e-06\"} 3\n",
            "container_cpu_runqueue_wait_seconds_bucket{id=\"/a\",le=\"16.777216\"} 3\n",
            "container_cpu_runqueue_wait_seconds_bucket{id=\"/a\",le=\"+Inf\"} 4\n",
            "container_cpu_runqueue_wait_seconds_sum{id=\"/a\"} 20.0000045\n",
            "container_cpu_runqueue_wait_seconds_count{id=\"/a\"} 4\n",
            "container_context_switches_total{id=\"/a\",kind=\"voluntary\"} 3\n",
            "container_context_switches_total{id=\"/a\",kind=\"involuntary\"} 1\n",
            "container_cpu_oncpu_seconds_total{id=\"/a\"} 1.500000001\n",
            "container_cpu_migrations_total{id=\"/a\"} 5\n",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
    }
}
