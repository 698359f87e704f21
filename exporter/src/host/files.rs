//! The files of one cgroup, kept open while the budget of descriptors allows.

mod table;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub(super) use self::table::{File, Place};
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
    /// An open file lost its cgroup. A v1 host removes a cgroup hierarchy by hierarchy, the listed one perhaps last.
    pub(super) severed: bool,
    /// Its tasks may have run between the last two readings.
    pub(super) ran: bool,
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

    /// Whether it may have run between the last two readings.
    pub fn ran(&self) -> bool {
        self.ran
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
            severed: false,
            ran: true,
            memo: Memo::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
