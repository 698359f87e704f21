//! Packets of the network time protocol: questions for the time, and control messages. Pure but for the clock.

use std::time::{SystemTime, UNIX_EPOCH};

pub mod control;

/// From 1900 to 1970.
const EPOCH: u64 = 2_208_988_800;
/// Of both kinds of packets, which bear it in their first bits.
pub const ALARM: u8 = 3;

/// A moment in seconds since 1900, with 32 bits of a fraction; it wraps in 2036, and differences do not care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(pub u64);

/// What a server says of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet {
    /// 3 if the server has no time.
    pub leap: u8,
    /// How far from a reference clock; 0 says that it will not tell.
    pub stratum: u8,
    /// Seconds to the reference clock and back.
    pub root_delay: f64,
    /// Seconds that it may be off.
    pub root_dispersion: f64,
    /// When the question was sent, by its own word.
    pub origin: Stamp,
    /// When it came in.
    pub received: Stamp,
    /// When the answer went out.
    pub sent: Stamp,
}

impl Stamp {
    /// By this host's clock.
    pub fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
        Self((now.as_secs() + EPOCH) << 32 | fraction)
    }

    /// Seconds since another, negative if that is later.
    pub fn since(self, other: Self) -> f64 {
        // Of two moments less than 68 years apart.
        self.0.wrapping_sub(other.0).cast_signed() as f64 / 4_294_967_296.0
    }
}

impl Packet {
    /// None of what is no server's answer.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let flags = *bytes.first()?;
        let stamp = |at: usize| Some(Stamp(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?)));
        let short = |at: usize| {
            let word = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            Some(f64::from(word) / 65536.0)
        };
        (flags & 7 == 4).then_some(())?;
        Some(Self {
            leap: flags >> 6,
            stratum: *bytes.get(1)?,
            root_delay: short(4)?,
            root_dispersion: short(8)?,
            origin: stamp(24)?,
            received: stamp(32)?,
            sent: stamp(40)?,
        })
    }

    /// How far the server's clock is ahead of ours, if the answer came at this moment of ours.
    pub fn offset(&self, came: Stamp) -> f64 {
        f64::midpoint(self.received.since(self.origin), self.sent.since(came))
    }
}

/// A question, sent at this moment.
pub fn request(sent: Stamp) -> [u8; 48] {
    let mut bytes = [0; 48];
    // A clock that is not set, version 4, a client's question; once in 16 seconds, to 1/64 s, a second off.
    bytes[..12].copy_from_slice(&[0xe3, 0, 4, 0xfa, 0, 1, 0, 0, 0, 1, 0, 0]);
    bytes[40..].copy_from_slice(&sent.0.to_be_bytes());
    bytes
}

/// As C's `%.10g` prints it.
pub fn general(value: f64) -> String {
    let scientific = format!("{value:.9e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let trimmed = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    match exponent.parse::<i32>() {
        Ok(exponent @ -4..10) => {
            trimmed(&format!("{value:.*}", usize::try_from(9 - exponent).unwrap_or_default()))
        }
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
        }
        Err(_) => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a server that is this far ahead and takes a quarter second of its own.
    fn answer(question: &[u8; 48], ahead: u64) -> Vec<u8> {
        let mut bytes = vec![0x24, 2, 4, 0xfa, 0, 0, 0x80, 0, 0, 1, 0, 0];
        bytes.resize(24, 0);
        bytes.extend_from_slice(&question[40..]);
        let sent = u64::from_be_bytes(question[40..].try_into().unwrap());
        bytes.extend_from_slice(&sent.wrapping_add(ahead).to_be_bytes());
        bytes.extend_from_slice(&sent.wrapping_add(ahead + (1 << 30)).to_be_bytes());
        bytes
    }

    #[test]
    fn the_offset_is_that_of_the_servers_clock() {
        let sent = Stamp(u64::MAX - 5);
        let packet = Packet::parse(&answer(&request(sent), 10 << 32)).unwrap();
        assert_eq!((packet.leap, packet.stratum, packet.origin), (0, 2, sent));
        assert_eq!((packet.root_delay, packet.root_dispersion), (0.5, 1.0));
        assert_eq!(packet.offset(Stamp(sent.0.wrapping_add(1 << 30))), 10.0);
        assert_eq!(packet.offset(Stamp(sent.0.wrapping_add(20 << 32))), 0.125);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let whole = answer(&request(Stamp::now()), 0);
        assert!((0..48).all(|length| Packet::parse(&whole[..length]).is_none()));
        assert_eq!(Packet::parse(&request(Stamp::now())), None);
    }

    #[test]
    fn numbers_are_those_of_c() {
        for (value, text) in [
            (0.0, "0"),
            (-5.16474247e-05, "-5.16474247e-05"),
            (0.000123456789012, "0.000123456789"),
            (1.5, "1.5"),
            (-120.0, "-120"),
            (1234567890.125, "1234567890"),
            (12345678901.0, "1.23456789e+10"),
            (9.9999999999, "10"),
        ] {
            assert_eq!(general(value), text);
        }
    }
}
