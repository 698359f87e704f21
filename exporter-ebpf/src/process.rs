//! `process`: processes and threads started, programs executed, processes ended and how.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_get_current_task_btf;
use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap, LruHashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;
use plimsoll_abi::process::{CLONE_FLAGS, Cell, KEYS_PER_SLOT, exit_key};

use crate::cells::{MMAPABLE, add, cell};
use crate::losses::lost;
use crate::slots::slot_of;
use crate::task::{OFFSETS, Struct, at, load, task_cgroup_id};

#[map]
static PROCESS: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static PROCESS_EXITS: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static PROCESS_EXITS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Processes whose exit was just counted: two last threads may both see that none is left. It remembers for a
/// moment and holds no counter, so the oldest may go.
#[map]
static PROCESS_EXITED: LruHashMap<Process, u8> = LruHashMap::with_max_entries(1024, 0);

/// Which process it is: numbers come again.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Process {
    leader_start_ns: u64,
    tgid: u64,
}

const CLONE_THREAD: u64 = 0x0001_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const PF_KTHREAD: u32 = 0x0020_0000;
pub(crate) const SIGNAL_GROUP_EXIT: u32 = 4;
const BPF_NOEXIST: u64 = 1;
const EEXIST: i32 = 17;

/// Every new task, once it is in its cgroup (also by `CLONE_INTO_CGROUP`) and cannot fail any more.
#[btf_tracepoint(function = "task_newtask")]
fn task_newtask(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the tracepoint's first argument is a task_struct.
    unsafe { started(ctx.arg(0), ctx.arg(1)) };
    0
}

/// For kernels that may preempt a program in the middle (7.0 on). Perf does not say which task is new, but its cgroup is
/// that of the one that makes it.
#[tracepoint(category = "task", name = "task_newtask")]
fn task_newtask_perf(ctx: TracePointContext) -> i32 {
    // SAFETY: current is always a task_struct; the loader found the flags to be that word of `trace_event_raw_task_newtask`.
    unsafe {
        let current = bpf_get_current_task_btf() as Struct;
        let clone_flags = ctx.as_ptr().cast::<u64>().add(CLONE_FLAGS).read_volatile();
        if is_like_its_maker(current, clone_flags) {
            started(current, clone_flags);
        }
    }
    0
}

/// The others there: seldom more than one at once.
#[btf_tracepoint(function = "task_newtask")]
fn task_newtask_rest(ctx: BtfTracePointContext) -> i32 {
    let clone_flags: u64 = ctx.arg(1);
    // SAFETY: current is always a task_struct; so is the tracepoint's first argument.
    unsafe {
        if !is_like_its_maker(bpf_get_current_task_btf() as Struct, clone_flags) {
            started(ctx.arg(0), clone_flags);
        }
    }
    0
}

/// Whether what a new task counts as can be seen from the one that makes it.
///
/// # Safety
/// `maker` must be a `struct task_struct` the verifier knows.
#[inline(always)]
unsafe fn is_like_its_maker(maker: Struct, clone_flags: u64) -> bool {
    // SAFETY: the caller's.
    clone_flags & CLONE_INTO_CGROUP == 0
        && unsafe { load::<u32>(maker, at(&OFFSETS.task_flags)) } & PF_KTHREAD == 0
}

/// Counts a new task.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
unsafe fn started(task: Struct, clone_flags: u64) {
    // SAFETY: the caller's; cells are values of PROCESS.
    unsafe {
        if load::<u32>(task, at(&OFFSETS.task_flags)) & PF_KTHREAD != 0 {
            return;
        }
        if let Some(cell) = cell(&PROCESS, slot_of(task_cgroup_id(task))) {
            if clone_flags & CLONE_THREAD != 0 {
                add(&raw mut (*cell).threads_started, 1);
            } else {
                add(&raw mut (*cell).forks, 1);
            }
        }
    }
}

/// A program was executed.
#[btf_tracepoint(function = "sched_process_exec")]
fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the tracepoint's first argument is a task_struct.
    unsafe { executed(ctx.arg(0)) };
    0
}

/// For kernels that may preempt a program in the middle.
#[tracepoint(category = "sched", name = "sched_process_exec")]
fn sched_process_exec_perf(_: TracePointContext) -> i32 {
    // SAFETY: current, the one that executes, is always a task_struct.
    unsafe { executed(bpf_get_current_task_btf() as Struct) };
    0
}

