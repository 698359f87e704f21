//! `drops`: packets of sockets that the kernel drops, by its own reasons, and buffers that are full.

use plimsoll_abi::drops::{Cell, DIRECTIONS, PROTOCOLS, RAW};
use zerocopy::IntoBytes as _;

use super::{KernelRow, Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Series, Value};
use crate::kernel::layout::{self, DROPS_REASONS};
use crate::names;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "drops",
    summary: "packets of sockets that the kernel drops, by its reason; receive buffers and memory that are full",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 3] = [
    Family {
        name: "container_network_socket_drops_total",
        kind: Kind::Counter,
        help: "Packets for or from an IPv4 or IPv6 socket that the kernel dropped, by its own name for the reason. Those no \
               socket was found for are not in it, nor what is left when a socket closes, nor resets, which are in \
               container_tcp_resets_total.",
        labels: &["reason"],
        unit: "packets",
        source: "tracepoint kfree_skb: its reason as enum skb_drop_reason has it, and the socket it was for (v6.11 to v7.x). \
                 From v5.17 to v6.10 only what a socket sent is known to be its; before there is no reason, and nothing here",
        bound: "32 reasons that occurred; beyond them \"other\", and plimsoll_losses_total{reason=\"drop_folded\"}",
    },
    Family {
        name: "container_network_socket_receive_buffer_full_total",
        kind: Kind::Counter,
        help: "What was dropped because the receive buffer of its socket was full, by protocol: too slow a reader. \
               raw is all else of IPv4 and IPv6 but TCP, which has the sender wait, and absent at 0, since newer kernels drop \
               what is for raw sockets before they tell of it (seen in 6.18); other is all other sockets.",
        labels: &["protocol"],
        unit: "packets",
        source: "tracepoints udp_fail_queue_rcv_skb and sock_rcvqueue_full (v5.10 to v7.x)",
        bound: "3: udp, raw, other",
    },
    Family {
        name: "container_network_socket_memory_limit_hits_total",
        kind: Kind::Counter,
        help: "How often a socket wanted memory beyond the limit of all sockets of its protocol, such as tcp_mem, or of its \
               cgroup. What was to be received is then dropped, and sent less at a time.",
        labels: &["direction"],
        unit: "events",
        source: "tracepoint sock_exceed_buf_limit (v5.10 to v7.x)",
        bound: "2",
    },
];

/// No loss: whoever is reset is told, and what is left when a socket closes, often the other side's end, nobody wants.
const NO_DROPS: [&str; 4] = ["SKB_NOT_DROPPED_YET", "SKB_CONSUMED", "SKB_DROP_REASON_TCP_RESET", QUEUE_PURGE];
const QUEUE_PURGE: &str = "SKB_DROP_REASON_QUEUE_PURGE";
/// What is left had this for a reason before it had one of its own (6.8).
const NOT_SPECIFIED: &str = "SKB_DROP_REASON_NOT_SPECIFIED";

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    encoder.family(&FAMILIES[0]);
    for row in rows {
        let Some(kernel) = row.kernel else { continue };
        reasons(encoder, row.kernel_series(kernel), kernel);
    }
    const VALUES: [fn(&Cell) -> &[u64]; 2] = [|cell| &cell.full, |cell| &cell.beyond_limit];
    const LABELS: [&[&str]; 2] = [&PROTOCOLS, &DIRECTIONS];
    for ((family, of), labels) in FAMILIES[1..].iter().zip(VALUES).zip(LABELS) {
        encoder.family(family);
        for row in rows {
            let Some(kernel) = row.kernel else { continue };
            let Some(cell) = layout::drops(kernel.cells).filter(|cell| occurred(cell)) else { continue };
            for (value, &count) in labels.iter().zip(of(cell)) {
                if *value == PROTOCOLS[RAW] && count == 0 {
                    continue;
                }
                encoder.counter(row.kernel_series(kernel), &[(family.labels[0], value)], Value::Int(count));
            }
        }
    }
}

/// Most cgroups never have any.
fn occurred(cell: &Cell) -> bool {
    cell.as_bytes().iter().any(|byte| *byte != 0)
}

