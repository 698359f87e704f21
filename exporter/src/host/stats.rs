//! The numbers of one cgroup, as plain data.

use std::sync::Arc;

use super::parse::MemoryEvents;

/// Everything read for one cgroup. `None` is "not available here": the series is then absent, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostStats {
    /// Unix time in seconds at which the cgroup was made.
    pub created: f64,
    /// Unix time in seconds of this reading; of the last one, for a cgroup that is gone.
    pub last_seen: Option<f64>,
    /// CPU time and throttling.
    pub cpu: CpuStats,
    /// Memory.
    pub memory: MemoryStats,
    /// What the cgroup may use.
    pub limits: LimitStats,
    /// Disk I/O, one entry a device that was used.
    pub devices: Vec<DeviceIo>,
    /// Traffic of the cgroup's network namespace, if this row speaks for it.
    pub interfaces: Vec<InterfaceStats>,
    /// Processes, threads and what they have open.
    pub pids: PidStats,
    /// Threads by command and state.
    pub tasks: Option<Arc<TaskStats>>,
    /// Pressure stall information.
    pub pressure: PressureStats,
    /// The whole machine: only on the row of the root cgroup.
    pub machine: Option<Machine>,
}

impl HostStats {
    /// What still holds once the cgroup is gone: everything that only ever grew.
    pub fn into_last(self) -> Self {
        let memory = MemoryStats {
            usage: None,
            working_set: None,
            rss: None,
            cache: None,
            swap: None,
            mapped_file: None,
            ..self.memory
        };
        Self {
            memory,
            limits: LimitStats::default(),
            pids: PidStats::default(),
            tasks: None,
            machine: None,
            ..self
        }
    }
}

/// CPU time and throttling. Descendants are included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuStats {
    /// CPU time used.
    pub usage_ns: Option<u64>,
    /// Of it, in user mode.
    pub user_ns: Option<u64>,
    /// Of it, in the kernel.
    pub system_ns: Option<u64>,
    /// Enforcement periods of the quota that passed; only where a quota is set, like the four below.
    pub periods: Option<u64>,
    /// Periods in which the cgroup was throttled.
    pub throttled_periods: Option<u64>,
    /// Time for which it was throttled.
    pub throttled_ns: Option<u64>,
    /// Periods in which it used burst.
    pub burst_periods: Option<u64>,
    /// CPU time above the quota that burst allowed.
    pub burst_ns: Option<u64>,
}

/// Memory. Descendants are included unless a field says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Bytes charged.
    pub usage: Option<u64>,
    /// Usage less the inactive page cache, never below 0.
    pub working_set: Option<u64>,
    /// Anonymous memory.
    pub rss: Option<u64>,
    /// Page cache.
    pub cache: Option<u64>,
    /// Swap used.
    pub swap: Option<u64>,
    /// Page cache that is mapped.
    pub mapped_file: Option<u64>,
    /// The highest usage recorded.
    pub max_usage: Option<u64>,
    /// How often the limit was hit (v1).
    pub failcnt: Option<u64>,
    /// Page faults of the cgroup alone (v1), with descendants (v2).
    pub pgfault: Option<u64>,
    /// Major page faults, likewise.
    pub pgmajfault: Option<u64>,
    /// Page faults with descendants.
    pub total_pgfault: Option<u64>,
    /// Major page faults with descendants.
    pub total_pgmajfault: Option<u64>,
    /// Bytes read back from swap (v2 of new kernels).
    pub swapped_in: Option<u64>,
    /// Bytes written to swap, likewise.
    pub swapped_out: Option<u64>,
    /// `memory.events` (v2).
    pub events: MemoryEvents,
}

/// Limits, in the units and with the conventions of cAdvisor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitStats {
    /// CPU time in µs a period; `None` where unlimited.
    pub cpu_quota_us: Option<u64>,
    /// The period in µs.
    pub cpu_period_us: Option<u64>,
    /// CPU shares, 1024 is normal; a v2 weight is converted.
    pub cpu_shares: Option<u64>,
    /// Memory limit in bytes, 0 where unlimited.
    pub memory: Option<u64>,
    /// Memory soft limit (v1) or protected minimum (v2) in bytes, 0 where unlimited.
    pub memory_reservation: Option<u64>,
    /// Limit of memory and swap (v1) or of swap (v2) in bytes, 0 where unlimited.
    pub memory_swap: Option<u64>,
    /// Threads allowed, 0 where unlimited.
    pub threads: Option<u64>,
    /// The lowest limit of threads of the cgroup, those above it and the kernel.
    pub threads_effective: Option<u64>,
}

/// Disk I/O of one device. Descendants are included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIo {
    /// `/dev/sda`, or `major:minor` where sysfs does not know the device.
    pub device: Arc<str>,
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Bytes written.
    pub write_bytes: Option<u64>,
    /// Read requests.
    pub reads: Option<u64>,
    /// Write requests.
    pub writes: Option<u64>,
}

/// Traffic of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceStats {
    /// Its name inside the namespace.
    pub name: Arc<str>,
    /// Bytes, packets, errors and drops received.
    pub receive: [u64; 4],
    /// Bytes, packets, errors and drops transmitted.
    pub transmit: [u64; 4],
}

/// Processes and threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PidStats {
    /// Processes.
    pub processes: Option<u64>,
    /// Threads, descendants included.
    pub threads: Option<u64>,
    /// File descriptors its processes hold.
    pub descriptors: Option<u64>,
    /// Of them, sockets.
    pub sockets: Option<u64>,
    /// How many descriptors its first process may have open.
    pub descriptors_limit: Option<u64>,
}

/// Threads by command and by state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskStats {
    /// The commands with the most threads, and how many.
    pub commands: Vec<(Arc<str>, u64)>,
    /// Threads of all other commands.
    pub other: u64,
    /// Threads by state, in the order of [`TaskState::ALL`].
    pub states: Option<[u64; TaskState::ALL.len()]>,
}

/// The state of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum TaskState {
    /// It runs or waits for a CPU.
    Running,
    /// It waits for something, and a signal would wake it.
    Sleeping,
    /// By a signal or a debugger.
    Stopped,
    /// It waits, and nothing else wakes it.
    Uninterruptible,
    /// It ended and was not waited for.
    Zombie,
}

impl TaskState {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Sleeping, Self::Stopped, Self::Uninterruptible, Self::Zombie];

    /// As cAdvisor calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::Stopped => "stopped",
            Self::Uninterruptible => "uninterruptible",
            Self::Zombie => "zombie",
        }
    }
}

/// Pressure stall information of the three resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PressureStats {
    /// CPU.
    pub cpu: Option<Pressure>,
    /// Memory.
    pub memory: Option<Pressure>,
    /// Disk I/O.
    pub io: Option<Pressure>,
}

/// One resource's totals since the cgroup was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Some task waited, µs.
    pub some_us: Option<u64>,
    /// No task could run, µs.
    pub full_us: Option<u64>,
}

/// The machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Logical CPUs online.
    pub cpus: Option<u64>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Swap in bytes.
    pub swap: Option<u64>,
}
