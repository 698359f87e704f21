//! What may be probed: only what the configuration lists, and never what answers on this link alone. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{GroupError, network};
use crate::identity::tags::Pattern;

/// The targets that may be probed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allow {
    /// Addresses and how many of their bits count; IPv4 is mapped into IPv6.
    networks: Vec<(Ipv6Addr, u32)>,
    /// Names of hosts, in small letters.
    names: Vec<Pattern>,
    /// Whether addresses of this link alone are like any others.
    pub link_local: bool,
}

/// Why an entry of the list is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Neither a network nor a name.
    #[error("{0:?} is neither a network such as 10.0.0.0/8 nor the name of a host such as *.example.com")]
    Form(String),
    /// A network with more bits than count.
    #[error("{0}")]
    Network(GroupError),
}

/// Why an address may not be probed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No entry of the list has it.
    #[error("{host} at {address} is not in probe.allow")]
    NotListed {
        /// As it was asked for.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
    /// It is never one to probe.
    #[error("{host} at {address} is {what}, which is not probed")]
    Never {
        /// As it was asked for.
        host: String,
        /// Where it is.
        address: IpAddr,
        /// What is there.
        what: &'static str,
    },
}

impl Allow {
    /// Adds an entry: a network, an address, or a name in which `*` stands for any text.
    pub fn add(&mut self, text: &str) -> Result<(), EntryError> {
        match network(text) {
            Ok(network) => self.networks.push(network),
            Err(error @ GroupError::Bits { .. }) => return Err(EntryError::Network(error)),
            Err(_) => {
                let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
                // What has no letter would be an address written so that names could fit it as well.
                let named = text == "*" || text.bytes().any(|byte| byte.is_ascii_alphabetic());
                if !named || !text.bytes().all(fine) {
                    return Err(EntryError::Form(text.to_owned()));
                }
                self.names.push(Pattern::new(&text.to_ascii_lowercase()));
            }
        }
        Ok(())
    }

    /// Whether nothing is listed, and so nothing may be probed.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.names.is_empty()
    }

    /// Whether a host may be probed at this address.
    pub fn admits(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let named = || (host.to_owned(), address);
        if let Some(what) = never(address, self.link_local) {
            let (host, address) = named();
            return Err(Refused::Never { host, address, what });
        }
        let mapped = mapped(address);
        let within = |(network, bits): &(Ipv6Addr, u32)| {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(mapped) & mask == u128::from(*network)
        };
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if self.networks.iter().any(within) || self.names.iter().any(|pattern| pattern.matches(&name)) {
            return Ok(());
        }
        let (host, address) = named();
        Err(Refused::NotListed { host, address })
    }
}

/// What is at an address that is never probed.
fn never(address: IpAddr, link_local: bool) -> Option<&'static str> {
    let v4 = match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => within(v6),
    };
    if let Some(what) = v4.and_then(|v4| never_v4(v4, link_local)) {
        return Some(what);
    }
    let IpAddr::V6(v6) = address else { return None };
    if v6.is_unspecified() {
        Some("no address of a host")
    } else if v6.is_multicast() {
        Some("a group of hosts")
    } else if link_local {
        None
    } else if v6.is_unicast_link_local() {
        Some("of this link alone")
    } else {
        METADATA_V6.contains(&v6).then_some(METADATA)
    }
}

const METADATA: &str = "a cloud's metadata service";
/// Of Amazon and Google.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];
/// Of Azure, Alibaba and Oracle, beside 169.254.169.254.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];

fn never_v4(v4: Ipv4Addr, link_local: bool) -> Option<&'static str> {
    // All of 0.0.0.0/8: the kernel takes the first of them for this host.
    if v4.octets()[0] == 0 || v4.is_broadcast() {
        Some("no address of a host")
    } else if v4.is_multicast() {
        Some("a group of hosts")
    } else if link_local {
        None
    } else if v4.is_link_local() {
        Some("of this link alone")
    } else {
        METADATA_V4.contains(&v4).then_some(METADATA)
    }
}

/// The address of IPv4 that one of IPv6 stands for: mapped, translated (RFC 6052, RFC 8215) or tunnelled (6to4, ISATAP).
fn within(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        // `::` and `::1` stand for themselves.
        [0, 0, 0, 0, 0, 0] if g != 0 || h > 1 => of(g, h),
        [0, 0, 0, 0, 0, 0xffff]
        | [0, 0, 0, 0, 0xffff, 0]
        | [0x64, 0xff9b, 0, 0, 0, 0]
        | [0x64, 0xff9b, 1, _, _, _] => of(g, h),
        [0x2002, high, low, ..] => of(high, low),
        [_, _, _, _, 0 | 0x200, 0x5efe] => of(g, h),
        _ => None,
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(entries: &[&str]) -> Allow {
        let mut allow = Allow::default();
        entries.iter().for_each(|entry| allow.add(entry).expect(entry));
        allow
    }

    #[test]
    fn what_is_listed_is_admitted_by_its_address_or_its_name() {
        let some = allow(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "*.Example.com", "router"]);
        let admits = |host: &str, address: &str| some.admits(host, address.parse().unwrap()).is_ok();
        assert!(admits("10.1.2.3", "10.1.2.3"));
        assert!(admits("x", "::ffff:10.1.2.3"), "the same network, mapped");
        assert!(admits("x", "2001:db8::1") && admits("x", "192.0.2.7"));
        assert!(admits("WWW.example.com.", "203.0.113.1") && admits("router", "203.0.113.1"));
        for (host, address) in [("x", "11.0.0.1"), ("example.com", "203.0.113.1"), ("x", "192.0.2.8")] {
            assert!(!admits(host, address), "{host} {address}");
        }
        assert!(Allow::default().admits("x", "10.0.0.1".parse().unwrap()).is_err());
    }

    #[test]
    fn what_answers_on_this_link_alone_is_never_probed_however_it_is_written() {
        let (all, mut open) = (allow(&["*", "::/0"]), allow(&["*"]));
        open.link_local = true;
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "fd12::5efe:169.254.169.254",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(matches!(all.admits("x", address), Err(Refused::Never { .. })), "{address}");
            assert_eq!(open.admits("x", address), Ok(()), "{address}");
        }
        for address in
            ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "224.0.0.1", "ff02::1", "255.255.255.255"]
        {
            let address: IpAddr = address.parse().unwrap();
            assert!(matches!(open.admits("x", address), Err(Refused::Never { .. })), "{address}");
        }
        for address in ["127.0.0.1", "::1", "10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fd00::1"] {
            assert_eq!(all.admits("x", address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn an_entry_is_a_network_or_a_name() {
        for wrong in ["", "10.0.*", "10.0.0.0/33", "a b", "http://x", "2852039166", "a/b"] {
            assert_eq!(Allow::default().add(wrong), Err(EntryError::Form(wrong.to_owned())));
        }
        let bits = Allow::default().add("10.1.0.0/8").unwrap_err().to_string();
        assert_eq!(bits, "\"10.1.0.0/8\" has bits beyond its length: did you mean 10.0.0.0/8?");
    }
}
