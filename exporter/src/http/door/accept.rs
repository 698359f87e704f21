//! The handshake of one connection, and why it failed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::{Error, PeerIncompatible, ServerConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A handshake that failed.
#[derive(Debug)]
pub(in crate::http) struct Failed {
    /// The `reason` label.
    pub(in crate::http) reason: &'static str,
    pub(in crate::http) error: io::Error,
}

/// What Go's server says to whoever does not speak TLS.
const PLAIN: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Seals a connection, within a time.
pub(in crate::http) async fn accept(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    patience: Duration,
) -> Result<TlsStream<TcpStream>, Failed> {
    timeout(patience, shake(stream, config))
        .await
        .unwrap_or_else(|_| Err(Failed { reason: "tls_timeout", error: io::ErrorKind::TimedOut.into() }))
}

async fn shake(mut stream: TcpStream, config: Arc<ServerConfig>) -> Result<TlsStream<TcpStream>, Failed> {
    let mut first = [0; 1];
    let seen = stream.peek(&mut first).await;
    // TLS begins with the number of its records, HTTP with a letter.
    if matches!(seen, Ok(1)) && first[0].is_ascii_alphabetic() {
        // To be told is a courtesy. What was not read would take the answer with it when the connection is closed.
        let _ = stream.try_read(&mut [0; 4096]);
        let _ = stream.write_all(PLAIN).await;
        return Err(Failed { reason: "tls_plain_http", error: io::ErrorKind::InvalidData.into() });
    }
    TlsAcceptor::from(config).accept(stream).await.map_err(|error| Failed { reason: reason(&error), error })
}

fn reason(error: &io::Error) -> &'static str {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return "tls_disconnected";
    };
    use PeerIncompatible::{
        ServerDoesNotSupportTls12Or13, ServerTlsVersionIsDisabledByOurConfig,
        SignatureAlgorithmsExtensionRequired, SupportedVersionsExtensionRequired, Tls12NotOffered,
        Tls12NotOfferedOrEnabled,
    };
    match error {
        Error::PeerIncompatible(
            ServerDoesNotSupportTls12Or13
            // A client of TLS 1.2 has it.
            | SignatureAlgorithmsExtensionRequired
            | ServerTlsVersionIsDisabledByOurConfig
            | SupportedVersionsExtensionRequired
            | Tls12NotOffered
            | Tls12NotOfferedOrEnabled,
        ) => "tls_version",
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => "tls_parameters",
        Error::NoCertificatesPresented | Error::InvalidCertificate(_) => "tls_client_certificate",
        // It does not trust our certificate, or has none that we asked for.
        Error::AlertReceived(_) => "tls_alert",
        _ => "tls_malformed",
    }
}
