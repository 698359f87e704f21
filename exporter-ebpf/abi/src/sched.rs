//! Cells of the `sched` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Buckets of the run queue wait: upper bounds of 1 µs · 2^i for all but the last, which has none.
pub const BUCKETS: usize = 26;

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Waits by bucket: each counted when the run that followed it ends.
    pub wait_buckets: [u64; BUCKETS],
    /// Their sum.
    pub wait_sum_ns: u64,
    /// Switches away because the task blocked.
    pub voluntary: u64,
    /// Switches away while it could have run on.
    pub involuntary: u64,
}

const _: () = assert!(size_of::<Cell>() == 29 * 8);

/// What is remembered of a task between two switches away from it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Seen {
    /// Its `sched_info.run_delay` at the last one.
    pub run_delay_ns: u64,
    /// Its `nvcsw` at the last one.
    pub voluntary: u64,
}

const _: () = assert!(size_of::<Seen>() == 16);

/// The bucket of a wait: the first whose bound is not below it.
#[inline(always)]
pub const fn bucket(wait_ns: u64) -> usize {
    let whole_us_below = wait_ns.saturating_sub(1) / 1000;
    let bucket = (u64::BITS - whole_us_below.leading_zeros()) as usize;
    if bucket < BUCKETS { bucket } else { BUCKETS - 1 }
}

const _: () = assert!(bucket(0) == 0 && bucket(1000) == 0 && bucket(1001) == 1 && bucket(2000) == 1);
const _: () = assert!(bucket(2001) == 2 && bucket(4000) == 2 && bucket(u64::MAX) == BUCKETS - 1);
const _: () = assert!(bucket(1000 << 24) == 24 && bucket((1000 << 24) + 1) == 25);
