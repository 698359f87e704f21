//! The HTTP server: `/metrics` and what stands around it.
//!
//! Nothing here knows containers or the kernel: a [`Source`] fills a buffer on a blocking thread, and this module
//! decides who may ask, in which format, for how long, and what a client that misbehaves costs. Everything has a
//! bound ([`Limits`]), and what exceeds one is counted in `plimsoll_http_requests_rejected_total`.

mod accept;
mod body;
mod door;
mod landing;
mod listen;
mod many;
mod patience;
mod probe;
mod query;
mod router;
mod scrape;
mod server;
mod source;

use std::sync::Arc;
use std::time::Duration;

pub use door::{
    ClientAuth, Door, MAX_COST, MAX_USERS, Material, Opens, Rate, Rules, SuiteError, Suites, TlsError, User,
    UserError, Verify, Version, group, server_config,
};
pub use listen::{BindError, ListenAddress, ListenAddressError};
pub use server::Server;
pub use source::{
    CollectorName, CollectorState, CollectorStatus, Filter, Probe, ProbeError, ProbeQuery, Probes, Readiness,
    Reload, ReloadError, ScrapeError, ScrapeRequest, Scraper, Source, View,
};

/// Where and how to serve.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses to listen on.
    pub listen: Vec<ListenAddress>,
    /// Path of the metrics; the cAdvisor view is at `cadvisor` below it.
    pub telemetry_path: String,
    /// Scrapes that may run at the same time; 0 is no limit but that of [`Limits::connections`].
    pub max_requests: usize,
    /// The longest a scrape may take, whatever the scraper allows.
    pub scrape_timeout: Duration,
    /// What `collect[]` and `exclude[]` may name.
    pub collectors: Vec<CollectorName>,
    /// What `/probe` does; `None` is as if there were no modules.
    pub probes: Option<Arc<dyn Probes>>,
    /// Probes that may run at the same time.
    pub max_probes: usize,
    /// What `/-/reload` does; `None` refuses it.
    pub reload: Option<Arc<dyn Reload>>,
    /// Who may come in, and over what; `None` is everybody, over plain connections.
    pub door: Option<Arc<Door>>,
    /// Bounds on what clients can hold.
    pub limits: Limits,
}

impl Settings {
    /// Threads a runtime needs so that no scrape that was admitted waits for one, nor a probe, nor the reload,
    /// nor a login.
    pub fn blocking_threads(&self) -> usize {
        let scrapes = match self.max_requests {
            0 => self.limits.connections,
            n => n,
        };
        // Logins are compared one at a time.
        scrapes + self.max_probes + usize::from(self.reload.is_some()) + usize::from(self.door.is_some())
    }
}

/// Bounds on what clients can hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at a time; one more is closed at once.
    pub connections: usize,
    /// Time for the handshake of a sealed connection.
    pub handshake_timeout: Duration,
    /// Requests at a time on a connection that takes many.
    pub streams: u32,
    /// Size of a request's head.
    pub header_bytes: usize,
    /// Time for a request's head to arrive in full.
    pub header_timeout: Duration,
    /// Time a connection may rest between requests.
    pub idle_timeout: Duration,
    /// Time for a client to take a whole answer.
    pub write_timeout: Duration,
    /// Time for a reload, and for those before it.
    pub reload_timeout: Duration,
    /// Time for what is under way to end after the stop.
    pub drain_timeout: Duration,
    /// Bytes of answers made and not yet taken by their clients; no scrape begins beyond it.
    pub unsent_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            handshake_timeout: Duration::from_secs(5),
            streams: 20,
            header_bytes: 16 << 10,
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(90),
            write_timeout: Duration::from_secs(30),
            reload_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            unsent_bytes: 64 << 20,
        }
    }
}
