//! Sockets of the host by protocol and state, and their memory.

use super::{Collector, Host, NodeError, Page};
use crate::exposition::Kind;

pub(super) static COLLECTOR: Collector = Collector {
    name: "sockstat",
    summary: "sockets of the host by protocol, and their memory",
    default: true,
    families: &[],
    collect,
};

fn write(text: &str, page: &mut Page<'_>) -> Result<(), NodeError> {
    for line in text.lines() {
        let fault = || NodeError::parse("/proc/net/sockstat", line);
        let (protocol, rest) = line.split_once(": ").ok_or_else(fault)?;
        let mut words = rest.split(' ');
        while let (Some(state), Some(value)) = (words.next(), words.next()) {
            let value: u64 = value.parse().map_err(|_| fault())?;
            let mut one = |state: &str, value: u64| {
                let help = match protocol {
                    "sockets" => "Number of IPv4 sockets in use.".to_owned(),
                    _ => format!("Number of {protocol} sockets in state {state}."),
                };
                page.found_one(&format!("node_sockstat_{protocol}_{state}"), Kind::Gauge, &help, value);
            };
            one(state, value);
            // The kernel counts it in pages.
            if state == "mem" {
                one("mem_bytes", value.saturating_mul(rustix::param::page_size() as u64));
            }
        }
    }
    Ok(())
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    write(&host.of_init("1/net/sockstat")?, page)?;
    // A kernel without IPv6 has none.
    if let Ok(text) = host.of_init("1/net/sockstat6") {
        write(&text, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn both_families_of_addresses() {
        let files = [
            ("proc/net/sockstat", "sockets: used 229\nTCP: inuse 4 mem 2\nUDP: inuse 0\n"),
            ("proc/net/sockstat6", "TCP6: inuse 17\n"),
        ];
        let bytes = format!("node_sockstat_TCP_mem_bytes {}", 2 * rustix::param::page_size());
        assert_eq!(
            samples(&COLLECTOR, &files),
            [
                "node_sockstat_sockets_used 229",
                "node_sockstat_TCP_inuse 4",
                "node_sockstat_TCP_mem 2",
                &bytes,
                "node_sockstat_UDP_inuse 0",
                "node_sockstat_TCP6_inuse 17",
            ]
        );
    }
}
