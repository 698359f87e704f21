//! `syscall_latency`: how long system calls take, by class, and operations on regular files.
//!
//! A task has one entry for as long as it lives, written when a call begins and emptied when it returns: to insert and
//! delete one for each call would cost twice as much. Most have it in an array, at a place made of their address, which costs
//! no call to be looked up; those whose place is another's have it in a hash.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::calls::{CLASS, OPEN, WRITE};
use plimsoll_abi::files::{FILE, OPERATIONS};
use plimsoll_abi::histogram::Histogram;
use plimsoll_abi::syscall_latency::{CLASSES, Cell, Near, Start, near};
use plimsoll_abi::{loss, run};

use crate::calls::{Current, Returned, begun, begun_to_perf, of, operation};
use crate::cells::{MMAPABLE, cell, observe};
use crate::losses::lost;
use crate::runs::ran;
use crate::slots::slot_of;

#[map]
static SYSCALL_LATENCY: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

/// A task, by the address of its `task_struct` → the call it is in. Removed when the task exits. Besides, for each place of
/// [`SYSCALL_NEAR`] that is taken, an entry under its number, so that two cannot take it at once.
#[map]
static SYSCALL_STARTS: HashMap<u64, Start> = HashMap::with_max_entries(1, 0);

#[map]
static SYSCALL_NEAR: Array<Near> = Array::with_max_entries(1, MMAPABLE);

const NONE: Start = Start { began_ns: 0, call: 0 };
const BPF_NOEXIST: u64 = 1;

/// The highest bit of [`Start::call`], beside the call's byte: it goes through the 32-bit ABI.
const COMPAT: u64 = 1 << 63;

/// No call of a task follows its exit; the next task at its address must not find what it left.
#[btf_tracepoint(function = "sched_process_exit")]
fn syscall_task_exit(_: BtfTracePointContext) -> i32 {
    forget(Current::address())
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "sched", name = "sched_process_exit")]
fn syscall_task_exit_perf(_: TracePointContext) -> i32 {
    forget(Current::address())
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
    let call = if current.is_compat() { u64::from(compat) | COMPAT } else { u64::from(native) };
    let key = Current::address();
    if let Some(start) = entry(key) {
        // SAFETY: the entry of this task, which alone writes it; the helper takes nothing.
        unsafe { *start = Start { call, began_ns: bpf_ktime_get_ns() } };
        return 0;
    }
    // SAFETY: as above.
    let start = Start { call, began_ns: unsafe { bpf_ktime_get_ns() } };
    if !take_place(key, start) && SYSCALL_STARTS.insert(key, start, 0).is_err() {
        lost(loss::SYSCALL_TABLE_FULL);
    }
    0
}

/// Where a task's call is noted.
#[inline(always)]
fn entry(task: u64) -> Option<*mut Start> {
    if let Some(place) = SYSCALL_NEAR.get_ptr_mut(near(task)) {
        // SAFETY: a value of SYSCALL_NEAR; volatile, since others take and leave places.
        unsafe {
            if (&raw const (*place).task).read_volatile() == task {
                return Some(&raw mut (*place).start);
            }
        }
    }
    SYSCALL_STARTS.get_ptr_mut(task)
}

/// A task's first call. `false`: its place is another's.
#[inline(always)]
fn take_place(task: u64, start: Start) -> bool {
    let number = near(task);
    let Some(place) = SYSCALL_NEAR.get_ptr_mut(number) else { return false };
    // SAFETY: a value of SYSCALL_NEAR, which nobody else writes once its number is in the hash.
    unsafe {
        if (&raw const (*place).task).read_volatile() != 0
            || SYSCALL_STARTS.insert(u64::from(number), NONE, BPF_NOEXIST).is_err()
        {
            return false;
        }
        (*place).start = start;
        (&raw mut (*place).task).write_volatile(task);
    }
    true
}

#[inline(always)]
fn forget(task: u64) -> i32 {
    let number = near(task);
    if let Some(place) = SYSCALL_NEAR.get_ptr_mut(number) {
        // SAFETY: a value of SYSCALL_NEAR; the place is this task's.
        unsafe {
            if (&raw const (*place).task).read_volatile() == task {
                (&raw mut (*place).task).write_volatile(0);
                let _ = SYSCALL_STARTS.remove(u64::from(number));
                return 0;
            }
        }
    }
    let _ = SYSCALL_STARTS.remove(task);
    0
}

/// The call is what it was when it began: a program executed meanwhile, or a signal's return, has other registers.
#[inline(always)]
pub(crate) fn exit(returned: Returned, current: Current) -> i32 {
    // Once for a call: what was measured to be its cost is that of both its ends.
    ran(run::SYSCALL_LATENCY);
    // SAFETY: the helper takes nothing and cannot fail.
    let now = unsafe { bpf_ktime_get_ns() };
    let Some(start) = entry(Current::address()) else { return 0 };
    // SAFETY: the entry of this task, which alone writes it.
    let Start { began_ns, call } = unsafe { core::mem::replace(&mut *start, NONE) };
    // The child of a fork returns from a call it did not begin, and so do calls from before our time.
    if began_ns == 0 {
        return 0;
    }
    let took = now.wrapping_sub(began_ns);
    let Some(cell) = cell(&SYSCALL_LATENCY, slot_of(current.cgroup_id())) else { return 0 };
    let class = (call as u8 & CLASS) as usize;
    // SAFETY: `cell` is a value of SYSCALL_LATENCY; the class is inside the array.
    unsafe {
        if class < CLASSES.len() {
            observe((&raw mut (*cell).classes).cast::<Histogram>().add(class), took);
        }
    }
    let operation = operation(call as u8);
    if operation != 0 {
        let regs = returned.regs(current);
        // SAFETY: those are the caller's pt_regs.
        let done = unsafe { crate::files::done(current, regs, returned.ret, operation, call & COMPAT != 0) };
        if let Some((operation, FILE)) = done.first {
            observe_file(cell, usize::from(operation - OPEN), took);
        }
        if done.written == Some(FILE) {
            observe_file(cell, usize::from(WRITE - OPEN), took);
        }
    }
    0
}

#[inline(always)]
fn observe_file(cell: *mut Cell, operation: usize, took_ns: u64) {
    // The bound is for the verifier.
    let operation = operation & 7;
    if operation < OPERATIONS {
        // SAFETY: `cell` is a value of SYSCALL_LATENCY; the operation is inside the array.
        unsafe { observe((&raw mut (*cell).files).cast::<Histogram>().add(operation), took_ns) };
    }
}
