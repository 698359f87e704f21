//! What a certificate says.

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::X509Name;

use super::Error;

/// What checks look at in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The common name of whom it is for.
    pub common_name: Option<String>,
    /// All of its name.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The common name of the issuer.
    pub issuer_name: Option<String>,
    /// The number the issuer gave it, in hexadecimal digits.
    pub serial: String,
    /// From when it is valid, in seconds of Unix.
    pub not_before: i64,
    /// Until when, in seconds of Unix.
    pub not_after: i64,
    /// The host names it is for.
    pub names: Vec<String>,
    /// The addresses it is for.
    pub addresses: Vec<IpAddr>,
    /// The addresses of mail in it.
    pub emails: Vec<String>,
}

impl Certificate {
    /// From the form it is sent in.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        let (_, parsed) =
            X509Certificate::from_der(der).map_err(|_| Error::Certificate("not in the form of one"))?;
        let emails = parsed.subject().iter_email().filter_map(|email| email.as_str().ok());
        let mut emails: Vec<String> = emails.map(str::to_owned).collect();
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
            for name in &alternative.value.general_names {
                match name {
                    GeneralName::DNSName(name) => names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => addresses.extend(address(bytes)),
                    GeneralName::RFC822Name(name) => emails.push((*name).to_owned()),
                    _ => {}
                }
            }
        }
        let validity = parsed.validity();
        Ok(Self {
            common_name: common_name(parsed.subject()),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            issuer_name: common_name(parsed.issuer()),
            serial: parsed.raw_serial().iter().map(|byte| format!("{byte:02X}")).collect(),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            names,
            addresses,
            emails,
        })
    }

    /// Whether it is for a host, by its name or address; by the common name only where there is no other.
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let host = host.trim_end_matches('.');
        match (&self.common_name, self.names.is_empty()) {
            (Some(name), true) => same_host(name, host),
            _ => self.names.iter().any(|name| same_host(name, host)),
        }
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

/// A `*` stands for the whole first label and no more.
fn same_host(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(host),
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(first, host)| !first.is_empty() && rest.eq_ignore_ascii_case(host)),
    }
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    let attribute = name.iter_common_name().next()?;
    Some(match attribute.as_str() {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(common_name: &str, names: &[&str], addresses: &[&str]) -> Certificate {
        Certificate {
            common_name: Some(common_name.to_owned()),
            subject: String::new(),
            issuer: String::new(),
            issuer_name: None,
            serial: String::new(),
            not_before: 0,
            not_after: 0,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            emails: Vec::new(),
        }
    }

    #[test]
    fn a_host_is_looked_for_among_the_names_and_else_is_the_common_name() {
        let several = named("a.example", &["B.example", "*.c.example"], &["10.0.0.1", "::1"]);
        for host in ["b.example", "b.EXAMPLE.", "x.c.example", "10.0.0.1", "[::1]"] {
            assert!(several.is_for(host), "{host}");
        }
        for host in ["a.example", "c.example", ".c.example", "x.y.c.example", "10.0.0.2", ""] {
            assert!(!several.is_for(host), "{host}");
        }
        assert!(named("a.example", &[], &[]).is_for("a.example"));
        assert!(!named("10.0.0.1", &[], &[]).is_for("10.0.0.1"));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        for bytes in [&b""[..], b"\x30", b"\x30\x80\0\0", b"-----BEGIN CERTIFICATE-----"] {
            assert!(matches!(Certificate::parse(bytes), Err(Error::Certificate(_))));
        }
    }
}
