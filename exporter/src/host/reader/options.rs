//! What to read, how far, and how often.

use std::time::Duration;

use crate::host::FdBudget;

/// Bounds and habits of a reader.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// Descriptors that may be kept open.
    pub budget: FdBudget,
    /// After how long everything is read again, whatever it looks like.
    pub refresh: Duration,
    /// How long a cgroup is young: it is still being set up, and always read in full.
    pub settle: Duration,
    /// Devices of a cgroup.
    pub max_devices: usize,
    /// Interfaces of a network namespace.
    pub max_interfaces: usize,
    /// Nested cgroups whose processes are counted with a container.
    pub max_nested: usize,
    /// Processes of a cgroup whose descriptors are counted.
    pub max_processes: usize,
    /// Threads of a cgroup whose state is looked at.
    pub max_threads: u64,
    /// Threads looked at in all cgroups between two calls of [`HostReader::begin_scrape`].
    pub max_threads_scrape: u64,
    /// Descriptors of a cgroup that are looked at for sockets.
    pub max_descriptors: u64,
    /// Descriptors looked at in all cgroups between two calls of [`HostReader::begin_scrape`].
    pub max_descriptors_scrape: u64,
}

/// What to read: a collector that is off costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// CPU time.
    pub cpu: bool,
    /// Memory.
    pub memory: bool,
    /// Limits.
    pub spec: bool,
    /// Disk I/O.
    pub diskio: bool,
    /// Which network namespace it is; the traffic is read by [`HostReader::read_network`].
    pub network: bool,
    /// Processes and threads.
    pub pids: bool,
    /// Threads by command and state.
    pub tasks: bool,
    /// File descriptors and sockets.
    pub descriptors: bool,
    /// Pressure stall information.
    pub pressure: bool,
    /// Which network namespace it is; the sockets are read by [`HostReader::read_listening`].
    pub listening: bool,
    /// The machine, on the row of the root cgroup.
    pub machine: bool,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self {
            budget: FdBudget::from_rlimit(),
            refresh: Duration::from_secs(300),
            settle: Duration::from_secs(10),
            max_devices: 64,
            max_interfaces: 64,
            max_nested: 1024,
            max_processes: 1024,
            max_threads: 1024,
            max_threads_scrape: 8192,
            max_descriptors: 8192,
            max_descriptors_scrape: 16_384,
        }
    }
}

impl Wanted {
    /// Everything.
    pub const ALL: Self = Self::all(true);
    /// Nothing: only whether the cgroup is there.
    pub const NONE: Self = Self::all(false);

    /// What the signals of these names need.
    pub fn by_name(on: impl Fn(&str) -> bool) -> Self {
        Self {
            cpu: on("cpu"),
            memory: on("memory"),
            spec: on("spec"),
            diskio: on("diskio"),
            network: on("network"),
            pids: on("pids"),
            tasks: on("tasks"),
            descriptors: on("descriptors"),
            pressure: on("pressure"),
            listening: on("listen"),
            machine: on("machine"),
        }
    }

    const fn all(on: bool) -> Self {
        Self {
            cpu: on,
            memory: on,
            spec: on,
            diskio: on,
            network: on,
            pids: on,
            tasks: on,
            descriptors: on,
            pressure: on,
            listening: on,
            machine: on,
        }
    }

    pub(super) fn limits(self) -> bool {
        self.cpu || self.spec || self.pids
    }

    pub(super) fn processes(self) -> bool {
        self.pids || self.tasks || self.descriptors || self.network || self.listening
    }
}
