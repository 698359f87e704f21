//! The files of one cgroup, kept open while the budget of descriptors allows.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::reader::Memo;

/// How many descriptors may be kept open in all. Beyond it files are opened, read and closed each time.
#[derive(Clone, Debug)]
pub struct FdBudget(Arc<Count>);

#[derive(Debug)]
struct Count {
    kept: AtomicU64,
    max: u64,
}

/// Whose processes a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those in the cgroup itself, as cAdvisor does: for plain cgroups, whose children have rows of their own.
    Own,
    /// Those in nested cgroups too: for containers, whose inner cgroups have no rows.
    Subtree,
}

/// The files of one cgroup. Cheap to make; nothing is opened before the first reading.
#[derive(Debug)]
pub struct CgroupFiles {
    pub(super) path: Box<str>,
    pub(super) scope: Scope,
    pub(super) slots: [Slot; File::COUNT],
    pub(super) directory: Option<Kept>,
    pub(super) inode: u64,
    pub(super) created: Option<f64>,
    pub(super) leader: Option<u32>,
    pub(super) netns: Option<u64>,
    /// Something vanished under us: look whether the cgroup is still there.
    pub(super) suspect: bool,
    pub(super) memo: Memo,
}

/// An open descriptor that counts against the budget.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) fd: OwnedFd,
    budget: FdBudget,
}

/// What is known of one file.
#[derive(Debug, Default)]
pub(super) enum Slot {
    #[default]
    Closed,
    Kept(Kept),
    Missing,
}

/// The files, each at its place in the table below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum File {
    CpuUsage,
    CpuSplit,
    CpuStat,
    CpuCore,
    MemoryUsage,
    MemoryStat,
    MemoryPeak,
    MemoryFailcnt,
    MemorySwap,
    MemoryEvents,
    IoBytes,
    IoRequests,
    IoBytesOwn,
    IoRequestsOwn,
    IoBytesBfq,
    IoRequestsBfq,
    PidsCurrent,
    Procs,
    PressureCpu,
    PressureMemory,
    PressureIo,
    CpuMax,
    CpuPeriod,
    CpuShares,
    MemoryLimit,
    MemoryReservation,
    MemorySwapLimit,
    PidsMax,
}

/// Where a file is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Place {
    Cpu,
    Cpuacct,
    Memory,
    Io,
    Pids,
    /// cgroup2, whatever its controllers.
    Unified,
    /// cgroup2, else the v1 hierarchy that cgroups are listed in.
    Primary,
}

pub(super) struct Spec {
    pub(super) place: Place,
    pub(super) v1: &'static str,
    pub(super) v2: &'static str,
    /// Read at most scrapes, so worth a descriptor; the others only change when someone writes them.
    pub(super) keep: bool,
}

impl FdBudget {
    /// The most that is kept by default: an open file of cgroupfs holds a page in the kernel.
    const DEFAULT_MAX: u64 = 8192;

    /// A budget of `max` descriptors.
    pub fn new(max: u64) -> Self {
        Self(Arc::new(Count { kept: AtomicU64::new(0), max }))
    }

    /// Half of what this process may have open, at most 8,192.
    pub fn from_rlimit() -> Self {
        let soft = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::new((soft / 2).min(Self::DEFAULT_MAX))
    }

    /// Descriptors kept now.
    pub fn kept(&self) -> u64 {
        self.0.kept.load(Ordering::Relaxed)
    }

    /// The bound.
    pub fn max(&self) -> u64 {
        self.0.max
    }

    /// Keeps a descriptor, or closes it if the budget is used up.
    pub(super) fn keep(&self, fd: OwnedFd) -> Result<Kept, OwnedFd> {
        if self.0.kept.fetch_add(1, Ordering::Relaxed) < self.0.max {
            return Ok(Kept { fd, budget: self.clone() });
        }
        self.0.kept.fetch_sub(1, Ordering::Relaxed);
        Err(fd)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.budget.0.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Raises the soft limit of open files to the hard one, as much software does at start; gives the limit
/// then in force, `None` if there is none.
pub fn raise_nofile_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() { maximum } else { current }
}

impl CgroupFiles {
    /// The path of the cgroup.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The inode number of its directory, once read: on cgroup2 its cgroup id.
    pub fn inode(&self) -> Option<u64> {
        (self.inode != 0).then_some(self.inode)
    }

