//! The histogram that all signals share: powers of two from 1 µs, with its exact sum.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Buckets: upper bounds of 1 µs · 2^i for all but the last, which has none.
pub const BUCKETS: usize = 26;

/// Observations of a time.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Histogram {
    /// Observations by bucket.
    pub buckets: [u64; BUCKETS],
    /// Their sum.
    pub sum_ns: u64,
}

const _: () = assert!(size_of::<Histogram>() == 27 * 8);

impl Histogram {
    /// Nothing observed.
    pub const ZERO: Self = Self { buckets: [0; BUCKETS], sum_ns: 0 };
}

/// The bucket of a time: the first whose bound is not below it.
#[inline(always)]
pub const fn bucket(ns: u64) -> usize {
    let whole_us_below = ns.saturating_sub(1) / 1000;
    let bucket = (u64::BITS - whole_us_below.leading_zeros()) as usize;
    if bucket < BUCKETS { bucket } else { BUCKETS - 1 }
}

const _: () = assert!(bucket(0) == 0 && bucket(1000) == 0 && bucket(1001) == 1 && bucket(2000) == 1);
const _: () = assert!(bucket(2001) == 2 && bucket(4000) == 2 && bucket(u64::MAX) == BUCKETS - 1);
const _: () = assert!(bucket(1000 << 24) == 24 && bucket((1000 << 24) + 1) == 25);
