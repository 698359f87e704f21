//! What a client answers to the number that a server has for each login. Pure.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};

/// A way to log in, by the name that servers call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `mysql_native_password`, which MariaDB has by default.
    Native,
    /// `caching_sha2_password`, which MySQL has by default.
    CachingSha2,
    /// `sha256_password`
    Sha256,
    /// `client_ed25519`
    Ed25519,
    /// `mysql_clear_password`, for servers that ask others.
    Clear,
}

/// What to say to a server, or that it may not be said where others could hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This.
    Say(Vec<u8>),
    /// The password as it is, over TLS or a socket alone.
    InPrivate,
}

const METHODS: [(&str, Method); 5] = [
    ("mysql_native_password", Method::Native),
    ("caching_sha2_password", Method::CachingSha2),
    ("sha256_password", Method::Sha256),
    ("client_ed25519", Method::Ed25519),
    ("mysql_clear_password", Method::Clear),
];

impl Method {
    /// None of what is not known here.
    pub fn by_name(name: &str) -> Option<Self> {
        METHODS.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }

    /// What servers call it.
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }

    /// The first answer to a server's number.
    pub fn answer(self, password: &str, nonce: &[u8]) -> Answer {
        let password = password.as_bytes();
        Answer::Say(match self {
            Self::Sha256 | Self::Clear if !password.is_empty() => return Answer::InPrivate,
            Self::Sha256 | Self::Clear => vec![0],
            Self::Ed25519 => signed(password, nonce).to_vec(),
            Self::Native | Self::CachingSha2 if password.is_empty() => Vec::new(),
            Self::Native => {
                let once = hash(&SHA1_FOR_LEGACY_USE_ONLY, &[password]);
                let twice = hash(&SHA1_FOR_LEGACY_USE_ONLY, &[&once]);
                mixed(&once, &hash(&SHA1_FOR_LEGACY_USE_ONLY, &[nonce, &twice]))
            }
            Self::CachingSha2 => {
                let once = hash(&SHA256, &[password]);
                let twice = hash(&SHA256, &[&once]);
                mixed(&once, &hash(&SHA256, &[&twice, nonce]))
            }
        })
    }
}

fn hash(algorithm: &'static Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    digest(algorithm, &parts.concat()).as_ref().to_vec()
}

fn mixed(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}

/// The signature of RFC 8032, but of a key that is a password of any length, which no library of Ed25519 takes.
fn signed(password: &[u8], text: &[u8]) -> [u8; 64] {
    let expanded = hash(&SHA512, &[password]);
    let (low, high) = expanded.split_at(32);
    let scalar = |parts: &[&[u8]]| {
        let mut wide = [0; 64];
        wide.copy_from_slice(&hash(&SHA512, parts));
        Scalar::from_bytes_mod_order_wide(&wide)
    };
    let mut secret = [0; 32];
    secret.copy_from_slice(low);
    let secret = Scalar::from_bytes_mod_order(clamp_integer(secret));
    let public = EdwardsPoint::mul_base(&secret).compress();
    let once = scalar(&[high, text]);
    let point = EdwardsPoint::mul_base(&once).compress();
    let sum = scalar(&[point.as_bytes(), public.as_bytes(), text]) * secret + once;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(point.as_bytes());
    signature[32..].copy_from_slice(sum.as_bytes());
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn said(method: Method, password: &str, nonce: &[u8]) -> String {
        match method.answer(password, nonce) {
            Answer::Say(bytes) => hex(&bytes),
            Answer::InPrivate => "in private".to_owned(),
        }
    }

    #[test]
    fn methods_have_the_names_of_servers() {
        for (name, method) in METHODS {
            assert_eq!((Method::by_name(name), method.name()), (Some(method), name));
        }
        assert_eq!(Method::by_name("dialog"), None);
    }

    /// The first of RFC 8032's section 7.1 with a message, whose secret key is a password here.
    #[test]
    fn a_signature_is_that_of_the_rfc() {
        let key = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&key[at * 2..at * 2 + 2], 16).unwrap()).collect();
        assert_eq!(
            hex(&signed(&key, b"\x72")),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    /// Made with another library's hashes.
    #[test]
    fn a_number_is_mixed_with_the_password() {
        let nonce: Vec<u8> = (1..=20).collect();
        assert_eq!(said(Method::Native, "secret", &nonce), "b32bb3a583e1340c0a1108d58b1be49781ad8c2f");
        assert_eq!(
            said(Method::CachingSha2, "secret", &nonce),
            "746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9"
        );
    }

    #[test]
    fn what_would_be_the_password_itself_is_said_in_private() {
        assert_eq!(said(Method::Sha256, "x", b"n"), "in private");
        assert_eq!(said(Method::Clear, "x", b"n"), "in private");
        assert_eq!(said(Method::Sha256, "", b"n"), "00");
        assert_eq!(said(Method::Native, "", b"n"), "");
        assert_eq!(said(Method::CachingSha2, "", b"n"), "");
    }
}
