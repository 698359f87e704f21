//! One connection that speaks TLS.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, WantsVerifier};

use super::{Certificate, Error, Shown, Wanted, first, trust};
use crate::deadline::Deadline;
use crate::net::Stream;

/// What a conversation is held over.
pub trait Transport: Read + Write {
    /// Another deadline from here on, as for one step of a conversation.
    fn set_deadline(&mut self, deadline: Deadline);
}

/// A connection that speaks TLS. Its other side has ended where it ends, be it without a farewell, as 2.x takes it.
#[derive(Debug)]
pub struct Session {
    connection: ClientConnection,
    stream: Stream,
}

impl Session {
    pub(super) fn new(stream: Stream, host: &str, wanted: &Wanted) -> Result<Self, Error> {
        let name = wanted.sni.as_deref().unwrap_or(host);
        let mut connection = ClientConnection::new(Arc::new(config(name, wanted)?), server_name(name))?;
        let mut stream = stream;
        // The end of the handshake and what follows it are two writes: the second must not wait until the first is heard of.
        let _ = rustix::net::sockopt::set_tcp_nodelay(&stream, true);
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Self { connection, stream })
    }

    /// The certificate of the other side.
    pub fn certificate(&self) -> Result<Certificate, Error> {
        Certificate::parse(first(self.connection.peer_certificates())?)
    }

    /// All certificates that it showed, its own first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        self.connection.peer_certificates().unwrap_or_default()
    }

    /// What is to be told of it once it has ended.
    pub fn shown(&self) -> Shown {
        Shown { version: self.version(), chain: self.chain().to_vec() }
    }

    /// What the two agreed to speak, by its name of ALPN.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// The version of TLS, as people write it.
    pub fn version(&self) -> &'static str {
        match self.connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        }
    }
}

impl Transport for Session {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.stream.set_deadline(deadline);
    }
}

impl Transport for Stream {
    fn set_deadline(&mut self, deadline: Deadline) {
        Stream::set_deadline(self, deadline);
    }
}

impl Transport for Box<dyn Transport> {
    fn set_deadline(&mut self, deadline: Deadline) {
        (**self).set_deadline(deadline);
    }
}

impl Read for Session {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match rustls::Stream::new(&mut self.connection, &mut self.stream).read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }
}

impl Write for Session {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut self.connection, &mut self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        rustls::Stream::new(&mut self.connection, &mut self.stream).flush()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.send_close_notify();
        // A farewell, if it can be said at once: nothing waits for it.
        self.stream.set_deadline(Deadline::after(Duration::ZERO));
        let _ = self.connection.write_tls(&mut self.stream);
    }
}

fn config(name: &str, wanted: &Wanted) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = wanted.versions.list()?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder: ConfigBuilder<ClientConfig, WantsVerifier> = builder.with_protocol_versions(&versions)?;
    let verifier = trust::verifier(wanted.verify.as_ref(), name, &provider)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &wanted.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?)?
        }
    };
    config.alpn_protocols = wanted.protocols.iter().map(|name| name.to_vec()).collect();
    // One connection is all there will ever be.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// An address, or what is no name at all, is not asked for.
fn server_name(name: &str) -> ServerName<'static> {
    let nobody = || ServerName::from(IpAddr::from([0, 0, 0, 0]));
    ServerName::try_from(name.trim_matches(['[', ']']).to_owned()).unwrap_or_else(|_| nobody())
}

/// How PEM begins, which no path does.
pub const PEM: &str = "-----BEGIN ";

/// The certificates in a file, in PEM, or in the text itself.
pub fn certificates(source: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let wrong = |why: &dyn std::fmt::Display| fault(source, why);
    let all: Result<Vec<_>, _> = if source.contains(PEM) {
        CertificateDer::pem_slice_iter(source.as_bytes()).collect()
    } else {
        CertificateDer::pem_file_iter(source).map_err(|error| wrong(&error))?.collect()
    };
    let all = all.map_err(|error| wrong(&error))?;
    if all.is_empty() { Err(wrong(&"no certificate in it")) } else { Ok(all) }
}

fn private_key(source: &str) -> Result<PrivateKeyDer<'static>, Error> {
    let key = if source.contains(PEM) {
        PrivateKeyDer::from_pem_slice(source.as_bytes())
    } else {
        PrivateKeyDer::from_pem_file(source)
    };
    key.map_err(|error| fault(source, &error))
}

/// A text is not told: it may be a key.
fn fault(source: &str, why: &dyn std::fmt::Display) -> Error {
    let path = if source.contains(PEM) { "the text of a certificate or key" } else { source };
    Error::File { path: path.to_owned(), why: why.to_string() }
}
