//! Cells, keys and table of the `unix` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// How connects end: places in a [`Record`].
pub const RESULTS: [&str; 6] = ["ok", "refused", "not_found", "denied", "full", "other"];

/// Paths one slot may hold; what is beyond them counts in its cell.
pub const PATHS_PER_SLOT: u32 = 64;
/// Paths that are remembered on a host; a connection to another is beyond the bound.
pub const MAX_PATHS: u32 = 2048;

/// 64-bit words of a name's bytes; the kernel takes 108 bytes.
pub const NAME_WORDS: usize = 14;
/// A name, padded with zeros, and its length. That of an abstract one begins with a zero.
pub type Name = [u64; NAME_WORDS + 1];

/// What is counted under `{slot, [the path's number, 0]}`, and a slot's cell for all else.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Record {
    /// Connects by result.
    pub results: [u64; RESULTS.len()],
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

const _: () = assert!(size_of::<Record>() == 8 * 8);

impl Record {
    /// Nothing yet.
    pub const ZERO: Self = Self { results: [0; RESULTS.len()], sent_bytes: 0, received_bytes: 0 };
}
