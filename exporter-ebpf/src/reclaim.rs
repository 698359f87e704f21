//! `reclaim`: how long tasks were held up freeing memory themselves before they got any.
//!
//! The tracepoints fire in the task concerned, and their arguments, which differ by kernel, are not needed. Those by perf are
//! for kernels that may preempt a program in the middle (7.0 on).

use aya_ebpf::helpers::generated::bpf_get_current_cgroup_id;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::loss;
use plimsoll_abi::reclaim::{Cell, MAX_STALLED};

use crate::cells::{MMAPABLE, observe, rare_cell};
use crate::losses::lost;
use crate::slots::slot_of;

#[map]
static RECLAIM: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

/// A stalled task's number and why it stalls → since when. Removed when the stall ends.
#[map]
static RECLAIM_SINCE: HashMap<u64, u64> = HashMap::with_max_entries(MAX_STALLED, 0);

#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Global,
    Cgroup,
}

/// A task begins to free memory, since the machine is short of it.
#[btf_tracepoint(function = "mm_vmscan_direct_reclaim_begin")]
fn mm_vmscan_direct_reclaim_begin(_: BtfTracePointContext) -> i32 {
    begin(Scope::Global)
}

/// By perf.
#[tracepoint(category = "vmscan", name = "mm_vmscan_direct_reclaim_begin")]
fn mm_vmscan_direct_reclaim_begin_perf(_: TracePointContext) -> i32 {
    begin(Scope::Global)
}

/// It has done so.
#[btf_tracepoint(function = "mm_vmscan_direct_reclaim_end")]
fn mm_vmscan_direct_reclaim_end(_: BtfTracePointContext) -> i32 {
    end(Scope::Global)
}

/// By perf.
#[tracepoint(category = "vmscan", name = "mm_vmscan_direct_reclaim_end")]
fn mm_vmscan_direct_reclaim_end_perf(_: TracePointContext) -> i32 {
    end(Scope::Global)
}

/// A task begins to free memory of a cgroup that has reached its limit.
#[btf_tracepoint(function = "mm_vmscan_memcg_reclaim_begin")]
fn mm_vmscan_memcg_reclaim_begin(_: BtfTracePointContext) -> i32 {
    begin(Scope::Cgroup)
}

/// By perf.
#[tracepoint(category = "vmscan", name = "mm_vmscan_memcg_reclaim_begin")]
fn mm_vmscan_memcg_reclaim_begin_perf(_: TracePointContext) -> i32 {
    begin(Scope::Cgroup)
}

/// It has done so.
#[btf_tracepoint(function = "mm_vmscan_memcg_reclaim_end")]
fn mm_vmscan_memcg_reclaim_end(_: BtfTracePointContext) -> i32 {
    end(Scope::Cgroup)
}

/// By perf.
#[tracepoint(category = "vmscan", name = "mm_vmscan_memcg_reclaim_end")]
fn mm_vmscan_memcg_reclaim_end_perf(_: TracePointContext) -> i32 {
    end(Scope::Cgroup)
}

#[inline(always)]
fn begin(scope: Scope) -> i32 {
    // SAFETY: the helper takes nothing and cannot fail.
    let now = unsafe { bpf_ktime_get_ns() };
    if RECLAIM_SINCE.insert(key(scope), now, 0).is_err() {
        lost(loss::RECLAIM_UNTRACKED);
    }
    0
}

#[inline(always)]
fn end(scope: Scope) -> i32 {
    let key = key(scope);
    // Not there: it began before we did, or found no room.
    let Some(since) = RECLAIM_SINCE.get_ptr(key) else { return 0 };
    // SAFETY: a value of RECLAIM_SINCE; the helpers take nothing and cannot fail.
    let (stalled_ns, cgroup_id) =
        unsafe { (bpf_ktime_get_ns().saturating_sub(*since), bpf_get_current_cgroup_id()) };
    let _ = RECLAIM_SINCE.remove(key);
    let Some(cell) = rare_cell(&RECLAIM, slot_of(cgroup_id)) else { return 0 };
    // SAFETY: `cell` is a value of RECLAIM.
    unsafe {
        match scope {
            Scope::Global => observe(&raw mut (*cell).global, stalled_ns),
            Scope::Cgroup => observe(&raw mut (*cell).cgroup, stalled_ns),
        }
    }
    0
}

#[inline(always)]
fn key(scope: Scope) -> u64 {
    u64::from(bpf_get_current_pid_tgid() as u32) << 1 | u64::from(scope == Scope::Cgroup)
}
