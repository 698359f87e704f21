//! Requests over a runtime's Unix socket, each with a bound on its time and its size.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Why a runtime did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    #[error("no answer after {} seconds", PATIENCE.as_secs())]
    Slow,
    #[error("the connection broke: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("an answer of more than {0} bytes")]
    TooLarge(usize),
    #[error("an event of more than {MAX_LINE} bytes")]
    LongLine,
    #[error("what it said is no JSON of its kind: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the events ended")]
    Ended,
    #[error("the connection broke: {0}")]
    Http2(#[from] h2::Error),
    #[error("the answer is status {code} of gRPC{message}")]
    Grpc { code: u16, message: String },
    #[error("what it said is no answer of gRPC")]
    Garbled,
    #[error("what it said is no message of its kind: {0}")]
    Message(#[from] prost::DecodeError),
    #[error("it does not speak CRI")]
    NoCri,
}

impl ClientError {
    /// Nothing is wrong: there is no runtime that could be followed.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Self::Connect(error) => error.kind() == io::ErrorKind::NotFound,
            Self::NoCri => true,
            _ => false,
        }
    }
}

/// A connection to a runtime's socket; what runs for it ends with it.
#[derive(Default)]
pub(super) struct Client {
    running: JoinSet<()>,
}

/// Events, one a line, as they come.
pub(super) struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

/// Time for a runtime to connect and to begin its answer, and for all of an answer that ends.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// A list of some thousand containers.
pub(super) const MAX_ANSWER: usize = 16 << 20;
/// An event carries all labels of its container.
pub(super) const MAX_LINE: usize = 1 << 20;

impl Client {
    /// The whole answer to a GET; `None` if there is no such thing, or no longer.
    pub(super) async fn find(&mut self, socket: &Path, target: &str) -> Result<Option<Bytes>, ClientError> {
        match self.get(socket, target).await {
            Err(ClientError::Status(StatusCode::NOT_FOUND)) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// The whole answer to a GET.
    pub(super) async fn get(&mut self, socket: &Path, target: &str) -> Result<Bytes, ClientError> {
        let body = self.begin(socket, target).await?;
        let whole = timeout(PATIENCE, Limited::new(body, MAX_ANSWER).collect());
        match whole.await.map_err(|_| ClientError::Slow)? {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => {
                let too_large = ClientError::TooLarge(MAX_ANSWER);
                Err(error.downcast().map_or(too_large, |error| ClientError::Http(*error)))
            }
        }
    }

    /// An answer that goes on.
    pub(super) async fn follow(&mut self, socket: &Path, target: &str) -> Result<Lines, ClientError> {
        Ok(Lines { body: self.begin(socket, target).await?, buffer: Vec::new() })
    }

    async fn begin(&mut self, socket: &Path, target: &str) -> Result<Incoming, ClientError> {
        timeout(PATIENCE, self.ask(socket, target)).await.map_err(|_| ClientError::Slow)?
    }

    async fn ask(&mut self, socket: &Path, target: &str) -> Result<Incoming, ClientError> {
        let stream = UnixStream::connect(socket).await.map_err(ClientError::Connect)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        self.running.spawn(async {
            // What went wrong is said to who waits for the answer.
            let _ = connection.await;
        });
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = target.parse().unwrap_or_default();
        request.headers_mut().insert(HOST, http::HeaderValue::from_static("localhost"));
        let answer = sender.send_request(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(ClientError::Status(status)),
        }
    }
}

impl Lines {
    /// The next line, without its end; waits for it as long as it takes.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(searched + at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > MAX_LINE {
                return Err(ClientError::LongLine);
            }
            let frame = self.body.frame().await.ok_or(ClientError::Ended)??;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(data.chunk());
            }
        }
    }
}
