//! Reads one cgroup after another, with open descriptors and one buffer, and leaves out what cannot have changed.
//!
//! Reading `memory.stat` costs the kernel more than all else together, so what only the cgroup's own running
//! can change is read again only when its CPU time moved. Limits, which someone else may change at any time,
//! are read anew once in [`ReaderOptions::refresh`], and so is everything that was left out. A young cgroup,
//! which is still being set up, is always read in full.

mod cpu;
mod descriptors;
mod diskio;
mod limits;
mod memory;
mod network;
mod options;
mod pids;
mod pressure;
mod source;
mod tasks;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rustix::param::clock_ticks_per_second;

pub use self::options::{ReaderOptions, Wanted};
use self::source::Source;
use super::devices::Devices;
use super::files::{CgroupFiles, File, Scope};
use super::machine::read_kernel_threads;
use super::stats::{
    DeviceIo, HostStats, LimitStats, Machine, MemoryStats, PidStats, PressureStats, TaskStats,
};
use super::{Collector, Hierarchies, HostError, HostPaths, Listening, Tally, read_listening, read_machine};

/// Reads cgroups. It can be sent to another thread; one thread at a time uses it.
#[derive(Debug)]
pub struct HostReader {
    source: Source,
    options: ReaderOptions,
    paths: HostPaths,
    devices: Devices,
    interfaces: HashMap<Box<[u8]>, Arc<str>>,
    host: network::Host,
    machine: Machine,
    machine_read: Instant,
    ticks: u64,
    /// The kernel tells how many descriptors a process has by the size of its directory (6.2).
    counts_descriptors: bool,
    descriptors_left: u64,
    threads_left: u64,
    /// The most tasks the kernel allows at all.
    kernel_threads: Option<u64>,
    pids: Vec<u32>,
    counts: Vec<super::parse::DeviceCounts>,
    scratch: HostStats,
    /// Network namespaces in which nothing listened when they were last asked.
    silent: HashSet<u64>,
    now: Instant,
    unix: f64,
}

/// A network namespace, as the cgroups in it were last read.
#[derive(Clone, Copy, Debug)]
pub struct Namespace {
    /// A process in it.
    pub pid: u32,
    /// One of the cgroups ran.
    pub ran: bool,
}

/// What the last readings of a cgroup said.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// When everything was read: see [`HostReader::due`].
    refreshed: Option<u64>,
    /// It was read when it was young: a runtime may have written limits since.
    was_young: bool,
    /// The CPU time it had used, which says whether it ran since.
    usage: Option<u64>,
    memory: MemoryStats,
    split: (Option<u64>, Option<u64>),
    pressure: PressureStats,
    /// The pressure was read twice without a change in between: nobody is waiting.
    calm: bool,
    limits: LimitStats,
    /// Which of v1's pairs of files counts, and what it said, if twice the same.
    io: Option<usize>,
    devices: Vec<DeviceIo>,
    devices_calm: bool,
    /// Processes and threads, unless something about them could not be found out.
    processes: Option<PidStats>,
    tasks: Option<Arc<TaskStats>>,
    pids: u64,
    descriptors: Option<u64>,
    sockets: Option<u64>,
    /// How many descriptors a process may have open, and which.
    descriptors_limit: Option<(u32, u64)>,
    namespace_of: Option<u32>,
    /// What was wanted: anything else starts anew.
    want: Option<Wanted>,
}

/// What is known of a cgroup while it is read.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// Read everything.
    full: bool,
    /// It did not run since the last reading.
    unchanged: bool,
}

impl Pass {
    /// What only its own running changes need not be read.
    fn idle(self) -> bool {
        self.unchanged && !self.full
    }
}

impl HostReader {
    /// Opens the hierarchies and looks at the machine.
    pub fn new(
        hierarchies: &Hierarchies,
        paths: &HostPaths,
        options: ReaderOptions,
    ) -> Result<Self, HostError> {
        let source = Source::open(hierarchies, paths, options.budget.clone())?;
        Ok(Self {
            host: network::Host::find(&source),
            counts_descriptors: source.counts_descriptors(),
            source,
            devices: Devices::new(&paths.sysfs),
            interfaces: HashMap::new(),
            machine: read_machine(paths),
            machine_read: Instant::now(),
            ticks: clock_ticks_per_second(),
            descriptors_left: options.max_descriptors_scrape,
            threads_left: options.max_threads_scrape,
            kernel_threads: read_kernel_threads(paths),
            pids: Vec::new(),
            counts: Vec::new(),
            scratch: HostStats::default(),
            silent: HashSet::new(),
            now: Instant::now(),
            unix: unix_now(),
            options,
            paths: paths.clone(),
        })
    }

    /// Starts a scrape: takes the time, renews what is bounded a scrape.
    pub fn begin_scrape(&mut self) {
        self.now = Instant::now();
        self.unix = unix_now();
        self.descriptors_left = self.options.max_descriptors_scrape;
        self.threads_left = self.options.max_threads_scrape;
        if self.now.duration_since(self.machine_read) >= self.options.refresh {
            (self.machine, self.machine_read) = (read_machine(&self.paths), self.now);
            self.kernel_threads = read_kernel_threads(&self.paths);
        }
        if self.host.netns.is_none() {
            self.host = network::Host::find(&self.source);
        }
    }

    /// The files of a cgroup, by its path. Nothing is opened yet.
    pub fn open(&self, path: &str, scope: Scope) -> CgroupFiles {
        CgroupFiles::new(path, scope)
    }

