//! `udp`: datagrams that sockets sent and received.

use plimsoll_abi::udp::Cell;

use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};
use crate::kernel::layout;

/// The row of the table.
pub(super) static SIGNAL: Signal = Signal {
    name: "udp",
    summary: "UDP: datagrams and bytes",
    source: Source::Kernel,
    default: true,
    families: &FAMILIES,
    encode,
};

const SOURCE: &str = "tracepoints sock_send_length and sock_recv_length (v6.3 to v7.x): calls that succeeded, without those \
                      that only peek. What segmentation offload sends with one call is one";

static FAMILIES: [Family; 2] = [
    Family {
        name: "container_udp_datagrams_total",
        kind: Kind::Counter,
        help: "Datagrams that sockets sent and that their readers took. A socket belongs to the cgroup it was made in.",
        labels: &["direction"],
        unit: "datagrams",
        source: SOURCE,
        bound: "2",
    },
    Family {
        name: "container_udp_bytes_total",
        kind: Kind::Counter,
        help: "Their payload bytes.",
        labels: &["direction"],
        unit: "bytes",
        source: SOURCE,
        bound: "2",
    },
];

/// Most cgroups have nothing to do with it.
const NEVER: Cell = Cell { sent: 0, sent_bytes: 0, received: 0, received_bytes: 0 };

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const VALUES: [fn(&Cell) -> [u64; 2]; 2] =
        [|cell| [cell.sent, cell.received], |cell| [cell.sent_bytes, cell.received_bytes]];
    for (family, values) in FAMILIES.iter().zip(VALUES) {
        encoder.family(family);
        for row in rows {
            let Some(kernel) = row.kernel else { continue };
            let Some(cell) = layout::udp(kernel.cells).filter(|cell| **cell != NEVER) else { continue };
            for (direction, value) in ["sent", "received"].iter().zip(values(cell)) {
                encoder.counter(row.kernel_series(kernel), &[("direction", direction)], Value::Int(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{encoded, kernel_row};
    use super::*;

    #[test]
    fn datagrams_and_bytes() {
        let first = layout::CELLS.iter().find(|c| c.signal == "udp").expect("in the table").first;
        let mut cells = vec![0; layout::WORDS];
        cells[first..first + 4].copy_from_slice(&[3, 300, 2, 20]);
        let text = encoded(&SIGNAL, &[kernel_row(&cells, &[])]);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"container_udp_datagrams_total{id="/a",direction="sent"} 3"#,
                r#"container_udp_datagrams_total{id="/a",direction="received"} 2"#,
                r#"container_udp_bytes_total{id="/a",direction="sent"} 300"#,
                r#"container_udp_bytes_total{id="/a",direction="received"} 20"#,
            ]
        );
    }
}
