//! Cells of the `oom` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Processes of the cgroup that the OOM killer chose.
    pub kills: u64,
}

const _: () = assert!(size_of::<Cell>() == 8);