fn reasons(encoder: &mut Encoder<'_>, series: Series<'_>, kernel: KernelRow<'_>) {
    let purges_are_named = kernel.drop_reasons.values().any(|name| name == QUEUE_PURGE);
    for counter in kernel.keyed.iter().filter(|counter| counter.map == DROPS_REASONS) {
        let number = counter.key[0];
        let reason = match kernel.drop_reasons.get(&number) {
            Some(name) if NO_DROPS.contains(&name.as_str()) => continue,
            Some(name) if name == NOT_SPECIFIED && !purges_are_named => continue,
            Some(name) => name.strip_prefix("SKB_DROP_REASON_").unwrap_or(name).to_owned(),
            // Of a part of the kernel that has its own.
            None => format!("{number:#x}"),
        };
        encoder.counter(series, &[("reason", &reason)], Value::Int(counter.count));
    }
    if let Some(folded) = layout::drops(kernel.cells).map(|cell| cell.folded).filter(|folded| *folded > 0) {
        encoder.counter(series, &[("reason", names::OTHER)], Value::Int(folded));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tests::{encoded, kernel_row, keyed};
    use super::*;

    fn cells(words: [u64; 6]) -> Vec<u64> {
        let first = layout::CELLS.iter().find(|c| c.signal == "drops").expect("in the table").first;
        let mut cells = vec![0; layout::WORDS];
        cells[first..first + 6].copy_from_slice(&words);
        cells
    }

    #[test]
    fn reasons_by_the_kernels_names() {
        let names =
            [(6, "SKB_DROP_REASON_SOCKET_RCVBUFF"), (45, "SKB_DROP_REASON_TCP_RESET"), (1, "SKB_CONSUMED")];
        let drop_reasons: BTreeMap<_, _> = names.map(|(number, name)| (number, name.to_owned())).into();
        let counters =
            [(6, 9), (45, 3), (1, 2), (0x3_0001, 4)].map(|(n, count)| keyed(DROPS_REASONS, [n, 0], count));
        let cells = cells([7, 0, 1, 0, 5, 6]);
        let mut row = kernel_row(&cells, &counters);
        row.kernel = row.kernel.map(|kernel| KernelRow { drop_reasons: &drop_reasons, ..kernel });
        let text = encoded(&SIGNAL, &[row]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"container_network_socket_drops_total{id="/a",reason="SOCKET_RCVBUFF"} 9"#,
                r#"container_network_socket_drops_total{id="/a",reason="0x30001"} 4"#,
                r#"container_network_socket_drops_total{id="/a",reason="other"} 6"#,
                r#"container_network_socket_receive_buffer_full_total{id="/a",protocol="udp"} 7"#,
                r#"container_network_socket_receive_buffer_full_total{id="/a",protocol="other"} 1"#,
                r#"container_network_socket_memory_limit_hits_total{id="/a",direction="sent"} 0"#,
                r#"container_network_socket_memory_limit_hits_total{id="/a",direction="received"} 5"#,
            ]
        );
    }

    #[test]
    fn what_has_no_name_is_a_drop_only_where_what_is_left_has_one() {
        let cells = cells([0; 6]);
        let counters = [keyed(DROPS_REASONS, [2, 0], 9), keyed(DROPS_REASONS, [104, 0], 5)];
        let lines = |names: &[(u32, &str)]| {
            let drop_reasons: BTreeMap<_, _> =
                names.iter().map(|(n, name)| (*n, (*name).to_owned())).collect();
            let mut row = kernel_row(&cells, &counters);
            row.kernel = row.kernel.map(|kernel| KernelRow { drop_reasons: &drop_reasons, ..kernel });
            let text = encoded(&SIGNAL, &[row]);
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(lines(&[(2, NOT_SPECIFIED), (104, "SKB_DROP_REASON_MAX")]).len(), 1);
        assert_eq!(
            lines(&[(2, NOT_SPECIFIED), (104, QUEUE_PURGE)]),
            [r#"container_network_socket_drops_total{id="/a",reason="NOT_SPECIFIED"} 9"#]
        );
    }

    #[test]
    fn those_without_any_have_no_series() {
        let cells = cells([0; 6]);
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
    }
}
