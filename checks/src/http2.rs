//! HTTP/2 over a transport: one request, one answer. It judges nothing.

use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::http;
use crate::net;
use crate::tls::Transport;

pub mod conversation;
pub mod frames;

pub use conversation::{Answer, Conversation};

/// What is asked for; the names of headers are in small letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The host, with its port if that is not the usual one.
    pub authority: String,
    /// From the `/` on.
    pub path: String,
    /// More headers.
    pub headers: Vec<(String, String)>,
    /// What is sent after them.
    pub body: Vec<u8>,
}

impl Request {
    /// What version 1 would ask; what is said there of the connection is not said here. The name of the host is that of
    /// its header, else this one.
    pub fn of_version_1(request: &http::Request, tls: bool, authority: &str) -> Self {
        let pairs = request.headers.iter().filter_map(|header| header.split_once(':'));
        let mut headers: Vec<(String, String)> = pairs
            .map(|(name, value)| (name.trim_ascii().to_ascii_lowercase(), value.trim_ascii().to_owned()))
            .collect();
        let host = headers.iter().find(|(name, _)| name == "host").map(|(_, host)| host.clone());
        headers.retain(|(name, _)| name != "host" && name != "connection");
        Self {
            method: request.method.clone(),
            scheme: if tls { "https" } else { "http" },
            authority: host.unwrap_or_else(|| authority.to_owned()),
            path: request.target.clone(),
            headers,
            body: request.body.clone(),
        }
    }
}

/// An answer, and how long it took.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The answer.
    pub answer: Answer,
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
    Expired,
    /// The connection broke.
    #[error("{}", crate::words(.0))]
    System(std::io::Error),
    /// Nothing came.
    #[error("No data received from host")]
    Empty,
    /// The other side ended in the middle.
    #[error("the connection ended in the middle of the answer")]
    Ended,
    /// What is no HTTP/2.
    #[error("the server does not speak HTTP/2: {0}")]
    Wrong(&'static str),
    /// The other side breaks off, with the number of a reason.
    #[error("the server breaks off with error {0}")]
    Reset(u32),
    /// More to send than fits without a word of the other side.
    #[error("more than 64 KiB to send")]
    TooLong,
}

/// Asks, and hears the answer out; of its body so much is kept.
pub fn exchange(
    stream: &mut impl Transport,
    request: &Request,
    keep: usize,
    deadline: Deadline,
) -> Result<Exchange, Error> {
    let start = Instant::now();
    let (mut conversation, opening) = Conversation::open(request, keep)?;
    send(stream, &opening)?;
    let asked = Instant::now();
    let (mut buffer, mut first_byte) = ([0; 16 * 1024], None);
    while !conversation.is_over() {
        // Who always has more to say never has to be waited for.
        deadline.remaining().map_err(|_| Error::Expired)?;
        let read = stream.read(&mut buffer).map_err(of_system)?;
        if read == 0 {
            return Err(if first_byte.is_none() { Error::Empty } else { Error::Ended });
        }
        first_byte.get_or_insert_with(|| asked.elapsed());
        let reply = conversation.push(buffer.get(..read).unwrap_or_default())?;
        if !reply.is_empty() {
            send(stream, &reply)?;
        }
    }
    let (sent, transfer) = (asked - start, asked.elapsed());
    Ok(Exchange {
        answer: conversation.into_answer(),
        sent,
        first_byte: first_byte.unwrap_or_default(),
        transfer,
    })
}

fn send(stream: &mut impl Transport, bytes: &[u8]) -> Result<(), Error> {
    stream.write_all(bytes).and_then(|()| stream.flush()).map_err(of_system)
}

fn of_system(error: std::io::Error) -> Error {
    match net::Error::from(error) {
        net::Error::Expired => Error::Expired,
        net::Error::System(error) => Error::System(error),
    }
}
