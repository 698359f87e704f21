//! The thread that reads the host's own numbers. What hangs there hangs it alone: containers' numbers are another
//! thread's, and a scrape goes without these and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use crate::exposition::{Encoder, Format, Series, Value};
use crate::host::HostPaths;
use crate::node::{ALL, Collector, Node, OUTCOME, Options, Outcome, Reading};

/// The other end of the thread.
#[derive(Debug)]
pub(super) struct NodeWorker {
    jobs: Sender<Job>,
    /// A scrape gave up on it and it has not come back yet.
    stuck: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Job {
    collectors: Vec<&'static Collector>,
    format: Format,
    until: Instant,
    reply: SyncSender<Reading>,
}

/// A reading under way: other things can be read meanwhile.
#[derive(Debug)]
pub(super) struct Pending {
    collectors: Vec<&'static Collector>,
    answer: Option<Receiver<Reading>>,
}

impl NodeWorker {
    /// Starts the thread.
    pub(super) fn start(paths: HostPaths, options: Options) -> std::io::Result<Self> {
        let (jobs, inbox) = channel::<Job>();
        let stuck = Arc::new(AtomicBool::new(false));
        let back = Arc::clone(&stuck);
        let work = move || {
            let mut node = Node::new(paths, options);
            while let Ok(job) = inbox.recv() {
                let reading = node.read(&job.collectors, job.format, job.until);
                // Whoever asked may have given up.
                let _ = job.reply.send(reading);
                back.store(false, Ordering::Release);
            }
        };
        std::thread::Builder::new().name("node".to_owned()).spawn(work)?;
        Ok(Self { jobs, stuck })
    }

    /// Begins to read these, for a scrape that waits until then.
    pub(super) fn begin(&self, wanted: impl Fn(&str) -> bool, format: Format, until: Instant) -> Pending {
        let collectors: Vec<_> = ALL.iter().copied().filter(|collector| wanted(collector.name)).collect();
        if collectors.is_empty() || self.stuck.load(Ordering::Acquire) {
            return Pending { collectors, answer: None };
        }
        let (reply, answer) = sync_channel(1);
        // The thread ends only with the process.
        let _ = self.jobs.send(Job { collectors: collectors.clone(), format, until, reply });
        Pending { collectors, answer: Some(answer) }
    }

    /// What was read; if that is not done by the deadline, that every collector failed.
    pub(super) fn end(&self, pending: Pending, deadline: Instant) -> Reading {
        let patience = deadline.saturating_duration_since(Instant::now());
        let reading = pending.answer.as_ref().and_then(|answer| answer.recv_timeout(patience).ok());
        if reading.is_none() && pending.answer.is_some() {
            self.stuck.store(true, Ordering::Release);
        }
        reading.unwrap_or_else(|| {
            let failed = |collector: &&'static Collector| Outcome {
                collector: collector.name,
                took: Duration::ZERO,
                success: false,
            };
            Reading { outcomes: pending.collectors.iter().map(failed).collect(), ..Reading::default() }
        })
    }
}

/// Writes what was read, and how each collector did.
pub(super) fn encode(encoder: &mut Encoder<'_>, reading: &Reading) {
    const READS: [fn(&Outcome) -> Value; 2] =
        [|outcome| outcome.took.as_secs_f64().into(), |outcome| outcome.success.into()];
    encoder.append(&reading.text);
    for (family, read) in OUTCOME.iter().zip(READS) {
        encoder.family(family);
        for outcome in &reading.outcomes {
            let none = Series { labels: "", created: None };
            encoder.gauge(none, &[("collector", outcome.collector)], read(outcome));
        }
    }
}
