//! Signals whose programs run often count their runs, so that what they cost is known while they run.

/// Each such signal's place.
pub const SYSCALLS: u32 = 0;
/// See [`SYSCALLS`].
pub const SCHED: u32 = 1;
/// See [`SYSCALLS`].
pub const FILES: u32 = 2;
/// See [`SYSCALLS`].
pub const SYSCALL_LATENCY: u32 = 3;
/// See [`SYSCALLS`].
pub const DNS: u32 = 4;
/// See [`SYSCALLS`].
pub const TCP: u32 = 5;
/// See [`SYSCALLS`].
pub const NAT: u32 = 6;
/// See [`SYSCALLS`].
pub const UDP: u32 = 7;
/// See [`SYSCALLS`].
pub const UNIX: u32 = 8;

/// Words for each CPU: two cache lines, so that no two CPUs share one.
pub const STRIDE: u32 = 16;
