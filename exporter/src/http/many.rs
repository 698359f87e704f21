//! HTTP/2, behind TLS: many requests at a time on one connection, and what they may hold.
//!
//! A stream says nothing of how far its requests are, so each of them tells when it begins, when it is answered, and
//! when its answer has been taken. Resets, settings and pings without end are the `h2` crate's to bound.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error as _;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Request;
use http::header::CONNECTION;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::Limits;
use super::door::Rules;
use super::server::Shared;

/// What a client may send of bodies, which nobody reads.
const WINDOW: u32 = 64 << 10;
/// Of an answer, what waits in the connection for its client beside the answer itself.
const SEND_BUFFER: usize = 64 << 10;
/// Requests that a client took back before they were looked at, or that had to be taken back from it.
const MAX_RESETS: usize = 64;

/// Requests and answers, until one side ends it. The watcher is let go with it.
pub(super) async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: IpAddr,
    shared: Arc<Shared>,
    _watcher: Watcher,
    rules: Arc<Rules>,
    mut stopped: watch::Receiver<()>,
) {
    let turns = Arc::new(Turns::new(shared.limits));
    let (limits, old) = (shared.limits, Arc::new(Notify::new()));
    let (shared_in, turns_in, old_in) = (Arc::clone(&shared), Arc::clone(&turns), Arc::clone(&old));
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, rules, old) = (Arc::clone(&shared_in), Arc::clone(&rules), Arc::clone(&old_in));
        let turn = Turn::begin(&turns_in);
        async move {
            let mut answer = shared.router.answer(peer, &rules, &request).await;
            if answer.headers_mut().remove(CONNECTION).is_some() {
                old.notify_one();
            }
            turn.answered();
            let turn = Arc::new(turn);
            // hyper lets the body go once it is in its buffers; the bytes when they are sent.
            let hold = move |bytes: Bytes| Bytes::from_owner(Held { bytes, _turn: Arc::clone(&turn) });
            Ok::<_, Infallible>(answer.map(|body| body.map_frame(move |frame| frame.map_data(&hold))))
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut ending = false;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            _ = stopped.changed(), if !ending => {}
            () = old.notified(), if !ending => {}
            late = turns.late() => match late {
                None if !ending => {}
                // It was told, and stays.
                None => return,
                Some(reason) => return reject(&shared, peer, reason, None),
            },
        }
        ending = true;
        connection.as_mut().graceful_shutdown();
        turns.rest();
    };
    match ended {
        // A client that goes when nothing is under way leaves nothing behind.
        Err(error) if !turns.is_resting() || is_of_protocol(&error) => {
            reject(&shared, peer, reason(&error), Some(error));
        }
        _ => {}
    }
}

fn reject(shared: &Shared, peer: IpAddr, reason: &'static str, error: Option<hyper::Error>) {
    shared.metrics.rejected(reason);
    tracing::debug!(error = error.map(tracing::field::display), %peer, reason, "connection ended");
}

fn of_h2(error: &hyper::Error) -> Option<&h2::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

fn is_of_protocol(error: &hyper::Error) -> bool {
    of_h2(error).is_some_and(|error| !error.is_io() && !error.is_remote())
}

fn reason(error: &hyper::Error) -> &'static str {
    match of_h2(error) {
        Some(error) if error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM) => "flood",
        Some(error) if !error.is_io() && !error.is_remote() => "malformed",
        _ => "disconnected",
    }
}

/// Bytes of an answer, and the turn they belong to.
struct Held {
    bytes: Bytes,
    _turn: Arc<Turn>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The requests of one connection that are under way.
struct Turns {
    limits: Limits,
    state: Mutex<State>,
}

struct State {
    next: u64,
    /// When each that is answered has to have been taken.
    open: BTreeMap<u64, Option<Instant>>,
    /// When a connection without requests has to end.
    idle: Instant,
}

/// One request, until its answer has been taken or given up.
struct Turn {
    turns: Arc<Turns>,
    number: u64,
}

impl Turns {
    /// A fresh connection has to send its first request at once.
    fn new(limits: Limits) -> Self {
        let idle = Instant::now() + limits.header_timeout;
        Self { limits, state: Mutex::new(State { next: 0, open: BTreeMap::new(), idle }) }
    }

    /// Waits until the client has taken too long: `None` for another request, the reason for its first or an answer.
    async fn late(&self) -> Option<&'static str> {
        loop {
            let now = Instant::now();
            let (due, reason) = self.due(now);
            if due <= now {
                return reason;
            }
            sleep_until(due).await;
        }
    }

    /// When to look again, at the latest; what begins after now is due after that.
    fn due(&self, now: Instant) -> (Instant, Option<&'static str>) {
        let Limits { header_timeout, idle_timeout, write_timeout, .. } = self.limits;
        let later = now + header_timeout.min(idle_timeout).min(write_timeout);
        let state = self.lock();
        let (due, reason) = match state.open.values().flatten().min() {
            Some(due) => (*due, Some("slow_reader")),
            None if state.open.is_empty() => (state.idle, (state.next == 0).then_some("slow_request")),
            None => (later, None),
        };
        (due.min(later), reason)
    }

    /// It is told to end, and has as long for it as for a head.
    fn rest(&self) {
        self.lock().idle = Instant::now() + self.limits.header_timeout;
    }

    fn is_resting(&self) -> bool {
        self.lock().open.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    fn begin(turns: &Arc<Turns>) -> Self {
        let mut state = turns.lock();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, None);
        Self { turns: Arc::clone(turns), number }
    }

    fn answered(&self) {
        let due = Instant::now() + self.turns.limits.write_timeout;
        self.turns.lock().open.insert(self.number, Some(due));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        state.open.remove(&self.number);
        state.idle = Instant::now() + self.turns.limits.idle_timeout;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_patience() {
        let limits = Limits::default();
        let turns = Arc::new(Turns::new(limits));
        let begun = Instant::now();
        assert_eq!((turns.late().await, begun.elapsed()), (Some("slow_request"), limits.header_timeout));
        let (first, second) = (Turn::begin(&turns), Turn::begin(&turns));
        let patience = limits.idle_timeout * 9;
        assert!(tokio::time::timeout(patience, turns.late()).await.is_err(), "while we serve");
        second.answered();
        let begun = Instant::now();
        assert_eq!((turns.late().await, begun.elapsed()), (Some("slow_reader"), limits.write_timeout));
        drop(second);
        assert!(tokio::time::timeout(patience, turns.late()).await.is_err(), "the first goes on");
        drop(first);
        let begun = Instant::now();
        assert_eq!((turns.late().await, begun.elapsed()), (None, limits.idle_timeout));
    }
}
