//! Tables by task, which are looked up by a number made of the task.

/// A task and what is remembered of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near<T> {
    /// The task's number; 0 where there is none.
    pub task: u64,
    /// What is remembered.
    pub value: T,
}

/// Places in such a table: a power of two.
pub const NEAR: u32 = 1 << NEAR_BITS;
const NEAR_BITS: u32 = 13;

/// A task's place there.
pub const fn near(task: u64) -> u32 {
    // Fibonacci hashing: the lowest bits of an address are the same for all.
    (task.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - NEAR_BITS)) as u32
}
