//! Types of records, by number and by name.

/// An IPv4 address.
pub const A: u16 = 1;
/// Another name.
pub const CNAME: u16 = 5;
/// The name of an address.
pub const PTR: u16 = 12;
/// An IPv6 address.
pub const AAAA: u16 = 28;
/// Whatever there is, which is asked for by TCP.
pub const ANY: u16 = 255;

const NAMES: &[(&str, u16)] = &[
    ("A", A),
    ("NS", 2),
    ("CNAME", CNAME),
    ("SOA", 6),
    ("PTR", PTR),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("RP", 17),
    ("AFSDB", 18),
    ("AAAA", AAAA),
    ("LOC", 29),
    ("SRV", 33),
    ("NAPTR", 35),
    ("CERT", 37),
    ("DNAME", 39),
    ("DS", 43),
    ("SSHFP", 44),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("OPENPGPKEY", 61),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("SPF", 99),
    ("ANY", ANY),
    ("URI", 256),
    ("CAA", 257),
];

/// From a name in any case, or `TYPE` and its number.
pub fn parse(name: &str) -> Option<u16> {
    let named = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number);
    named.or_else(|| {
        let (word, number) = name.split_at_checked(4)?;
        let plain = word.eq_ignore_ascii_case("TYPE") && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|_| plain)
    })
}

/// As it is written.
pub fn name(number: u16) -> String {
    let known = NAMES.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| format!("TYPE{number}"), |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_a_name_or_a_number() {
        assert_eq!((parse("aaaa"), parse("MX"), parse("type65280")), (Some(AAAA), Some(15), Some(65280)));
        for wrong in ["", "TYPE", "TYPE65536", "TYPE+1", "BOGUS", "ÄÄ1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!((name(33), name(65280)), ("SRV".to_owned(), "TYPE65280".to_owned()));
    }
}
