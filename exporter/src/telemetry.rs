//! What Plimsoll says of itself: `plimsoll_*` and `process_*` in one registry, and its log.
//!
//! The series of a labelled family that everybody asks `rate()` of are made at start, so that they begin at 0.

mod config;
mod http;
pub mod log;
mod process;

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

pub use self::config::ConfigMetrics;
pub use self::http::HttpMetrics;

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit of this build, where the build knew it.
pub const REVISION: &str = match option_env!("PLIMSOLL_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
/// The compiler of this build; without word from the build, the version the workspace asks for.
pub const RUST_VERSION: &str = match option_env!("PLIMSOLL_RUST_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_RUST_VERSION"),
};

/// The registry, and the handles of what is counted in more than one place.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Everything Plimsoll says of itself; more may be registered.
    pub registry: Registry,
    /// What the HTTP server counts.
    pub http: HttpMetrics,
    duration: GaugeVec,
    success: IntGaugeVec,
    held: IntGaugeVec,
}

impl Telemetry {
    /// A registry with build, process, HTTP and collector metrics. It fails only if a name here is wrong.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let opts =
            Opts::new("plimsoll_build_info", "The version, commit and compiler of this build; always 1.");
        let build = IntGaugeVec::new(opts, &["version", "revision", "rustversion"])?;
        build.with_label_values(&[VERSION, REVISION, RUST_VERSION]).set(1);
        registry.register(Box::new(build))?;
        registry.register(Box::new(process::ProcessMetrics::new()?))?;
        Ok(Self {
            http: HttpMetrics::new(&registry)?,
            duration: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "plimsoll_scrape_collector_duration_seconds",
                        "How long a collector took in this scrape.",
                    ),
                    &["collector"],
                )?,
            )?,
            success: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "plimsoll_scrape_collector_success",
                        "Whether a collector succeeded in this scrape.",
                    ),
                    &["collector"],
                )?,
            )?,
            held: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "plimsoll_capability_held",
                        "Whether a capability that the flags have a use for, or one that stands in for it, is there; \
                         docs/privileges.md tells what is absent without it.",
                    ),
                    &["capability"],
                )?,
            )?,
            registry,
        })
    }

    /// Notes how a collector did in a scrape.
    pub fn collector(&self, name: &str, took: Duration, success: bool) {
        self.duration.with_label_values(&[name]).set(took.as_secs_f64());
        self.success.with_label_values(&[name]).set(success.into());
    }

    /// Notes whether a capability is there.
    pub fn capability(&self, name: &str, held: bool) {
        self.held.with_label_values(&[name]).set(held.into());
    }

    /// All families, for [`crate::exposition::encode_own`].
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// Registers a metric and gives it back.
pub fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Encoder, Format, encode_own};

    #[test]
    fn own_lines() {
        let telemetry = Telemetry::new().expect("valid metrics");
        telemetry.collector("oom", Duration::from_millis(250), false);
        let mut out = Vec::new();
        encode_own(&mut Encoder::new(&mut out, Format::Text), &telemetry.gather());
        let text = String::from_utf8(out).expect("valid UTF-8");
        let build = format!(
            "plimsoll_build_info{{revision=\"{REVISION}\",rustversion=\"{RUST_VERSION}\",version=\"{VERSION}\"}} 1"
        );
        for line in [
            build.as_str(),
            "plimsoll_scrape_collector_duration_seconds{collector=\"oom\"} 0.25",
            "plimsoll_scrape_collector_success{collector=\"oom\"} 0",
            "plimsoll_http_requests_rejected_total{reason=\"deadline\"} 0",
            "plimsoll_http_connections 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
