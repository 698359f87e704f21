//! `faults`: signals that killed, and who sent them; core dumps.
//!
//! A death is counted when the process ends, once, with the signal `wait` tells. Who sent that signal is remembered from
//! when it was sent, and only for signals that kill: those whose action is the default one, and not one of those
//! that are ignored or stop by default.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_task_btf};
use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap, LruHashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::faults::{Cell, KERNEL, KEYS_PER_SLOT, PENDING, Pending, SEALED, UNKNOWN, fatal_key};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;
use plimsoll_abi::process::STATUS_CORE;

use crate::cells::{MMAPABLE, add, cell};
use crate::losses::lost;
use crate::process::{Process, SIGNAL_GROUP_EXIT, first_to_see_the_end, wait_status};
use crate::slots::slot_of;
use crate::task::{OFFSETS, Struct, at, load, task_cgroup_id};

#[map]
static FAULTS: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static FATAL_SIGNALS: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static FATAL_SIGNALS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// A signal on its way → the cgroup of who sent it.
#[map]
static FATAL_SENDERS: LruHashMap<Pending, u64> = LruHashMap::with_max_entries(PENDING, 0);

/// As `process`' own, since either may be off.
#[map]
static FATAL_EXITED: LruHashMap<Process, u8> = LruHashMap::with_max_entries(1024, 0);

/// `TRACE_SIGNAL_DELIVERED`: neither ignored nor already on its way.
const DELIVERED: i32 = 0;
/// SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH: their default action kills nobody.
const HARMLESS: u64 = 1 << 17 | 1 << 18 | 1 << 19 | 1 << 20 | 1 << 21 | 1 << 22 | 1 << 23 | 1 << 28;
/// `struct k_sigaction`; the handler is its first member (x86-64 and aarch64).
const ACTION_BYTES: usize = 32;
const SIG_DFL: u64 = 0;
const SEND_SIG_NOINFO: u64 = 0;
const SEND_SIG_PRIV: u64 = 1;
/// `si_code` of what timers and I/O send, often from an interrupt that concerns somebody else.
const SI_TIMER: i32 = -2;
const SI_ASYNCIO: i32 = -4;
const SI_SIGIO: i32 = -5;

/// A signal was sent: remembers who sent it if it may kill.
#[btf_tracepoint(function = "signal_generate")]
fn fatal_signal_sent(ctx: BtfTracePointContext) -> i32 {
    let signal = ctx.arg::<i32>(0) as u32;
    let result: i32 = ctx.arg(4);
    if result != DELIVERED || signal > 64 || 1u64 << (signal & 63) & HARMLESS != 0 {
        return 0;
    }
    let target: Struct = ctx.arg(2);
    // SAFETY: the tracepoint's third argument is the target's task_struct, its signal a signal_struct.
    unsafe {
        if handler(target, signal) != SIG_DFL {
            return 0;
        }
        let leader: Struct = load(target, at(&OFFSETS.task_group_leader));
        let pending = Pending {
            leader_start_ns: load(leader, at(&OFFSETS.task_start_time)),
            tgid: load(target, at(&OFFSETS.task_tgid)),
            signal,
        };
        if let Some(known) = FATAL_SENDERS.get_ptr(pending)
            && known.read_volatile() & SEALED != 0
        {
            return 0;
        }
        let group: Struct = load(target, at(&OFFSETS.task_signal));
        let sealed = load::<u32>(group, at(&OFFSETS.signal_flags)) & SIGNAL_GROUP_EXIT != 0
            && load::<u32>(group, at(&OFFSETS.signal_group_exit_code)) == signal;
        let sender = if is_from_kernel(&ctx) { KERNEL } else { bpf_get_current_cgroup_id() };
        let _ = FATAL_SENDERS.insert(pending, sender | if sealed { SEALED } else { 0 }, 0);
    }
    0
}

/// For kernels that say whether the whole process is dead (6.15 on).
#[btf_tracepoint(function = "sched_process_exit")]
fn fatal_exit(ctx: BtfTracePointContext) -> i32 {
    let task: Struct = ctx.arg(0);
    let group_dead: u64 = ctx.arg(1);
    if group_dead & 0xff != 0 {
        // SAFETY: the tracepoint's first argument is a task_struct.
        unsafe {
            let status = wait_status(task);
            if status & 0x7f != 0 {
                killed(task, status);
            }
        }
    }
    0
}

