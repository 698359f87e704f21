//! gRPC over HTTP/2: one question, one answer, in messages of `prost`. It judges nothing.

use prost::Message;

use crate::deadline::Deadline;
use crate::http2::{self, Request};
use crate::tls::Transport;

/// A method of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Method {
    /// Who asks, for the server's logs.
    pub agent: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The name of the host in the request.
    pub authority: String,
    /// `/package.Service/Method`.
    pub path: String,
    /// More headers, their names in small letters.
    pub headers: Vec<(String, String)>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not by HTTP/2.
    #[error("{0}")]
    Http2(#[from] http2::Error),
    /// The server does not do it.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// It says something else.
    #[error("an answer that cannot be read")]
    Garbled,
}

/// A server that does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another status of HTTP than success.
    #[error("answers with HTTP status {0}")]
    Http(u16),
    /// None.
    #[error("answers without a status")]
    WithoutStatus,
    /// A status of gRPC that is none of success, with what the server says of it.
    #[error("{}", format!("answers with gRPC status {code} {message}").trim_end())]
    Grpc {
        /// Its number.
        code: String,
        /// What it says.
        message: String,
    },
    /// None of gRPC.
    #[error("answers without a gRPC status")]
    WithoutGrpcStatus,
}

/// The code of what a server does not have.
pub const UNIMPLEMENTED: &str = "12";

/// Asks, over a connection that nothing was said on yet.
pub fn call<A: Message + Default>(
    stream: &mut impl Transport,
    method: &Method,
    question: &impl Message,
    longest: usize,
    deadline: Deadline,
) -> Result<A, Error> {
    let exchange = http2::exchange(stream, &request(method, question), longest, deadline)?;
    outcome(&exchange.answer)?;
    answer(&exchange.answer.body).ok_or(Error::Garbled)
}

/// The request of a question.
pub fn request(method: &Method, question: &impl Message) -> Request {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![
        pair("content-type", "application/grpc"),
        pair("te", "trailers"),
        pair("user-agent", &method.agent),
    ];
    headers.extend(method.headers.iter().cloned());
    let message = question.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut body = vec![0];
    body.extend(length.to_be_bytes());
    body.extend(message);
    Request {
        method: "POST".to_owned(),
        scheme: method.scheme,
        authority: method.authority.clone(),
        path: method.path.clone(),
        headers,
        body,
    }
}

/// Whether an answer is one of success: by HTTP, and by gRPC.
pub fn outcome(answer: &http2::Answer) -> Result<(), Refused> {
    match answer.status() {
        Some(200) => {}
        Some(status) => return Err(Refused::Http(status)),
        None => return Err(Refused::WithoutStatus),
    }
    match answer.header("grpc-status") {
        Some("0") => Ok(()),
        Some(code) => {
            let message = answer.header("grpc-message").unwrap_or_default().to_owned();
            Err(Refused::Grpc { code: code.to_owned(), message })
        }
        None => Err(Refused::WithoutGrpcStatus),
    }
}

/// The message of a body; none of what is no message, or is compressed, which nobody asked for.
pub fn answer<A: Message + Default>(body: &[u8]) -> Option<A> {
    let (head, rest) = body.split_first_chunk::<5>()?;
    let [0, length @ ..] = head else { return None };
    let message = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    A::decode(message).ok()
}
