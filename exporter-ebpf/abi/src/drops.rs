//! Cells and keys of the `drops` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Whose receive buffer was full: places in a [`Cell`].
pub const PROTOCOLS: [&str; 3] = ["udp", "raw", "other"];
/// See [`PROTOCOLS`].
pub const UDP: usize = 0;
/// See [`PROTOCOLS`].
pub const RAW: usize = 1;
/// See [`PROTOCOLS`]: sockets that are not of the internet's protocols.
pub const OTHER: usize = 2;

/// What a socket wanted memory for: places in a [`Cell`], and the tracepoint's own numbers.
pub const DIRECTIONS: [&str; 2] = ["sent", "received"];

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// What found no room in a socket's receive buffer, by protocol.
    pub full: [u64; PROTOCOLS.len()],
    /// Times a socket wanted memory beyond its protocol's or its cgroup's limit, by direction.
    pub beyond_limit: [u64; DIRECTIONS.len()],
    /// Drops whose reason found no room in the keyed map.
    pub folded: u64,
}

const _: () = assert!(size_of::<Cell>() == 6 * 8);

/// Reasons one slot may hold; beyond it they are folded. A reason is the kernel's own number, which its BTF names.
pub const REASONS_PER_SLOT: u32 = 32;
