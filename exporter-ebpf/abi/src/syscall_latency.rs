//! Cells of the `syscall_latency` signal, and what it remembers of a call under way.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::files::OPERATIONS;
use crate::histogram::Histogram;

/// Classes of system calls: a call's class is a place in this list, and the first is what has no other.
pub const CLASSES: [&str; 10] =
    ["other", "file", "network", "poll", "futex", "process", "memory", "time", "signal", "ipc"];

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// How long calls took, by class.
    pub classes: [Histogram; CLASSES.len()],
    /// How long operations on regular files took.
    pub files: [Histogram; OPERATIONS],
}

const _: () = assert!(size_of::<Cell>() == 14 * 27 * 8);

/// A call that began.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Start {
    /// `CLOCK_MONOTONIC`; 0 if none is under way.
    pub began_ns: u64,
    /// Its byte in [`crate::calls::Calls`].
    pub call: u64,
}

const _: () = assert!(size_of::<Start>() == 16);
