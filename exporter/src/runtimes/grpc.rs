//! Calls of gRPC over a runtime's Unix socket, in messages of `prost`, each with a bound on its time and its size.

use std::marker::PhantomData;
use std::path::Path;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, Request, StatusCode};
use prost::Message;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{ClientError, MAX_ANSWER, PATIENCE};
use crate::names::harmless;

/// What calls go out by.
#[derive(Clone)]
pub(super) struct Grpc {
    sender: SendRequest<Bytes>,
}

/// What carries them; it ends with this.
pub(super) struct Connection {
    running: JoinSet<Result<(), h2::Error>>,
}

/// The messages of an answer, as they come.
pub(super) struct Answers<A> {
    begun: Option<ResponseFuture>,
    body: Option<RecvStream>,
    buffer: BytesMut,
    longest: usize,
    kind: PhantomData<A>,
}

/// What a method that the server does not have is answered with.
pub(super) const UNIMPLEMENTED: u16 = 12;
/// What there is not.
pub(super) const NOT_FOUND: u16 = 5;

/// Bytes that may be under way.
const WINDOW: u32 = 1 << 20;
/// Bytes of the headers or trailers of an answer.
const MAX_HEADERS: u32 = 16 << 10;
/// What stands before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

impl Grpc {
    /// Connects.
    pub(super) async fn connect(socket: &Path) -> Result<(Self, Connection), ClientError> {
        let connecting = async {
            let stream = UnixStream::connect(socket).await.map_err(ClientError::Connect)?;
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
            builder.max_header_list_size(MAX_HEADERS).enable_push(false);
            let (sender, connection) = builder.handshake(stream).await?;
            let mut running = JoinSet::new();
            running.spawn(connection);
            Ok((Self { sender }, Connection { running }))
        };
        timeout(PATIENCE, connecting).await.map_err(|_| ClientError::Slow)?
    }

    /// The one answer to a question.
    pub(super) async fn call<A: Message + Default>(
        &self,
        method: &'static str,
        question: &impl Message,
    ) -> Result<A, ClientError> {
        let asked = async {
            let mut answers = self.stream(method, question, MAX_ANSWER).await?;
            let answer = answers.next().await?.ok_or(ClientError::Garbled)?;
            match answers.next().await? {
                Some(_) => Err(ClientError::Garbled),
                None => Ok(answer),
            }
        };
        timeout(PATIENCE, asked).await.map_err(|_| ClientError::Slow)?
    }

    /// Answers that go on, each of `longest` bytes at most. A server may begin with the first of them.
    pub(super) async fn stream<A>(
        &self,
        method: &'static str,
        question: &impl Message,
        longest: usize,
    ) -> Result<Answers<A>, ClientError> {
        let mut body = BytesMut::with_capacity(PREFIX + question.encoded_len());
        body.put_u8(0);
        body.put_u32(u32::try_from(question.encoded_len()).unwrap_or(u32::MAX));
        body.put_slice(&question.encode_to_vec());
        let request = Request::post(format!("http://localhost{method}"))
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers")
            .body(())
            .map_err(|_| ClientError::Garbled)?;
        let ready = timeout(PATIENCE, self.sender.clone().ready());
        let mut sender = ready.await.map_err(|_| ClientError::Slow)??;
        let (begun, mut send) = sender.send_request(request, false)?;
        send.send_data(body.freeze(), true)?;
        Ok(Answers { begun: Some(begun), body: None, buffer: BytesMut::new(), longest, kind: PhantomData })
    }
}

impl Connection {
    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> ClientError {
        match self.running.join_next().await {
            Some(Ok(Err(error))) => ClientError::Http2(error),
            _ => ClientError::Ended,
        }
    }
}

impl<A: Message + Default> Answers<A> {
    /// The next message, however long it takes; `None` after the last. Nothing is lost if it is not waited for to the end.
    pub(super) async fn next(&mut self) -> Result<Option<A>, ClientError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            if let Some(begun) = &mut self.begun {
                let (head, body) = begun.await?.into_parts();
                self.begun = None;
                if head.status != StatusCode::OK {
                    return Err(ClientError::Status(head.status));
                }
                // An answer without a message has its status in the headers.
                if let Some(Err(refused)) = outcome(&head.headers) {
                    return Err(refused);
                }
                self.body = Some(body);
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            if let Some(data) = body.data().await {
                let data = data?;
                body.flow_control().release_capacity(data.len())?;
                self.buffer.extend_from_slice(&data);
                continue;
            }
            let trailers = body.trailers().await?;
            self.body = None;
            let outcome = trailers.as_ref().and_then(outcome).unwrap_or(Err(ClientError::Garbled));
            outcome?;
            return if self.buffer.is_empty() { Ok(None) } else { Err(ClientError::Garbled) };
        }
    }

    /// A message that is there as a whole.
    fn take(&mut self) -> Result<Option<A>, ClientError> {
        let Some([compressed, length @ ..]) = self.buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if *compressed != 0 {
            return Err(ClientError::Garbled);
        }
        if length > self.longest {
            return Err(ClientError::TooLarge(self.longest));
        }
        if self.buffer.len() < PREFIX + length {
            return Ok(None);
        }
        let message = self.buffer.split_to(PREFIX + length);
        Ok(Some(A::decode(&message[PREFIX..])?))
    }
}

/// What headers say of the outcome, if they do.
fn outcome(headers: &HeaderMap) -> Option<Result<(), ClientError>> {
    /// Bytes of what a server says of a refusal.
    const MAX_WORDS: usize = 256;
    let code =
        headers.get("grpc-status")?.to_str().ok().and_then(|code| code.parse().ok()).unwrap_or(u16::MAX);
    if code == 0 {
        return Some(Ok(()));
    }
    let words = headers.get("grpc-message").map(|words| words.as_bytes());
    let words = words.map(|words| harmless(&words[..words.len().min(MAX_WORDS)]));
    let message = words.map(|words| format!(": {words}")).unwrap_or_default();
    Some(Err(ClientError::Grpc { code, message }))
}
