//! Certificates of clients: asked for or not, held against authorities or not, and whose they may be.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;

/// What is asked of clients: Go's five kinds, less the one that asks for nothing.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    /// Whether one without a certificate is turned away.
    pub required: bool,
    /// Whether a certificate is held against authorities.
    pub verify: Verify,
    /// Whose certificate it may be, by one of its names; `None` is anybody's. Only where it is required.
    pub allowed_sans: Option<Vec<String>>,
}

/// Whether a certificate is held against authorities.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Any is taken, if the client has its key.
    No,
    /// One of these, in PEM, has to have signed it.
    Against(Vec<u8>),
}

/// Verifies as [`ClientAuth`] says.
pub(super) fn verifier(
    auth: ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let inner: Arc<dyn ClientCertVerifier> = match &auth.verify {
        Verify::No => Arc::new(Any { required: auth.required, provider: Arc::clone(provider) }),
        Verify::Against(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in super::tls::certificates(pem).map_err(TlsError::Authorities)? {
                roots.add(authority).map_err(|error| TlsError::Authorities(error.to_string()))?;
            }
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let builder = if auth.required { builder } else { builder.allow_unauthenticated() };
            builder.build().map_err(|error| TlsError::Authorities(error.to_string()))?
        }
    };
    Ok(match auth.allowed_sans {
        None => inner,
        Some(allowed) => Arc::new(Named { inner, allowed }),
    })
}

/// Takes any certificate, if the client can sign with its key.
#[derive(Debug)]
struct Any {
    required: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Any {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Asks for one of some names as well.
#[derive(Debug)]
struct Named {
    inner: Arc<dyn ClientCertVerifier>,
    allowed: Vec<String>,
}

/// A certificate that is good, and somebody else's.
#[derive(Debug)]
struct NotAllowed;

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of its names is among client_allowed_sans")
    }
}

impl std::error::Error for NotAllowed {}

impl ClientCertVerifier for Named {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(certificate, others, now)?;
        let names = names(certificate).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if names.iter().any(|name| self.allowed.contains(name)) {
            return Ok(verified);
        }
        let error = rustls::OtherError(Arc::new(NotAllowed));
        Err(Error::InvalidCertificate(CertificateError::Other(error)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The alternative names of a certificate as exporter-toolkit compares them; `None` if it is none.
fn names(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let extension = parsed.subject_alternative_name().ok()?;
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| Ipv4Addr::from(b).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|b| Ipv6Addr::from(b).to_canonical().to_string()),
        },
        _ => None,
    };
    Some(extension.map_or_else(Vec::new, |found| found.value.general_names.iter().filter_map(name).collect()))
}
