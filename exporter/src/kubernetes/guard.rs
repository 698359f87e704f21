//! Stands between the client and the API server: counts requests by what comes of them, lets none be too frequent, wait too long
//! or be answered by too much.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use kube::client::Body;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tower_layer::Layer;
use tower_service::Service;

use super::metrics::{Asked, KubernetesMetrics};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What all requests of the process go through.
#[derive(Clone)]
pub(super) struct Guard {
    metrics: KubernetesMetrics,
    pace: Arc<[Pace; 2]>,
}

/// A client that is guarded.
pub(super) struct Guarded<S> {
    inner: S,
    guard: Guard,
}

/// An answer that may not be larger than so much: all of it, or a line of it if it is one that goes on.
pub(super) struct Bounded<B> {
    inner: B,
    left: usize,
    /// When all of it is to be here; `None` for one that goes on.
    until: Option<Pin<Box<Sleep>>>,
    begun: Instant,
    heard: bool,
}

/// At most so many requests at once, and so many more a second.
struct Pace {
    per_second: f64,
    /// As if the last request had been at this moment, at that rate.
    next: Mutex<Option<Instant>>,
}

#[derive(Debug, thiserror::Error)]
enum GuardError {
    #[error("no answer after {} seconds", PATIENCE.as_secs())]
    Slow,
    #[error("an answer of more than {MAX_ANSWER} bytes")]
    TooLarge,
    #[error("an event of more than {MAX_EVENT} bytes")]
    LongEvent,
    #[error("not a word for {seconds} seconds: it may be ahead of the server")]
    Silent { seconds: u64 },
}

/// A server that is slow is waited for: for the beginning of an answer, and for the end of one that ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// A list of the pods of a node, or of the namespaces or services of a cluster.
const MAX_ANSWER: usize = 64 << 20;
/// An object has 3 MiB at most.
const MAX_EVENT: usize = 8 << 20;
/// A server says at least where it is, once a minute. One that came back with an older past says nothing, since what it is
/// asked to go on from is yet to come.
const SILENT: Duration = Duration::from_secs(150);
/// What is listed, where no watch begins with it.
const LISTS: [&str; 3] = ["/api/v1/pods", "/api/v1/namespaces", "/api/v1/services"];
/// Requests that need not wait for one another.
const BURST: f64 = 20.0;

impl Guard {
    pub(super) fn new(metrics: KubernetesMetrics) -> Self {
        let pace = [1.0, 5.0].map(|per_second| Pace { per_second, next: Mutex::new(None) });
        Self { metrics, pace: Arc::new(pace) }
    }

    async fn wait(&self, asked: Asked) {
        let pace = &self.pace[usize::from(asked == Asked::Get)];
        if let Some(at) = pace.take(Instant::now()) {
            sleep_until(at).await;
        }
    }
}

impl Pace {
    /// Until when the next request is to wait.
    fn take(&self, now: Instant) -> Option<Instant> {
        let step = Duration::from_secs_f64(1.0 / self.per_second);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slack = step.mul_f64(BURST - 1.0);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + step);
        at.checked_sub(slack).filter(|at| *at > now)
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, guard: self.clone() }
    }
}

impl<S, B> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Bounded<B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (asked, guard) = (asked(&request), self.guard.clone());
        // Nothing is sent before it is waited for.
        let answer = self.inner.call(request);
        Box::pin(async move {
            guard.wait(asked).await;
            let Ok(answer) = timeout(PATIENCE, answer).await else {
                guard.metrics.request(asked, "timeout", 1);
                return Err(GuardError::Slow.into());
            };
            let outcome = answer.as_ref().map_or("unreachable", |answer| outcome(answer.status()));
            guard.metrics.request(asked, outcome, 1);
            Ok(answer?.map(|body| Bounded::new(body, asked)))
        })
    }
}

impl<B> Bounded<B> {
    fn new(inner: B, asked: Asked) -> Self {
        let ends = asked != Asked::Watch;
        let until = ends.then(|| Box::pin(tokio::time::sleep(PATIENCE)));
        let left = if ends { MAX_ANSWER } else { MAX_EVENT };
        Self { inner, left, until, begun: Instant::now(), heard: false }
    }

    /// Takes note of what came.
    fn pass(&mut self, data: &[u8]) -> Result<(), GuardError> {
        self.heard = true;
        let mut counted = data.len();
        if self.until.is_none()
            && let Some(end) = data.iter().rposition(|byte| *byte == b'\n')
        {
            (self.left, counted) = (MAX_EVENT, data.len() - end - 1);
        }
        let error = if self.until.is_some() { GuardError::TooLarge } else { GuardError::LongEvent };
        self.left = self.left.checked_sub(counted).ok_or(error)?;
        Ok(())
    }
}

impl<B> http_body::Body for Bounded<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(GuardError::Slow.into())));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                let passed = frame.data_ref().map_or(Ok(()), |data| self.pass(data));
                Some(passed.map(|()| frame).map_err(Into::into))
            }
            Some(Err(error)) => Some(Err(error.into())),
            None if self.until.is_none() && !self.heard && self.begun.elapsed() >= SILENT => {
                Some(Err(GuardError::Silent { seconds: self.begun.elapsed().as_secs() }.into()))
            }
            None => None,
        })
    }
}

/// What a request is for, by its path and query.
fn asked(request: &Request<Body>) -> Asked {
    let uri = request.uri();
    let watches = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
    match (request.method(), watches) {
        (_, true) => Asked::Watch,
        (&Method::GET, false) if LISTS.iter().any(|list| uri.path().ends_with(list)) => Asked::List,
        _ => Asked::Get,
    }
}

/// What came of a request, in few words.
fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "ok",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        410 => "expired",
        429 => "throttled",
        504 => "timeout",
        500..=599 => "server_error",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests;
