//! Named groups of destinations, as `name=cidr,…`.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Destinations that are shown by one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationGroup {
    /// The name.
    pub name: String,
    /// Addresses and how many of their bits count; IPv4 is mapped into IPv6.
    pub prefixes: Vec<(Ipv6Addr, u32)>,
}

/// Why a group is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GroupError {
    /// No `=`.
    #[error("expected NAME=CIDR,…")]
    Form,
    /// Nothing, too much, or what would look like an address.
    #[error(
        "the name {0:?} must be 1 to 63 letters, digits, '-', '_' or '.', begin with a letter, and be neither \"other\" nor \"unknown\""
    )]
    Name(String),
    /// Not an address with a number of bits.
    #[error("{0:?} is no CIDR such as 10.0.0.0/8 or fd00::/8")]
    Cidr(String),
    /// More bits than count.
    #[error("{cidr:?} has bits beyond its length: did you mean {meant}?")]
    Bits {
        /// As given.
        cidr: String,
        /// The network it is in.
        meant: String,
    },
}

impl FromStr for DestinationGroup {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        let (name, cidrs) = text.split_once('=').ok_or(GroupError::Form)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = (1..=63).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(plain)
            && !["other", "unknown"].contains(&name);
        if !is_name {
            return Err(GroupError::Name(name.to_owned()));
        }
        let prefixes = cidrs.split(',').map(network).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), prefixes })
    }
}

/// An address and how many of its bits count, as CIDR or alone; IPv4 is mapped into IPv6.
pub fn network(cidr: &str) -> Result<(Ipv6Addr, u32), GroupError> {
    let wrong = || GroupError::Cidr(cidr.to_owned());
    let (address, length) = match cidr.split_once('/') {
        Some((address, length)) if length.bytes().all(|b| b.is_ascii_digit()) => {
            (address, Some(length.parse::<u32>().map_err(|_| wrong())?))
        }
        Some(_) => return Err(wrong()),
        None => (cidr, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let (bits, most) = match address {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped(), 32),
        IpAddr::V6(v6) => (v6, 128),
    };
    let length = length.unwrap_or(most);
    if length > most {
        return Err(wrong());
    }
    let whole = length + 128 - most;
    let mask = u128::MAX.checked_shl(128 - whole).unwrap_or(0);
    let network = Ipv6Addr::from(u128::from(bits) & mask);
    if network != bits {
        let shown = if most == 32 { IpAddr::V6(network).to_canonical() } else { IpAddr::V6(network) };
        return Err(GroupError::Bits { cidr: cidr.to_owned(), meant: format!("{shown}/{length}") });
    }
    Ok((network, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<DestinationGroup>().expect_err("bad").to_string()
    }

    #[test]
    fn groups() {
        let group: DestinationGroup =
            "own=10.0.0.0/8,192.168.1.7,fd00::/8,::/0,0.0.0.0/0".parse().expect("good");
        let wanted = [
            ("::ffff:10.0.0.0", 104),
            ("::ffff:192.168.1.7", 128),
            ("fd00::", 8),
            ("::", 0),
            ("::ffff:0.0.0.0", 96),
        ];
        let wanted: Vec<_> = wanted.iter().map(|(a, n)| (a.parse().expect("an address"), *n)).collect();
        assert_eq!(group, DestinationGroup { name: "own".to_owned(), prefixes: wanted });
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(error("own"), "expected NAME=CIDR,…");
        for name in ["", "1a", "a b", "other", "unknown", "a:b", &"a".repeat(64)] {
            assert!(error(&format!("{name}=10.0.0.0/8")).starts_with("the name "), "{name}");
        }
        for cidr in
            ["", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/+8", "x/8", "10.0.0.0/8/8"]
        {
            assert!(error(&format!("own={cidr}")).contains("is no CIDR"), "{cidr}");
        }
        assert_eq!(
            error("own=10.0.0.0/8,10.1.2.3/16"),
            r#""10.1.2.3/16" has bits beyond its length: did you mean 10.1.0.0/16?"#
        );
    }
}
