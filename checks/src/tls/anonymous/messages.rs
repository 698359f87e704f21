//! The messages of a handshake in which nobody shows a certificate (RFC 5246, 7.4). Pure.

use num_bigint::BigUint;

use super::keys::{SUITES, Suite};
use crate::net::talk::{self, Taken};

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
/// Primes have so many bits: who listens can undo fewer, and no more are worth the time.
const BITS: std::ops::RangeInclusive<u64> = 1024..=8192;
/// All that a server may add to its hello: that it does not renegotiate either. Nothing else was offered.
const EXTENSIONS: [&[u8]; 2] = [&[], &[0, 5, 0xff, 1, 0, 1, 0]];

/// The first message among these bytes, its kind and its body.
pub fn take(bytes: &[u8]) -> Taken<(u8, Vec<u8>)> {
    let Some((head, rest)) = bytes.split_at_checked(4) else { return Ok(None) };
    let length = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
    if length > LONGEST {
        return Err(talk::Error::TooLong);
    }
    Ok(rest.get(..length).map(|body| ((head[0], body.to_vec()), length + 4)))
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
        let (session, rest) = rest.split_at_checked(usize::from(*length))?;
        let (suite, rest) = rest.split_at_checked(2)?;
        let suite = Suite::by_number(u16::from_be_bytes([suite[0], suite[1]]))?;
        let (compression, extensions) = rest.split_first()?;
        let plain =
            version == [3, 3] && session.len() <= 32 && *compression == 0 && EXTENSIONS.contains(&extensions);
        plain.then_some(Self { random: random.try_into().ok()?, suite })
    }
}

impl Exchange {
    /// Of a prime of a size that keeps a secret, and of a half that says something.
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
        if !rest.is_empty() {
            return None;
        }
        let one = BigUint::from(1_u8);
        let fits = |number: &BigUint| *number > one && *number < &prime - &one;
        let sound = BITS.contains(&prime.bits()) && prime.bit(0) && fits(&base) && fits(&theirs);
        sound.then_some(Self { prime, base, theirs })
    }

    /// Whether the prime is one, by the test of Miller and Rabin: of other numbers, three of four bases show it, and nearly all of
    /// nearly every number. The bytes are those of a base that the other side could not foresee.
    pub fn is_prime(&self, base: &[u8; 32]) -> bool {
        let (one, last) = (BigUint::from(1_u8), &self.prime - 1_u8);
        let twos = last.trailing_zeros().unwrap_or_default();
        let mut power = BigUint::from_bytes_be(base).modpow(&(&last >> twos), &self.prime);
        let mut left = twos;
        while power != last && left > 1 && power != one {
            power = &power * &power % &self.prime;
            left -= 1;
        }
        // One is a root of one only at the start.
        power == last || (power == one && left == twos)
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
        let answer = [&[3, 3][..], &[9; 32], &[1, 5], &[0, 0xa6, 0], EXTENSIONS[1]].concat();
        let parsed = ServerHello::parse(&answer).unwrap();
        assert_eq!((parsed.random, parsed.suite.number), ([9; 32], 0xa6));
        assert_eq!(ServerHello::parse(&answer[..39]), Some(parsed));
        for end in (0..39).chain(40..answer.len()) {
            assert_eq!(ServerHello::parse(&answer[..end]), None, "{end}");
        }
        for (at, byte) in [(1, 1), (34, 33), (37, 0x9c), (38, 1), (42, 23)] {
            let mut other = answer.clone();
            other[at] = byte;
            assert_eq!(ServerHello::parse(&other), None, "{at}");
        }
    }

    #[test]
    fn both_sides_come_to_one_secret() {
        let prime = prime();
        let body = |theirs: &[u8]| numbers(&[&prime, &[2], theirs]);
        let theirs = Exchange::parse(&body(&[3])).unwrap().answer(&[5; 32]).0;
        let (ours, secret) = Exchange::parse(&body(&theirs[2..])).unwrap().answer(&[6; 32]);
        let (_, same) = Exchange::parse(&body(&ours[2..])).unwrap().answer(&[5; 32]);
        assert_eq!(secret, same);
        let before = [&prime[..127], &[0xfe]].concat();
        for wrong in [&[][..], &[0], &[1], &before, &prime] {
            assert_eq!(Exchange::parse(&body(wrong)), None, "{wrong:?}");
            assert_eq!(Exchange::parse(&numbers(&[&prime, wrong, &[3]])), None, "{wrong:?}");
        }
        for end in [0, 1, 60, body(&[3]).len() - 1] {
            assert_eq!(Exchange::parse(&body(&[3])[..end]), None, "{end}");
        }
        assert_eq!(Exchange::parse(&[body(&[3]), vec![0]].concat()), None);
    }

    #[test]
    fn a_prime_is_one_and_long_enough() {
        let exchange = |prime: &[u8]| Exchange::parse(&numbers(&[prime, &[2], &[3]]));
        let prime = prime();
        assert!(exchange(&prime).unwrap().is_prime(&[7; 32]));
        let mut other = prime.clone();
        for odd in 0..8 {
            other[9] = 2 * odd;
            assert!(!exchange(&other).unwrap().is_prime(&[7; 32]), "{odd}");
        }
        // 512 bits, an even number, and one bit too many.
        for wrong in
            [&prime[..64], &prime[..127], &[&prime[..127], &[0xfe]].concat(), &[&[1; 1025][..]].concat()]
        {
            assert_eq!(exchange(wrong), None);
        }
    }

    /// The group of 1,024 bits of RFC 2409, the smallest that is taken.
    fn prime() -> Vec<u8> {
        let hex = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
                   ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
                   ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";
        (0..128).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    #[test]
    fn messages_are_taken_when_they_are_whole() {
        let bytes = [message(FINISHED, b"abc"), message(SERVER_DONE, b"")].concat();
        assert_eq!(take(&bytes).unwrap(), Some(((FINISHED, b"abc".to_vec()), 7)));
        assert_eq!(take(&bytes[7..]).unwrap(), Some(((SERVER_DONE, Vec::new()), 4)));
        for end in 0..7 {
            assert!(matches!(take(&bytes[..end]), Ok(None)), "{end}");
        }
        assert!(matches!(take(&[2, 1, 0, 0]), Err(talk::Error::TooLong)));
    }
}
