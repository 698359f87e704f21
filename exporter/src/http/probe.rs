//! One probe: admitted or refused, run on a blocking thread of its own, which ends by its deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::Semaphore;

use super::Settings;
use super::scrape::patience;
use super::source::{ProbeError, ProbeQuery, Probes};
use crate::exposition::Format;
use crate::telemetry::HttpMetrics;

/// Why there is no exposition; the text is the answer's body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Limit of concurrent probes reached ({0}), try again later.")]
    Busy(usize),
    #[error("{0}")]
    Probe(#[from] ProbeError),
    #[error("The probe was not done in time.")]
    Deadline,
    #[error("The probe failed: {0}")]
    Failed(String),
}

impl Refusal {
    /// The status that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Busy(_) | Self::Deadline => StatusCode::SERVICE_UNAVAILABLE,
            Self::Probe(ProbeError::NoModules) => StatusCode::NOT_FOUND,
            Self::Probe(ProbeError::Refused(_)) => StatusCode::FORBIDDEN,
            Self::Probe(_) => StatusCode::BAD_REQUEST,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The `reason` label.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Busy(_) => "max_probes",
            Self::Probe(ProbeError::Refused(_)) => "probe_target",
            Self::Probe(_) => "probe_query",
            Self::Deadline => "deadline",
            Self::Failed(_) => "failed",
        }
    }
}

/// What a probe found.
pub(super) struct Told {
    pub(super) bytes: Bytes,
    /// Whether it is for people.
    pub(super) debug: bool,
}

/// What all probes share.
pub(super) struct Running {
    probes: Option<Arc<dyn Probes>>,
    permits: Arc<Semaphore>,
    max: usize,
    longest: Duration,
    metrics: HttpMetrics,
}

/// How much later than the probe's own deadline, by which it ends, it is given up: nothing else wants to know by then.
const GRACE: Duration = Duration::from_secs(5);

impl Running {
    pub(super) fn new(settings: &Settings, metrics: HttpMetrics) -> Self {
        Self {
            probes: settings.probes.clone(),
            permits: Arc::new(Semaphore::new(settings.max_probes)),
            max: settings.max_probes,
            longest: settings.scrape_timeout,
            metrics,
        }
    }

    /// Runs a probe; it keeps its place until it has ended, be it that nobody waits for it any more.
    pub(super) async fn run(
        &self,
        query: Option<&str>,
        format: Format,
        headers: &HeaderMap,
    ) -> Result<Told, Refusal> {
        let probes = self.probes.as_ref().ok_or(ProbeError::NoModules)?;
        let query = read(query);
        let debug = query.debug;
        let format = if debug { Format::Text } else { format };
        let probe = probes.find(query)?;
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Refusal::Busy(self.max))?;
        let longest = probe.patience().map_or(self.longest, |own| own.min(self.longest));
        let deadline = Instant::now() + patience(headers, longest);
        let running = self.metrics.probe();
        let work = tokio::task::spawn_blocking(move || {
            let (_running, _permit) = (running, permit);
            let mut out = Vec::new();
            let done = catch_unwind(AssertUnwindSafe(|| probe.run(deadline, format, &mut out)));
            done.map_err(|_| Refusal::Failed("a panic, which the log shows".to_owned()))??;
            Ok(out)
        });
        match tokio::time::timeout_at((deadline + GRACE).into(), work).await {
            Ok(Ok(done)) => done.map(|bytes| Told { bytes: bytes.into(), debug }),
            Ok(Err(gone)) => Err(Refusal::Failed(gone.to_string())),
            Err(_) => Err(Refusal::Deadline),
        }
    }
}

/// Of each parameter the first counts, as in Go; others are none of our business.
fn read(query: Option<&str>) -> ProbeQuery {
    let mut read = ProbeQuery { module: "http_2xx".to_owned(), ..ProbeQuery::default() };
    let mut seen = Vec::new();
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if seen.contains(&key) || value.is_empty() {
            continue;
        }
        match key.as_ref() {
            "module" => read.module = value.into_owned(),
            "target" => read.target = value.into_owned(),
            "hostname" => read.hostname = Some(value.into_owned()),
            "debug" => read.debug = value == "true",
            _ => {}
        }
        seen.push(key);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_module_and_a_target() {
        let wanted = ProbeQuery {
            module: "tcp".to_owned(),
            target: "a:1".to_owned(),
            hostname: Some("b".to_owned()),
            debug: true,
        };
        assert_eq!(read(Some("module=tcp&target=a%3A1&target=c&hostname=b&debug=true&x=y")), wanted);
        assert_eq!(read(None), ProbeQuery { module: "http_2xx".to_owned(), ..ProbeQuery::default() });
        assert_eq!(read(Some("module=&debug=1")).module, "http_2xx");
    }
}
