//! One scrape: admitted or refused, run on a blocking thread, waited for until its deadline.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;

use super::Settings;
use super::accept::Agreed;
use super::body::{Gzip, Pool};
use super::source::{Filter, ScrapeRequest, Scraper, Source, View};
use crate::telemetry::HttpMetrics;

/// Why there is no exposition; the text is the answer's body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Limit of concurrent requests reached ({0}), try again later.")]
    Busy(usize),
    #[error("Too many answers not yet taken by their clients, try again later.")]
    Unsent,
    #[error("The scrape was not done after {:.3} seconds.", .0.as_secs_f64())]
    Deadline(Duration),
    #[error("The scrape failed: {0}")]
    Failed(String),
}

impl Refusal {
    /// The status that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Busy(_) | Self::Unsent | Self::Deadline(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The `reason` label.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Busy(_) => "max_requests",
            Self::Unsent => "unsent",
            Self::Deadline(_) => "deadline",
            Self::Failed(_) => "failed",
        }
    }

    /// Logs it: loudly what is our fault, and what any client can bring about only when asked to.
    pub(super) fn log(&self, peer: IpAddr) {
        let reason = self.reason();
        match self {
            Self::Deadline(_) | Self::Failed(_) => {
                tracing::warn!(reason, %peer, "no answer to a scrape: {self}")
            }
            Self::Busy(_) | Self::Unsent => tracing::debug!(reason, %peer, "no answer to a scrape: {self}"),
        }
    }
}

/// What all scrapes share.
pub(super) struct Scrapes {
    source: Arc<dyn Source>,
    permits: Arc<Semaphore>,
    max_requests: usize,
    max_unsent: usize,
    timeout: Duration,
    room: Arc<Room>,
    metrics: HttpMetrics,
}

/// What the blocking threads use again.
#[derive(Default)]
struct Room {
    plain: Arc<Pool>,
    packed: Arc<Pool>,
    gzip: Gzip,
}

impl Scrapes {
    pub(super) fn new(source: Arc<dyn Source>, settings: &Settings, metrics: HttpMetrics) -> Self {
        let permits = match settings.max_requests {
            0 => Semaphore::MAX_PERMITS,
            n => n.min(Semaphore::MAX_PERMITS),
        };
        Self {
            source,
            permits: Arc::new(Semaphore::new(permits)),
            max_requests: settings.max_requests,
            max_unsent: settings.limits.unsent_bytes,
            timeout: settings.scrape_timeout,
            room: Arc::default(),
            metrics,
        }
    }

    /// Runs a scrape. The thread keeps its permit until the source returns, also past the deadline, so that a
    /// source that hangs can hold no more than `--web.max-requests` threads.
    pub(super) async fn run(
        &self,
        agreed: Agreed,
        view: View,
        filter: Filter,
        scraper: Scraper,
        headers: &HeaderMap,
    ) -> Result<Bytes, Refusal> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::Busy(self.max_requests))?;
        if self.room.plain.unsent() + self.room.packed.unsent() >= self.max_unsent {
            return Err(Refusal::Unsent);
        }
        let patience = patience(headers, self.timeout);
        let deadline = Instant::now() + patience;
        let request = ScrapeRequest::new(agreed.format, view, filter, scraper, deadline);
        let _abandoned = RaiseOnDrop(request.abandoned_flag());
        let (source, room) = (Arc::clone(&self.source), Arc::clone(&self.room));
        let metrics = self.metrics.clone();
        let scrape = tokio::task::spawn_blocking(move || {
            // Dropped in reverse: the place is free before the scrape is seen as ended.
            let _running = metrics.running();
            let _permit = permit;
            // The unwinding is stopped here, so that a fault in one signal is an answer and not a lost thread.
            let done = catch_unwind(AssertUnwindSafe(|| room.fill(source.as_ref(), &request, agreed.gzip)));
            done.unwrap_or_else(|_| Err("a panic, which the log shows".to_owned()))
        });
        // A scrape that has not got a thread by its deadline is not begun any more.
        let _cancel = AbortOnDrop(scrape.abort_handle());
        match tokio::time::timeout_at(deadline.into(), scrape).await {
            // The source may have seen the deadline pass, so what comes after it by a hair is late as well.
            Ok(Ok(done)) if Instant::now() < deadline => done.map_err(Refusal::Failed),
            Ok(Err(gone)) => Err(Refusal::Failed(gone.to_string())),
            Ok(Ok(_)) | Err(_) => Err(Refusal::Deadline(patience)),
        }
    }
}

impl Room {
    fn fill(&self, source: &dyn Source, request: &ScrapeRequest, gzip: bool) -> Result<Bytes, String> {
        let mut plain = self.plain.take();
        source.scrape(request, plain.bytes_mut()).map_err(|e| e.to_string())?;
        if !gzip {
            return Ok(plain.into_body());
        }
        let mut packed = self.packed.take();
        self.gzip.pack(plain.as_ref(), packed.bytes_mut()).map_err(|e| e.to_string())?;
        Ok(packed.into_body())
    }
}

/// How long this scraper waits, less half a second for the way back (as blackbox_exporter has it), and never
/// longer than `--web.scrape-timeout`.
pub(super) fn patience(headers: &HeaderMap, longest: Duration) -> Duration {
    let asked = headers.get("x-prometheus-scrape-timeout-seconds").and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| text.trim().parse::<f64>().ok()).filter(|s| *s > 0.0);
    // Below a second half a second would leave too little, or less than nothing.
    let asked = asked.and_then(|s| Duration::try_from_secs_f64((s - 0.5).max(s / 2.0)).ok());
    asked.map_or(longest, |asked| asked.min(longest))
}

/// Tells the source that nobody waits any more, whether by the deadline or because the client left.
struct RaiseOnDrop(Arc<AtomicBool>);

impl Drop for RaiseOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_scraper_and_the_flag_bound_a_scrape() {
        let longest = Duration::from_secs(10);
        for (header, millis) in [
            ("10", 9_500),
            ("10.5", 10_000),
            ("60", 10_000),
            ("1e300", 10_000),
            ("2", 1_500),
            ("1", 500),
            ("0.4", 200),
            ("0", 10_000),
            ("-3", 10_000),
            ("NaN", 10_000),
            ("inf", 10_000),
            ("soon", 10_000),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-prometheus-scrape-timeout-seconds", HeaderValue::from_static(header));
            assert_eq!(patience(&headers, longest), Duration::from_millis(millis), "{header}");
        }
        assert_eq!(patience(&HeaderMap::new(), longest), longest);
    }
}
