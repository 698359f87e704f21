//! A conversation in which an answer is taken from what came as soon as all of it is there.

use crate::net;
use crate::tls::Transport;

/// One side of it.
#[derive(Debug)]
pub struct Talk<T> {
    transport: T,
    /// What was read.
    heard: Vec<u8>,
    /// So much of it was taken for answers.
    taken: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// The connection broke.
    #[error("{}", crate::words(.0))]
    System(std::io::Error),
    /// The other side has ended.
    #[error("the server ended the connection")]
    Ended,
    /// It does not come to an end.
    #[error("an answer that is too long")]
    TooLong,
    /// It is none.
    #[error("an answer that cannot be read")]
    Unreadable,
}

/// What `hear` is told of what came so far.
pub type Taken<R> = Result<Option<(R, usize)>, Error>;

/// No answer that anybody waits for is longer.
const LONGEST: usize = 4 << 20;

impl<T: Transport> Talk<T> {
    /// Over a connection on which nothing was said yet.
    pub const fn new(transport: T) -> Self {
        Self { transport, heard: Vec::new(), taken: 0 }
    }

    /// Says something; that nobody hears it shows in the answer.
    pub fn say(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let said = self.transport.write_all(bytes).and_then(|()| self.transport.flush());
        match said.map_err(net::Error::from) {
            Err(net::Error::Expired) => Err(Error::Expired),
            Ok(()) | Err(net::Error::System(_)) => Ok(()),
        }
    }

    /// The next answer: `take` gives it and its length, or nothing while it is not all there.
    pub fn hear<R>(&mut self, take: impl Fn(&[u8]) -> Taken<R>) -> Result<R, Error> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some((answer, length)) = take(self.ahead())? {
                self.taken = self.heard.len().min(self.taken + length);
                return Ok(answer);
            }
            // Once for many answers that came together.
            self.heard.drain(..std::mem::take(&mut self.taken));
            if self.heard.len() >= LONGEST {
                return Err(Error::TooLong);
            }
            match self.transport.read(&mut buffer).map_err(net::Error::from) {
                Ok(0) => return Err(Error::Ended),
                Ok(read) => self.heard.extend_from_slice(&buffer[..read]),
                Err(net::Error::Expired) => return Err(Error::Expired),
                Err(net::Error::System(error)) => return Err(Error::System(error)),
            }
        }
    }

    /// Whether more came than was taken.
    pub fn is_ahead(&self) -> bool {
        !self.ahead().is_empty()
    }

    /// What came and was not taken: when the other side has ended, all there will be.
    pub fn ahead(&self) -> &[u8] {
        self.heard.get(self.taken..).unwrap_or_default()
    }

    /// The connection, for who goes on otherwise.
    pub fn into_inner(self) -> T {
        self.transport
    }
}
