//! `syscall_latency`: how long system calls take, by class, and operations on regular files.
//!
//! A task has one entry for as long as it lives, written when a call begins and emptied when it returns: to insert and
//! delete one for each call would cost twice as much.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::calls::{CLASS, OPEN, WRITE};
use plimsoll_abi::files::{FILE, OPERATIONS};
use plimsoll_abi::histogram::Histogram;
use plimsoll_abi::syscall_latency::{CLASSES, Cell, Start};
use plimsoll_abi::tasks::Near;
use plimsoll_abi::{loss, run};

use crate::calls::{Current, Returned, begun, begun_to_perf, of};
use crate::cells::{MMAPABLE, cell, observe};
use crate::files::{self, Done};
use crate::losses::lost;
use crate::runs::ran;
use crate::slots::slot_of;
use crate::tasks::Tasks;

#[map]
static SYSCALL_LATENCY: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

/// The call that a task is in. Removed when the task exits.
#[map]
static SYSCALL_STARTS: HashMap<u64, Start> = HashMap::with_max_entries(1, 0);

#[map]
static SYSCALL_NEAR: Array<Near<Start>> = Array::with_max_entries(1, MMAPABLE);

const STARTS: Tasks<Start> = Tasks { near: &SYSCALL_NEAR, far: &SYSCALL_STARTS, none: NONE };
const NONE: Start = Start { began_ns: 0, call: 0 };

/// No call of a task follows its exit; the next task at its address must not find what it left.
#[btf_tracepoint(function = "sched_process_exit")]
fn syscall_task_exit(_: BtfTracePointContext) -> i32 {
    STARTS.remove(Current::known().number());
    0
}

/// For 5.10, where the task pointer is a bare number.
#[btf_tracepoint(function = "sched_process_exit")]
fn syscall_task_exit_5_10(_: BtfTracePointContext) -> i32 {
    STARTS.remove(Current::bare().number());
    0
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "sched", name = "sched_process_exit")]
fn syscall_task_exit_perf(_: TracePointContext) -> i32 {
    STARTS.remove(Current::known().number());
    0
}

/// For kernels that give a task pointer the verifier knows (5.11 on).
#[btf_tracepoint(function = "sys_exit")]
fn syscall_exit(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::known())
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "raw_syscalls", name = "sys_exit")]
fn syscall_exit_perf(ctx: TracePointContext) -> i32 {
    exit(Returned::told_to_perf(&ctx), Current::known())
}

/// For 5.10, where the task pointer is a bare number.
#[btf_tracepoint(function = "sys_exit")]
fn syscall_exit_5_10(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::bare())
}

/// For kernels that give a task pointer the verifier knows (5.11 on).
#[btf_tracepoint(function = "sys_enter")]
fn syscall_enter(ctx: BtfTracePointContext) -> i32 {
    enter(begun(&ctx), Current::known())
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "raw_syscalls", name = "sys_enter")]
fn syscall_enter_perf(ctx: TracePointContext) -> i32 {
    enter(begun_to_perf(&ctx), Current::known())
}

/// For 5.10.
#[btf_tracepoint(function = "sys_enter")]
fn syscall_enter_5_10(ctx: BtfTracePointContext) -> i32 {
    enter(begun(&ctx), Current::bare())
}

#[inline(always)]
fn enter(number: u32, current: Current) -> i32 {
    let (native, compat) = of(number);
    let call = u64::from(if current.is_compat() { compat } else { native });
    let task = current.number();
    // SAFETY: the helper takes nothing.
    let start = Start { call, began_ns: unsafe { bpf_ktime_get_ns() } };
    match STARTS.get(task) {
        // SAFETY: the entry of this task, which alone writes it.
        Some(entry) => unsafe { *entry = start },
        None if STARTS.insert(task, start) => {}
        None => lost(loss::SYSCALL_TABLE_FULL),
    }
    0
}

/// What a call's time is taken at: before anything is done about the call.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // Once for a call: what was measured to be its cost is that of both its ends.
    ran(run::SYSCALL_LATENCY);
    // SAFETY: the helper takes nothing and cannot fail.
    unsafe { bpf_ktime_get_ns() }
}

#[inline(always)]
fn exit(returned: Returned, current: Current) -> i32 {
    let now = now();
    // SAFETY: those are the call's own.
    let done = unsafe { files::done(returned, current) };
    timed(now, current, slot_of(current.cgroup_id()), done)
}

/// The class is that of when the call began: a program executed meanwhile, or a signal's return, has other registers.
#[inline(always)]
pub(crate) fn timed(now: u64, current: Current, slot: u32, done: Done) -> i32 {
    let Some(start) = STARTS.get(current.number()) else { return 0 };
    // SAFETY: the entry of this task, which alone writes it.
    let Start { began_ns, call } = unsafe { *start };
    // One word: to empty all of it would be a call of memset.
    // SAFETY: as above.
    unsafe { (&raw mut (*start).began_ns).write_volatile(0) };
    // The child of a fork returns from a call it did not begin, and so do calls from before our time.
    if began_ns == 0 {
        return 0;
    }
    let took = now.wrapping_sub(began_ns);
    let Some(cell) = cell(&SYSCALL_LATENCY, slot) else { return 0 };
    let class = (call as u8 & CLASS) as usize;
    // SAFETY: `cell` is a value of SYSCALL_LATENCY; the class is inside the array.
    unsafe {
        if class < CLASSES.len() {
            observe((&raw mut (*cell).classes).cast::<Histogram>().add(class), took);
        }
    }
    if let Some((operation, FILE)) = done.first() {
        observe_file(cell, usize::from(operation - OPEN), took);
    }
    if done.written() == Some(FILE) {
        observe_file(cell, usize::from(WRITE - OPEN), took);
    }
    0
}

#[inline(always)]
fn observe_file(cell: *mut Cell, operation: usize, took_ns: u64) {
    // The bound is for the verifier; the compiler knows that it is never passed.
    let operation = core::hint::black_box(operation) & 7;
    if operation < OPERATIONS {
        // SAFETY: `cell` is a value of SYSCALL_LATENCY; the operation is inside the array.
        unsafe { observe((&raw mut (*cell).files).cast::<Histogram>().add(operation), took_ns) };
    }
}
