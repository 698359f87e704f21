//! Joins kernel, host, identity and ledger, and answers scrapes.
//!
//! Two threads work here beside those of HTTP: one waits for cgroups to come and go and keeps the ledger, one asks
//! the host ([`worker`]). A scrape takes what the ledger says, lets the host be read within its deadline, reads
//! the kernel's cells, and encodes.

mod govern;
mod labels;
mod lifecycle;
mod node;
mod numbers;
mod open;
mod own;
mod scrape;
mod senders;
mod worker;
mod workloads;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{ClockId, Timespec, clock_gettime};

pub use self::govern::Overhead;
pub use self::own::own_families;

use self::govern::Govern;
use self::labels::Trouble;
use self::node::NodeWorker;
use self::numbers::Numbers;
use self::open::take_in_connections;
use self::own::{LAST_READ_MISSED, NAMESPACE_NOT_WALKED, Own, TOMBSTONE_EVICTED, WORKLOAD_FOLDED};
use self::scrape::Scratch;
use self::senders::Senders;
use self::worker::Worker;
use crate::exposition::Births;
use crate::host::{Hierarchies, HostPaths, HostReader, HostStats, ReaderOptions, WalkBounds};
use crate::identity::state::{Details, StateDirs};
use crate::identity::{Directory, Identity, Labelling};
use crate::kernel::{
    CALLS, CGROUPS, Counted, Facts, Kernel, Plan, PlanError, Program, ProgramStatus, Settings,
};
use crate::ledger::{Keep, Ledger, Scrapers, WorkloadKey, Workloads};
use crate::node as node_metrics;
use crate::signals::{self, Signal, Source};
use crate::telemetry::Telemetry;

/// What the command line says, as far as it concerns the engine.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the host is seen.
    pub paths: HostPaths,
    /// Names of the signals and of the collectors of host metrics that are on.
    pub signals: Vec<&'static str>,
    /// Slots in the kernel.
    pub slots: u32,
    /// Most bytes of maps in the kernel.
    pub memory_limit: u64,
    /// Ask conntrack where connections really go; `None` leaves it to whether conntrack has anything.
    pub actual_destination: Option<bool>,
    /// Destinations that are shown by a name.
    pub destination_groups: Vec<Group>,
    /// Depth below which plain cgroups fold into their ancestor.
    pub max_depth: usize,
    /// When tombstones go.
    pub keep: Keep,
    /// Serve new counter series at 0 once.
    pub zero_first: bool,
    /// Carry `_created` in OpenMetrics.
    pub created: bool,
    /// Ports of DNS resolvers.
    pub dns_ports: Vec<u16>,
    /// Count DNS by name as well.
    pub dns_names: bool,
    /// Show destinations by the names that DNS gave their addresses.
    pub destination_names: bool,
    /// What Plimsoll may cost.
    pub overhead: Overhead,
    /// What runtimes say of containers.
    pub directory: Arc<Directory>,
    /// How rows are labelled at first.
    pub labelling: Labelling,
    /// What is asked of host metrics.
    pub node: node_metrics::Options,
}

/// Destinations that are shown by one name.
#[derive(Clone, Debug)]
pub struct Group {
    /// The name.
    pub name: String,
    /// Addresses and how many of their bits count; IPv4 is mapped into IPv6.
    pub prefixes: Vec<(Ipv6Addr, u32)>,
}

/// Why the engine cannot start. Whatever the kernel refuses is no reason: it is in a metric.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings do not fit the host.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// A metric of our own has a wrong name.
    #[error("own metrics: {0}")]
    Own(#[from] prometheus::Error),
}

/// The running exporter without its HTTP side.
#[derive(Debug)]
pub struct Engine {
    options: Options,
    worker: Worker,
    node: NodeWorker,
    telemetry: Telemetry,
    own: Own,
    govern: Govern,
    programs: Vec<ProgramStatus>,
    hierarchies: Hierarchies,
    state: Mutex<State>,
}

