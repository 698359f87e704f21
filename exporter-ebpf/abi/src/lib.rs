//! Records and constants that both sides of the kernel boundary share: defined once, so they cannot drift.
//!
//! One file a signal. Every record is made of fixed-width integers without implicit padding (the `zerocopy`
//! derives refuse it), with its unit in the field's name and its size asserted.
#![no_std]

pub mod block_io;
pub mod calls;
pub mod connections;
pub mod dns;
pub mod drops;
pub mod event;
pub mod faults;
pub mod files;
pub mod histogram;
pub mod io_uring;
pub mod keyed;
pub mod layout;
pub mod loss;
pub mod nat;
pub mod oom;
pub mod process;
pub mod reclaim;
pub mod run;
pub mod sched;
pub mod slot;
pub mod syscall_latency;
pub mod syscalls;
pub mod tasks;
pub mod tcp;
pub mod udp;
pub mod unix;
