//! Cells of the `io_uring` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Requests the kernel took from a ring.
    pub submissions: u64,
}

const _: () = assert!(size_of::<Cell>() == 8);
