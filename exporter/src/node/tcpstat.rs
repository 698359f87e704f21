//! TCP connections of the host by state. Off by default: it reads a line for each.

use std::collections::BTreeMap;

use super::page::Of;
use super::{Collector, Host, NodeError, Page, udp_queues};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "tcpstat",
    summary: "TCP connections of the host by state",
    default: false,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &["state"], source: "/proc/1/net/tcp and tcp6", bound: "14" };

static FAMILIES: [Family; 1] =
    [OF.gauge("node_tcp_connection_states", "Number of connection states.", "connections")];

/// By the kernel's numbers, from 1.
const STATES: [&str; 12] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "new_syn_recv",
];

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let v4 = host.of_init("1/net/tcp")?;
    // A kernel without IPv6 has none.
    let v6 = host.of_init("1/net/tcp6").ok();
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for text in [Some(&v4), v6.as_ref()].into_iter().flatten() {
        for (state, sent, received) in udp_queues::queues(text) {
            let Some(name) = STATES.get(usize::from(state).wrapping_sub(1)) else { continue };
            *states.entry(name).or_default() += 1;
            *states.entry("tx_queued_bytes").or_default() += sent;
            *states.entry("rx_queued_bytes").or_default() += received;
        }
    }
    page.family(&FAMILIES[0]);
    for (state, count) in states {
        page.put(&[("state", state)], count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn counted_by_state() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr\n";
        let tcp = format!(
            "{head}   0: 0100007F:0016 00000000:0000 0A 00000000:00000001 00:0\n   1: 0100007F:0016 0200007F:0016 01 00000002:00000000 00:0\n"
        );
        let tcp6 = format!("{head}   0: 00:0016 00:0000 0A 00000000:00000000 00:0\n");
        assert_eq!(
            samples(&COLLECTOR, &[("proc/net/tcp", &tcp), ("proc/net/tcp6", &tcp6)]),
            [
                r#"node_tcp_connection_states{state="established"} 1"#,
                r#"node_tcp_connection_states{state="listen"} 2"#,
                r#"node_tcp_connection_states{state="rx_queued_bytes"} 1"#,
                r#"node_tcp_connection_states{state="tx_queued_bytes"} 2"#,
            ]
        );
    }
}
