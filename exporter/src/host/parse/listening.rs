//! Answers of the kernel's `sock_diag` about sockets that listen (include/uapi/linux/inet_diag.h).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    /// The id of the cgroup it was made in.
    pub cgroup_id: u64,
    /// Where it listens.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Connections that wait to be accepted.
    pub waiting: u32,
    /// How many may.
    pub limit: u32,
    /// Segments that began or completed a connection and were dropped.
    pub drops: u32,
}

/// What one answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dump {
    /// There is more.
    More,
    /// That was all.
    Done,
    /// The kernel has no answer: an errno.
    Failed(i32),
}

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const HEADER: usize = 16;
const MESSAGE: usize = 72;
const AF_INET: u8 = 2;
const LISTEN: u8 = 10;
const SKMEMINFO: u16 = 7;
const CGROUP_ID: u16 = 21;
/// Its place in SKMEMINFO.
const DROPS: usize = 8;
/// Beside its kind an attribute's type may say whether it is nested.
const KIND: u16 = 0x3fff;

/// Calls `found` for each socket in a datagram of answers.
pub fn parse_listening(mut bytes: &[u8], mut found: impl FnMut(Listening)) -> Dump {
    while let Some(length) = u32_at(bytes, 0).map(|length| length as usize) {
        let Some(message) = bytes.get(HEADER..length) else { break };
        match u16_at(bytes, 4) {
            Some(NLMSG_DONE) => {
                let error = u32_at(message, 0).unwrap_or_default() as i32;
                return if error < 0 { Dump::Failed(error) } else { Dump::Done };
            }
            Some(NLMSG_ERROR) => return Dump::Failed(u32_at(message, 0).unwrap_or_default() as i32),
            Some(SOCK_DIAG_BY_FAMILY) => {
                if let Some(socket) = parse_socket(message) {
                    found(socket);
                }
            }
            _ => {}
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Dump::More
}

fn parse_socket(message: &[u8]) -> Option<Listening> {
    let (family, state) = (*message.first()?, *message.get(1)?);
    let octets: [u8; 16] = message.get(8..24)?.try_into().ok()?;
    let address = if family == AF_INET {
        IpAddr::from(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]))
    } else {
        IpAddr::from(Ipv6Addr::from(octets))
    };
    let mut socket = Listening {
        cgroup_id: 0,
        address,
        port: u16::from_be_bytes(message.get(4..6)?.try_into().ok()?),
        waiting: u32_at(message, 56)?,
        limit: u32_at(message, 60)?,
        drops: 0,
    };
    let mut attributes = message.get(MESSAGE..)?;
    while let (Some(length), Some(kind)) = (u16_at(attributes, 0), u16_at(attributes, 2)) {
        let Some(value) = attributes.get(4..usize::from(length)) else { break };
        match kind & KIND {
            CGROUP_ID => socket.cgroup_id = value.try_into().map(u64::from_ne_bytes).ok()?,
            SKMEMINFO => socket.drops = u32_at(value, DROPS * 4)?,
            _ => {}
        }
        attributes = attributes.get(usize::from(length).next_multiple_of(4)..).unwrap_or_default();
    }
    // Without a cgroup nobody would know whose it is.
    (state == LISTEN && socket.cgroup_id != 0).then_some(socket)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().map(u16::from_ne_bytes).ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().map(u32::from_ne_bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn socket(family: u8, address: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![0; MESSAGE];
        (body[0], body[1]) = (family, LISTEN);
        body[4..6].copy_from_slice(&7000u16.to_be_bytes());
        body[8..8 + address.len()].copy_from_slice(address);
        body[56..60].copy_from_slice(&3u32.to_ne_bytes());
        body[60..64].copy_from_slice(&128u32.to_ne_bytes());
        body.extend(more.concat());
        message(SOCK_DIAG_BY_FAMILY, &body)
    }

    fn parsed(bytes: &[u8]) -> (Vec<Listening>, Dump) {
        let mut found = Vec::new();
        let dump = parse_listening(bytes, |socket| found.push(socket));
        (found, dump)
    }

    fn sample() -> Vec<u8> {
        let mut memory = [0u8; 36];
        memory[32..].copy_from_slice(&5u32.to_ne_bytes());
        let owner = || attribute(CGROUP_ID, &77u64.to_ne_bytes());
        [
            socket(AF_INET, &[10, 0, 0, 1], &[attribute(SKMEMINFO, &memory), attribute(8, &[1]), owner()]),
            socket(10, &[0; 16], &[owner()]),
            socket(10, &[0; 16], &[]),
            message(NLMSG_DONE, &[0; 4]),
        ]
        .concat()
    }

    #[test]
    fn sockets_of_a_dump() {
        let v4 = Listening {
            cgroup_id: 77,
            address: IpAddr::from([10, 0, 0, 1]),
            port: 7000,
            waiting: 3,
            limit: 128,
            drops: 5,
        };
        let v6 = Listening { address: IpAddr::from([0u8; 16]), drops: 0, ..v4 };
        assert_eq!(parsed(&sample()), (vec![v4, v6], Dump::Done), "what has no owner is left out");
        assert_eq!(parsed(&message(NLMSG_ERROR, &(-2i32).to_ne_bytes())), (vec![], Dump::Failed(-2)));
        assert_eq!(parsed(&[]), (vec![], Dump::More));
    }

    #[test]
    fn every_cut_is_a_shorter_dump_and_never_a_panic() {
        let bytes = sample();
        for length in 0..bytes.len() {
            assert!(parsed(&bytes[..length]).0.len() <= 2, "cut at {length}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0xff;
            let _ = parsed(&flipped);
        }
    }
}
