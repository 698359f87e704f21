//! Bytes that wait in the queues of the host's UDP sockets.

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "udp_queues",
    summary: "bytes waiting in the queues of the host's UDP sockets",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &["ip", "queue"], source: "/proc/1/net/udp and udp6", bound: "4" };

static FAMILIES: [Family; 1] = [OF.gauge(
    "node_udp_queues",
    "Number of allocated memory in the kernel for UDP datagrams in bytes.",
    "bytes",
)];

/// What waits to be sent and to be received: `tx:rx` of each socket, in hexadecimal.
pub(super) fn queues(text: &str) -> impl Iterator<Item = (u8, u64, u64)> + '_ {
    text.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(3);
        let state = u8::from_str_radix(words.next()?, 16).ok()?;
        let (sent, received) = words.next()?.split_once(':')?;
        Some((state, u64::from_str_radix(sent, 16).ok()?, u64::from_str_radix(received, 16).ok()?))
    })
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let (v4, v6) = match (host.of_init("1/net/udp"), host.of_init("1/net/udp6")) {
        (Err(error), Err(_)) => return Err(error),
        both => both,
    };
    page.family(&FAMILIES[0]);
    for (ip, text) in [("v4", v4), ("v6", v6)] {
        let Ok(text) = text else { continue };
        let sum = |(sent, received): (u64, u64), (_, tx, rx): (u8, u64, u64)| (sent + tx, received + rx);
        let (sent, received) = queues(&text).fold((0, 0), sum);
        page.put(&[("ip", ip), ("queue", "tx")], sent);
        page.put(&[("ip", ip), ("queue", "rx")], received);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn sums_over_sockets() {
        let udp = "  sl  local_address rem_address   st tx_queue rx_queue tr\n   \
                   0: 0A000005:1F41 00000000:0000 07 00000000:00000001 00:00000000\n  \
                   19: 00000000:1F41 00000000:0000 07 00000015:00000010 00:00000000\n";
        assert_eq!(
            samples(&COLLECTOR, &[("proc/net/udp", udp)]),
            [r#"node_udp_queues{ip="v4",queue="tx"} 21"#, r#"node_udp_queues{ip="v4",queue="rx"} 17"#]
        );
    }
}
