//! `reclaim`: how long tasks were held up freeing memory before they got any.

use plimsoll_abi::histogram::Histogram;
use plimsoll_abi::reclaim::Cell;

use super::{Row, Signal, Source, histogram};
use crate::exposition::{Encoder, Family, Kind};
use crate::kernel::layout;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "reclaim",
    summary: "stalls of tasks that must free memory themselves",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 1] = [Family {
    name: "container_memory_direct_reclaim_seconds",
    kind: Kind::Histogram,
    help: "Stalls in which tasks freed memory themselves before they got any: scope=\"global\" as the machine was short of \
           it, scope=\"cgroup\" as their cgroup or one above it had reached memory.max or memory.high. Counted for the \
           task that stalls, when the stall ends.",
    labels: &["scope"],
    unit: "seconds",
    source: "tracepoints mm_vmscan_direct_reclaim_begin and _end, mm_vmscan_memcg_reclaim_begin and _end (v5.10 to v7.x)",
    bound: "2 x 28: 26 buckets from 1 µs to 16.8 s, sum and count, of those scopes that were seen",
}];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    type Stalls = fn(&Cell) -> &Histogram;
    const SCOPES: [(&str, Stalls); 2] = [("global", |cell| &cell.global), ("cgroup", |cell| &cell.cgroup)];
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        let Some(cell) = layout::reclaim(kernel.cells) else { continue };
        for (scope, of) in SCOPES {
            let stalls = of(cell);
            if stalls.buckets.iter().any(|count| *count > 0) {
                histogram::write(encoder, row.kernel_series(kernel), &[("scope", scope)], stalls);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_abi::histogram::BUCKETS;

    use super::super::tests::{encoded, kernel_row};
    use super::*;

    #[test]
    fn the_scopes_that_were_seen() {
        let first = layout::CELLS.iter().find(|c| c.signal == "reclaim").expect("in the table").first;
        let mut cells = vec![0; layout::WORDS];
        cells[first + BUCKETS + 1 + 10] = 4;
        cells[first + BUCKETS + 1 + BUCKETS] = 4_000_000;
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        for line in [
            "container_memory_direct_reclaim_seconds_bucket{id=\"/a\",scope=\"cgroup\",le=\"0.000512\"} 0\n",
            "container_memory_direct_reclaim_seconds_bucket{id=\"/a\",scope=\"cgroup\",le=\"0.001024\"} 4\n",
            "container_memory_direct_reclaim_seconds_sum{id=\"/a\",scope=\"cgroup\"} 0.004\n",
            "container_memory_direct_reclaim_seconds_count{id=\"/a\",scope=\"cgroup\"} 4\n",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        assert!(!text.contains("scope=\"global\",le"), "{text}");
    }
}
