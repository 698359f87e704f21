//! `files`: what system calls did with files, their bytes and errors, from the exit side alone.

use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::calls::{COPY, FSYNC, OPEN, READ, SEND, WRITE};
use plimsoll_abi::files::{Cell, KEYS_PER_SLOT, NONE, OPERATIONS, TYPES, error_key};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::{loss, run};

use crate::calls::{Current, Returned, descriptor, of, operation};
use crate::cells::{MMAPABLE, add, cell};
use crate::losses::lost;
use crate::runs::ran;
use crate::slots::slot_of;
use crate::task::Struct;

#[map]
static FILES: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static FILE_ERRORS: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static FILE_ERRORS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

const MAX_ERRNO: i64 = 4095;

/// A call on files that returned: at most one thing read or opened, and one written.
#[derive(Clone, Copy)]
pub(crate) struct Done {
    /// Operation and type of what was opened, read or written out.
    pub(crate) first: Option<(u8, usize)>,
    /// Type of what was written to.
    pub(crate) written: Option<usize>,
}

/// For kernels that give a task pointer the verifier knows (5.11 on).
#[btf_tracepoint(function = "sys_exit")]
fn files_exit(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::known(), slot)
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "raw_syscalls", name = "sys_exit")]
fn files_exit_perf(ctx: TracePointContext) -> i32 {
    exit(Returned::told_to_perf(&ctx), Current::known(), slot)
}

/// For 5.10, where the task pointer is a bare number.
#[btf_tracepoint(function = "sys_exit")]
fn files_exit_5_10(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::bare(), slot)
}

#[inline(always)]
fn slot(current: Current) -> u32 {
    slot_of(current.cgroup_id())
}

/// The slot is asked for only if the call is one on files.
#[inline(always)]
pub(crate) fn exit(returned: Returned, current: Current, slot: impl FnOnce(Current) -> u32) -> i32 {
    ran(run::FILES);
    let ret = returned.ret;
    let (native, compat) = of(returned.number);
    if operation(native | compat) == 0 {
        return 0;
    }
    let is_compat = current.is_compat();
    let operation = operation(if is_compat { compat } else { native });
    if operation == 0 {
        return 0;
    }
    let slot = slot(current);
    let Some(cell) = cell(&FILES, slot) else { return 0 };
    // SAFETY: regs as above; `cell` is a value of FILES.
    unsafe {
        let done = done(current, returned.regs(current), ret, operation, is_compat);
        if let Some((operation, kind)) = done.first {
            count(cell, slot, usize::from(operation - OPEN), kind, ret);
        }
        if let Some(kind) = done.written {
            count(cell, slot, usize::from(WRITE - OPEN), kind, ret);
        }
    }
    0
}

/// What a call was about.
///
/// # Safety
/// `regs` must be the caller's pt_regs as a tracepoint gives them.
#[inline(always)]
pub(crate) unsafe fn done(current: Current, regs: Struct, ret: i64, operation: u8, compat: bool) -> Done {
    // SAFETY: the caller's.
    let kind = |argument| unsafe { kind(current, regs, argument, compat) };
    match operation {
        OPEN if ret < 0 => Done { first: Some((OPEN, NONE)), written: None },
        OPEN => Done { first: Some((OPEN, current.kind(ret as u32))), written: None },
        READ => Done { first: Some((READ, kind(0))), written: None },
        WRITE => Done { first: None, written: Some(kind(0)) },
        FSYNC => Done { first: Some((FSYNC, kind(0))), written: None },
        COPY => Done { first: Some((READ, kind(0))), written: Some(kind(2)) },
        SEND => Done { first: Some((READ, kind(1))), written: Some(kind(0)) },
        _ => Done { first: None, written: None },
    }
}

/// The kind of file behind an argument.
#[inline(always)]
unsafe fn kind(current: Current, regs: Struct, argument: usize, compat: bool) -> usize {
    // SAFETY: the caller's.
    current.kind(unsafe { descriptor(regs, argument, compat) })
}

/// # Safety
/// `cell` must be a value of FILES.
#[inline(always)]
unsafe fn count(cell: *mut Cell, slot: u32, operation: usize, kind: usize, ret: i64) {
    // The bounds are for the verifier: neither is ever passed.
    let place = (operation * TYPES + kind) & 31;
    if place >= OPERATIONS * TYPES {
        return;
    }
    // SAFETY: the caller's; places are inside the arrays.
    unsafe {
        add((&raw mut (*cell).operations).cast::<u64>().add(place), 1);
        if (-MAX_ERRNO..0).contains(&ret) {
            let key = Key { slot, key: error_key(operation, kind, ret.unsigned_abs() as u32) };
            if !crate::keyed::count(&FILE_ERRORS, &FILE_ERRORS_USED, KEYS_PER_SLOT, &key, 1) {
                add(&raw mut (*cell).errors_folded, 1);
                lost(loss::FILE_ERROR_FOLDED);
            }
            return;
        }
        const FIRST: usize = (READ - OPEN) as usize * TYPES;
        let place = place.wrapping_sub(FIRST) & 31;
        if ret > 0 && place < 2 * TYPES {
            add((&raw mut (*cell).bytes).cast::<u64>().add(place), ret as u64);
        }
    }
}
