//! Cells and keys of the `faults` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Processes that left a core dump.
    pub core_dumps: u64,
    /// Fatal signals whose number and sender found no room in the keyed map.
    pub folded: u64,
}

const _: () = assert!(size_of::<Cell>() == 16);

/// Pairs of signal and sender one slot may hold; beyond it fatal signals are folded.
pub const KEYS_PER_SLOT: u32 = 32;
/// Signals on their way whose senders are remembered. It holds no counter, so the oldest may go.
pub const PENDING: u32 = 8192;

/// Stands for the sender where the kernel itself sent the signal.
pub const KERNEL: u64 = 0;
/// Stands for the sender where it was not seen.
pub const UNKNOWN: u64 = ID_MASK;

/// What a key keeps of a cgroup's id: 31 bits of it number a cgroup, the others count how often those ran out.
const ID_MASK: u64 = (1 << 56) - 1;

/// The signal that killed and the cgroup id of its sender, in one key: a slot could be another's by the time it is read.
pub const fn fatal_key(signal: u32, sender: u64) -> [u32; 2] {
    [signal << 24 | (sender >> 32) as u32 & 0xff_ffff, sender as u32]
}

/// The signal in a key.
pub const fn signal_of(key: [u32; 2]) -> u32 {
    key[0] >> 24
}

/// The sender in a key.
pub const fn sender_of(key: [u32; 2]) -> u64 {
    ((key[0] & 0xff_ffff) as u64) << 32 | key[1] as u64
}

const _: () =
    assert!(signal_of(fatal_key(64, UNKNOWN)) == 64 && sender_of(fatal_key(64, UNKNOWN)) == UNKNOWN);
const _: () = assert!(sender_of(fatal_key(9, 0x12_3456_789a)) == 0x12_3456_789a);

/// A signal on its way to a process.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Pending {
    /// When the process' first thread started: with `tgid`, which process it is.
    pub leader_start_ns: u64,
    /// Its process id.
    pub tgid: u32,
    /// The signal.
    pub signal: u32,
}

const _: () = assert!(size_of::<Pending>() == 16);

/// Set beside the sender's id when the signal has already sealed the process' end: no later one replaces it.
pub const SEALED: u64 = 1 << 63;
