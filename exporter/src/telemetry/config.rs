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
    /// Registers them. It fails only if a name here is wrong, or there twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let successful = IntGauge::new(
            "plimsoll_config_last_reload_successful",
            "Whether the configuration file was valid when it was last read; otherwise what it said before is in force.",
        )?;
        let at = Gauge::new(
            "plimsoll_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read, as Unix time.",
        )?;
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
