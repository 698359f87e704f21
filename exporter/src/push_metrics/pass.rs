//! What is done once in an interval: a scrape, and what it says into each receiver's queue.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Settings;
use super::metrics::{Dropped, PushMetrics};
use super::parcel::{Parcel, Protocol};
use super::receiver::Receiver;
use super::samples::{Marks, Numbers, Page, STALE, Sample, own, parse};
use crate::exposition::Format;
use crate::http::{Filter, ScrapeRequest, Scraper, Source, View};
use crate::telemetry::VERSION;

/// The longest that a scrape may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often families are described to receivers of 1.0, as Prometheus does it.
const DESCRIBED_EVERY: Duration = Duration::from_secs(60);
/// Beside what the page says, as Prometheus adds them to what it scrapes.
const OWN: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];

/// What is known from one time to the next.
pub(super) struct Pass {
    source: Arc<dyn Source>,
    metrics: PushMetrics,
    host: String,
    receivers: BTreeMap<String, (PathBuf, Receiver)>,
    /// Those that are no more, and may be sending still.
    closed: Vec<JoinHandle<()>>,
    /// Receivers whose queue cannot be opened, which was told.
    told: HashSet<String>,
    numbers: Numbers,
    /// The page of the last time, which receivers have; and the time.
    last: Option<Last>,
    at: i64,
    described: Option<Instant>,
}

struct Last {
    text: String,
    marks: Marks,
    numbers: HashSet<u64>,
}

impl Pass {
    pub(super) fn new(source: Arc<dyn Source>, metrics: PushMetrics, host: String) -> Self {
        Self {
            source,
            metrics,
            host,
            receivers: BTreeMap::new(),
            closed: Vec::new(),
            told: HashSet::new(),
            numbers: Numbers::default(),
            last: None,
            at: 0,
            described: None,
        }
    }

    /// Has the receivers be those of the settings: queues stay open where they are the same.
    pub(super) fn set(&mut self, settings: Option<&Settings>) {
        let wanted: BTreeMap<_, _> = settings
            .iter()
            .flat_map(|settings| settings.targets.iter().map(|target| (target, &settings.directory)))
            .map(|(target, directory)| (target.name.as_str(), (target, directory.join(&target.name))))
            .collect();
        let gone: Vec<String> = self
            .receivers
            .iter()
            .filter(|(name, (place, _))| wanted.get(name.as_str()).is_none_or(|(_, wanted)| wanted != place))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some((_, receiver)) = self.receivers.remove(&name) {
                self.closed.push(receiver.close());
                self.metrics.forget(&name);
            }
        }
        self.closed.retain(|thread| !thread.is_finished());
        for (name, (target, place)) in wanted {
            if let Some((_, receiver)) = self.receivers.get(name) {
                receiver.set(target.clone());
                continue;
            }
            match Receiver::open(&place, target.clone(), self.metrics.of(name)) {
                Ok(receiver) => {
                    self.told.remove(name);
                    self.receivers.insert(name.to_owned(), (place, receiver));
                }
                Err(error) if self.told.insert(name.to_owned()) => {
                    tracing::error!(receiver = name, %error, "nothing is pushed: the queue cannot be opened");
                }
                Err(_) => {}
            }
        }
        if settings.is_none() {
            self.last = None;
        }
    }

    /// Scrapes, and has what came wait for each receiver.
    pub(super) fn push(&mut self, settings: &Settings) {
        self.at = now().max(self.at + 1);
        let start = Instant::now();
        let scraped = self.scrape(start + settings.interval.min(PATIENCE));
        let took = start.elapsed().as_secs_f64();
        self.metrics.failed(scraped.is_none());
        let (text, up) = scraped.map_or((String::new(), 0.0), |text| (text, 1.0));
        let marks = self.marks(settings);
        let mut page = parse(&text, &marks);
        let count = page.samples.len() as f64;
        for (name, value) in OWN.into_iter().zip([up, took, count]) {
            page.samples.push(own(name, value, &marks));
        }
        let numbers: HashSet<u64> =
            page.samples.iter().map(|sample| self.numbers.of(&sample.labels)).collect();
        let last = self.last.take();
        if let Some(last) = &last
            && last.numbers.iter().any(|number| !numbers.contains(number))
        {
            page.samples.extend(self.numbers.ended(last.page(), &numbers));
        }
        self.hand_out(settings, &page);
        drop(page);
        self.last = Some(Last { text, marks, numbers });
    }

    /// Every series ends. What waits is sent until that fails.
    pub(super) fn end(mut self) {
        if let Some(last) = self.last.take() {
            self.at = now().max(self.at + 1);
            let mut page = last.page();
            page.families.clear();
            for sample in &mut page.samples {
                (sample.value, sample.created, sample.family) = (STALE, None, None);
            }
            for (_, receiver) in self.receivers.values() {
                receiver.take(&pack(receiver, &page, self.at, false));
            }
        }
        let receivers = std::mem::take(&mut self.receivers);
        self.closed.extend(receivers.into_values().map(|(_, receiver)| receiver.close()));
        for thread in self.closed {
            // A thread that panicked is one that has ended.
            let _ = thread.join();
        }
    }

    fn scrape(&self, deadline: Instant) -> Option<String> {
        let scraper = Scraper {
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            agent: format!("plimsoll/{VERSION}"),
            target: "push".to_owned(),
        };
        let request = ScrapeRequest::new(Format::OpenMetrics, View::All, Filter::All, scraper, deadline);
        let mut text = Vec::new();
        let scraped = catch_unwind(AssertUnwindSafe(|| self.source.scrape(&request, &mut text)));
        match scraped {
            Ok(Ok(())) => Some(
                String::from_utf8(text)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            ),
            Ok(Err(error)) => {
                tracing::warn!(%error, "nothing to push: the scrape failed");
                None
            }
            Err(_) => {
                tracing::error!("nothing to push: a panic, which the log shows");
                None
            }
        }
    }

    fn marks(&self, settings: &Settings) -> Marks {
        let instance = settings.instance.clone().unwrap_or_else(|| self.host.clone());
        let target = [("job", settings.job.clone()), ("instance", instance)];
        Marks {
            target: target.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            external: settings.external_labels.clone(),
        }
    }

    fn hand_out(&mut self, settings: &Settings, page: &Page<'_>) {
        let described = self.described.is_none_or(|at| at.elapsed() >= DESCRIBED_EVERY);
        if described {
            self.described = Some(Instant::now());
        }
        for target in &settings.targets {
            match self.receivers.get(&target.name) {
                Some((_, receiver)) => receiver.take(&pack(receiver, page, self.at, described)),
                None => {
                    let lost = page.samples.len() as u64;
                    self.metrics.of(&target.name).dropped(Dropped::QueueFailed.as_str(), lost);
                }
            }
        }
    }
}

fn pack(receiver: &Receiver, page: &Page<'_>, at: i64, described: bool) -> Vec<Parcel> {
    let (protocol, most): (Protocol, usize) = receiver.form();
    let (parcels, left_out) = Parcel::pack(protocol, page, at, most, described);
    receiver.left_out(left_out);
    parcels
}

impl Last {
    /// What was said, with what was added.
    fn page(&self) -> Page<'_> {
        let mut page = parse(&self.text, &self.marks);
        let own: [Sample<'_>; 3] = OWN.map(|name| own(name, 0.0, &self.marks));
        page.samples.extend(own);
        page
    }
}

/// Unix milliseconds.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
