//! SCRAM-SHA-256 of RFC 5802 and 7677, the client's side. Pure but for the number that nobody foresees.

use std::num::NonZeroU32;

use ring::{digest, hmac, pbkdf2};

use crate::http::request::{base64, unbase64};

/// A login that was begun.
#[derive(Clone, Debug)]
pub struct Scram {
    password: String,
    /// Of the client's first message what is signed.
    first: String,
    nonce: String,
}

/// More rounds than a server has any need of.
const MOST_ROUNDS: u32 = 1_000_000;

impl Scram {
    /// Begins one, with a number of its own.
    pub fn new(password: &str, nonce: &[u8]) -> Self {
        let nonce = base64(nonce);
        Self { password: password.to_owned(), first: format!("n=,r={nonce}"), nonce }
    }

    /// What to say first.
    pub fn begin(&self) -> String {
        format!("n,,{}", self.first)
    }

    /// What to say to the server's number, salt and rounds, and what it then has to say; none if it may not be answered.
    pub fn answer(&self, server: &str) -> Option<(String, String)> {
        let part = |name: &str| server.split(',').find_map(|part| part.strip_prefix(name));
        let (nonce, salt) = (part("r=")?, unbase64(part("s=")?)?);
        let rounds = part("i=")?.parse::<u32>().ok().filter(|rounds| *rounds <= MOST_ROUNDS)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return None;
        }
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            NonZeroU32::new(rounds)?,
            &salt,
            self.password.as_bytes(),
            &mut salted,
        );
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client.as_ref());
        let end = format!("c=biws,r={nonce}");
        let signed = format!("{},{server},{end}", self.first);
        let signature = sign(stored.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let of_server = sign(sign(&salted, b"Server Key").as_ref(), signed.as_bytes());
        Some((format!("{end},p={}", base64(&proof)), format!("v={}", base64(of_server.as_ref()))))
    }
}

fn sign(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, whose user is told by PostgreSQL's first message instead.
    #[test]
    fn an_answer_is_that_of_the_rfc() {
        let scram = Scram {
            password: "pencil".to_owned(),
            first: "n=user,r=rOprNGfwEbeRWgbNEkqO".to_owned(),
            nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
        };
        let server = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (answer, of_server) = scram.answer(server).unwrap();
        assert_eq!(
            answer,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(of_server, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        for wrong in [
            "",
            "r=other,s=W22Z,i=1",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1000001",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=1",
        ] {
            assert_eq!(scram.answer(wrong), None, "{wrong}");
        }
        assert!(Scram::new("x", b"abc").begin().starts_with("n,,n=,r=YWJj"));
    }
}
