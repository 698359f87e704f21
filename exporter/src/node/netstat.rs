//! Counters of the host's IP, ICMP, TCP and UDP, those that a pattern names.

use std::collections::BTreeMap;

use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Kind, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "netstat",
    summary: "counters of the host's IP, ICMP, TCP and UDP",
    default: true,
    families: &[],
    collect,
};

/// `netstat` and `snmp`: a line of names, then one of values, both beginning with the protocol.
fn pairs(text: &str) -> impl Iterator<Item = (String, &str)> {
    let mut lines = text.lines();
    let both = std::iter::from_fn(move || Some((lines.next()?, lines.next()?)));
    both.flat_map(|(names, values)| {
        let protocol = names.split(':').next().unwrap_or_default();
        let values = values.split_whitespace().skip(1);
        let names = names.split_whitespace().skip(1);
        names.zip(values).map(move |(name, value)| (format!("{protocol}_{name}"), value))
    })
}

/// `snmp6`: a line each, the protocol before the 6 of its name. What has none is of no protocol here.
fn lines(text: &str) -> impl Iterator<Item = (String, &str)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, value) = (words.next()?, words.next()?);
        let end = name.find('6')? + 1;
        Some((format!("{}_{}", &name[..end], &name[end..]), value))
    })
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let (netstat, snmp) = (host.of_init("1/net/netstat")?, host.of_init("1/net/snmp")?);
    // A kernel without IPv6 has none.
    let snmp6 = host.of_init("1/net/snmp6").ok();
    let all = pairs(&netstat).chain(pairs(&snmp)).chain(snmp6.as_deref().into_iter().flat_map(lines));
    let fields = &host.options.netstat_fields;
    let wanted: BTreeMap<String, &str> = all.filter(|(name, _)| fields.matches(name)).collect();
    for (name, value) in wanted {
        let value = match value.parse() {
            Ok(value) => Value::Int(value),
            // Tcp_MaxConn is -1.
            Err(_) => Value::Float(value.parse().map_err(|_| NodeError::parse("/proc/net/netstat", value))?),
        };
        let help = format!("Statistic {}.", name.replace('_', ""));
        page.found_one(&format!("node_netstat_{name}"), Kind::Untyped, &help, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn fields_of_three_files() {
        let mut fixture = Fixture::new(&[
            (
                "proc/net/netstat",
                "TcpExt: SyncookiesSent ListenDrops Other\nTcpExt: 1 2 3\nIpExt: InOctets\nIpExt: 9\n",
            ),
            ("proc/net/snmp", "Tcp: MaxConn RetransSegs\nTcp: -1 17\n"),
            ("proc/net/snmp6", "Ip6InOctets   \t5\nIp6InReceives 6\nUdp6InDatagrams 7\n"),
        ]);
        assert_eq!(
            fixture.samples(&COLLECTOR),
            [
                "node_netstat_Ip6_InOctets 5",
                "node_netstat_IpExt_InOctets 9",
                "node_netstat_TcpExt_ListenDrops 2",
                "node_netstat_TcpExt_SyncookiesSent 1",
                "node_netstat_Tcp_RetransSegs 17",
                "node_netstat_Udp6_InDatagrams 7",
            ]
        );
        fixture.options().netstat_fields = "MaxConn".parse().expect("a pattern");
        assert_eq!(fixture.samples(&COLLECTOR), ["node_netstat_Tcp_MaxConn -1"]);
    }
}
