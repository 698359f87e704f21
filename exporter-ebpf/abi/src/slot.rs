//! Slots: the dense numbers that stand for cgroups inside the kernel.

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
}

const _: () = assert!(size_of::<Sizes>() == 8);
const _: () = assert!(CACHE_ENTRIES.is_power_of_two());
