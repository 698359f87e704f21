//! Cells of the `reclaim` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::histogram::Histogram;

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Stalls in which a task freed memory because the machine was short of it.
    pub global: Histogram,
    /// Stalls because a cgroup had reached its limit.
    pub cgroup: Histogram,
}

const _: () = assert!(size_of::<Cell>() == 54 * 8);

/// Stalls that are followed at once.
pub const MAX_STALLED: u32 = 4096;
