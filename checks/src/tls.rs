//! TLS over a stream: as 2.x does it, without a look at who the other side is unless that is asked for, and so without a
//! list of authorities to load.

use std::io;

use rustls::pki_types::CertificateDer;

use crate::net;
use crate::output::{Output, Stop};
use crate::state::State;

pub mod anonymous;
pub mod certificate;
pub mod days;
mod session;
mod shown;
pub mod start;
mod trust;
pub mod version;

pub use certificate::Certificate;
pub use session::{PEM, Session, Transport, certificates};
pub use shown::{Own, Shown};
pub use trust::{Verify, vouched_for};
pub use version::Versions;

/// How a check wants TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The name to ask for, where it is not the host's.
    pub sni: Option<String>,
    /// Days of validity up to which to warn, and up to which it is critical, if the certificate is to be judged.
    pub days: Option<(u32, u32)>,
    /// Which versions may be spoken.
    pub versions: Versions,
    /// Files of a certificate of our own and of its key, in PEM, or their texts.
    pub identity: Option<(String, String)>,
    /// What is to be true of the other side's certificate; nothing by default.
    pub verify: Option<Verify>,
    /// What is to be spoken over it, by the names of ALPN, the best first.
    pub protocols: Vec<&'static [u8]>,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// A version that nobody should speak any more.
    #[error("SSL protocol version {0} is not supported by your SSL library.")]
    Version(u8),
    /// The other side went away during the handshake.
    #[error("the connection ended during the handshake")]
    Ended,
    /// The connection broke.
    #[error("{}", crate::words(.0))]
    System(io::Error),
    /// What is wrong about the handshake or the certificate.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// A file that cannot be used.
    #[error("{path}: {why}")]
    File {
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// What cannot be read as a certificate.
    #[error("a certificate that cannot be read: {0}")]
    Certificate(&'static str),
}

/// Shakes hands; the host is the name in the certificate. If days are wanted, a certificate that has too few stops the check.
pub fn wrap(stream: net::Stream, host: &str, wanted: &Wanted) -> Result<Box<dyn Transport>, Stop> {
    let session = connect(stream, host, wanted)?;
    if let Some(limits) = wanted.days {
        let judged = days::judge(&session.certificate()?, limits, days::now());
        if judged.state != State::Ok {
            return Err(judged.output().into());
        }
    }
    Ok(Box::new(session))
}

/// Shakes hands and judges nothing but what `Wanted::verify` asks for.
pub fn connect(stream: net::Stream, host: &str, wanted: &Wanted) -> Result<Session, Error> {
    Session::new(stream, host, wanted)
}

impl From<Error> for Stop {
    /// The first line is 2.x's; the second says what it was.
    fn from(error: Error) -> Self {
        match error {
            Error::Expired => Self::Timeout,
            // As in 2.x: the state is critical, whatever the line says.
            Error::Version(_) => Self::with(State::Critical, format!("UNKNOWN - {error}")),
            error => {
                let output = Output::new(State::Critical, "CRITICAL - Cannot make SSL connection.");
                output.line(error.to_string()).into()
            }
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
            let inner = error.into_inner().and_then(|inner| inner.downcast::<rustls::Error>().ok());
            return Self::Tls(inner.map_or(rustls::Error::General(String::new()), |inner| *inner));
        }
        match net::Error::from(error) {
            net::Error::Expired => Self::Expired,
            net::Error::System(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Ended,
            net::Error::System(error) => Self::System(error),
        }
    }
}

/// The certificate of the other side, which is the first of those it shows.
fn first<'a>(chain: Option<&'a [CertificateDer<'static>]>) -> Result<&'a CertificateDer<'static>, Error> {
    chain.and_then(<[_]>::first).ok_or(Error::Certificate("there is none"))
}
