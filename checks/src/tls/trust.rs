//! Who the other side is: not asked for by default, or asked of the authorities this host trusts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::session::certificates;
use super::{Certificate, Error};

/// What is to be true of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verify {
    /// That it is valid today, and an authority vouches for it.
    pub chain: bool,
    /// That it is for this host.
    pub name: bool,
    /// That the other side has its key; true wherever one of the others is.
    pub key: bool,
    /// A file with the authorities, in PEM, or a directory of such files, where they are not the system's; or their text.
    pub authorities: Option<String>,
}

/// Where distributions keep the authorities they trust.
const SYSTEM: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Takes any certificate, and a handshake is signed by whoever.
#[derive(Debug)]
struct Anyone;

#[derive(Debug)]
struct Known {
    provider: Arc<CryptoProvider>,
    authorities: Option<Authorities>,
    host: Option<String>,
}

/// Who may vouch for others.
#[derive(Debug)]
struct Authorities {
    anchors: RootCertStore,
    /// Those that were named, and not the system's: a server may show one of them as its own.
    named: Vec<CertificateDer<'static>>,
}

/// The judge of the handshake.
pub(super) fn verifier(
    wanted: Option<&Verify>,
    host: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let Some(wanted) = wanted.filter(|wanted| wanted.chain || wanted.name || wanted.key) else {
        return Ok(Arc::new(Anyone));
    };
    let authorities = wanted.chain.then(|| Authorities::of(wanted.authorities.as_deref())).transpose()?;
    let host = wanted.name.then(|| host.to_owned());
    Ok(Arc::new(Known { provider: Arc::clone(provider), authorities, host }))
}

/// Whether an authority vouches for the first of these certificates, by the others; in a file or the system's.
pub fn vouched_for(chain: &[CertificateDer<'_>], file: Option<&str>, now: UnixTime) -> Result<(), Error> {
    let (first, others) = chain.split_first().ok_or(Error::Certificate("there is none"))?;
    Ok(Authorities::of(file)?.vouch(first, others, now, &rustls::crypto::ring::default_provider())?)
}

/// The authorities in a file, or the system's.
pub(super) fn certificates_of(file: Option<&str>) -> Result<Vec<CertificateDer<'static>>, Error> {
    certificates(place(file))
}

fn place(file: Option<&str>) -> &str {
    let path = file.or_else(|| SYSTEM.iter().copied().find(|path| std::path::Path::new(path).exists()));
    path.unwrap_or(SYSTEM[0])
}

impl Authorities {
    fn of(file: Option<&str>) -> Result<Self, Error> {
        let path = place(file);
        let listed = listed(path)?;
        let named = file.map(|_| listed.clone()).unwrap_or_default();
        let mut anchors = RootCertStore::empty();
        // A system's list may have some that no one can use.
        match anchors.add_parsable_certificates(listed) {
            (0, _) => Err(Error::File { path: path.to_owned(), why: "no authority in it".to_owned() }),
            _ => Ok(Self { anchors, named }),
        }
    }

    /// Whether one of them vouches for the first certificate, by the others. What is trusted itself needs nobody, as OpenSSL has it: most
    /// who sign their own certificate make an authority of it, which is no server's to the library.
    fn vouch(
        &self,
        first: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        provider: &CryptoProvider,
    ) -> Result<(), rustls::Error> {
        if self.named.contains(first) {
            return valid(first, now);
        }
        let parsed = ParsedCertificate::try_from(first)?;
        let algorithms = provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.anchors, others, now, algorithms)
    }
}

fn valid(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let wrong = match Certificate::parse(certificate) {
        Err(_) => CertificateError::BadEncoding,
        Ok(parsed) if parsed.not_before > now => CertificateError::NotValidYet,
        Ok(parsed) if parsed.not_after < now => CertificateError::Expired,
        Ok(_) => return Ok(()),
    };
    Err(rustls::Error::InvalidCertificate(wrong))
}

/// Those of a file, or of every file in a directory that has any.
fn listed(path: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let Ok(files) = std::fs::read_dir(path) else { return certificates(path) };
    let paths = files.flatten().map(|file| file.path().display().to_string());
    Ok(paths.filter_map(|path| certificates(&path).ok()).flatten().collect())
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    /// Every one: a server with a key of a kind that we cannot verify is still one to talk to.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(authorities) = &self.authorities {
            authorities.vouch(certificate, others, now, &self.provider)?;
        }
        if let Some(host) = &self.host {
            let parsed = Certificate::parse(certificate)
                .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
            if !parsed.is_for(host) {
                let wrong = CertificateError::NotValidForName;
                return Err(rustls::Error::InvalidCertificate(wrong));
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
