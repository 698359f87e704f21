//! `oom`: processes the OOM killer chose, by the victim's cgroup and not that of whoever allocated.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_get_current_cgroup_id;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, LruHashMap};
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::loss;
use plimsoll_abi::oom::Cell;
use plimsoll_abi::slot::UNATTRIBUTED;

use crate::cells::{MMAPABLE, add, rare_cell};
use crate::losses::lost;
use crate::slots::slot_of;
use crate::task::{OFFSETS, Struct, at, load, task_cgroup_id};

#[map]
static OOM: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

/// Who was last sent SIGKILL by a task, by the sender's thread id. Only where the victim is given as a number.
#[map]
static OOM_SUSPECTS: LruHashMap<u32, Suspect> = LruHashMap::with_max_entries(256, 0);

#[repr(C)]
#[derive(Clone, Copy)]
struct Suspect {
    cgroup_id: u64,
    pid: u64,
}

const SIGKILL: i32 = 9;

/// For kernels that give the victim (5.15's and later stable series).
#[btf_tracepoint(function = "mark_victim")]
fn mark_victim(ctx: BtfTracePointContext) -> i32 {
    let victim: Struct = ctx.arg(0);
    // SAFETY: the tracepoint's first argument is the victim's task_struct.
    count(slot_of(unsafe { task_cgroup_id(victim) }));
    0
}

/// For kernels that give the victim's number only: the killer has just sent it SIGKILL, or is the victim.
#[btf_tracepoint(function = "mark_victim")]
fn mark_victim_by_pid(ctx: BtfTracePointContext) -> i32 {
    let victim: i32 = ctx.arg(0);
    let current = bpf_get_current_pid_tgid() as u32;
    if let Some(suspect) = OOM_SUSPECTS.get_ptr(current)
        // SAFETY: a value of OOM_SUSPECTS.
        && unsafe { (*suspect).pid } == victim as u64
    {
        // SAFETY: as above.
        count(slot_of(unsafe { (*suspect).cgroup_id }));
    } else if victim as u32 == current {
        // SAFETY: the helper takes nothing and cannot fail.
        count(slot_of(unsafe { bpf_get_current_cgroup_id() }));
    } else {
        lost(loss::OOM_VICTIM_UNKNOWN);
        count(UNATTRIBUTED);
    }
    0
}

/// Beside `mark_victim_by_pid`: remembers whom a task sends SIGKILL.
#[btf_tracepoint(function = "signal_generate")]
fn signal_generate(ctx: BtfTracePointContext) -> i32 {
    let signal: i32 = ctx.arg(0);
    if signal != SIGKILL {
        return 0;
    }
    let target: Struct = ctx.arg(2);
    // SAFETY: the tracepoint's third argument is the target's task_struct.
    let suspect = unsafe {
        Suspect {
            cgroup_id: task_cgroup_id(target),
            pid: u64::from(load::<u32>(target, at(&OFFSETS.task_pid))),
        }
    };
    let _ = OOM_SUSPECTS.insert(bpf_get_current_pid_tgid() as u32, suspect, 0);
    0
}

#[inline(always)]
fn count(slot: u32) {
    if let Some(cell) = rare_cell(&OOM, slot) {
        // SAFETY: a value of OOM.
        unsafe { add(&raw mut (*cell).kills, 1) };
    }
}
