//! `io_uring`: requests the kernel takes from rings, which are no system calls.

use aya_ebpf::helpers::generated::bpf_get_current_cgroup_id;
use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::io_uring::Cell;

use crate::cells::{MMAPABLE, add, cell};
use crate::slots::slot_of;

#[map]
static IO_URING: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

/// By the task that made the system call, or by the kernel's thread that polls the ring, which is of the same process.
#[btf_tracepoint(function = "io_uring_submit_req")]
fn io_uring_submit_req(_: BtfTracePointContext) -> i32 {
    submitted()
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "io_uring", name = "io_uring_submit_req")]
fn io_uring_submit_req_perf(_: TracePointContext) -> i32 {
    submitted()
}

/// The tracepoint's name in 5.10 and 6.1.
#[btf_tracepoint(function = "io_uring_submit_sqe")]
fn io_uring_submit_req_as_sqe(_: BtfTracePointContext) -> i32 {
    submitted()
}

#[inline(always)]
fn submitted() -> i32 {
    // SAFETY: the helper takes nothing and cannot fail; the cell is a value of IO_URING.
    unsafe {
        if let Some(cell) = cell(&IO_URING, slot_of(bpf_get_current_cgroup_id())) {
            add(&raw mut (*cell).submissions, 1);
        }
    }
    0
}