/// What the threads share.
struct State {
    kernel: Option<Kernel>,
    ledger: Ledger,
    known: HashMap<String, Known>,
    /// Paths that are containers though they do not look it.
    claimed: HashSet<String>,
    scrapers: Scrapers,
    births: Births,
    dying: VecDeque<Dying>,
    settling: VecDeque<Dying>,
    /// Young cgroups whose runtime is not known yet, and when to ask again: as many queues as [`LOOK_AFTER`].
    looks: [VecDeque<(Instant, String)>; LOOK_AFTER.len()],
    last_reads_missed: u64,
    /// Cgroups beyond the bounds of walks, and directories that walks could not read.
    not_walked: u64,
    not_readable: u64,
    /// Cgroups that were there before us, when no slot was free.
    slotless_at_start: u64,
    /// Signals that the governor lets rest.
    resting: Vec<&'static str>,
    /// When DNS questions were last looked at.
    questions_at: Option<Instant>,
    counted: Vec<Counted>,
    senders: Senders,
    workloads: Workloads,
    numbers: Numbers,
    /// Names of the groups of destinations.
    groups: Vec<String>,
    directory: Arc<Directory>,
    labelling: Labelling,
    /// The labels of what has no slot.
    nobody: String,
    trouble: Trouble,
    /// The kernel's reasons to drop a packet, by number.
    drop_reasons: BTreeMap<u32, String>,
    scratch: Scratch,
    /// Unix time at which counting began.
    started: f64,
}

/// What is known of an owner beside its counts.
#[derive(Debug)]
struct Known {
    identity: Identity<'static>,
    details: Option<Arc<Details>>,
    labels: String,
    /// What `container_info` has beside them.
    info: Option<String>,
    /// The last scrape before it came.
    since: u64,
    /// It was served under other labels before.
    renamed: bool,
    /// Its names are known, or will not be asked for again.
    looks_left: u32,
    /// When it was first seen.
    seen: Instant,
    /// What its state directory says, while its runtime is waited for, which may know more.
    waiting: Option<Arc<Details>>,
    /// It was made while this ran.
    began: bool,
    /// Which workload it counts for, once that is known.
    workload: Option<WorkloadKey>,
    /// How often containers of its name ended in its pod before it, once that is known.
    restarts: Option<u32>,
    /// Its last numbers from the host, once it is gone.
    last: Option<Box<HostStats>>,
    /// They are not its final ones, and that was not counted yet.
    missed: bool,
}

/// A removed cgroup on its way out.
#[derive(Clone, Copy, Debug)]
struct Dying {
    cgroup_id: u64,
    slot: u32,
    due: Instant,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// How long a runtime that is followed is waited for when its state directory names a container: it tells of most before
/// they are there. Labels change once, so it is better they are all there then.
const WORD_OF_RUNTIME: Duration = Duration::from_secs(1);
/// After so long a container in a pod that Kubernetes does not speak of, and no state directory either, is taken for the pause
/// container: its pod's names are all it gets.
const NAMELESS: Duration = Duration::from_secs(30);
/// How often the state directories are asked about one cgroup.
const LOOKS: u32 = 12;
/// When a runtime is asked about a new cgroup, beside at once, at its end and at scrapes: it writes its state a
/// little after it made the cgroup, and may take it away before the first scrape.
const LOOK_AFTER: [Duration; 6] = [
    Duration::from_millis(15),
    Duration::from_millis(30),
    Duration::from_millis(50),
    Duration::from_millis(90),
    Duration::from_millis(170),
    Duration::from_millis(500),
];
/// How long a removed cgroup's id stays in the kernel: sockets and block requests may outlive it a little.
const GRACE: Duration = Duration::from_secs(1);
/// From taking the id out to reading the slot for the last time: additions already under way end in it.
const SETTLE: Duration = Duration::from_millis(100);
// What a scrape leaves to a later one is not dead yet: no tombstone may go that was never shown.
const _: () = assert!(GRACE.as_nanos() >= WORD_OF_RUNTIME.as_nanos());

impl Engine {
    /// Loads the kernel side, finds the cgroups there are, and starts the threads.
    pub fn start(options: Options, telemetry: Telemetry) -> Result<Arc<Self>, EngineError> {
        let paths = &options.paths;
        let facts = Facts::collect(&paths.procfs, &paths.sysfs);
        let kernel_signals = enabled(&options, Source::Kernel).map(|signal| signal.name).collect();
        let settings = Settings {
            slots: options.slots,
            memory_limit: options.memory_limit,
            signals: kernel_signals,
            prefixes: prefixes(&options.destination_groups),
            nat: options.actual_destination.unwrap_or(facts.conntrack_entries > 0),
            dns_ports: options.dns_ports.clone(),
            dns_names: options.dns_names,
            destination_names: options.destination_names,
        };
        let plan = Plan::new(&facts, &settings)?;
        announce(&plan, &facts, options.memory_limit);
        let hierarchies = hierarchies(paths);
        let unified = hierarchies.unified().map(|unified| unified.mount.clone());
        // With nothing to show of containers there is nothing to load.
        let (mut kernel, refused) = match options.signals.is_empty() {
            true => (None, None),
            false => load(plan.clone(), &paths.sysfs, unified),
        };
        let worker = Worker::start(reader(&hierarchies, paths), state_dirs(&paths.rootfs))?;
        let node = NodeWorker::start(options.paths.clone(), options.node.clone())?;
        let mut state = State::new(&options);
        state.drop_reasons = facts.types.map(|types| types.drop_reasons).into_iter().flatten().collect();
        state.adopt_all(&hierarchies, kernel.as_mut(), &options, &worker);
        let mut unwalked = 0;
        let programs = match &mut kernel {
            Some(kernel) => {
                kernel.attach_signals();
                unwalked = take_in_connections(kernel, &paths.procfs);
                kernel.programs().to_vec()
            }
            None => refused.map(|reason| refuse_all(&plan, &reason)).unwrap_or_default(),
        };
        report(&programs);
        give_back_memory();
        let own = Own::new(&telemetry.registry, &programs, kernel.as_ref())?;
        own.lost(NAMESPACE_NOT_WALKED, unwalked);
        let govern = Govern::new(&telemetry.registry, options.overhead, kernel.as_ref())?;
        let events = kernel.as_ref().map(Kernel::events_fd).transpose()?;
        state.kernel = kernel;
        let state = Mutex::new(state);
        let engine =
            Arc::new(Self { options, worker, node, telemetry, own, govern, programs, hierarchies, state });
        engine.govern_while_it_lives()?;
        if let Some(events) = events {
            let engine = Arc::downgrade(&engine);
            let follow = move || {
                while let Some(engine) = engine.upgrade() {
                    let wait = engine.turn().next_due();
                    drop(engine);
                    // An error is a signal's interruption: look again.
                    let timeout =
                        Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
                    let _ = poll(&mut [PollFd::new(&events, PollFlags::IN)], Some(&timeout));
                }
            };
            std::thread::Builder::new().name("cgroups".to_owned()).spawn(follow)?;
        }
        Ok(engine)
    }

