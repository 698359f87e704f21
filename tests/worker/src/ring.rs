//! Requests through an io_uring.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Answer, last_error};

/// `struct io_uring_params`, of which only the places of what is used here have names.
#[repr(C)]
#[derive(Default)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    before: [u32; 8],
    sq_head: u32,
    sq_tail: u32,
    sq_ring_mask: u32,
    sq_ring_entries: u32,
    sq_flags: u32,
    sq_dropped: u32,
    sq_array: u32,
    after: [u32; 3],
    completion: [u32; 10],
}

const ENTRIES: u32 = 64;
const SQE_BYTES: usize = 64;
const OFFSET_RING: i64 = 0;
const OFFSET_SQES: i64 = 0x1000_0000;
const GETEVENTS: u32 = 1;

/// N requests that do nothing, one `io_uring_enter` each. What is mapped goes with the process.
pub(crate) fn nops(n: u64) -> Answer {
    let mut params = Params::default();
    // SAFETY: the kernel fills in the parameters.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, ENTRIES, &raw mut params) } as i32;
    if ring < 0 {
        return Err(last_error("io_uring_setup"));
    }
    let map = |length: usize, offset: i64| {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
        // SAFETY: a new mapping, where the kernel likes.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, ring, offset) };
        if memory == libc::MAP_FAILED { Err(last_error("mmap")) } else { Ok(memory.cast::<u8>()) }
    };
    let queue = map(params.sq_array as usize + params.sq_entries as usize * 4, OFFSET_RING)?;
    // A request of zeros does nothing.
    map(params.sq_entries as usize * SQE_BYTES, OFFSET_SQES)?;
    // SAFETY: the kernel says where in the mapping the tail is.
    let tail = unsafe { &*queue.add(params.sq_tail as usize).cast::<AtomicU32>() };
    for _ in 0..n {
        tail.fetch_add(1, Ordering::Release);
        // SAFETY: no pointers.
        let taken = unsafe { libc::syscall(libc::SYS_io_uring_enter, ring, 1, 0, GETEVENTS, 0_u64, 0_u64) };
        if taken != 1 {
            return Err(last_error("io_uring_enter"));
        }
    }
    // SAFETY: it is ours alone.
    unsafe { libc::close(ring) };
    Ok(String::new())
}
