//! Cells and keys of the `process` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Processes started (a task without `CLONE_THREAD`), in the child's cgroup.
    pub forks: u64,
    /// Threads started (with `CLONE_THREAD`).
    pub threads_started: u64,
    /// Programs executed with success.
    pub execs: u64,
    /// Exits whose code or signal found no room in the keyed map.
    pub exits_folded: u64,
}

const _: () = assert!(size_of::<Cell>() == 32);

/// Exit codes and signals one slot may hold; beyond it exits are folded.
pub const KEYS_PER_SLOT: u32 = 64;

/// The core-dump flag in a wait status, which is not part of the key.
pub const STATUS_CORE: u32 = 0x80;

/// The word of `trace_event_raw_task_newtask` that is the flags of clone.
pub const CLONE_FLAGS: usize = 4;

/// Exits are keyed by wait status without [`STATUS_CORE`]: `[status, 0]`.
pub const fn exit_key(status: u32) -> [u32; 2] {
    [status & 0xffff & !STATUS_CORE, 0]
}
