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

/// The second key of one word of a record: where a map holds records rather than counters, each word is served to the
/// signals as a counter of its own.
pub const fn word_key(key: [u32; 2], word: usize) -> [u32; 2] {
    [key[0], key[1] << WORD_BITS | word as u32]
}

/// The record's key and the word's place in it, from its [`word_key`].
pub const fn record_key(key: [u32; 2]) -> ([u32; 2], usize) {
    ([key[0], key[1] >> WORD_BITS], (key[1] & ((1 << WORD_BITS) - 1)) as usize)
}

const WORD_BITS: u32 = 8;