/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
unsafe fn executed(task: Struct) {
    // SAFETY: the caller's; the cell is a value of PROCESS.
    unsafe {
        if let Some(cell) = cell(&PROCESS, slot_of(task_cgroup_id(task))) {
            add(&raw mut (*cell).execs, 1);
        }
    }
}

/// For kernels that say whether the whole process is dead (6.15 on).
#[btf_tracepoint(function = "sched_process_exit")]
fn sched_process_exit(ctx: BtfTracePointContext) -> i32 {
    let task: Struct = ctx.arg(0);
    let group_dead: u64 = ctx.arg(1);
    if group_dead & 0xff != 0 {
        // SAFETY: the tracepoint's first argument is a task_struct.
        unsafe { ended(task) };
    }
    0
}

/// For older kernels: the process is dead when no thread is live, which two threads may find at once.
#[btf_tracepoint(function = "sched_process_exit")]
fn sched_process_exit_by_live(ctx: BtfTracePointContext) -> i32 {
    // SAFETY: the tracepoint's first argument is a task_struct.
    unsafe { ended_by_live(ctx.arg(0)) };
    0
}

/// For kernels that may preempt a program in the middle.
#[tracepoint(category = "sched", name = "sched_process_exit")]
fn sched_process_exit_perf(_: TracePointContext) -> i32 {
    // SAFETY: current, the one that exits, is always a task_struct.
    unsafe { ended_by_live(bpf_get_current_task_btf() as Struct) };
    0
}

/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
unsafe fn ended_by_live(task: Struct) {
    // SAFETY: the caller's; its signal is a signal_struct.
    unsafe {
        let signal: Struct = load(task, at(&OFFSETS.task_signal));
        if load::<i32>(signal, at(&OFFSETS.signal_live)) == 0 && first_to_see_the_end(task, &PROCESS_EXITED) {
            ended(task);
        }
    }
}

/// Of the threads that may see, in kernels that do not tell, that no thread of `task`'s process is live any more:
/// whether this is the first to. `seen` remembers.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
pub(crate) unsafe fn first_to_see_the_end(task: Struct, seen: &LruHashMap<Process, u8>) -> bool {
    // SAFETY: group_leader is a task_struct, signal a signal_struct.
    unsafe {
        let leader: Struct = load(task, at(&OFFSETS.task_group_leader));
        let process = Process {
            leader_start_ns: load(leader, at(&OFFSETS.task_start_time)),
            tgid: u64::from(load::<u32>(task, at(&OFFSETS.task_tgid))),
        };
        let signal: Struct = load(task, at(&OFFSETS.task_signal));
        // The last that is left need not tell others, but the others may have been here and gone.
        if load::<i32>(signal, at(&OFFSETS.signal_nr_threads)) > 1 {
            seen.insert(process, 1, BPF_NOEXIST).err() != Some(-EEXIST)
        } else {
            seen.get_ptr(process).is_none()
        }
    }
}

/// What `wait` would report of the process that `task` was the last thread of.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
pub(crate) unsafe fn wait_status(task: Struct) -> u32 {
    // SAFETY: signal is a signal_struct, group_leader a task_struct.
    unsafe {
        let signal: Struct = load(task, at(&OFFSETS.task_signal));
        if load::<u32>(signal, at(&OFFSETS.signal_flags)) & SIGNAL_GROUP_EXIT != 0 {
            load(signal, at(&OFFSETS.signal_group_exit_code))
        } else {
            let leader: Struct = load(task, at(&OFFSETS.task_group_leader));
            load(leader, at(&OFFSETS.task_exit_code))
        }
    }
}

/// Counts the end of the process that `task` was the last thread of, by what `wait` would report.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
unsafe fn ended(task: Struct) {
    // SAFETY: the caller's; the cell is a value of PROCESS.
    unsafe {
        if load::<u32>(task, at(&OFFSETS.task_flags)) & PF_KTHREAD != 0 {
            return;
        }
        let status = wait_status(task);
        let slot = slot_of(task_cgroup_id(task));
        let key = Key { slot, key: exit_key(status) };
        if !crate::keyed::count(&PROCESS_EXITS, &PROCESS_EXITS_USED, KEYS_PER_SLOT, &key, 1) {
            if let Some(cell) = cell(&PROCESS, slot) {
                add(&raw mut (*cell).exits_folded, 1);
            }
            lost(loss::EXIT_FOLDED);
        }
    }
}
