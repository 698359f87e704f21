//! Slots: the dense numbers that stand for cgroups inside the kernel.

use crate::dns::MAX_PORTS;

/// The slot that takes what happens in a cgroup without a slot of its own. Never given out.
pub const UNATTRIBUTED: u32 = 0;

/// Entries of the direct-mapped cache from cgroup id to slot (a power of two). Ids are handed out in sequence, so
/// neighbours in time do not collide; a collision costs one hash lookup, never a wrong answer.
pub const CACHE_ENTRIES: u32 = 8192;

/// What the loader fixes for the programs before they are loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, zerocopy::IntoBytes, zerocopy::Immutable)]
pub struct Sizes {
    /// Slots, the unattributed one included: the stride between shards in every array of cells.
    pub slots: u32,
    /// A CPU's shard is its number shifted right by this.
    pub shard_shift: u32,
    /// The number of the v1 hierarchy that has the controller of block I/O; 0 if v2 has it.
    pub io_hierarchy: u32,
    /// Whether connections are counted by who is on the other side.
    pub connections: u32,
    /// Whether it is asked what address translation makes of destinations.
    pub nat: u32,
    /// Prefixes of named groups of destinations.
    pub prefixes: u32,
    /// Ports of DNS resolvers; 0 is none.
    pub dns_ports: [u16; MAX_PORTS],
    /// What one program does when a system call returns: see [`crate::calls::SYSCALLS`].
    pub calls: u32,
    /// Whether questions to resolvers are counted by name, too.
    pub dns_names: u32,
    /// Whether destinations are shown by the names that answers gave their addresses.
    pub dns_destinations: u32,
}

const _: () = assert!(size_of::<Sizes>() == 44);
const _: () = assert!(CACHE_ENTRIES.is_power_of_two());
