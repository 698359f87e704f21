//! Fingerprints.

use ring::digest;

/// A fingerprint that a certificate has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `sha1`, `sha256` or `sha512`.
    pub algorithm: String,
    /// Its digits, as they were given.
    pub digits: String,
}

impl Fingerprint {
    /// That of a certificate, as OpenSSL writes it.
    pub fn of(&self, certificate: &[u8]) -> String {
        let algorithm = match self.algorithm.as_str() {
            "sha256" => &digest::SHA256,
            "sha512" => &digest::SHA512,
            _ => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        };
        let hash = digest::digest(algorithm, certificate);
        hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// Whether it is this one, whatever stands between its digits.
    pub fn is(&self, other: &str) -> bool {
        let bare = |text: &str| text.replace([':', ' '], "").to_ascii_uppercase();
        bare(&self.digits) == bare(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_hash_of_all_of_it_however_it_is_written() {
        let wanted = |algorithm: &str, digits: &str| Fingerprint {
            algorithm: algorithm.to_owned(),
            digits: digits.to_owned(),
        };
        let sha1 = "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
        assert_eq!(wanted("sha1", "").of(b"abc"), sha1);
        assert!(wanted("sha1", "a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d").is(sha1));
        assert!(!wanted("sha1", "a9993e36").is(sha1));
        assert!(wanted("sha256", "").of(b"abc").starts_with("BA:78:16:BF:8F:01:CF:EA:"));
        assert!(wanted("sha512", "").of(b"abc").starts_with("DD:AF:35:A1:93:61:7A:BA:"));
    }
}