    /// Tells the true time of creation, which a directory only shows as long as its inode is cached.
    pub fn set_created(&mut self, unix: f64) {
        self.created = Some(unix);
    }

    /// The network namespace of its processes, as of the last reading.
    pub fn netns(&self) -> Option<u64> {
        self.netns
    }

    /// One of its processes, as of the last reading.
    pub fn leader(&self) -> Option<u32> {
        self.leader
    }

    pub(super) fn new(path: &str, scope: Scope) -> Self {
        Self {
            path: path.into(),
            scope,
            slots: std::array::from_fn(|_| Slot::Closed),
            directory: None,
            inode: 0,
            created: None,
            leader: None,
            netns: None,
            suspect: false,
            memo: Memo::default(),
        }
    }
}

impl File {
    pub(super) const COUNT: usize = Self::PidsMax as usize + 1;

    pub(super) const fn spec(self) -> &'static Spec {
        &FILES[self as usize]
    }
}

const fn spec(place: Place, v1: &'static str, v2: &'static str, keep: bool) -> Spec {
    Spec { place, v1, v2, keep }
}

/// In the order of [`File`]. An empty name: that version has no such file.
static FILES: [Spec; File::COUNT] = [
    spec(Place::Cpuacct, "cpuacct.usage", "", true),
    spec(Place::Cpuacct, "cpuacct.stat", "", true),
    spec(Place::Cpu, "cpu.stat", "", true),
    spec(Place::Unified, "", "cpu.stat", true),
    spec(Place::Memory, "memory.usage_in_bytes", "memory.current", true),
    spec(Place::Memory, "memory.stat", "memory.stat", true),
    spec(Place::Memory, "memory.max_usage_in_bytes", "memory.peak", true),
    spec(Place::Memory, "memory.failcnt", "", true),
    spec(Place::Memory, "", "memory.swap.current", true),
    spec(Place::Memory, "", "memory.events", true),
    spec(Place::Io, "blkio.throttle.io_service_bytes_recursive", "io.stat", true),
    spec(Place::Io, "blkio.throttle.io_serviced_recursive", "", true),
    spec(Place::Io, "blkio.throttle.io_service_bytes", "", true),
    spec(Place::Io, "blkio.throttle.io_serviced", "", true),
    spec(Place::Io, "blkio.bfq.io_service_bytes_recursive", "", true),
    spec(Place::Io, "blkio.bfq.io_serviced_recursive", "", true),
    spec(Place::Pids, "pids.current", "pids.current", true),
    spec(Place::Primary, "cgroup.procs", "cgroup.procs", true),
    spec(Place::Unified, "", "cpu.pressure", true),
    spec(Place::Unified, "", "memory.pressure", true),
    spec(Place::Unified, "", "io.pressure", true),
    spec(Place::Cpu, "cpu.cfs_quota_us", "cpu.max", false),
    spec(Place::Cpu, "cpu.cfs_period_us", "", false),
    spec(Place::Cpu, "cpu.shares", "cpu.weight", false),
    spec(Place::Memory, "memory.limit_in_bytes", "memory.max", false),
    spec(Place::Memory, "memory.soft_limit_in_bytes", "memory.min", false),
    spec(Place::Memory, "memory.memsw.limit_in_bytes", "memory.swap.max", false),
    spec(Place::Pids, "pids.max", "pids.max", false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        assert_eq!(File::CpuUsage.spec().v1, "cpuacct.usage");
        assert_eq!(File::MemoryUsage.spec().v2, "memory.current");
        assert_eq!(File::IoBytesBfq.spec().v1, "blkio.bfq.io_service_bytes_recursive");
        assert_eq!(File::Procs.spec().v1, "cgroup.procs");
        assert_eq!(File::PressureIo.spec().v2, "io.pressure");
        assert_eq!(File::CpuMax.spec().v2, "cpu.max");
        assert_eq!(File::PidsMax.spec().v2, "pids.max");
    }

    #[test]
    fn the_budget_is_kept_and_given_back() {
        let open = || OwnedFd::from(std::fs::File::open("/dev/null").expect("opens"));
        let budget = FdBudget::new(1);
        let first = budget.keep(open()).expect("room for one");
        assert!(budget.keep(open()).is_err());
        assert_eq!(budget.kept(), 1);
        drop(first);
        assert_eq!(budget.kept(), 0);
        assert!(budget.keep(open()).is_ok());
    }
}
