//! Cells and keys of the `files` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Operations: open, read, write, fsync; [`crate::calls::OPEN`] is the first.
pub const OPERATIONS: usize = 4;

/// What a descriptor leads to: a regular file.
pub const FILE: usize = 0;
/// A pipe or FIFO.
pub const PIPE: usize = 1;
/// A socket.
pub const SOCKET: usize = 2;
/// A device, a directory, or what has no inode of its own, such as an eventfd.
pub const OTHER: usize = 3;
/// Nothing: the file was not opened, or there is no such descriptor (any more).
pub const NONE: usize = 4;
/// Their number.
pub const TYPES: usize = 5;

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Calls that returned, by operation and type.
    pub operations: [[u64; TYPES]; OPERATIONS],
    /// Bytes read and written, by type.
    pub bytes: [[u64; TYPES]; 2],
    /// Errors that found no room in the keyed map.
    pub errors_folded: u64,
}

const _: () = assert!(size_of::<Cell>() == 31 * 8);

/// Errors one slot may hold; beyond it they are folded.
pub const KEYS_PER_SLOT: u32 = 64;

/// Errors are keyed `[operation and type, errno]`; both count from 0.
pub const fn error_key(operation: usize, kind: usize, errno: u32) -> [u32; 2] {
    [(operation * TYPES + kind) as u32, errno]
}
