//! `oom`: processes the OOM killer chose, with their own container and past its death.

use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "oom",
    summary: "processes killed for lack of memory",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 2] = [
    Family {
        name: "container_oom_kills_total",
        kind: Kind::Counter,
        help: "Processes of the container that the OOM killer chose, whoever allocated.",
        labels: &[],
        unit: "processes",
        source: "tracepoint oom/mark_victim: the victim's cgroup (v5.15 and later stable series); on v5.10, which \
                 gives only its number, with the SIGKILL before it (tracepoint signal_generate)",
        bound: "1",
    },
    Family {
        name: "container_oom_events_total",
        kind: Kind::Counter,
        help: "The same under cAdvisor's name; here it outlives the container.",
        labels: &[],
        unit: "processes",
        source: "as container_oom_kills_total",
        bound: "1",
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    for family in &FAMILIES {
        encoder.family(family);
        for row in rows {
            let Some(kernel) = row.kernel else { continue };
            let Some(cell) = layout::oom(kernel.cells) else { continue };
            encoder.counter(row.kernel_series(kernel), &[], Value::Int(cell.kills));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row};
    use super::*;

    #[test]
    fn under_both_names() {
        let mut cells = vec![0; layout::WORDS];
        let first = layout::CELLS.iter().find(|c| c.signal == "oom").expect("in the table").first;
        cells[first] = 2;
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        assert!(text.contains("container_oom_kills_total{id=\"/a\"} 2\n"), "{text}");
        assert!(text.contains("container_oom_events_total{id=\"/a\"} 2\n"), "{text}");
    }
}
