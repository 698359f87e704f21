//! The thread that asks the host: cgroup files, procfs, state directories. Whatever hangs there hangs this thread
//! alone; a scrape then goes without its numbers and says so.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::host::{
    Candidate, CgroupFiles, HostReader, HostStats, Listening, Namespace, Scope, Tally, Wanted, owners,
};
use crate::identity::state::{Details, StateDirs, parse_nomad_environment};
use crate::identity::{Identity, Runtime};

/// What the worker is asked to do, in order.
enum Job {
    Open { path: String, scope: Scope, created: Option<f64> },
    Sandbox { path: String },
    Last { path: String },
    Close { path: String, keep: bool },
    Look { path: String, identity: Box<Identity<'static>> },
    Scrape { wanted: Wanted, whole: bool, reply: SyncSender<Reading> },
}

/// What it found out between scrapes.
#[derive(Debug)]
pub(super) enum Finding {
    /// The state directories know this cgroup.
    Details {
        /// Its path.
        path: String,
        /// What they know.
        details: Arc<Details>,
    },
    /// The cgroup is closed; its last numbers.
    Gone {
        /// Its path.
        path: String,
        /// Of the last reading that succeeded, if one did.
        stats: Option<Box<HostStats>>,
        /// It was removed before it could be read after its last task: the numbers are not its final ones.
        missed: bool,
    },
}

/// What a scrape is given.
#[derive(Debug)]
pub(super) struct Reading {
    /// By path.
    pub(super) stats: HashMap<String, HostStats>,
    /// Sockets that listen, of all namespaces.
    pub(super) listening: Vec<Listening>,
    /// Errors and bounds reached so far.
    pub(super) tally: Tally,
    /// How long it took.
    pub(super) took: Duration,
}

/// The other end of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Sender<Job>,
    findings: Arc<Mutex<Vec<Finding>>>,
    /// A scrape gave up on it and it has not come back yet.
    stuck: Arc<AtomicBool>,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start(reader: Option<HostReader>, state: Option<StateDirs>) -> std::io::Result<Self> {
        let (jobs, inbox) = channel();
        let findings = Arc::new(Mutex::new(Vec::new()));
        let stuck = Arc::new(AtomicBool::new(false));
        let host = Host {
            reader,
            state,
            cgroups: BTreeMap::new(),
            findings: findings.clone(),
            stuck: stuck.clone(),
        };
        std::thread::Builder::new().name("host".to_owned()).spawn(move || host.run(&inbox))?;
        Ok(Self { jobs, findings, stuck })
    }

    /// Reads this cgroup from now on. `created` is its true time of creation, if that is known.
    pub(super) fn open(&self, path: &str, scope: Scope, created: Option<f64>) {
        self.send(Job::Open { path: path.to_owned(), scope, created });
    }

    /// This cgroup is a pod's sandbox: it speaks for the pod's network namespace.
    pub(super) fn sandbox(&self, path: &str) {
        self.send(Job::Sandbox { path: path.to_owned() });
    }

    /// Reads a cgroup that has just lost its last task, before it is removed.
    pub(super) fn last(&self, path: &str) {
        self.send(Job::Last { path: path.to_owned() });
    }

    /// Closes a cgroup's files; its last numbers come as a [`Finding::Gone`] if `keep`.
    pub(super) fn close(&self, path: &str, keep: bool) {
        self.send(Job::Close { path: path.to_owned(), keep });
    }

    /// Asks the state directories about a cgroup; an answer comes as a [`Finding::Details`].
    pub(super) fn look(&self, path: &str, identity: Identity<'static>) {
        self.send(Job::Look { path: path.to_owned(), identity: Box::new(identity) });
    }

