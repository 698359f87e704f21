//! The life of cgroups: slots are given out here, and user space is told what came and went.

use aya_ebpf::helpers::{bpf_ktime_get_boot_ns, bpf_probe_read_kernel_str_bytes};
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, RingBuf};
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::event::{EMPTIED, Header, MADE, MADE_IO, Made, PATH_BYTES, REMOVED};
use plimsoll_abi::loss;
use plimsoll_abi::slot::UNATTRIBUTED;

use crate::cells::{SIZES, fixed};
use crate::losses::lost;
use crate::slots;
use crate::task::{Struct, V2, cgroup_id, hierarchy_id};

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// Room to build a `MADE` event in. One is enough: cgroups are made under a lock of the kernel's.
#[map]
static MADE_SCRATCH: Array<Made> = Array::with_max_entries(1, 0);

/// A cgroup was made: it has a slot before its directory can be seen, so before a task can enter it.
#[btf_tracepoint(function = "cgroup_mkdir")]
fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    let cgroup: Struct = ctx.arg(0);
    // SAFETY: the tracepoint's first argument is a struct cgroup.
    let (id, hierarchy) = unsafe { (cgroup_id(cgroup), hierarchy_id(cgroup)) };
    let (kind, slot) = if hierarchy == V2 {
        (MADE, slots::give(id))
    } else if hierarchy == fixed(&SIZES.io_hierarchy) {
        (MADE_IO, UNATTRIBUTED)
    } else {
        return 0;
    };
    let Some(made) = MADE_SCRATCH.get_ptr_mut(0) else { return 0 };
    // SAFETY: the only value of MADE_SCRATCH, used by nobody else meanwhile.
    let made = unsafe { &mut *made };
    made.header = header(kind, slot, id);
    let path: *const u8 = ctx.arg(1);
    // SAFETY: the helper checks the address and the room.
    let length = match unsafe { bpf_probe_read_kernel_str_bytes(path, &mut made.path) } {
        Ok(path) => path.len(),
        Err(_) => 0,
    };
    if length >= PATH_BYTES - 1 {
        lost(loss::PATH_CUT);
    }
    // The mask tells the verifier what the helper promised.
    let used = size_of::<Header>() + (length & (PATH_BYTES - 1));
    // SAFETY: `used` bytes of the record are initialised: the header and the path's own length.
    let bytes = unsafe { core::slice::from_raw_parts((&raw const *made).cast::<u8>(), used) };
    send(bytes);
    0
}

/// The last task left a cgroup and all below it.
#[btf_tracepoint(function = "cgroup_notify_populated")]
fn cgroup_notify_populated(ctx: BtfTracePointContext) -> i32 {
    let populated: i32 = ctx.arg(2);
    if populated == 0 { gone(&ctx, EMPTIED) } else { 0 }
}

/// A cgroup was removed. Its slot stays mapped: late events may still name it.
#[btf_tracepoint(function = "cgroup_rmdir")]
fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    gone(&ctx, REMOVED)
}

#[inline(always)]
fn gone(ctx: &BtfTracePointContext, kind: u32) -> i32 {
    let cgroup: Struct = ctx.arg(0);
    // SAFETY: the tracepoint's first argument is a struct cgroup.
    let (id, hierarchy) = unsafe { (cgroup_id(cgroup), hierarchy_id(cgroup)) };
    if hierarchy == V2 {
        let header = header(kind, slots::slot_of(id), id);
        // SAFETY: a plain record of integers without padding.
        let bytes =
            unsafe { core::slice::from_raw_parts((&raw const header).cast::<u8>(), size_of::<Header>()) };
        send(bytes);
    }
    0
}

#[inline(always)]
fn header(kind: u32, slot: u32, cgroup_id: u64) -> Header {
    // SAFETY: the helper takes nothing and cannot fail.
    Header { kind, slot, cgroup_id, boot_ns: unsafe { bpf_ktime_get_boot_ns() } }
}

#[inline(always)]
fn send(bytes: &[u8]) {
    if EVENTS.output::<[u8]>(bytes, 0).is_err() {
        lost(loss::EVENT_DROPPED);
    }
}
