//! HTTP/1 over a transport: one request, one answer, with the times of each step. It judges nothing.

use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::net;
use crate::tls::Transport;

pub mod chunks;
pub mod cookies;
pub mod date;
pub mod request;
pub mod response;
pub mod url;

pub use cookies::Jar;
pub use request::Request;
pub use response::Response;
pub use url::Url;

/// What of an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Whether to read on when the head has come.
    pub body: bool,
    /// How much of the body to keep: all of it is counted.
    pub keep: usize,
}

/// An answer, and how long it took.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The answer.
    pub response: Response,
    /// To send the request.
    pub sent: Duration,
    /// From then until its first byte came.
    pub first_byte: Duration,
    /// From then until its last byte came.
    pub transfer: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired {
        /// What had come by then.
        partial: Box<Response>,
    },
    /// The connection broke before anything came.
    #[error("{}", crate::words(.0))]
    Receive(std::io::Error),
    /// Nothing came.
    #[error("no data")]
    Empty,
}

/// As much as 2.x reads at a time, which shows in the size of a page that is not read to its end.
const READ: usize = 8191;

/// Asks, and hears the answer out.
pub fn exchange(
    stream: &mut impl Transport,
    request: &Request,
    wants: Wants,
    deadline: Deadline,
) -> Result<Exchange, Error> {
    let start = Instant::now();
    // What cannot be said is not the fault: a server may answer and end before it has heard everything.
    expired(stream.write_all(&request.to_bytes()).and_then(|()| stream.flush()))?;
    let asked = Instant::now();
    let mut response = Response::new(request.method == "HEAD", wants.keep);
    let mut buffer = [0; READ];
    let mut first_byte = None;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                first_byte.get_or_insert_with(|| asked.elapsed());
                response.push(buffer.get(..read).unwrap_or_default());
            }
            Err(error) => match net::Error::from(error) {
                net::Error::Expired => return Err(Error::Expired { partial: Box::new(response) }),
                // As in 2.x what came before the other side broke off counts.
                net::Error::System(error) if response.received == 0 => return Err(Error::Receive(error)),
                net::Error::System(_) => break,
            },
        }
        // Who always has more to say never has to be waited for.
        if deadline.remaining().is_err() {
            return Err(Error::Expired { partial: Box::new(response) });
        }
        if response.is_complete() || (!wants.body && response.has_head()) {
            break;
        }
    }
    if response.received == 0 {
        return Err(Error::Empty);
    }
    response.finish();
    let first_byte = first_byte.unwrap_or_default();
    Ok(Exchange { response, sent: asked - start, first_byte, transfer: asked.elapsed() })
}

/// Only the end of the time matters.
fn expired(result: std::io::Result<()>) -> Result<(), Error> {
    match result.map_err(net::Error::from) {
        Err(net::Error::Expired) => Err(Error::Expired { partial: Box::new(Response::new(true, 0)) }),
        Ok(()) | Err(net::Error::System(_)) => Ok(()),
    }
}
