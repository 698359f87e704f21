//! How connections are sealed: rustls, by what the file asks for.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring as provider};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, InconsistentKeys, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use zeroize::Zeroizing;

use super::client::{ClientAuth, verifier};

/// What a server needs to speak TLS.
#[derive(Debug)]
pub struct Material {
    /// The server's certificate and those between it and its authority, in PEM.
    pub certificates: Vec<u8>,
    /// Its key, in PEM.
    pub key: Zeroizing<Vec<u8>>,
    /// What is asked of clients.
    pub client: Option<ClientAuth>,
    /// Versions and ciphers.
    pub suites: Suites,
    /// Groups of key exchange, the best first; empty for the usual ones.
    pub groups: Vec<&'static dyn SupportedKxGroup>,
    /// Whether the order of our ciphers decides, not that of the client's.
    pub own_order: bool,
    /// Whether HTTP/2 is spoken with clients that would like to.
    pub http2: bool,
}

/// What TLS calls HTTP/2.
pub(in crate::http) const HTTP_2: &[u8] = b"h2";

/// What is wrong with it, by the field it came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The server's certificate.
    #[error("{0}")]
    Certificate(String),
    /// Its key.
    #[error("{0}")]
    Key(String),
    /// The authorities of clients.
    #[error("{0}")]
    Authorities(String),
}

/// Versions and ciphers that are spoken, none of the former without one of the latter.
#[derive(Clone, Debug)]
pub struct Suites {
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Vec<SupportedCipherSuite>,
}

/// Why ciphers or versions are not spoken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// A cipher of Go's that gives no forward secrecy, or whose padding has been attacked.
    #[error("{0} is too weak, and not spoken here")]
    Weak(String),
    /// Nobody's.
    #[error("unknown cipher {0:?}")]
    Unknown(String),
    /// What is asked for leaves nothing.
    #[error("none of these ciphers is of a TLS version from min_version to max_version")]
    Nothing,
}

impl Suites {
    /// For versions from one to another, with the ciphers of these names, as Go has them. As in Go, versions of which no
    /// cipher is named have their usual ones if they are 1.3, and are not spoken if they are older.
    pub fn new(least: Version, most: Version, names: &[String]) -> Result<Self, SuiteError> {
        let mut suites = names.iter().map(|name| suite(name)).collect::<Result<Vec<_>, _>>()?;
        let of = |version: Version| move |suite: &SupportedCipherSuite| suite.version() == version.rustls();
        let all = provider::ALL_CIPHER_SUITES;
        if names.is_empty() {
            suites.extend(all);
        } else if !suites.iter().any(of(Version::Tls13)) {
            suites.extend(all.iter().copied().filter(of(Version::Tls13)));
        }
        let spoken = |version: &Version| (least..=most).contains(version) && suites.iter().any(of(*version));
        let versions: Vec<_> =
            [Version::Tls13, Version::Tls12].into_iter().filter(spoken).map(Version::rustls).collect();
        if versions.is_empty() {
            return Err(SuiteError::Nothing);
        }
        Ok(Self { versions, suites })
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Version {
    fn rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

/// A cipher by the name that Go has for it.
fn suite(name: &str) -> Result<SupportedCipherSuite, SuiteError> {
    // Go has no prefix of its own for those of 1.3; rustls has.
    let same = |suite: &SupportedCipherSuite| {
        suite.suite().as_str().is_some_and(|own| own.replacen("TLS13_", "TLS_", 1) == name)
    };
    if let Some(suite) = provider::ALL_CIPHER_SUITES.iter().copied().find(same) {
        return Ok(suite);
    }
    let weak = name.starts_with("TLS_")
        && ["_CBC_", "_RC4_", "_3DES_", "TLS_RSA_WITH_"].iter().any(|part| name.contains(part));
    Err(if weak { SuiteError::Weak(name.to_owned()) } else { SuiteError::Unknown(name.to_owned()) })
}

/// A group of key exchange by the name that Go has for it; the error says what there is.
pub fn group(name: &str) -> Result<&'static dyn SupportedKxGroup, String> {
    match name {
        "X25519" => Ok(provider::kx_group::X25519),
        "CurveP256" => Ok(provider::kx_group::SECP256R1),
        "CurveP384" => Ok(provider::kx_group::SECP384R1),
        "CurveP521" => Err("CurveP521 is not spoken here: X25519, CurveP256 and CurveP384 are".to_owned()),
        _ => Err(format!("unknown curve {name:?}: there are X25519, CurveP256 and CurveP384")),
    }
}

/// A server's side of TLS.
pub fn server_config(material: Material) -> Result<Arc<ServerConfig>, TlsError> {
    let mut crypto = provider::default_provider();
    crypto.cipher_suites = material.suites.suites;
    if !material.groups.is_empty() {
        crypto.kx_groups = material.groups;
    }
    let crypto: Arc<CryptoProvider> = Arc::new(crypto);
    let client = material.client.map(|auth| verifier(auth, &crypto)).transpose()?;
    let other = |error: Error| TlsError::Certificate(error.to_string());
    let builder = ServerConfig::builder_with_provider(crypto)
        .with_protocol_versions(&material.suites.versions)
        .map_err(other)?;
    let builder = match client {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let chain = certificates(&material.certificates).map_err(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&material.key).map_err(|error| {
        TlsError::Key(match error {
            PemError::NoItemsFound => "no private key in PEM (one under a passphrase is not read)".to_owned(),
            _ => "no PEM".to_owned(),
        })
    })?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Key("the key is not that of the certificate".to_owned())
        }
        Error::InvalidCertificate(_) => other(error),
        // What ring says of a key; it does not quote it.
        error => TlsError::Key(error.to_string()),
    })?;
    config.ignore_client_order = material.own_order;
    config.alpn_protocols.extend(material.http2.then(|| HTTP_2.to_vec()));
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(Arc::new(config))
}

/// All certificates in PEM, at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|_| "no PEM".to_owned())?;
    if all.is_empty() { Err("no certificate in PEM".to_owned()) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suites(least: Version, most: Version, names: &[&str]) -> Result<(usize, usize), SuiteError> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Suites::new(least, most, &names).map(|made| (made.versions.len(), made.suites.len()))
    }

    #[test]
    fn ciphers_and_versions() {
        use Version::{Tls12, Tls13};
        const OLD: &str = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        assert_eq!(suites(Tls12, Tls13, &[]), Ok((2, 9)));
        assert_eq!(suites(Tls13, Tls13, &[]), Ok((1, 9)));
        assert_eq!(suites(Tls12, Tls13, &[OLD]), Ok((2, 4)), "1.3 has all of its own");
        assert_eq!(suites(Tls12, Tls13, &["TLS_AES_256_GCM_SHA384"]), Ok((1, 1)), "1.2 has none left");
        assert_eq!(suites(Tls12, Tls12, &["TLS_AES_256_GCM_SHA384"]), Err(SuiteError::Nothing));
        for weak in ["TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"] {
            assert_eq!(suites(Tls12, Tls13, &[weak]), Err(SuiteError::Weak(weak.to_owned())));
        }
        assert_eq!(suites(Tls12, Tls13, &["AES"]), Err(SuiteError::Unknown("AES".to_owned())));
    }
}
