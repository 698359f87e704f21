//! What the HTTP server counts.

use prometheus::{Histogram, HistogramOpts, HistogramTimer, IntCounterVec, IntGauge, Opts, Registry};

use super::registered;

/// Handles of the server's metrics.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    /// Answers by status code and handler.
    pub requests: IntCounterVec,
    rejected: IntCounterVec,
    connections: IntGauge,
    in_flight: IntGauge,
    probes: IntGauge,
    duration: Histogram,
}

/// Every `reason` of a rejection.
const REASONS: [&str; 25] = [
    "accept",
    "connections",
    "deadline",
    "disconnected",
    "failed",
    "flood",
    "logins_busy",
    "malformed",
    "max_probes",
    "max_requests",
    "probe_query",
    "probe_target",
    "rate_limited",
    "slow_reader",
    "slow_request",
    "tls_alert",
    "tls_client_certificate",
    "tls_disconnected",
    "tls_malformed",
    "tls_parameters",
    "tls_plain_http",
    "tls_timeout",
    "tls_version",
    "unauthorized",
    "unsent",
];

impl HttpMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new("plimsoll_http_requests_total", "HTTP requests answered."),
            &["code", "handler"],
        )?;
        let rejected = IntCounterVec::new(
            Opts::new(
                "plimsoll_http_requests_rejected_total",
                "Requests refused or failed, and connections ended before their time.",
            ),
            &["reason"],
        )?;
        for reason in REASONS {
            rejected.with_label_values(&[reason]);
        }
        requests.with_label_values(&["200", "metrics"]);
        let buckets = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
        let duration = HistogramOpts::new(
            "plimsoll_scrape_duration_seconds",
            "How long scrapes took, packing included.",
        );
        Ok(Self {
            requests: registered(registry, requests)?,
            rejected: registered(registry, rejected)?,
            connections: registered(
                registry,
                IntGauge::new("plimsoll_http_connections", "HTTP connections open.")?,
            )?,
            in_flight: registered(
                registry,
                IntGauge::new("plimsoll_scrapes_in_flight", "Scrapes that run, those given up included.")?,
            )?,
            probes: registered(
                registry,
                IntGauge::new("plimsoll_probes_in_flight", "Probes that run, those given up included.")?,
            )?,
            duration: registered(registry, Histogram::with_opts(duration.buckets(buckets))?)?,
        })
    }

    /// Counts a rejection.
    pub(crate) fn rejected(&self, reason: &'static str) {
        debug_assert!(REASONS.contains(&reason), "{reason} is not declared");
        self.rejected.with_label_values(&[reason]).inc();
    }

    /// Counts a connection for as long as the guard lives.
    pub(crate) fn connection(&self) -> impl Drop + use<> {
        Counted::new(&self.connections)
    }

    /// Counts a probe for as long as the guard lives.
    pub(crate) fn probe(&self) -> impl Drop + Send + use<> {
        Counted::new(&self.probes)
    }

    /// Counts and times a scrape for as long as the guard lives.
    pub(crate) fn running(&self) -> RunningScrape {
        RunningScrape { _counted: Counted::new(&self.in_flight), _timer: self.duration.start_timer() }
    }
}

/// A scrape that runs.
pub(crate) struct RunningScrape {
    _counted: Counted,
    _timer: HistogramTimer,
}

struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
