//! Whether the configuration file in force is the one that is there.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, IntGauge, Registry};

use super::registered;

/// The metrics of the configuration file; without one there are none.
#[derive(Clone, Debug)]
pub struct ConfigMetrics {
    successful: IntGauge,
    at: Gauge,
}

impl ConfigMetrics {
    /// Registers those of `--config.file`. It fails only if a name here is wrong, or there twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Self::of(
            registry,
            "plimsoll_config",
            "Whether the configuration file was valid when it was last read; otherwise what it said before is in force.",
            "When the configuration in force was read, as Unix time.",
        )
    }

    /// Registers those of `--web.config.file`, and the files that it names.
    pub fn web(registry: &Registry) -> Result<Self, prometheus::Error> {
        Self::of(
            registry,
            "plimsoll_web_config",
            "Whether the web configuration file, and the certificates and keys it names, were valid when they were last read; otherwise those before are in force.",
            "When the web configuration and the certificates in force were read, as Unix time.",
        )
    }

    fn of(registry: &Registry, name: &str, successful: &str, at: &str) -> Result<Self, prometheus::Error> {
        let successful = IntGauge::new(format!("{name}_last_reload_successful"), successful)?;
        let at = Gauge::new(format!("{name}_last_reload_success_timestamp_seconds"), at)?;
        Ok(Self { successful: registered(registry, successful)?, at: registered(registry, at)? })
    }

    /// The file was read.
    pub fn read(&self, valid: bool) {
        self.successful.set(valid.into());
        if valid && let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
            self.at.set(now.as_secs_f64());
        }
    }
}
