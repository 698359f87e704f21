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

#[map]
static FILES: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static FILE_ERRORS: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static FILE_ERRORS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

const MAX_ERRNO: i64 = 4095;

/// A call on files that returned: at most one thing read or opened, and one written. In words that always have a value: what an
/// empty `Option` leaves unwritten on the stack may not be copied before Linux 6.3.
#[derive(Clone, Copy)]
pub(crate) struct Done {
    /// 0: none.
    operation: u8,
    kind: usize,
    /// `TYPES`: nothing.
    written: usize,
}

impl Done {
    const NOTHING: Self = Self { operation: 0, kind: NONE, written: TYPES };

    /// The same, of which the verifier knows nothing: it would follow each combination of their values through all that comes
    /// after. `any` is a number it does not know either.
    #[inline(always)]
    fn unknown(self, any: i64) -> Self {
        Self {
            operation: unknown(self.operation.into(), any) as u8,
            kind: unknown(self.kind as u64, any) as usize,
            written: unknown(self.written as u64, any) as usize,
        }
    }

    /// Operation and type of what was opened, read or written out.
    #[inline(always)]
    pub(crate) fn first(self) -> Option<(u8, usize)> {
        (self.operation != 0).then_some((self.operation, self.kind))
    }

    /// Type of what was written to.
    #[inline(always)]
    pub(crate) fn written(self) -> Option<usize> {
        (self.written != TYPES).then_some(self.written)
    }
}

/// A number, once the verifier has forgotten it.
#[inline(always)]
fn unknown(mut number: u64, any: i64) -> u64 {
    #[cfg(target_arch = "bpf")]
    // SAFETY: it calculates, and gives what it was given; in assembly, lest the compiler see that.
    unsafe {
        core::arch::asm!("{0} ^= {1}", "{0} ^= {1}", inout(reg) number, in(reg) any, options(pure, nomem));
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        number = core::hint::black_box(number ^ any as u64) ^ any as u64;
    }
    number
}

/// For kernels that give a task pointer the verifier knows (5.11 on).
#[btf_tracepoint(function = "sys_exit")]
fn files_exit(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::known())
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "raw_syscalls", name = "sys_exit")]
fn files_exit_perf(ctx: TracePointContext) -> i32 {
    exit(Returned::told_to_perf(&ctx), Current::known())
}

/// For 5.10, where the task pointer is a bare number.
#[btf_tracepoint(function = "sys_exit")]
fn files_exit_5_10(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::bare())
}

#[inline(always)]
fn exit(returned: Returned, current: Current) -> i32 {
    // SAFETY: those are the call's own.
    let done = unsafe { done(returned, current) };
    // The slot is asked for only if the call is one on files.
    count(done, || slot_of(current.cgroup_id()), returned.ret)
}

/// Counts what a call did.
#[inline(always)]
pub(crate) fn count(done: Done, slot: impl FnOnce() -> u32, ret: i64) -> i32 {
    ran(run::FILES);
    if done.first().is_none() && done.written().is_none() {
        return 0;
    }
    let slot = slot();
    let Some(cell) = cell(&FILES, slot) else { return 0 };
    // SAFETY: `cell` is a value of FILES.
    unsafe {
        if let Some((operation, kind)) = done.first() {
            add_to(cell, slot, usize::from(operation - OPEN), kind, ret);
        }
        if let Some(kind) = done.written() {
            add_to(cell, slot, usize::from(WRITE - OPEN), kind, ret);
        }
    }
    0
}

/// What a call was about.
///
/// # Safety
/// `returned` must be a call of `current`.
#[inline(always)]
pub(crate) unsafe fn done(returned: Returned, current: Current) -> Done {
    // SAFETY: the caller's.
    unsafe { known(returned, current) }.unknown(returned.ret)
}

/// # Safety
/// As above.
#[inline(always)]
unsafe fn known(returned: Returned, current: Current) -> Done {
    let (native, compat) = of(returned.number);
    if operation(native | compat) == 0 {
        return Done::NOTHING;
    }
    let is_compat = current.is_compat();
    let operation = operation(if is_compat { compat } else { native });
    let regs = returned.regs(current);
    // SAFETY: the caller's.
    let argument = |at| unsafe { descriptor(regs, at, is_compat) };
    // One place for all, since what it takes to know a file is long.
    let one = match operation {
        OPEN if returned.ret < 0 => return Done { operation: OPEN, ..Done::NOTHING },
        OPEN => returned.ret as u32,
        READ | WRITE | FSYNC | COPY => argument(0),
        SEND => argument(1),
        _ => return Done::NOTHING,
    };
    let one = current.kind(one);
    match operation {
        WRITE => Done { written: one, ..Done::NOTHING },
        COPY => Done { operation: READ, kind: one, written: current.kind(argument(2)) },
        SEND => Done { operation: READ, kind: one, written: current.kind(argument(0)) },
        operation => Done { operation, kind: one, ..Done::NOTHING },
    }
}

/// # Safety
/// `cell` must be a value of FILES.
#[inline(always)]
unsafe fn add_to(cell: *mut Cell, slot: u32, operation: usize, kind: usize, ret: i64) {
    // The bounds are for the verifier: neither is ever passed.
    let place = (operation * TYPES + kind) & 31;
    if place >= OPERATIONS * TYPES {
        return;
    }
    // SAFETY: the caller's; places are inside the arrays.
    unsafe {
        add((&raw mut (*cell).operations).cast::<u64>().add(place), 1);
        if (-MAX_ERRNO..0).contains(&ret) {
            failed(cell, slot, error_key(operation, kind, ret.unsigned_abs() as u32));
            return;
        }
        const FIRST: usize = (READ - OPEN) as usize * TYPES;
        let place = place.wrapping_sub(FIRST) & 31;
        if ret > 0 && place < 2 * TYPES {
            add((&raw mut (*cell).bytes).cast::<u64>().add(place), ret as u64);
        }
    }
}

/// A function of its own to the kernel, too: what is rare is not in the way of the rest.
#[inline(never)]
fn failed(cell: *mut Cell, slot: u32, key: [u32; 2]) {
    if !crate::keyed::count(&FILE_ERRORS, &FILE_ERRORS_USED, KEYS_PER_SLOT, &Key { slot, key }, 1) {
        // SAFETY: a value of FILES.
        unsafe { add(&raw mut (*cell).errors_folded, 1) };
        lost(loss::FILE_ERROR_FOLDED);
    }
}