    /// Takes in what happened, and does what is due.
    fn turn(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.drain_events(&self.options, &self.hierarchies, &self.worker);
        state.take_findings(&self.worker);
        state.take_word_of_others(&self.worker);
        state.expire_questions(Instant::now());
        state.release_due(Instant::now());
        state.look_due(Instant::now(), &self.worker);
        state.take_numbers_back(Instant::now());
        state.trouble.tell(&self.own);
        self.own.lost(LAST_READ_MISSED, std::mem::take(&mut state.last_reads_missed));
        // Also while nobody scrapes: then nothing else would let them go.
        let evicted = state.ledger.evict(self.options.keep.max);
        if !evicted.is_empty() {
            self.own.lost(TOMBSTONE_EVICTED, evicted.len() as u64);
            state.count_evicted(evicted);
            state.forget_expired();
        }
        self.own.lost(WORKLOAD_FOLDED, state.workloads.take_folded());
        if self.own.events_were_lost(state.kernel.as_ref()) {
            state.reconcile(&self.hierarchies, &self.options, &self.worker);
        }
        state
    }

    /// Whether cgroups announce themselves; otherwise the hierarchy is walked for every scrape.
    fn follows_events(&self) -> bool {
        let mut programs = self.programs.iter().filter(|program| program.signal == CGROUPS);
        programs.all(|program| program.refused.is_none())
    }

