//! TLS 1.2 in which nobody shows a certificate. It keeps what is said from who only listens, and no library of today speaks it:
//! servers of NRPE do, and by default nothing else. Nothing that has to be kept from others should go over it.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::net::{self, Stream};
use crate::tls::Transport;

pub mod keys;
pub mod messages;

use keys::{Keys, record};
use messages::{Exchange, ServerHello, message};

/// A connection that is sealed.
#[derive(Debug)]
pub struct Anonymous {
    stream: Stream,
    keys: Keys,
    /// Opened, and not yet read.
    plain: Vec<u8>,
    ended: bool,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// The other side went away.
    #[error("the connection ended during the handshake")]
    Ended,
    /// The connection broke.
    #[error("{}", crate::words(.0))]
    System(io::Error),
    /// The other side will not, by the number of its alert.
    #[error("the server refuses it (alert {0})")]
    Refused(u8),
    /// What it says is no handshake.
    #[error("an answer that is no TLS")]
    Unreadable,
    /// What the secret would be made of keeps none.
    #[error("the server's group keeps no secret")]
    Group,
    /// It does not know what it should.
    #[error("the server's proof is wrong")]
    Proof,
}

const CHANGE: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
/// What a record may hold, and with its seal.
const LONGEST: usize = 16 * 1024;
const LONGEST_SEALED: usize = LONGEST + 256;

impl Anonymous {
    /// Shakes hands.
    pub fn connect(mut stream: Stream) -> Result<Self, Error> {
        let random = secret()?;
        let mut handshake = messages::client_hello(&random);
        stream.send(&record(HANDSHAKE, &handshake))?;
        let mut heard = Vec::new();
        let hello =
            ServerHello::parse(&next(&mut stream, &mut heard, messages::SERVER_HELLO, &mut handshake)?)
                .ok_or(Error::Unreadable)?;
        let exchange = next(&mut stream, &mut heard, messages::SERVER_EXCHANGE, &mut handshake)?;
        let exchange = Exchange::parse(&exchange).ok_or(Error::Group)?;
        next(&mut stream, &mut heard, messages::SERVER_DONE, &mut handshake)?;
        if !heard.is_empty() {
            return Err(Error::Unreadable);
        }
        if !exchange.is_prime(&secret()?) {
            return Err(Error::Group);
        }
        let (half, shared) = exchange.answer(&secret()?);
        let keys = Keys::new(hello.suite, &shared, &random, &hello.random).ok_or(Error::Unreadable)?;
        let mut this = Self { stream, keys, plain: Vec::new(), ended: false };
        let half = message(messages::CLIENT_EXCHANGE, &half);
        handshake.extend_from_slice(&half);
        let proof = message(messages::FINISHED, &this.keys.proof(b"client finished", &handshake));
        handshake.extend_from_slice(&proof);
        let sealed = this.keys.client.seal(HANDSHAKE, &proof);
        this.stream.send(&[record(HANDSHAKE, &half), record(CHANGE, &[1]), sealed].concat())?;
        this.check_proof(&handshake)?;
        Ok(this)
    }

    fn check_proof(&mut self, handshake: &[u8]) -> Result<(), Error> {
        match read_record(&mut self.stream)? {
            Some((CHANGE, body)) if body == [1] => {}
            Some((ALERT, body)) => return Err(refused(&body)),
            Some(_) => return Err(Error::Unreadable),
            None => return Err(Error::Ended),
        }
        let (kind, body) = read_record(&mut self.stream)?.ok_or(Error::Ended)?;
        let opened = self.keys.server.open(kind, &body).ok_or(Error::Proof)?;
        let wanted = message(messages::FINISHED, &self.keys.proof(b"server finished", handshake));
        if kind == HANDSHAKE && opened == wanted { Ok(()) } else { Err(Error::Proof) }
    }

    /// Opens the next record of data; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let unreadable = || io::Error::from(io::ErrorKind::InvalidData);
        while self.plain.is_empty() && !self.ended {
            let Some((kind, body)) = read_record(&mut self.stream).map_err(io::Error::from)? else {
                self.ended = true;
                break;
            };
            let opened = self.keys.server.open(kind, &body).ok_or_else(unreadable)?;
            match kind {
                DATA => self.plain = opened,
                // A farewell, or another reason to go.
                ALERT => self.ended = true,
                _ => return Err(unreadable()),
            }
        }
        Ok(!self.plain.is_empty())
    }
}

impl Transport for Anonymous {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.stream.set_deadline(deadline);
    }
}

impl Read for Anonymous {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.fill()? {
            return Ok(0);
        }
        let length = buffer.len().min(self.plain.len());
        buffer[..length].copy_from_slice(&self.plain[..length]);
        self.plain.drain(..length);
        Ok(length)
    }
}

impl Write for Anonymous {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(LONGEST);
        let sealed = self.keys.client.seal(DATA, &bytes[..length]);
        self.stream.send(&sealed)?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Anonymous {
    fn drop(&mut self) {
        let farewell = self.keys.client.seal(ALERT, &[1, 0]);
        // If it can be said at once: nothing waits for it.
        self.stream.set_deadline(Deadline::after(Duration::ZERO));
        let _ = self.stream.send(&farewell);
    }
}

impl From<net::Error> for Error {
    fn from(error: net::Error) -> Self {
        match error {
            net::Error::Expired => Self::Expired,
            net::Error::System(error) => Self::System(error),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Expired => net::Error::Expired.into(),
            Error::System(error) => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// The next message of the handshake, which has to be of this kind.
fn next(
    stream: &mut Stream,
    heard: &mut Vec<u8>,
    kind: u8,
    handshake: &mut Vec<u8>,
) -> Result<Vec<u8>, Error> {
    loop {
        if let Some(((found, body), length)) = messages::take(heard).map_err(|_| Error::Unreadable)? {
            handshake.extend(heard.drain(..length));
            return if found == kind { Ok(body) } else { Err(Error::Unreadable) };
        }
        match read_record(stream)? {
            Some((HANDSHAKE, body)) if !body.is_empty() => heard.extend_from_slice(&body),
            Some((ALERT, body)) => return Err(refused(&body)),
            Some(_) => return Err(Error::Unreadable),
            None => return Err(Error::Ended),
        }
    }
}

fn refused(alert: &[u8]) -> Error {
    alert.get(1).map_or(Error::Unreadable, |number| Error::Refused(*number))
}

/// Kind and body of the next record; none at the end.
fn read_record(stream: &mut Stream) -> Result<Option<(u8, Vec<u8>)>, Error> {
    let mut head = [0; 5];
    if !whole(stream, &mut head)? {
        return Ok(None);
    }
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    if !(CHANGE..=DATA).contains(&head[0]) || head[1] != 3 || length > LONGEST_SEALED {
        return Err(Error::Unreadable);
    }
    let mut body = vec![0; length];
    Ok(whole(stream, &mut body)?.then_some((head[0], body)))
}

/// Fills all of it; false if the other side ends before.
fn whole(stream: &mut Stream, buffer: &mut [u8]) -> Result<bool, Error> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.receive(&mut buffer[filled..])? {
            0 => return Ok(false),
            read => filled += read,
        }
    }
    Ok(true)
}

fn secret() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Error::System(errno.into()))?;
    Ok(bytes)
}
