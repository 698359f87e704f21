//! Packets of ICMP, built and parsed. Pure.

use rustix::io::Errno;

/// Bytes at the start of a payload that are ours alone.
pub const TOKEN: usize = 8;

/// A packet that means something to who sent an echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The echo.
    Reply {
        /// The sender's number.
        id: u16,
        /// The packet's number.
        sequence: u16,
        /// How its payload begins, if it is long enough.
        token: Option<[u8; TOKEN]>,
    },
    /// Word that a request did not arrive.
    Unreachable {
        /// What happened to it.
        what: Unreachable,
        /// The sender's number of the request.
        id: u16,
        /// The request's number.
        sequence: u16,
    },
}

/// Why a request did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No route to the network.
    Network,
    /// No answer from the host's own network.
    Host,
    /// The host does not speak ICMP.
    Protocol,
    /// A filter that pretends a port.
    Port,
    /// Forbidden: the network.
    NetworkProhibited,
    /// Forbidden: the host.
    HostProhibited,
    /// Forbidden by a filter.
    Filtered,
    /// Too many routers.
    TimeExceeded,
    /// Something else, by its code.
    Other(u8),
}

impl Unreachable {
    /// What the system says when a packet cannot be sent at all.
    pub fn of_errno(errno: Errno) -> Option<Self> {
        match errno {
            Errno::NETUNREACH | Errno::NETDOWN | Errno::ADDRNOTAVAIL => Some(Self::Network),
            Errno::HOSTUNREACH | Errno::HOSTDOWN => Some(Self::Host),
            Errno::CONNREFUSED => Some(Self::Port),
            _ => None,
        }
    }

    /// Of types 3 and 11, and 1 and 3 of version 6.
    fn of_codes(v6: bool, kind: u8, code: u8) -> Option<Self> {
        Some(match (v6, kind, code) {
            (false, 11, _) | (true, 3, _) => Self::TimeExceeded,
            (false, 3, 0 | 6) | (true, 1, 0) => Self::Network,
            (false, 3, 1 | 7) | (true, 1, 3) => Self::Host,
            (false, 3, 2) => Self::Protocol,
            (false, 3, 3) | (true, 1, 4) => Self::Port,
            (false, 3, 9) => Self::NetworkProhibited,
            (false, 3, 10) => Self::HostProhibited,
            (false, 3, 13) | (true, 1, 1) => Self::Filtered,
            (false, 3, code) | (true, 1, code) => Self::Other(code),
            _ => return None,
        })
    }
}

/// An echo request. Of version 6 the kernel fills in the checksum, which is of addresses it alone knows.
pub fn request(v6: bool, id: u16, sequence: u16, token: &[u8; TOKEN], payload: usize) -> Vec<u8> {
    let mut bytes = vec![if v6 { 128 } else { 8 }, 0, 0, 0];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(token);
    bytes.resize(8 + payload.max(TOKEN), 0);
    if !v6 {
        let sum = checksum(&bytes).to_be_bytes();
        bytes[2..4].copy_from_slice(&sum);
    }
    bytes
}

/// What follows the header of IPv4.
pub fn within_ipv4(bytes: &[u8]) -> Option<&[u8]> {
    let first = *bytes.first()?;
    let length = usize::from(first & 0xf) * 4;
    (first >> 4 == 4 && length >= 20).then(|| bytes.get(length..)).flatten()
}

/// Of the bytes of ICMP alone.
pub fn parse(v6: bool, bytes: &[u8]) -> Option<Message> {
    let [kind, code, _, _, a, b, c, d, rest @ ..] = bytes else { return None };
    if *kind == if v6 { 129 } else { 0 } {
        let token = rest.get(..TOKEN).and_then(|token| token.try_into().ok());
        return Some(Message::Reply {
            id: u16::from_be_bytes([*a, *b]),
            sequence: u16::from_be_bytes([*c, *d]),
            token,
        });
    }
    let what = Unreachable::of_codes(v6, *kind, *code)?;
    // The request comes back, with its own header before it.
    let request = if v6 { rest.get(40..)? } else { within_ipv4(rest)? };
    let [asked, _, _, _, a, b, c, d, ..] = request else { return None };
    (*asked == if v6 { 128 } else { 8 }).then(|| Message::Unreachable {
        what,
        id: u16::from_be_bytes([*a, *b]),
        sequence: u16::from_be_bytes([*c, *d]),
    })
}

/// The complement of the sum of all words, carries added.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()])));
    let mut sum: u32 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN_A: [u8; TOKEN] = *b"01234567";

    #[test]
    fn a_request_is_as_long_as_asked_for_and_its_sum_comes_out() {
        let bytes = request(false, 0x1234, 7, &TOKEN_A, 56);
        assert_eq!((bytes.len(), bytes[0], checksum(&bytes)), (64, 8, 0));
        assert_eq!(request(true, 1, 2, &TOKEN_A, 0), b"\x80\0\0\0\0\x01\0\x0201234567");
    }

    #[test]
    fn an_echo_is_known_by_its_numbers_and_its_token() {
        let mut bytes = request(false, 0x1234, 7, &TOKEN_A, 8);
        assert_eq!(parse(false, &bytes), None, "a request is no echo");
        bytes[0] = 0;
        let reply = Message::Reply { id: 0x1234, sequence: 7, token: Some(TOKEN_A) };
        assert_eq!(parse(false, &bytes), Some(reply));
        assert_eq!(parse(false, &bytes[..8]), Some(Message::Reply { id: 0x1234, sequence: 7, token: None }));
        assert_eq!(parse(false, &bytes[..7]), None);
        assert_eq!(parse(true, &bytes), None);
    }

    #[test]
    fn word_of_a_lost_request_names_it() {
        let request = request(false, 5, 6, &TOKEN_A, 8);
        let word = |kind, code| [&[kind, code, 0, 0, 0, 0, 0, 0, 0x45][..], &[0; 19], &request].concat();
        let lost = |what| Some(Message::Unreachable { what, id: 5, sequence: 6 });
        assert_eq!(parse(false, &word(3, 1)), lost(Unreachable::Host));
        assert_eq!(parse(false, &word(3, 99)), lost(Unreachable::Other(99)));
        assert_eq!(parse(false, &word(11, 0)), lost(Unreachable::TimeExceeded));
        assert_eq!(parse(false, &word(5, 0)), None);
        for length in 0..36 {
            assert_eq!(parse(false, &word(3, 1)[..length]), None, "{length}");
        }
        let six =
            [&[1, 3, 0, 0, 0, 0, 0, 0][..], &[0; 40], &super::request(true, 5, 6, &TOKEN_A, 8)].concat();
        assert_eq!(parse(true, &six), lost(Unreachable::Host));
    }

    #[test]
    fn a_header_that_is_none_hides_nothing() {
        assert_eq!(within_ipv4(&[]), None);
        assert_eq!(within_ipv4(&[0x41; 64]), None);
        assert_eq!(within_ipv4(&[0x65; 64]), None);
        assert_eq!(within_ipv4(&[0x4f; 59]), None);
        assert_eq!(within_ipv4(&[0x4f; 60]), Some(&[][..]));
    }
}
