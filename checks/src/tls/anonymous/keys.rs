//! What both sides of a handshake make of the secret that they share (RFC 5246, 5 and 8; RFC 5288). Pure.

use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hmac};

/// How what is said is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its number.
    pub number: u16,
    /// Whether it is the one with keys of 256 bits and SHA-384; the other has 128 and SHA-256.
    strong: bool,
}

/// One direction of a connection.
#[derive(Debug)]
pub struct Sealed {
    key: LessSafeKey,
    salt: [u8; 4],
    sequence: u64,
}

/// What comes of a handshake: the secret of its last messages, and both directions.
#[derive(Debug)]
pub struct Keys {
    suite: Suite,
    master: Vec<u8>,
    /// What the client says.
    pub client: Sealed,
    /// What the server says.
    pub server: Sealed,
}

/// Diffie and Hellman without a name, and AES-GCM: the suites of TLS 1.2 for that which are no riddle today.
pub const SUITES: [Suite; 2] =
    [Suite { number: 0x00a7, strong: true }, Suite { number: 0x00a6, strong: false }];

/// How much longer than what it holds a sealed record is: its own number before it, and its proof after.
const BEFORE: usize = 8;

impl Suite {
    /// None of one that was not offered.
    pub fn by_number(number: u16) -> Option<Self> {
        SUITES.into_iter().find(|suite| suite.number == number)
    }

    fn hash(self, text: &[u8]) -> digest::Digest {
        digest::digest(if self.strong { &digest::SHA384 } else { &digest::SHA256 }, text)
    }

    /// The pseudo-random function.
    fn spread(self, secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
        let key = hmac::Key::new(if self.strong { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 }, secret);
        let seed = [label, seed].concat();
        let (mut out, mut link) = (Vec::new(), hmac::sign(&key, &seed));
        while out.len() < length {
            out.extend_from_slice(hmac::sign(&key, &[link.as_ref(), &seed].concat()).as_ref());
            link = hmac::sign(&key, link.as_ref());
        }
        out.truncate(length);
        out
    }
}

impl Keys {
    /// Of the secret, and the random bytes of both sides.
    pub fn new(suite: Suite, secret: &[u8], client: &[u8], server: &[u8]) -> Option<Self> {
        let master = suite.spread(secret, b"master secret", &[client, server].concat(), 48);
        let length = if suite.strong { 32 } else { 16 };
        let block = suite.spread(&master, b"key expansion", &[server, client].concat(), 2 * length + 8);
        let (keys, salts) = block.split_at(2 * length);
        let sealed = |key: &[u8], salt: &[u8]| {
            let algorithm = if suite.strong { &AES_256_GCM } else { &AES_128_GCM };
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
            Some(Sealed { key, salt: salt.try_into().ok()?, sequence: 0 })
        };
        let client = sealed(&keys[..length], &salts[..4])?;
        let server = sealed(&keys[length..], &salts[4..])?;
        Some(Self { suite, master, client, server })
    }

    /// What proves that a side has heard all of the handshake.
    pub fn proof(&self, label: &[u8], handshake: &[u8]) -> Vec<u8> {
        self.suite.spread(&self.master, label, self.suite.hash(handshake).as_ref(), 12)
    }
}

impl Sealed {
    /// A whole record of this kind.
    pub fn seal(&mut self, kind: u8, text: &[u8]) -> Vec<u8> {
        let number = self.sequence.to_be_bytes();
        let mut sealed = text.to_vec();
        let proof =
            self.key.seal_in_place_separate_tag(self.nonce(number), self.aad(kind, text.len()), &mut sealed);
        self.sequence += 1;
        // It fails for texts of gigabytes alone; what is not sealed is not said.
        let Ok(proof) = proof else { return Vec::new() };
        record(kind, &[&number[..], &sealed, proof.as_ref()].concat())
    }

    /// What a record of this kind holds; none of what was not sealed so.
    pub fn open(&mut self, kind: u8, body: &[u8]) -> Option<Vec<u8>> {
        let (number, sealed) = body.split_at_checked(BEFORE)?;
        let length = sealed.len().checked_sub(self.key.algorithm().tag_len())?;
        let mut text = sealed.to_vec();
        let nonce = self.nonce(number.try_into().ok()?);
        self.key.open_in_place(nonce, self.aad(kind, length), &mut text).ok()?;
        self.sequence += 1;
        text.truncate(length);
        Some(text)
    }

    fn nonce(&self, number: [u8; BEFORE]) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.salt);
        nonce[4..].copy_from_slice(&number);
        Nonce::assume_unique_for_key(nonce)
    }

    fn aad(&self, kind: u8, length: usize) -> Aad<Vec<u8>> {
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        Aad::from([&self.sequence.to_be_bytes()[..], &[kind, 3, 3], &length].concat())
    }
}

/// A record of TLS 1.2 as it goes over the wire.
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[kind, 3, 3][..], &length, body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    /// The vector that implementers of TLS 1.2 hand on for SHA-256.
    #[test]
    fn a_secret_is_spread_as_others_do() {
        let secret = bytes("9bbe436ba940f017b17652849a71db35");
        let seed = bytes("a0ba9f936cda311827a6f796ffd5198c");
        let wanted = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
                      0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
                      87347b66";
        assert_eq!(SUITES[1].spread(&secret, b"test label", &seed, 100), bytes(wanted));
    }

    #[test]
    fn what_one_side_seals_the_other_opens_once_and_in_order() {
        for suite in SUITES {
            let keys = || Keys::new(suite, b"secret", &[1; 32], &[2; 32]).unwrap();
            let (mut here, mut there) = (keys(), keys());
            assert_eq!(here.proof(b"x", b"y"), there.proof(b"x", b"y"));
            let (one, two) = (here.client.seal(23, b"one"), here.client.seal(23, b"two"));
            assert_eq!(one.len(), 5 + 8 + 3 + 16);
            assert_eq!(there.client.open(23, &two[5..]), None);
            assert_eq!(there.client.open(23, &one[5..]).as_deref(), Some(&b"one"[..]));
            assert_eq!(there.client.open(22, &two[5..]), None);
            assert_eq!(there.client.open(23, &two[5..]).as_deref(), Some(&b"two"[..]));
            assert_eq!(there.server.open(23, &one[5..]), None);
            assert_eq!(there.client.open(23, &[0; 10]), None);
        }
        assert_eq!(Suite::by_number(0x00a6), Some(SUITES[1]));
        assert_eq!(Suite::by_number(0x009c), None);
    }
}
