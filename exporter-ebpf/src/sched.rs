//! `sched`: how long tasks waited for a CPU, how long they had it, and why they left it.
//!
//! The kernel keeps each task's total wait in `sched_info.run_delay`, its time on a CPU in `se.sum_exec_runtime` (what
//! it charges to the task's cgroup, too), its switches in `nvcsw` and its moves in `se.nr_migrations`. What they grew
//! by between two switches away from a task is one observation: exact, whatever CPUs it waited on, and without
//! a clock of our own.

use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::sched::{Cell, Seen};
use plimsoll_abi::tasks::Near;
use plimsoll_abi::{loss, run};

use crate::cells::{MMAPABLE, add, cell, observe};
use crate::losses::lost;
use crate::runs::ran;
use crate::slots::slot_of;
use crate::task::{OFFSETS, Struct, at, load, task_cgroup_id};
use crate::tasks::{Tasks, number};

#[map]
static SCHED: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

/// A task's totals at its last switch. Removed when it switches away for good, so there are living tasks only.
#[map]
static SCHED_TASKS: HashMap<u64, Seen> = HashMap::with_max_entries(1, 0);

#[map]
static SCHED_NEAR: Array<Near<Seen>> = Array::with_max_entries(1, MMAPABLE);

const TASKS: Tasks<Seen> = Tasks { near: &SCHED_NEAR, far: &SCHED_TASKS, none: Seen::NEW };

/// `CLOCK_MONOTONIC` just before the program was attached: a task that started later is known whole.
#[map]
static SCHED_ATTACHED_NS: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// `TASK_DEAD` in a task's state: it will not run again (the same from v4.14 to v7.x).
const TASK_DEAD: u32 = 0x80;

/// The CPU goes from one task to another.
#[btf_tracepoint(function = "sched_switch")]
fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    ran(run::SCHED);
    let previous: Struct = ctx.arg(1);
    // SAFETY: the tracepoint's second argument is the task_struct that leaves.
    let (now, state) = unsafe {
        if load::<u32>(previous, at(&OFFSETS.task_pid)) == 0 {
            return 0; // the idle task
        }
        let now = Seen {
            run_delay_ns: load(previous, at(&OFFSETS.task_run_delay)),
            voluntary: load(previous, at(&OFFSETS.task_nvcsw)),
            oncpu_ns: load(previous, at(&OFFSETS.task_oncpu)),
            migrations: load(previous, at(&OFFSETS.task_migrations)),
        };
        (now, load::<u32>(previous, at(&OFFSETS.task_state)))
    };
    // SAFETY: as above.
    let Some(cell) = cell(&SCHED, slot_of(unsafe { task_cgroup_id(previous) })) else { return 0 };
    // SAFETY: as above.
    let number = unsafe { number(previous) };
    match since_last_switch(previous, number, now) {
        // SAFETY: `cell` is a value of SCHED.
        Some(last) => unsafe {
            observe(&raw mut (*cell).wait, now.run_delay_ns.wrapping_sub(last.run_delay_ns));
            count_switch(cell, now.voluntary != last.voluntary);
            add(&raw mut (*cell).oncpu_ns, now.oncpu_ns.wrapping_sub(last.oncpu_ns));
            if now.migrations != last.migrations {
                add(&raw mut (*cell).migrations, now.migrations.wrapping_sub(last.migrations));
            }
        },
        None => {
            // A task from before our time: how long it waited and ran is unknown, why it leaves is not.
            let preempted: u64 = ctx.arg(0);
            // SAFETY: `cell` is a value of SCHED.
            unsafe { count_switch(cell, preempted & 0xff == 0 && state != 0) };
        }
    }
    if state & TASK_DEAD != 0 {
        TASKS.remove(number);
    }
    0
}

/// Remembers the task's totals and gives those of its last switch, if they are known.
#[inline(always)]
fn since_last_switch(task: Struct, number: u64, now: Seen) -> Option<Seen> {
    if let Some(seen) = TASKS.get(number) {
        // SAFETY: a task's entry; a task leaves one CPU at a time, so nobody else writes it.
        return Some(unsafe { core::mem::replace(&mut *seen, now) });
    }
    if !TASKS.insert(number, now) {
        lost(loss::TASK_TABLE_FULL);
        return None;
    }
    // SAFETY: the caller's task_struct.
    let started_ns: u64 = unsafe { load(task, at(&OFFSETS.task_start_time)) };
    // SAFETY: a value of SCHED_ATTACHED_NS.
    let attached_ns = unsafe { SCHED_ATTACHED_NS.get_ptr(0)?.read_volatile() };
    (started_ns >= attached_ns).then_some(Seen::NEW)
}

/// # Safety
/// `cell` must be a value of SCHED.
#[inline(always)]
unsafe fn count_switch(cell: *mut Cell, voluntary: bool) {
    // SAFETY: the caller's.
    unsafe { add(if voluntary { &raw mut (*cell).voluntary } else { &raw mut (*cell).involuntary }, 1) };
}
