//! What is said of pushing.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::telemetry::registered;

/// The metrics; without receivers there are none.
#[derive(Clone, Debug)]
pub struct PushMetrics {
    samples: IntCounterVec,
    dropped: IntCounterVec,
    requests: IntCounterVec,
    waiting: IntGaugeVec,
    bytes: IntGaugeVec,
    limit: IntGaugeVec,
    queued_at: GaugeVec,
    sent_at: GaugeVec,
    failed: IntCounterVec,
}

/// Those of one receiver.
#[derive(Clone, Debug)]
pub(super) struct Of {
    all: PushMetrics,
    name: String,
    pub(super) samples: IntCounter,
    pub(super) waiting: IntGauge,
    pub(super) bytes: IntGauge,
    pub(super) limit: IntGauge,
    pub(super) queued_at: Gauge,
    pub(super) sent_at: Gauge,
}

/// Why samples are dropped, but for the statuses of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    QueueFull,
    QueueFailed,
    Damaged,
    NoNumber,
}

impl Dropped {
    const ALL: [Self; 4] = [Self::QueueFull, Self::QueueFailed, Self::Damaged, Self::NoNumber];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueFailed => "queue_failed",
            Self::Damaged => "damaged",
            Self::NoNumber => "no_number",
        }
    }
}

impl PushMetrics {
    /// Registers them. It fails only if a name here is wrong, or there twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name, help, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let gauges =
            |name, help| registered(registry, IntGaugeVec::new(Opts::new(name, help), &["receiver"])?);
        let times = |name, help| registered(registry, GaugeVec::new(Opts::new(name, help), &["receiver"])?);
        Ok(Self {
            samples: counters(
                "plimsoll_push_samples_total",
                "Samples, ends of series among them, that a receiver has taken.",
                &["receiver"],
            )?,
            dropped: counters(
                "plimsoll_push_samples_dropped_total",
                "Samples that a receiver will never have: by the status it refused them with, not_written (it says it took \
                 them, and wrote none or fewer: for remote write 2.0 a server that knows 1.0 alone), queue_full, \
                 queue_failed (the queue could not be opened or written), damaged (a file of the queue that is not whole; \
                 0 is added where it does not even say how many), no_number (what InfluxDB has no way to write).",
                &["receiver", "reason"],
            )?,
            requests: counters(
                "plimsoll_push_requests_total",
                "Requests to a receiver by the status of the answer; failed if there was none.",
                &["receiver", "code"],
            )?,
            waiting: gauges("plimsoll_push_queue_requests", "Requests that wait on disk for a receiver.")?,
            bytes: gauges("plimsoll_push_queue_bytes", "Bytes that wait on disk for a receiver.")?,
            limit: gauges(
                "plimsoll_push_queue_limit_bytes",
                "Bytes that may wait on disk for a receiver before the oldest go.",
            )?,
            queued_at: times(
                "plimsoll_push_queued_timestamp_seconds",
                "When the newest samples in a receiver's queue, or sent from it, were taken, as Unix time.",
            )?,
            sent_at: times(
                "plimsoll_push_sent_timestamp_seconds",
                "When the newest samples that a receiver has answered for were taken, as Unix time.",
            )?,
            failed: counters(
                "plimsoll_push_scrapes_failed_total",
                "Scrapes for all receivers that failed; up is 0 for each.",
                &[],
            )?,
        })
    }

    /// Makes all series.
    pub fn touch(&self) {
        let of = self.of("");
        of.answered("failed");
        self.failed(false);
    }

    /// Notes how a scrape for all of them ended.
    pub(super) fn failed(&self, failed: bool) {
        self.failed.with_label_values(&[] as &[&str]).inc_by(failed.into());
    }

    /// Those of a receiver, which begin at 0.
    pub(super) fn of(&self, name: &str) -> Of {
        let of = Of {
            all: self.clone(),
            name: name.to_owned(),
            samples: self.samples.with_label_values(&[name]),
            waiting: self.waiting.with_label_values(&[name]),
            bytes: self.bytes.with_label_values(&[name]),
            limit: self.limit.with_label_values(&[name]),
            queued_at: self.queued_at.with_label_values(&[name]),
            sent_at: self.sent_at.with_label_values(&[name]),
        };
        for reason in Dropped::ALL {
            of.dropped(reason.as_str(), 0);
        }
        of
    }

    /// A receiver is no more. What was counted stays; what is, is not.
    pub(super) fn forget(&self, name: &str) {
        for gauges in [&self.waiting, &self.bytes, &self.limit] {
            let _ = gauges.remove_label_values(&[name]);
        }
        for times in [&self.queued_at, &self.sent_at] {
            let _ = times.remove_label_values(&[name]);
        }
    }
}

impl Of {
    /// Samples that will never arrive.
    pub(super) fn dropped(&self, reason: &str, samples: u64) {
        self.all.dropped.with_label_values(&[self.name.as_str(), reason]).inc_by(samples);
    }

    /// A request was answered, or failed.
    pub(super) fn answered(&self, code: &str) {
        self.all.requests.with_label_values(&[self.name.as_str(), code]).inc();
    }
}