    /// Reads all cgroups. `None` if that is not done by `deadline`. `whole` says that `wanted` is all that is ever
    /// served: only then are the numbers worth keeping for the time after a cgroup's end.
    pub(super) fn scrape(&self, wanted: Wanted, whole: bool, deadline: Instant) -> Option<Reading> {
        if self.stuck.load(Ordering::Acquire) {
            return None;
        }
        let (reply, answer) = sync_channel(1);
        self.send(Job::Scrape { wanted, whole, reply });
        match answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(reading) => Some(reading),
            Err(RecvTimeoutError::Timeout) => {
                self.stuck.store(true, Ordering::Release);
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// What was found out since the last call.
    pub(super) fn findings(&self) -> Vec<Finding> {
        std::mem::take(&mut *self.findings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn send(&self, job: Job) {
        // The thread ends only with the process.
        let _ = self.jobs.send(job);
    }
}

struct Host {
    reader: Option<HostReader>,
    state: Option<StateDirs>,
    cgroups: BTreeMap<String, Cgroup>,
    findings: Arc<Mutex<Vec<Finding>>>,
    stuck: Arc<AtomicBool>,
}

struct Cgroup {
    files: CgroupFiles,
    /// Everything, as of the last whole reading that succeeded.
    stats: HostStats,
    read: bool,
    /// It was read after its last task was gone.
    read_last: bool,
    sandbox: bool,
}

impl Host {
    fn run(mut self, inbox: &Receiver<Job>) {
        while let Ok(job) = inbox.recv() {
            match job {
                Job::Open { path, scope, created } => self.open(path, scope, created),
                Job::Sandbox { path } => {
                    if let Some(cgroup) = self.cgroups.get_mut(&path) {
                        cgroup.sandbox = true;
                    }
                }
                Job::Last { path } => self.last(&path),
                Job::Close { path, keep } => self.close(path, keep),
                Job::Look { path, identity } => self.look(path, &identity),
                Job::Scrape { wanted, whole, reply } => {
                    let reading = self.scrape(wanted, whole);
                    // Whoever asked may have given up.
                    let _ = reply.send(reading);
                    self.stuck.store(false, Ordering::Release);
                }
            }
        }
    }

    fn open(&mut self, path: String, scope: Scope, created: Option<f64>) {
        let Some(reader) = &self.reader else { return };
        let mut files = reader.open(&path, scope);
        if let Some(created) = created {
            files.set_created(created);
        }
        let cgroup =
            Cgroup { files, stats: HostStats::default(), read: false, read_last: false, sandbox: false };
        self.cgroups.insert(path, cgroup);
    }

    fn last(&mut self, path: &str) {
        if let (Some(reader), Some(cgroup)) = (&mut self.reader, self.cgroups.get_mut(path)) {
            reader.begin_scrape();
            cgroup.read_last = cgroup.read(reader, Wanted::ALL);
        }
    }

    fn close(&mut self, path: String, keep: bool) {
        let Some(cgroup) = self.cgroups.remove(&path) else { return };
        if keep {
            let stats = cgroup.read.then(|| Box::new(cgroup.stats));
            self.found(Finding::Gone { path, stats, missed: !cgroup.read_last });
        }
    }

    fn look(&mut self, path: String, identity: &Identity<'_>) {
        if let (Some(reader), Some(cgroup)) = (&mut self.reader, self.cgroups.get_mut(&path))
            && !cgroup.read
        {
            // Its files are then open, and the last reading is over before the runtime removes them.
            reader.begin_scrape();
            cgroup.read(reader, Wanted::ALL);
        }
        if identity.runtime == Some(Runtime::Nomad) && identity.may_be(identity.runtime) {
            return self.look_at_environment(path, identity);
        }
        let Some(state) = &self.state else { return };
        match state.lookup(&path, identity) {
            Ok(Some(details)) => self.found(Finding::Details { path, details: Arc::new(details) }),
            Ok(None) => {}
            Err(error) => tracing::debug!(cgroup = path, %error, "state directory not readable"),
        }
    }

    /// Nomad keeps no state of a task where it could be found by its cgroup, but tells the task itself.
    fn look_at_environment(&mut self, path: String, identity: &Identity<'_>) {
        let (Some(reader), Some(id)) = (&mut self.reader, identity.container_id.as_deref()) else { return };
        let pid = self.cgroups.get(&path).and_then(|cgroup| cgroup.files.leader());
        let parse = |bytes: &[u8]| parse_nomad_environment(bytes, id);
        if let Some(details) = pid.and_then(|pid| reader.read_environment(pid, parse)).flatten() {
            self.found(Finding::Details { path, details: Arc::new(details) });
        }
    }

    fn found(&self, finding: Finding) {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
    }

    fn scrape(&mut self, wanted: Wanted, whole: bool) -> Reading {
        let start = Instant::now();
        let mut stats = HashMap::with_capacity(self.cgroups.len());
        let (mut listening, mut tally) = (Vec::new(), Tally::default());
        if let Some(reader) = &mut self.reader {
            reader.begin_scrape();
            for (path, cgroup) in &mut self.cgroups {
                if whole {
                    cgroup.read(reader, wanted);
                } else {
                    let mut part = HostStats::default();
                    if reader.read(&mut cgroup.files, wanted, &mut part).is_ok() {
                        cgroup.stats.created = part.created;
                        stats.insert(path.clone(), part);
                    }
                }
            }
            if wanted.network {
                network(reader, &mut self.cgroups);
            }
            for (path, cgroup) in &self.cgroups {
                match stats.get_mut(path) {
                    Some(part) if wanted.network => part.interfaces.clone_from(&cgroup.stats.interfaces),
                    None if cgroup.read => drop(stats.insert(path.clone(), cgroup.stats.clone())),
                    _ => {}
                }
            }
            if wanted.listening {
                listening = reader.read_listening(&namespaces(&self.cgroups));
            }
            tally = *reader.tally();
        }
        Reading { stats, listening, tally, took: start.elapsed() }
    }
}

impl Cgroup {
    /// Reads everything there is to keep. A network namespace goes with its last process, so what is known of its
    /// interfaces stays until [`network`] knows better.
    fn read(&mut self, reader: &mut HostReader, wanted: Wanted) -> bool {
        let interfaces = std::mem::take(&mut self.stats.interfaces);
        let read = reader.read(&mut self.files, wanted, &mut self.stats).is_ok();
        self.stats.interfaces = interfaces;
        self.read |= read;
        read
    }
}

/// The network namespaces, each by one of its processes.
fn namespaces(cgroups: &BTreeMap<String, Cgroup>) -> BTreeMap<u64, Namespace> {
    let mut namespaces = BTreeMap::new();
    for files in cgroups.values().map(|cgroup| &cgroup.files) {
        let (Some(number), Some(pid)) = (files.netns(), files.leader()) else { continue };
        let namespace = namespaces.entry(number).or_insert(Namespace { pid, ran: false });
        namespace.ran |= files.ran();
    }
    namespaces
}

/// Reads each network namespace once, on the row that speaks for it.
fn network(reader: &mut HostReader, cgroups: &mut BTreeMap<String, Cgroup>) {
    let mut paths = Vec::new();
    let mut candidates = Vec::new();
    for (path, cgroup) in cgroups.iter() {
        if let Some(netns) = cgroup.files.netns() {
            let (host, created) = (path == "/", cgroup.stats.created);
            candidates.push(Candidate { netns, host, sandbox: cgroup.sandbox, created });
            paths.push(path);
        }
    }
    let speakers = owners(reader.host_netns(), &candidates);
    let mut speaks = vec![false; paths.len()];
    for at in speakers {
        speaks[at] = true;
    }
    let mut speaks = speaks.into_iter();
    for cgroup in cgroups.values_mut().filter(|cgroup| cgroup.files.netns().is_some()) {
        if speaks.next() == Some(true) {
            reader.read_network(&cgroup.files, &mut cgroup.stats);
        } else {
            cgroup.stats.interfaces.clear();
        }
    }
}
