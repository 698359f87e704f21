//! What an answer is expected to have: addresses, networks and names. Pure.

use std::fmt;
use std::net::IpAddr;

/// One that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    text: String,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// An address.
    Address(IpAddr),
    /// The addresses that begin with so many bits of this.
    Network(IpAddr, u32),
    /// A name with its dot, or what matches nothing.
    Name,
}

impl Expected {
    /// Of what a user writes.
    pub fn parse(text: &str) -> Self {
        let network = || {
            let (address, bits) = text.split_once('/')?;
            let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse().ok()?);
            let most = if address.is_ipv4() { 32 } else { 128 };
            (bits <= most).then_some(What::Network(address, bits))
        };
        let what = match text.parse() {
            Ok(address) => What::Address(address),
            Err(_) => network().unwrap_or(What::Name),
        };
        Self { text: text.to_owned(), what }
    }

    /// Whether an address, or a name with its dot, is it.
    pub fn is(&self, found: &str) -> bool {
        let address = || found.parse::<IpAddr>();
        match self.what {
            What::Address(expected) => address() == Ok(expected),
            What::Network(network, bits) => address().is_ok_and(|address| within(address, network, bits)),
            What::Name => self.text.eq_ignore_ascii_case(found),
        }
    }
}

impl fmt::Display for Expected {
    /// As the user gave it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether one of the expected was found, or with `all` every one, and nothing else.
pub fn met(expected: &[Expected], found: &[String], all: bool) -> bool {
    let is_found = |expected: &Expected| found.iter().any(|found| expected.is(found));
    if all {
        let is_expected = |found: &String| expected.iter().any(|expected| expected.is(found));
        expected.iter().all(is_found) && found.iter().all(is_expected)
    } else {
        expected.iter().any(is_found)
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    let differ = number(address) ^ number(network);
    address.is_ipv4() == network.is_ipv4() && differ.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(expected: &str, found: &str) -> bool {
        Expected::parse(expected).is(found)
    }

    #[test]
    fn an_address_is_itself_and_in_its_networks() {
        assert!(is("192.0.2.1", "192.0.2.1") && !is("192.0.2.1", "192.0.2.10"));
        assert!(is("192.0.2.0/24", "192.0.2.255") && !is("192.0.2.0/24", "192.0.3.0"));
        assert!(is("0.0.0.0/0", "192.0.2.1") && !is("0.0.0.0/0", "::1"));
        assert!(is("192.0.2.1/32", "192.0.2.1") && !is("192.0.2.1/33", "192.0.2.1"));
        assert!(is("2001:DB8::6", "2001:db8::6") && is("2001:db8::/32", "2001:db8:f::1"));
        assert!(!is("2001:db8::/32", "2001:db9::1"));
    }

    #[test]
    fn a_name_has_a_dot() {
        assert!(is("a.b.", "a.b.") && is("A.b.", "a.B.") && !is("a.b", "a.b."));
    }

    #[test]
    fn one_is_enough_unless_all_are_wanted() {
        let met = |expected: &[&str], found: &[&str], all| {
            let expected: Vec<Expected> = expected.iter().map(|text| Expected::parse(text)).collect();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            super::met(&expected, &found, all)
        };
        assert!(met(&["1.1.1.1", "2.2.2.2"], &["2.2.2.2"], false));
        assert!(!met(&["1.1.1.1", "2.2.2.2"], &["2.2.2.2"], true));
        assert!(!met(&["1.1.1.1"], &["1.1.1.1", "2.2.2.2"], true));
        assert!(met(&["1.1.1.1", "2.0.0.0/8"], &["1.1.1.1", "2.2.2.2"], true));
        assert!(!met(&["1.1.1.1"], &[], false));
    }
}
