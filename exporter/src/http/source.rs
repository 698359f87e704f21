//! What the server asks of the rest of the exporter.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::exposition::Format;

/// Where the numbers come from.
pub trait Source: Send + Sync + 'static {
    /// Appends the whole exposition to `out`. Runs on a blocking thread, several at a time. After
    /// [`ScrapeRequest::deadline`] nobody waits for it any more, but its thread and its place in
    /// `--web.max-requests` are held until it returns.
    fn scrape(&self, request: &ScrapeRequest, out: &mut Vec<u8>) -> Result<(), ScrapeError>;

    /// Whether scrapes tell the truth by now. Must not block.
    fn ready(&self) -> Readiness;

    /// What the landing page says of the collectors. Must not block.
    fn collectors(&self) -> Vec<CollectorStatus>;
}

/// What measures a target when it is asked to.
pub trait Probes: std::fmt::Debug + Send + Sync + 'static {
    /// What a query asks for, or why it is not done. Must not block.
    fn find(&self, query: ProbeQuery) -> Result<Box<dyn Probe>, ProbeError>;
}

/// One measurement.
pub trait Probe: Send + 'static {
    /// The longest it may take, if it has a bound of its own.
    fn patience(&self) -> Option<Duration>;

    /// Measures, and appends the exposition to `out`. Runs on a blocking thread, and returns by the deadline.
    fn run(&self, deadline: Instant, format: Format, out: &mut Vec<u8>) -> Result<(), ProbeError>;
}

/// What a probe is asked for by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeQuery {
    /// The name of the module.
    pub module: String,
    /// What is to be measured.
    pub target: String,
    /// The name of the host, where the target is another.
    pub hostname: Option<String>,
    /// Whether to tell what happened.
    pub debug: bool,
}

/// Why there is no measurement; its text is the answer's body.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The configuration has none.
    #[error(
        "There are no modules: --config.file names a file that has `modules`, and `probe.allow` for their targets."
    )]
    NoModules,
    /// There is no such one.
    #[error("Unknown module {0:?}")]
    UnknownModule(String),
    /// No target is named.
    #[error("Target parameter is missing")]
    NoTarget,
    /// The name of the host contradicts the module.
    #[error("hostname: {0}")]
    Hostname(String),
    /// The target may not be probed.
    #[error("The target is refused: {0}")]
    Refused(String),
}

/// What reads the configuration again.
pub trait Reload: std::fmt::Debug + Send + Sync + 'static {
    /// Returns when the new configuration is in force, or says why the old one stays. Runs on a blocking thread.
    fn reload(&self) -> Result<(), ReloadError>;
}

/// Why the configuration stays as it was; its text is the answer's body.
pub type ReloadError = Box<dyn std::error::Error + Send + Sync>;

/// Why a scrape could not be served; its text is the answer's body.
pub type ScrapeError = Box<dyn std::error::Error + Send + Sync>;

/// What one scrape asks for.
#[derive(Clone, Debug)]
pub struct ScrapeRequest {
    /// The format to write.
    pub format: Format,
    /// Which families.
    pub view: View,
    /// Which collectors.
    pub filter: Filter,
    /// Who asks.
    pub scraper: Scraper,
    /// When the answer is of no use any more.
    pub deadline: Instant,
    abandoned: Arc<AtomicBool>,
}

impl ScrapeRequest {
    /// A request that nobody has given up yet.
    pub fn new(format: Format, view: View, filter: Filter, scraper: Scraper, deadline: Instant) -> Self {
        Self { format, view, filter, scraper, deadline, abandoned: Arc::default() }
    }

    /// True once nobody waits for the answer: the deadline is over or the client is gone. From then on the
    /// answer is not sent, so a scrape must not remember its series as seen by this scraper.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// The flag that [`Self::is_abandoned`] reads.
    pub(super) fn abandoned_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.abandoned)
    }
}

/// Which families a path serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// Everything.
    All,
    /// Only what has cAdvisor's names.
    Cadvisor,
    /// Only what has node_exporter's names.
    Node,
}

/// Which collectors a scrape wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All that are enabled.
    All,
    /// Only these (`collect[]`).
    Only(Vec<&'static str>),
    /// All that are enabled but these (`exclude[]`).
    Except(Vec<&'static str>),
}

impl Filter {
    /// True if the collector is wanted.
    pub fn admits(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(&name),
            Self::Except(names) => !names.contains(&name),
        }
    }
}

/// Who scrapes: what tells one Prometheus (or one job of it) from another. Its parts together are never longer
/// than the bound on a request's head.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scraper {
    /// Its address, an IPv4 one never mapped into IPv6.
    pub peer: IpAddr,
    /// Its `User-Agent`, empty if it sent none.
    pub agent: String,
    /// The path and query it asks for.
    pub target: String,
}

/// A name `collect[]` and `exclude[]` may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorName {
    /// The name.
    pub name: &'static str,
    /// False if flags have turned the collector off.
    pub enabled: bool,
}

/// Whether the exporter is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It is.
    Ready,
    /// Not yet, and why.
    NotReady(String),
}

/// One collector on the landing page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorStatus {
    /// Its name.
    pub name: String,
    /// One line on what it measures.
    pub summary: String,
    /// How it is.
    pub state: CollectorState,
}

/// How a collector is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CollectorState {
    /// It runs.
    Enabled,
    /// Flags turned it off.
    Disabled,
    /// This host does not let it run, or not all of it; the reason.
    Refused(String),
}
