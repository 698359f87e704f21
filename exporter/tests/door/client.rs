//! A client that speaks TLS.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine as _;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::certificates::Files;
use crate::harness::{Answer, Running};

/// A connection that is sealed.
pub(crate) type Sealed = StreamOwned<ClientConnection, TcpStream>;

/// The version a client offers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offer {
    Both,
    Tls12,
    Tls13,
}

/// What a client offers and shows.
pub(crate) struct Client {
    roots: RootCertStore,
    offer: Offer,
    protocols: Vec<Vec<u8>>,
    shown: Option<(rustls::pki_types::CertificateDer<'static>, rustls::pki_types::PrivateKeyDer<'static>)>,
}

impl Client {
    /// One that trusts the authority, and has no certificate.
    pub(crate) fn new(files: &Files) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(files.certificate("authority")).expect("an authority");
        Self { roots, offer: Offer::Both, protocols: Vec::new(), shown: None }
    }

    pub(crate) fn offer(self, offer: Offer) -> Self {
        Self { offer, ..self }
    }

    /// Would like to speak these, the best first.
    pub(crate) fn speaking(self, protocols: &[&str]) -> Self {
        Self { protocols: protocols.iter().map(|name| name.as_bytes().to_vec()).collect(), ..self }
    }

    /// Shows one even if the server asks for another's.
    pub(crate) fn with_certificate(self, files: &Files, name: &str) -> Self {
        Self { shown: Some((files.certificate(name), files.key(name))), ..self }
    }

    /// Shakes hands, as far as the client can see.
    pub(crate) fn connect(&self, server: &Running) -> io::Result<Sealed> {
        let versions: &[_] = match self.offer {
            Offer::Both => &[&TLS12, &TLS13],
            Offer::Tls12 => &[&TLS12],
            Offer::Tls13 => &[&TLS13],
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("valid")
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.shown {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).expect("a pair")
            }
        };
        config.alpn_protocols.clone_from(&self.protocols);
        let name = "localhost".try_into().expect("a name");
        let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = server.connect();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }
}

/// Everything until the server's farewell.
pub(crate) fn all(stream: &mut Sealed) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What still comes.
pub(crate) fn rest(mut stream: Sealed) -> Vec<u8> {
    all(&mut stream).expect("an end in order")
}

/// One answer of a connection that goes on.
pub(crate) fn one(stream: &mut Sealed) -> Answer {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        bytes.push(byte[0]);
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = Answer::parse(&bytes);
    let length = head.header("content-length").map_or(0, |n| n.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    bytes.extend(body);
    Answer::parse(&bytes)
}

/// A header that says who one is.
pub(crate) fn basic(user: &str, password: &str) -> String {
    let encoded = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {encoded}")
}
