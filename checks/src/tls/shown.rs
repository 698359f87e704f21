//! What the other side showed of itself in a handshake, told in the words of Go's libraries, which exporters use.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::X509Name;

use super::{Certificate, Error, trust};

/// What is known of a handshake once the connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The version of TLS, as people write it.
    pub version: &'static str,
    /// All certificates that were shown, its own first.
    pub chain: Vec<CertificateDer<'static>>,
}

/// Of the certificate that is the other side's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Of all its bytes, by SHA-256, in hexadecimal digits.
    pub fingerprint: String,
    /// Whom it is for, by RFC 2253.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The host names it is for.
    pub names: Vec<String>,
}

/// The parts of a name, in the order in which they are written.
const PARTS: [(&str, &str); 9] = [
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.3", "CN"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.8", "ST"),
    ("2.5.4.7", "L"),
    ("2.5.4.11", "OU"),
    ("2.5.4.10", "O"),
    ("2.5.4.6", "C"),
];

impl Shown {
    /// The certificate of the other side.
    pub fn certificate(&self) -> Result<Certificate, Error> {
        Certificate::parse(super::first(Some(&self.chain))?)
    }

    /// What is told of it.
    pub fn own(&self) -> Result<Own, Error> {
        let first = super::first(Some(&self.chain))?;
        let (_, parsed) =
            X509Certificate::from_der(first).map_err(|_| Error::Certificate("not in the form of one"))?;
        let digest = ring::digest::digest(&ring::digest::SHA256, first);
        Ok(Own {
            fingerprint: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            subject: distinguished(parsed.subject()),
            issuer: distinguished(parsed.issuer()),
            names: self.certificate()?.names,
        })
    }

    /// When the first of all that were shown ends, in seconds of Unix.
    pub fn earliest_end(&self) -> Option<i64> {
        self.chain.iter().filter_map(|der| Certificate::parse(der).ok()).map(|one| one.not_after).min()
    }

    /// When the first of those ends by which an authority vouches for it, the authority's own among them; in a file, or
    /// the system's.
    pub fn chain_end(&self, authorities: Option<&str>) -> Option<i64> {
        let authorities = trust::certificates_of(authorities).ok()?;
        let mut link: &[u8] = self.chain.first()?;
        let mut end = i64::MAX;
        // Nobody shows more, and a chain that goes round in circles has an end too.
        for _ in 0..=self.chain.len().min(16) {
            let (_, parsed) = X509Certificate::from_der(link).ok()?;
            end = end.min(parsed.validity().not_after.timestamp());
            if let Some(authority) = issuer(&authorities, &parsed) {
                let (_, authority) = X509Certificate::from_der(authority).ok()?;
                return Some(end.min(authority.validity().not_after.timestamp()));
            }
            link = issuer(self.chain.get(1..)?, &parsed)?;
        }
        None
    }
}

/// The one of these that has the name of the issuer.
fn issuer<'a>(among: &'a [CertificateDer<'static>], of: &X509Certificate<'_>) -> Option<&'a [u8]> {
    let wanted = of.issuer().as_raw();
    let is = |der: &&CertificateDer<'static>| {
        X509Certificate::from_der(der).is_ok_and(|(_, parsed)| parsed.subject().as_raw() == wanted)
    };
    among.iter().find(is).map(|der| der.as_ref())
}

/// By RFC 2253, the parts in the order that Go has for them; what it has no word for comes last, by its number.
fn distinguished(name: &X509Name<'_>) -> String {
    let all: Vec<(String, String)> = name
        .iter_attributes()
        .map(|part| {
            let value = part.as_str().map_or_else(|_| String::from_utf8_lossy(part.as_slice()), Into::into);
            (part.attr_type().to_id_string(), value.into_owned())
        })
        .collect();
    let mut written = Vec::new();
    for (id, word) in PARTS {
        let mut values: Vec<_> = all.iter().filter(|(of, _)| of == id).map(|(_, value)| value).collect();
        // Of these there is one, the last.
        if matches!(word, "CN" | "SERIALNUMBER") {
            values.drain(..values.len().saturating_sub(1));
        }
        let values: Vec<_> = values.into_iter().map(|value| format!("{word}={}", escaped(value))).collect();
        written.extend((!values.is_empty()).then(|| values.join("+")));
    }
    let others = all.iter().rev().filter(|(id, _)| PARTS.iter().all(|(known, _)| known != id));
    written.extend(others.map(|(id, value)| format!("{id}=#{}", der(value))));
    written.join(",")
}

/// A string as DER has it, in hexadecimal digits.
fn der(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = if value.bytes().all(plain) { 0x13 } else { 0x0c };
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    let long = (length >= 0x80).then_some(0x81);
    let bytes = std::iter::once(tag).chain(long).chain([length]).chain(value.bytes().take(255));
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::new();
    for (at, c) in value.chars().enumerate() {
        if ",+\"\\<>;".contains(c) || (c == ' ' && (at == 0 || at == last)) || (c == '#' && at == 0) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_where_they_would_be_misread() {
        assert_eq!(escaped("a, b+c"), "a\\, b\\+c");
        assert_eq!(escaped(" #x "), "\\ #x\\ ");
        assert_eq!(escaped("#x#"), "\\#x#");
        assert_eq!(der("a@b"), "0c03614062");
        assert_eq!(der("ab"), "13026162");
        assert!(der(&"x".repeat(200)).starts_with("1381c878"));
    }

    #[test]
    fn nothing_shown_says_nothing() {
        let shown = Shown { version: "TLSv1.3", chain: Vec::new() };
        assert_eq!((shown.earliest_end(), shown.chain_end(None)), (None, None));
        assert!(shown.own().is_err() && shown.certificate().is_err());
        let garbage = Shown { chain: vec![CertificateDer::from(vec![0x30, 0x80])], ..shown };
        assert_eq!(garbage.earliest_end(), None);
        assert!(garbage.own().is_err());
    }
}
