//! One program for all that is counted when a system call returns: to enter a program can cost more than all it does.
//!
//! Each signal also has a program of its own, for a kernel that refuses this one.

use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::calls::{FILES, SYSCALL_LATENCY, SYSCALLS, UNIX};

use crate::calls::{Current, Returned};
use crate::cells::{MMAPABLE, SIZES, fixed};
use crate::slots::slot_of;
use crate::{files, syscall_latency, syscalls, unix};

/// The parts that rest now; user space writes it.
#[map]
static CALLS_RESTING: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// For kernels that give a task pointer the verifier knows (5.11 on).
#[btf_tracepoint(function = "sys_exit")]
fn sys_exit_all(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::known())
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "raw_syscalls", name = "sys_exit")]
fn sys_exit_all_perf(ctx: TracePointContext) -> i32 {
    exit(Returned::told_to_perf(&ctx), Current::known())
}

/// For 5.10, where the task pointer is a bare number.
#[btf_tracepoint(function = "sys_exit")]
fn sys_exit_all_5_10(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::bare())
}

#[inline(always)]
fn exit(returned: Returned, current: Current) -> i32 {
    let Some(resting) = CALLS_RESTING.get_ptr(0) else { return 0 };
    // SAFETY: a value of CALLS_RESTING; volatile, since user space changes it.
    let resting = unsafe { resting.read_volatile() } as u32;
    // What the plan leaves out is no code to the verifier.
    let works = |part: u32| fixed(&SIZES.calls) & part != 0 && resting & part == 0;
    // First, so that what the others take is not in its time.
    let now = if works(SYSCALL_LATENCY) { syscall_latency::now() } else { 0 };
    // Before the others: the verifier takes long for it, and would do so for each way that leads here.
    if works(UNIX) {
        unix::exit(returned, current);
    }
    let slot = slot_of(current.cgroup_id());
    if works(SYSCALLS) {
        syscalls::exit(returned, current, slot);
    }
    if works(FILES) || works(SYSCALL_LATENCY) {
        // SAFETY: those are the call's own.
        let done = unsafe { files::done(returned, current) };
        if works(SYSCALL_LATENCY) {
            syscall_latency::timed(now, current, slot, done);
        }
        if works(FILES) {
            files::count(done, || slot, returned.ret);
        }
    }
    0
}