    /// Whether all programs of a signal run. A signal without one of them would show zeros that are not true.
    fn runs(&self, signal: &Signal) -> bool {
        let mut programs =
            self.programs.iter().filter(|program| Program::serves(program.signal, signal.name));
        programs.all(|program| program.refused.is_none())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held is a bug, but the counts are still the truth.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(options: &Options) -> Self {
        Self {
            kernel: None,
            ledger: Ledger::default(),
            known: HashMap::new(),
            claimed: HashSet::new(),
            scrapers: Scrapers::new(options.keep.scrapes),
            births: Births::default(),
            dying: VecDeque::new(),
            settling: VecDeque::new(),
            looks: Default::default(),
            last_reads_missed: 0,
            not_walked: 0,
            not_readable: 0,
            slotless_at_start: 0,
            resting: Vec::new(),
            questions_at: None,
            counted: Vec::new(),
            senders: Senders::default(),
            workloads: Workloads::default(),
            numbers: Numbers::new(),
            groups: options.destination_groups.iter().map(|group| group.name.clone()).collect(),
            directory: Arc::clone(&options.directory),
            labelling: options.labelling.clone(),
            nobody: options.labelling.render_nobody(scrape::UNATTRIBUTED_PATH),
            trouble: Trouble::default(),
            drop_reasons: BTreeMap::new(),
            scratch: Scratch::default(),
            started: unix_now(),
        }
    }
}

/// Each with its group's place.
fn prefixes(groups: &[Group]) -> Vec<(Ipv6Addr, u32, u32)> {
    let of = |(at, group): (usize, &Group)| {
        group.prefixes.iter().map(move |(address, length)| (*address, *length, at as u32)).collect::<Vec<_>>()
    };
    groups.iter().enumerate().flat_map(of).collect()
}

/// The signals of a source that the command line leaves on.
fn enabled(options: &Options, source: Source) -> impl Iterator<Item = &'static Signal> {
    let on = move |signal: &&Signal| signal.source == source && options.signals.contains(&signal.name);
    signals::ALL.iter().copied().filter(on)
}

fn load(plan: Plan, sysfs: &Path, unified: Option<PathBuf>) -> (Option<Kernel>, Option<String>) {
    match Kernel::load(plan, sysfs, unified) {
        Ok(kernel) => (Some(kernel), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

/// The memory plan, in the log.
fn announce(plan: &Plan, facts: &Facts, limit: u64) {
    let bytes: u64 = plan.memory.iter().map(|(_, bytes)| bytes).sum();
    let (slots, shards, cpus) = (plan.sizes.slots, plan.shards, facts.possible_cpus);
    let dearest = plan.memory.iter().max_by_key(|(_, bytes)| *bytes).map_or("", |(name, _)| name);
    tracing::info!(bytes, limit, slots, shards, cpus, dearest, "kernel memory of the maps");
}

fn refuse_all(plan: &Plan, reason: &str) -> Vec<ProgramStatus> {
    let status = |(program, decision): &(&'static crate::kernel::Program, crate::kernel::Decision)| {
        let refused = match decision {
            crate::kernel::Decision::Refuse(own) => own.clone(),
            crate::kernel::Decision::Load => reason.to_owned(),
        };
        ProgramStatus { program: program.name, signal: program.signal, refused: Some(refused) }
    };
    plan.programs.iter().filter(|(program, _)| program.signal != CALLS).map(status).collect()
}

fn report(programs: &[ProgramStatus]) {
    for program in programs {
        match &program.refused {
            None => tracing::debug!(program = program.program, "program runs"),
            Some(reason) => {
                tracing::warn!(program = program.program, signal = program.signal, reason, "program refused");
            }
        }
    }
}

fn hierarchies(paths: &HostPaths) -> Hierarchies {
    Hierarchies::detect(paths).unwrap_or_else(|error| {
        tracing::warn!(%error, "no cgroup hierarchy known");
        Hierarchies::default()
    })
}

fn reader(hierarchies: &Hierarchies, paths: &HostPaths) -> Option<HostReader> {
    match HostReader::new(hierarchies, paths, ReaderOptions::default()) {
        Ok(reader) => Some(reader),
        Err(error) => {
            tracing::warn!(%error, "no cgroup families");
            None
        }
    }
}

fn state_dirs(rootfs: &Path) -> Option<StateDirs> {
    match StateDirs::open(rootfs) {
        Ok(state) => Some(state),
        Err(error) => {
            tracing::warn!(%error, "no names from runtimes' state directories");
            None
        }
    }
}

/// The kernel's types took tens of megabytes for a moment: without this they stay ours, unused.
fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only returns free memory to the system.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Unix time now, in seconds.
fn unix_now() -> f64 {
    seconds(ClockId::Realtime)
}

/// Unix time of a moment of `CLOCK_BOOTTIME`.
fn unix_of_boot(boot_ns: u64) -> f64 {
    unix_now() - seconds(ClockId::Boottime) + boot_ns as f64 / 1e9
}

fn seconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// How far a walk of the hierarchy goes.
fn walk_bounds(slots: u32) -> WalkBounds {
    WalkBounds { cgroups: (slots as usize).max(WalkBounds::default().cgroups), ..WalkBounds::default() }
}
