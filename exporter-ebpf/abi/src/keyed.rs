//! Counters with a second key beside the slot, kept in hashes with a bound.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The key of every keyed counter. What `key` means is the signal's own affair.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Key {
    /// The slot.
    pub slot: u32,
    /// The second key.
    pub key: [u32; 2],
}

const _: () = assert!(size_of::<Key>() == 12);
