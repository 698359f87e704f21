//! The messages of a handshake in which nobody shows a certificate (RFC 5246, 7.4). Pure.

use num_bigint::BigUint;

use super::keys::{SUITES, Suite};

/// What a server says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// Its random bytes.
    pub random: [u8; 32],
    /// What it chose.
    pub suite: Suite,
}

/// Its half of the secret, and what the other half has to be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    prime: BigUint,
    base: BigUint,
    theirs: BigUint,
}

/// Kinds of messages.
pub const SERVER_HELLO: u8 = 2;
/// Its half of the secret.
pub const SERVER_EXCHANGE: u8 = 12;
/// Nothing follows.
pub const SERVER_DONE: u8 = 14;
/// Our half.
pub const CLIENT_EXCHANGE: u8 = 16;
/// The proof of either side.
pub const FINISHED: u8 = 20;

/// A longer message is none of these.
const LONGEST: usize = 16 * 1024;
/// Primes have so many bits: old servers of NRPE have 512, and no more are worth the time.
const BITS: std::ops::RangeInclusive<u64> = 512..=8192;

/// The first message, its kind and its length among these bytes, if it is all there; an error for one that is too long.
pub fn take(bytes: &[u8]) -> Result<Option<(u8, &[u8], usize)>, ()> {
    let Some((head, rest)) = bytes.split_at_checked(4) else { return Ok(None) };
    let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
    if length > LONGEST {
        return Err(());
    }
    Ok(rest.get(..length).map(|body| (head[0], body, length + 4)))
}

/// A message of this kind.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

/// What a client says first: no session to go on with, two suites, no renegotiation, no compression.
pub fn client_hello(random: &[u8; 32]) -> Vec<u8> {
    const NO_RENEGOTIATION: u16 = 0x00ff;
    let suites = SUITES.iter().map(|suite| suite.number).chain([NO_RENEGOTIATION]);
    let suites: Vec<u8> = suites.flat_map(u16::to_be_bytes).collect();
    let body = [&[3, 3][..], random, &[0, 0, suites.len() as u8], &suites, &[1, 0]].concat();
    message(1, &body)
}

impl ServerHello {
    /// Of TLS 1.2, with a suite that was offered.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_at_checked(2)?;
        let (random, rest) = rest.split_at_checked(32)?;
        let (length, rest) = rest.split_first()?;
        let rest = rest.get(usize::from(*length)..)?;
        let suite = Suite::by_number(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]))?;
        let plain = version == [3, 3] && rest.get(2) == Some(&0);
        plain.then_some(Self { random: random.try_into().ok()?, suite })
    }
}

impl Exchange {
    /// Of a prime of a size that there is, and of a half that says something.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = body;
        let mut number = || {
            let (length, after) = rest.split_at_checked(2)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let (bytes, after) = after.split_at_checked(length)?;
            rest = after;
            Some(BigUint::from_bytes_be(bytes))
        };
        let (prime, base, theirs) = (number()?, number()?, number()?);
        let one = BigUint::from(1_u8);
        let fits = |number: &BigUint| *number > one && *number < &prime - &one;
        let sound = BITS.contains(&prime.bits()) && prime.bit(0) && fits(&base) && fits(&theirs);
        sound.then_some(Self { prime, base, theirs })
    }

    /// Our half, as it is said, and the secret, of bytes that nobody else knows.
    pub fn answer(&self, own: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
        let own = BigUint::from_bytes_be(own);
        let half = self.base.modpow(&own, &self.prime).to_bytes_be();
        let length = u16::try_from(half.len()).unwrap_or(u16::MAX).to_be_bytes();
        let secret = self.theirs.modpow(&own, &self.prime).to_bytes_be();
        ([&length[..], &half].concat(), secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(all: &[&[u8]]) -> Vec<u8> {
        let part = |number: &&[u8]| [&(number.len() as u16).to_be_bytes()[..], number].concat();
        all.iter().flat_map(part).collect()
    }

    #[test]
    fn a_hello_names_what_was_offered() {
        let hello = client_hello(&[7; 32]);
        assert_eq!(hello[..6], [1, 0, 0, 45, 3, 3]);
        assert_eq!(hello[38..], [0, 0, 6, 0, 0xa7, 0, 0xa6, 0, 0xff, 1, 0]);
        let answer = [&[3, 3][..], &[9; 32], &[1, 5], &[0, 0xa6, 0], b"extensions"].concat();
        let parsed = ServerHello::parse(&answer).unwrap();
        assert_eq!((parsed.random, parsed.suite.number), ([9; 32], 0xa6));
        for end in 0..39 {
            assert_eq!(ServerHello::parse(&answer[..end]), None, "{end}");
        }
        for (at, byte) in [(1, 1), (37, 0x9c), (38, 1)] {
            let mut other = answer.clone();
            other[at] = byte;
            assert_eq!(ServerHello::parse(&other), None, "{at}");
        }
    }

    #[test]
    fn both_sides_come_to_one_secret() {
        let prime = [&[0xff; 64][..], &[0x43]].concat();
        let (body, base) = (|theirs: &[u8]| numbers(&[&prime, &[2], theirs]), numbers(&[&[2]]));
        let theirs = Exchange::parse(&body(&[3])).unwrap().answer(&[5; 32]).0;
        let (ours, secret) = Exchange::parse(&body(&theirs[2..])).unwrap().answer(&[6; 32]);
        let (_, same) = Exchange::parse(&body(&ours[2..])).unwrap().answer(&[5; 32]);
        assert_eq!(secret, same);
        assert!(!base.is_empty());
        for wrong in [&[][..], &[0], &[1], &prime] {
            assert_eq!(Exchange::parse(&body(wrong)), None, "{wrong:?}");
        }
        assert_eq!(Exchange::parse(&numbers(&[&[23], &[2], &[3]])), None);
        assert_eq!(Exchange::parse(&body(&[3])[..60]), None);
    }

    #[test]
    fn messages_are_taken_when_they_are_whole() {
        let bytes = [message(FINISHED, b"abc"), message(SERVER_DONE, b"")].concat();
        assert_eq!(take(&bytes), Ok(Some((FINISHED, &b"abc"[..], 7))));
        assert_eq!(take(&bytes[7..]), Ok(Some((SERVER_DONE, &b""[..], 4))));
        for end in 0..7 {
            assert_eq!(take(&bytes[..end]), Ok(None));
        }
        assert_eq!(take(&[2, 1, 0, 0]), Err(()));
    }
}
