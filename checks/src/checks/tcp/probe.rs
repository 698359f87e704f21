//! The measuring: one conversation, and what came of it. It judges nothing and prints nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::services::Service;
use crate::deadline::Deadline;
use crate::net::{self, Protocol, connect, connect_socket, connect_udp};
use crate::state::State;
use crate::tls::days::{self, Judged};
use crate::tls::{self, Transport};

/// How long to wait for more of an answer that is not yet the expected one.
const MORE: Duration = Duration::from_secs(2);
/// The longest answer that is looked through.
const LONGEST: usize = 1 << 20;

/// With whom.
#[derive(Clone, Debug)]
pub enum Target {
    /// A host, with its addresses.
    Host {
        /// Its name, for TLS.
        name: String,
        /// Where it is.
        addresses: Vec<SocketAddr>,
        /// How packets go.
        protocol: Protocol,
    },
    /// A socket in the file system.
    Socket(String),
}

/// What to say, and what for.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What to say first, if anything: an empty datagram is one too.
    pub send: Option<Vec<u8>>,
    /// What to hear.
    pub expect: Expect,
    /// What to say at the end.
    pub quit: Vec<u8>,
    /// Read no further after so many bytes; 0 for no such bound.
    pub most: usize,
    /// Seconds to wait before reading.
    pub delay: u32,
    /// Whether to speak TLS, and how.
    pub tls: Option<tls::Wanted>,
}

/// What an answer is to have.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The strings.
    pub strings: Vec<Vec<u8>>,
    /// Whether all of them, or only one.
    pub all: bool,
    /// Whether anywhere, or at its start.
    pub anywhere: bool,
    /// Whether these are the service's own, which the user's first one replaces.
    own: bool,
}

/// Whether an answer is the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// Nothing was expected, or the first read reached the bound.
    NotAsked,
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// From before the connection to its end, less the delay.
    pub seconds: f64,
    /// What was read.
    pub answer: Vec<u8>,
    /// Whether it is what was expected.
    pub matched: Matched,
    /// What is to be said of the certificate, where its days are judged.
    pub certificate: Option<Judged>,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error("{0}")]
    Connect(net::Error),
    /// An answer was expected, and none came.
    #[error("no data")]
    Silent,
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// No TLS.
    #[error("{0}")]
    Tls(#[from] tls::Error),
    /// The certificate has too few days: as in 2.x, nothing else is looked at then.
    #[error("{}", .0.text)]
    Days(Box<Judged>),
}

impl Probe {
    /// What a service says and expects by itself.
    pub fn of(service: &Service) -> Self {
        let strings = service.expect.iter().map(|text| text.as_bytes().to_vec()).collect();
        Self {
            send: service.send.map(Into::into),
            // 2.x adds to the two of NNTP, and replaces the one of others.
            expect: Expect { strings, own: service.expect.len() == 1, ..Expect::default() },
            quit: service.quit.into(),
            most: 0,
            delay: 0,
            tls: service.tls.then(tls::Wanted::default),
        }
    }
}

impl Expect {
    /// One more of the user's; from then on it may stand anywhere.
    pub fn add(&mut self, string: &[u8]) {
        if std::mem::take(&mut self.own) {
            self.strings.clear();
        }
        self.strings.push(string.to_vec());
        self.anywhere = true;
    }

    /// None while more of the answer may yet make it the expected one.
    pub fn matches(&self, answer: &[u8]) -> Option<Matched> {
        let (mut whole, mut begun) = (0, self.anywhere);
        for string in &self.strings {
            if self.anywhere {
                whole += usize::from(contains(answer, string));
            } else if answer.starts_with(string) {
                whole += 1;
            } else {
                begun |= string.starts_with(answer);
            }
        }
        let enough = if self.all { whole == self.strings.len() } else { whole > 0 };
        match (enough, begun) {
            (true, _) => Some(Matched::Yes),
            (false, true) => None,
            (false, false) => Some(Matched::No),
        }
    }
}

