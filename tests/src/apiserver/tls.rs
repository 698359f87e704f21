//! What it shows who connects, and whom it knows.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// By the certificates in this directory. A client may have one of the same authority, and need not.
pub(super) fn config(directory: &Path) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut known = RootCertStore::empty();
    known.add(CertificateDer::from_pem_file(directory.join("authority.pem"))?)?;
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(known), Arc::clone(&provider));
    let clients = clients.allow_unauthenticated().build()?;
    let own = CertificateDer::pem_file_iter(directory.join("api.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(directory.join("api.key"))?;
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_client_cert_verifier(clients).with_single_cert(own, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
