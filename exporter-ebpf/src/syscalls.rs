//! `syscalls`: every system call that returns, and its error, from the exit side alone.

use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::syscalls::{COMPAT, Cell, KEYS_PER_SLOT, NUMBERS, REFUSALS, UNKNOWN, error_key};
use plimsoll_abi::{loss, run, syscalls as abi};

use crate::calls::{Current, Returned};
use crate::cells::{MMAPABLE, add, cell};
use crate::losses::lost;
use crate::runs::ran;
use crate::slots::slot_of;

#[map]
static SYSCALLS: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static SYSCALL_ERRORS: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static SYSCALL_ERRORS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

const MAX_ERRNO: i64 = 4095;
const ENOSYS: u32 = 38;

#[cfg(bpf_target_arch = "aarch64")]
const RT_SIGRETURN: u32 = 139;
#[cfg(not(bpf_target_arch = "aarch64"))]
const RT_SIGRETURN: u32 = 15;

/// For kernels that give a task pointer the verifier knows (5.11 on).
#[btf_tracepoint(function = "sys_exit")]
fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let current = Current::known();
    exit(Returned::told(&ctx), current, slot_of(current.cgroup_id()))
}

/// For kernels that may preempt a program in the middle, and miss what happens on that CPU meanwhile (7.0 on).
#[tracepoint(category = "raw_syscalls", name = "sys_exit")]
fn sys_exit_perf(ctx: TracePointContext) -> i32 {
    let current = Current::known();
    exit(Returned::told_to_perf(&ctx), current, slot_of(current.cgroup_id()))
}

/// For 5.10, where the task pointer is a bare number.
#[btf_tracepoint(function = "sys_exit")]
fn sys_exit_5_10(ctx: BtfTracePointContext) -> i32 {
    let current = Current::bare();
    exit(Returned::told(&ctx), current, slot_of(current.cgroup_id()))
}

#[inline(always)]
pub(crate) fn exit(Returned { number, ret, .. }: Returned, current: Current, slot: u32) -> i32 {
    ran(run::SYSCALLS);
    let mut errno = if (-MAX_ERRNO..0).contains(&ret) { ret.unsigned_abs() as u32 } else { 0 };
    if current.is_compat() {
        return compat_call(slot, number, errno);
    }
    let Some(cell) = cell(&SYSCALLS, slot) else { return 0 };
    // SAFETY: `cell` is a value of SYSCALLS; the number is checked against its columns.
    unsafe {
        if number < NUMBERS as u32 {
            add((&raw mut (*cell).calls).cast::<u64>().add(number as usize), 1);
        } else if number == u32::MAX && errno != ENOSYS {
            // rt_sigreturn puts the interrupted code's registers back: no number, and no result of its own.
            add((&raw mut (*cell).calls).cast::<u64>().add(RT_SIGRETURN as usize), 1);
            errno = 0;
        } else {
            add(&raw mut (*cell).unknown, 1);
        }
        if errno != 0 {
            let number = if number < NUMBERS as u32 { number } else { UNKNOWN };
            error(slot, cell, error_key(number, errno));
        }
    }
    0
}

/// A call through the 32-bit ABI has numbers of its own. Rare: it is counted by key, with errno 0 for the call.
#[inline(never)]
fn compat_call(slot: u32, number: u32, errno: u32) -> i32 {
    if let Some(cell) = cell(&SYSCALLS, slot) {
        let number = if number < NUMBERS as u32 { number } else { UNKNOWN };
        let key = Key { slot, key: error_key(number | COMPAT, 0) };
        if !crate::keyed::count(&SYSCALL_ERRORS, &SYSCALL_ERRORS_USED, KEYS_PER_SLOT, &key, 1) {
            // SAFETY: `cell` is a value of SYSCALLS.
            unsafe { add(&raw mut (*cell).unknown, 1) };
        }
        if errno != 0 {
            error(slot, cell, error_key(number | COMPAT, errno));
        }
    }
    0
}

/// A function of its own to the kernel, too: what is rare is not in the way of the rest. `cell` is a value of SYSCALLS.
#[inline(never)]
fn error(slot: u32, cell: *mut abi::Cell, key: [u32; 2]) {
    for (at, errno) in REFUSALS.into_iter().enumerate() {
        if key[1] == errno {
            // SAFETY: the caller's; one of as many counters.
            unsafe { add((&raw mut (*cell).refused).cast::<u64>().add(at), 1) };
        }
    }
    if !crate::keyed::count(&SYSCALL_ERRORS, &SYSCALL_ERRORS_USED, KEYS_PER_SLOT, &Key { slot, key }, 1) {
        // SAFETY: the caller's.
        unsafe { add(&raw mut (*cell).errors_folded, 1) };
        lost(loss::ERROR_FOLDED);
    }
}
