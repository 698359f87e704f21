//! Cells and records of the `block_io` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::histogram::Histogram;

/// Operations there are: places in a [`Cell`] and second words of a key.
pub const OPERATIONS: [&str; 4] = ["read", "write", "discard", "flush"];
/// See [`OPERATIONS`].
pub const READ: u32 = 0;
/// See [`OPERATIONS`].
pub const WRITE: u32 = 1;
/// See [`OPERATIONS`].
pub const DISCARD: u32 = 2;
/// See [`OPERATIONS`].
pub const FLUSH: u32 = 3;

/// Pairs of device and operation one slot may hold; beyond it requests count under [`OTHER_DEVICE`].
pub const PAIRS_PER_SLOT: u32 = 64;
/// Stands for devices beyond the bound. No device has this number.
pub const OTHER_DEVICE: u32 = u32::MAX;

/// Disks whose names are kept; of more only the numbers are shown.
pub const MAX_DISKS: u32 = 1024;
/// A disk's name, NUL-padded, in words as the kernel's structure is aligned.
pub type DiskName = [u32; 8];

/// What is counted under `{slot, [device, operation]}`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Record {
    /// From queueing to completion.
    pub duration: Histogram,
    /// Requests for which the kernel kept no time (`queue/iostats` is off and no scheduler asks).
    pub untimed: u64,
    /// Bytes moved or discarded.
    pub bytes: u64,
    /// Completions with an error.
    pub errors: u64,
}

const _: () = assert!(size_of::<Record>() == 30 * 8);

impl Record {
    /// Nothing yet.
    pub const ZERO: Self = Self { duration: Histogram::ZERO, untimed: 0, bytes: 0, errors: 0 };
}

/// One shard of a slot's cell: requests for which there was no record, by operation.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Requests.
    pub operations: [u64; OPERATIONS.len()],
    /// Bytes.
    pub bytes: [u64; OPERATIONS.len()],
    /// Completions with an error.
    pub errors: [u64; OPERATIONS.len()],
}

const _: () = assert!(size_of::<Cell>() == 12 * 8);

/// A device as the kernel numbers it inside, in 32 bits.
pub const fn device(major: u32, minor: u32) -> u32 {
    major << MINOR_BITS | minor & ((1 << MINOR_BITS) - 1)
}

/// Major and minor number of a [`device`].
pub const fn major_minor(device: u32) -> (u32, u32) {
    (device >> MINOR_BITS, device & ((1 << MINOR_BITS) - 1))
}

const MINOR_BITS: u32 = 20;