/// Holds the conversation.
pub fn measure(probe: &Probe, target: &Target, deadline: Deadline) -> Result<Measured, Error> {
    let start = Instant::now();
    let (stream, name) = match target {
        Target::Socket(path) => (connect_socket(path, deadline)?, ""),
        Target::Host { name, addresses, protocol } => {
            let connected = match protocol {
                Protocol::Tcp => connect(addresses, deadline),
                Protocol::Udp => connect_udp(addresses, deadline),
            };
            (connected.map_err(|error| error.last)?, name.as_str())
        }
    };
    match &probe.tls {
        None => converse(probe, stream, start, deadline),
        Some(wanted) => {
            let session = tls::connect(stream, name, wanted)?;
            let judge = |limits| Ok(days::judge(&session.certificate()?, limits, days::now()));
            let certificate = wanted.days.map(judge).transpose().map_err(Error::Tls)?;
            match certificate {
                Some(judged) if judged.state != State::Ok => Err(Error::Days(Box::new(judged))),
                certificate => Ok(Measured { certificate, ..converse(probe, session, start, deadline)? }),
            }
        }
    }
}

/// Takes the transport, so that it is closed before the time is taken.
fn converse(
    probe: &Probe,
    mut stream: impl Transport,
    start: Instant,
    deadline: Deadline,
) -> Result<Measured, Error> {
    // As in 2.x what cannot be said is not the fault; that no answer comes is.
    if let Some(send) = &probe.send {
        expired(say(&mut stream, send))?;
    }
    let delay = Duration::from_secs(probe.delay.into());
    if !delay.is_zero() {
        std::thread::sleep(deadline.remaining().map_or(Duration::ZERO, |left| left.min(delay)));
        deadline.remaining().map_err(|_| Error::Expired)?;
    }
    let (mut answer, mut matched) = (Vec::new(), Matched::NotAsked);
    if !probe.expect.strings.is_empty() {
        (answer, matched) = listen(probe, &mut stream, deadline)?;
        stream.set_deadline(deadline);
    }
    if !probe.quit.is_empty() {
        expired(say(&mut stream, &probe.quit))?;
    }
    drop(stream);
    let seconds = (start.elapsed().saturating_sub(delay)).as_secs_f64();
    Ok(Measured { seconds, answer, matched, certificate: None })
}

/// Reads until the answer is the expected one, cannot become it, or no more of it comes.
fn listen(
    probe: &Probe,
    stream: &mut impl Transport,
    deadline: Deadline,
) -> Result<(Vec<u8>, Matched), Error> {
    let (mut answer, mut buffer, mut asked) = (Vec::new(), [0; 16 * 1024], Matched::NotAsked);
    // A bound is looked at after each read, and 2.x's are of this size.
    let size = if probe.most > 0 { 1024 } else { buffer.len() };
    loop {
        let read = match stream.read(&mut buffer[..size]) {
            Ok(read) => read,
            Err(error) => match net::Error::from(error) {
                net::Error::Expired if answer.is_empty() || deadline.remaining().is_err() => {
                    return Err(Error::Expired);
                }
                // No more came in the time for more, or the connection broke: what there is decides.
                _ => 0,
            },
        };
        answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
        if answer.is_empty() {
            return Err(Error::Silent);
        }
        if read == 0 {
            return Ok((answer, Matched::No));
        }
        if probe.most > 0 && answer.len() >= probe.most {
            return Ok((answer, asked));
        }
        if let Some(matched) = probe.expect.matches(&answer) {
            return Ok((answer, matched));
        }
        asked = Matched::No;
        if answer.len() >= LONGEST {
            return Ok((answer, Matched::No));
        }
        stream.set_deadline(deadline.within(MORE));
    }
}

/// All of it, be it nothing.
fn say(stream: &mut impl Transport, bytes: &[u8]) -> std::io::Result<()> {
    let said = stream.write(bytes)?;
    stream.write_all(bytes.get(said..).unwrap_or_default())?;
    stream.flush()
}

/// Only the end of the time matters.
fn expired(result: std::io::Result<()>) -> Result<(), Error> {
    match result.map_err(net::Error::from) {
        Err(net::Error::Expired) => Err(Error::Expired),
        Ok(()) | Err(net::Error::System(_)) => Ok(()),
    }
}

fn contains(answer: &[u8], string: &[u8]) -> bool {
    string.is_empty() || answer.windows(string.len()).any(|window| window == string)
}

impl From<net::Error> for Error {
    /// Of the connection alone: what goes wrong later is silence.
    fn from(error: net::Error) -> Self {
        match error {
            net::Error::Expired => Self::Expired,
            error => Self::Connect(error),
        }
    }
}
