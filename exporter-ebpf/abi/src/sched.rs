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
}

const _: () = assert!(size_of::<Cell>() == 29 * 8);

/// What is remembered of a task between two switches away from it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Seen {
    /// Its `sched_info.run_delay` at the last one.
    pub run_delay_ns: u64,
    /// Its `nvcsw` at the last one.
    pub voluntary: u64,
}

const _: () = assert!(size_of::<Seen>() == 16);