    /// Reads a cgroup. On an error `stats` stays as it was: the last numbers of a cgroup that is gone.
    pub fn read(
        &mut self,
        files: &mut CgroupFiles,
        want: Wanted,
        stats: &mut HostStats,
    ) -> Result<(), HostError> {
        (files.suspect, files.severed) = (false, false);
        self.source.bind(files, self.unix)?;
        let mut fresh = std::mem::take(&mut self.scratch);
        fresh.clear();
        self.fill(files, want, &mut fresh);
        if files.severed || (files.suspect && self.source.is_gone(files)) {
            self.scratch = fresh;
            return Err(HostError::Gone { path: files.path.to_string() });
        }
        self.scratch = std::mem::replace(stats, fresh);
        Ok(())
    }

    /// What is made of the environment of a process, of 1 MiB at most; nothing of it stays here.
    pub fn read_environment<T>(&mut self, pid: u32, parse: impl FnOnce(&[u8]) -> T) -> Option<T> {
        descriptors::proc_name(&mut self.source.name, pid, "environ");
        let parsed = self.source.read_proc().ok().map(parse);
        self.source.wipe();
        parsed
    }

    /// Sockets that listen in these network namespaces, by their inode numbers.
    pub fn read_listening(&mut self, namespaces: &BTreeMap<u64, Namespace>) -> Vec<Listening> {
        // Who listens where nobody did must have run. A dump goes through all of the kernel's table each time.
        let asked = namespaces.iter().filter(|(number, of)| of.ran || !self.silent.contains(number));
        let asked: Vec<(u64, u32)> = asked.map(|(number, of)| (*number, of.pid)).collect();
        let found = read_listening(&self.paths.procfs, &asked);
        self.silent.retain(|number| namespaces.get(number).is_some_and(|of| !of.ran));
        self.silent.extend(found.silent);
        let tally = &mut self.source.tally;
        (0..found.errors).for_each(|_| tally.error(Collector::Listen));
        tally.exceed(Collector::Listen, found.beyond);
        found.sockets
    }

    /// What could not be read or was beyond a bound so far.
    pub fn tally(&self) -> &Tally {
        &self.source.tally
    }

    /// Descriptors kept open now, and the most there may be.
    pub fn descriptors_kept(&self) -> (u64, u64) {
        (self.options.budget.kept(), self.options.budget.max())
    }

    /// The machine; its memory and CPUs may change, and are read anew after [`ReaderOptions::refresh`].
    pub fn machine(&self) -> Machine {
        self.machine
    }

    fn fill(&mut self, files: &mut CgroupFiles, want: Wanted, stats: &mut HostStats) {
        let anew = files.memo.want.replace(want) != Some(want);
        let due = self.due(files);
        let young = self.is_young(files);
        let full = anew || files.memo.refreshed != Some(due) || young || files.memo.was_young;
        if want.limits() && full {
            self.read_limits(files, want);
        }
        let usage = self.read_usage(files, full, &mut stats.cpu);
        // A usage of 0 says nothing: its tasks may be elsewhere in the hierarchy of this controller.
        let unchanged = usage.is_some_and(|ns| ns > 0) && usage == files.memo.usage;
        files.memo.usage = usage;
        let pass = Pass { full, unchanged };
        files.ran = !pass.idle();
        if want.cpu {
            self.read_cpu(files, pass, &mut stats.cpu);
        } else {
            stats.cpu = super::CpuStats::default();
        }
        if want.memory {
            stats.memory = self.read_memory(files, pass);
        }
        if want.spec {
            stats.limits = self.limits(files);
        }
        if want.diskio {
            self.read_diskio(files, pass, &mut stats.devices);
        }
        if want.processes() {
            let listing = self.read_processes(files, want, pass, &mut stats.pids);
            if want.tasks {
                stats.tasks = self.read_tasks(files, listing);
            }
        } else {
            // An open file of a cgroup that was removed says so.
            let _ = self.source.read(files, File::Procs, full, Collector::Pids);
        }
        if want.pids {
            stats.limits.threads = files.memo.limits.threads;
            stats.limits.threads_effective = files.memo.limits.threads_effective;
        }
        if want.network || want.listening {
            self.read_namespace(files, pass);
        }
        if want.pressure {
            stats.pressure = self.read_pressure(files, pass);
        }
        if want.machine && &*files.path == "/" {
            stats.machine = Some(self.machine);
        }
        files.memo.refreshed = Some(due);
        files.memo.was_young = young;
        stats.created = files.created.unwrap_or(self.unix);
        stats.last_seen = Some(self.unix);
    }

    /// Grows by one whenever everything is to be read, at another time for each cgroup.
    fn due(&self, files: &CgroupFiles) -> u64 {
        let mut hasher = DefaultHasher::new();
        files.path.hash(&mut hasher);
        let phase = (hasher.finish() % 1024) as f64 / 1024.0;
        let refresh = self.options.refresh.as_secs_f64();
        if refresh > 0.0 { (self.unix / refresh + phase) as u64 } else { self.unix.to_bits() }
    }

    fn is_young(&self, files: &CgroupFiles) -> bool {
        let settle = self.options.settle.as_secs_f64();
        files.created.is_some_and(|created| self.unix - created < settle)
    }
}

impl HostStats {
    /// Empties it and keeps the memory of its lists.
    fn clear(&mut self) {
        let (mut devices, mut interfaces) =
            (std::mem::take(&mut self.devices), std::mem::take(&mut self.interfaces));
        devices.clear();
        interfaces.clear();
        *self = Self { devices, interfaces, ..Self::default() };
    }
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests;
