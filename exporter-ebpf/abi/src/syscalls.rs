//! Cells and keys of the `syscalls` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Columns: one a system call number of the machine's own ABI.
pub const NUMBERS: usize = 510;
/// Keys one slot may hold; beyond it errors are folded.
pub const KEYS_PER_SLOT: u32 = 256;

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Calls by number, counted when they return.
    pub calls: [u64; NUMBERS],
    /// Calls with a number beyond the columns.
    pub unknown: u64,
    /// Errors that found no room in the keyed map.
    pub errors_folded: u64,
    /// Calls refused, by the errno in [`REFUSALS`]; they are among the errors too, where a key can be folded.
    pub refused: [u64; REFUSALS.len()],
}

const _: () = assert!(size_of::<Cell>() == 4112);

/// EPERM and EACCES: the caller is not allowed to.
pub const REFUSALS: [u32; 2] = [1, 13];

/// Set in the first word of a key for a call through the 32-bit ABI.
pub const COMPAT: u32 = 1 << 31;
/// The number in the key of a call whose number is beyond the columns.
pub const UNKNOWN: u32 = NUMBERS as u32;

/// Errors are keyed `[number | COMPAT, errno]`; a 32-bit call is counted under the same form with errno 0.
pub const fn error_key(number: u32, errno: u32) -> [u32; 2] {
    [number, errno]
}
