//! Cells of the `sched` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::histogram::Histogram;

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Waits, each counted when the run that followed it ends.
    pub wait: Histogram,
    /// Switches away because the task blocked.
    pub voluntary: u64,
    /// Switches away while it could have run on.
    pub involuntary: u64,
    /// Time on a CPU, each run counted when it ends.
    pub oncpu_ns: u64,
    /// Moves to another CPU, counted likewise.
    pub migrations: u64,
}

const _: () = assert!(size_of::<Cell>() == 31 * 8);

/// What is remembered of a task between two switches away from it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Seen {
    /// Its `sched_info.run_delay` at the last one.
    pub run_delay_ns: u64,
    /// Its `nvcsw` at the last one.
    pub voluntary: u64,
    /// Its `se.sum_exec_runtime` at the last one.
    pub oncpu_ns: u64,
    /// Its `se.nr_migrations` at the last one.
    pub migrations: u64,
}

const _: () = assert!(size_of::<Seen>() == 32);

impl Seen {
    /// A task that has just begun.
    pub const NEW: Self = Self { run_delay_ns: 0, voluntary: 0, oncpu_ns: 0, migrations: 0 };
}
