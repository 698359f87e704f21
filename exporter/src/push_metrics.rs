//! Numbers that this host hands over itself, where nobody can come and scrape: Prometheus' remote write, and InfluxDB's
//! line protocol.
//!
//! A thread scrapes the exporter as any scraper would, once in an interval, and puts what it found into a queue on disk for each
//! receiver, encoded as it will be sent. A thread for each receiver sends what is there, in order, and takes it out when the
//! receiver has said that it has it, or never will. Neither waits for the other, and no scrape for either.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver as Ended, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plimsoll_checks::http::Url;

pub mod client;
mod line_protocol;
mod metrics;
pub mod parcel;
mod pass;
mod receiver;
mod remote_write;
pub mod samples;

pub use self::metrics::PushMetrics;
pub use self::parcel::Protocol;
use self::pass::Pass;
use crate::http::Source;

/// What is pushed, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often.
    pub interval: Duration,
    /// The `job` of every series.
    pub job: String,
    /// The `instance` of every series; what this host calls itself where it is not said.
    pub instance: Option<String>,
    /// Labels of every series that has none of that name itself.
    pub external_labels: Vec<(String, String)>,
    /// Where the queues are, each in a directory of the receiver's name.
    pub directory: PathBuf,
    /// To whom.
    pub targets: Vec<Target>,
}

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is called here; no two have the same.
    pub name: String,
    /// Where it is.
    pub url: Url,
    /// What it is sent.
    pub protocol: Protocol,
    /// How TLS is spoken, where the URL asks for it.
    pub tls: Tls,
    /// Who we are to it.
    pub login: Option<Login>,
    /// More headers, by name and value.
    pub headers: Vec<(String, String)>,
    /// How long a request may take.
    pub timeout: Duration,
    /// Bytes that may wait for it on disk; beyond that the oldest go.
    pub max_bytes: u64,
    /// Samples in a request at most.
    pub max_samples: usize,
    /// The first pause after a failure; each that follows is twice as long.
    pub min_backoff: Duration,
    /// The longest.
    pub max_backoff: Duration,
}

/// How TLS is spoken. Files are read at each connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that may vouch for the receiver, where they are not the system's.
    pub authorities: Option<String>,
    /// A certificate of our own, and its key.
    pub identity: Option<(String, String)>,
    /// The name in its certificate, where it is not the URL's.
    pub server_name: Option<String>,
    /// Takes any certificate.
    pub insecure: bool,
}

/// Who we are. What is secret is in a file, read for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// By a name and a password.
    Basic(String, PathBuf),
    /// By a token, after this word.
    Token(String, PathBuf),
}

/// Pushes until it is stopped.
#[derive(Debug)]
pub struct Pusher {
    orders: Arc<Orders>,
    ended: Ended<()>,
}

/// What the thread is told.
#[derive(Debug, Default)]
struct Orders {
    order: Mutex<Order>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Order {
    settings: Option<Arc<Settings>>,
    stop: bool,
}

/// Changes what is pushed.
#[derive(Clone, Debug)]
pub struct Control(Arc<Orders>);

impl Control {
    /// Other settings from now on; none pushes nothing. What waits for a receiver stays, and goes to it under its new ones.
    pub fn replace(&self, settings: Option<Settings>) {
        self.0.lock().settings = settings.map(Arc::new);
        self.0.changed.notify_all();
    }
}

impl Pusher {
    /// A thread that pushes what the source says; `host` is what this host calls itself.
    pub fn start(
        settings: Option<Settings>,
        source: Arc<dyn Source>,
        metrics: PushMetrics,
        host: String,
    ) -> std::io::Result<Self> {
        let orders = Arc::new(Orders::default());
        Control(Arc::clone(&orders)).replace(settings);
        let (end, ended) = sync_channel(1);
        let theirs = Arc::clone(&orders);
        let work = move || {
            let _end: SyncSender<()> = end;
            push(&theirs, Pass::new(source, metrics, host));
        };
        std::thread::Builder::new().name("push".to_owned()).spawn(work)?;
        Ok(Self { orders, ended })
    }

    /// What changes the settings.
    pub fn control(&self) -> Control {
        Control(Arc::clone(&self.orders))
    }

    /// Has the series end where they are now, and waits so long for the receivers to take what waits for them. What they do
    /// not take stays on disk for the next process.
    pub fn stop(self, patience: Duration) {
        self.orders.lock().stop = true;
        self.orders.changed.notify_all();
        if let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(patience) {
            tracing::warn!("not all was pushed: the rest is sent after the next start");
        }
    }
}

impl Orders {
    /// Waits until then, or until there is something new. Without a time nothing is due.
    fn wait(&self, until: Option<Instant>, known: Option<&Arc<Settings>>) -> (Option<Arc<Settings>>, bool) {
        let same = |order: &Order| match (&order.settings, known) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let mut order = self.lock();
        while !order.stop && same(&order) {
            order = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => break,
                Some(left) => {
                    self.changed.wait_timeout(order, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(order).unwrap_or_else(PoisonError::into_inner),
            };
        }
        (order.settings.clone(), order.stop)
    }

    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(orders: &Orders, mut pass: Pass) {
    let mut settings: Option<Arc<Settings>> = None;
    let mut due = Instant::now();
    loop {
        let (new, stop) = orders.wait(settings.as_ref().map(|_| due), settings.as_ref());
        if stop {
            return pass.end();
        }
        settings = new;
        pass.set(settings.as_deref());
        let Some(settings) = &settings else { continue };
        let now = Instant::now();
        // A shorter interval counts at once.
        due = due.min(now + settings.interval);
        if due <= now {
            pass.push(settings);
            // What was missed is not made up for.
            due = (due + settings.interval).max(Instant::now());
        }
    }
}