/// For older kernels.
#[btf_tracepoint(function = "sched_process_exit")]
fn fatal_exit_by_live(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the tracepoint's first argument is a task_struct.
    unsafe { exited_by_live(ctx.arg(0)) };
    0
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "sched", name = "sched_process_exit")]
fn fatal_exit_perf(_: TracePointContext) -> i32 {
    // SAFETY: current, the one that exits, is always a task_struct.
    unsafe { exited_by_live(bpf_get_current_task_btf() as Struct) };
    0
}

/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
unsafe fn exited_by_live(task: Struct) {
    // SAFETY: the caller's; its signal is a signal_struct.
    unsafe {
        let group: Struct = load(task, at(&OFFSETS.task_signal));
        if load::<i32>(group, at(&OFFSETS.signal_live)) != 0 {
            return;
        }
        let status = wait_status(task);
        if status & 0x7f != 0 && first_to_see_the_end(task, &FATAL_EXITED) {
            killed(task, status);
        }
    }
}

/// Counts the death of the process that `task` was the last thread of.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
unsafe fn killed(task: Struct, status: u32) {
    // SAFETY: group_leader is a task_struct; the cell is a value of FAULTS.
    unsafe {
        let leader: Struct = load(task, at(&OFFSETS.task_group_leader));
        let signal = status & 0x7f;
        let pending = Pending {
            leader_start_ns: load(leader, at(&OFFSETS.task_start_time)),
            tgid: load(task, at(&OFFSETS.task_tgid)),
            signal,
        };
        let sender = match FATAL_SENDERS.get_ptr(pending) {
            Some(sender) => sender.read_volatile() & !SEALED,
            None => UNKNOWN,
        };
        let _ = FATAL_SENDERS.remove(pending);
        let slot = slot_of(task_cgroup_id(task));
        let Some(cell) = cell(&FAULTS, slot) else { return };
        if status & STATUS_CORE != 0 {
            add(&raw mut (*cell).core_dumps, 1);
        }
        let key = Key { slot, key: fatal_key(signal, sender) };
        if !crate::keyed::count(&FATAL_SIGNALS, &FATAL_SIGNALS_USED, KEYS_PER_SLOT, &key, 1) {
            add(&raw mut (*cell).folded, 1);
            lost(loss::FATAL_SIGNAL_FOLDED);
        }
    }
}

/// What the process does on the signal: `SIG_DFL`, or anything else.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows, `signal` from 1 to 64.
#[inline(always)]
unsafe fn handler(task: Struct, signal: u32) -> u64 {
    // SAFETY: the helper checks every address. Read so, a sighand_struct may be indexed by a number only now known.
    unsafe {
        let sighand = bpf_probe_read_kernel(task.add(at(&OFFSETS.task_sighand)).cast::<u64>()).unwrap_or(0);
        let action = at(&OFFSETS.sighand_action) + signal.wrapping_sub(1) as usize * ACTION_BYTES;
        bpf_probe_read_kernel((sighand as *const u8).wrapping_add(action).cast::<u64>()).unwrap_or(u64::MAX)
    }
}

/// Whether the kernel sent the signal by itself: then the current task is just whoever ran.
#[inline(always)]
fn is_from_kernel(ctx: &BtfTracePointContext) -> bool {
    let info: Struct = ctx.arg(1);
    match info as u64 {
        SEND_SIG_NOINFO => false,
        SEND_SIG_PRIV => true,
        _ => {
            // SAFETY: the helper checks the address. To some kernels' verifiers this argument is a mere number.
            let code =
                unsafe { bpf_probe_read_kernel(info.wrapping_add(at(&OFFSETS.siginfo_code)).cast::<i32>()) };
            let code = code.unwrap_or(0);
            code > 0 || matches!(code, SI_TIMER | SI_ASYNCIO | SI_SIGIO)
        }
    }
}
