//! `block_io`: requests to block devices when they complete, by whose they are, device and operation.
//!
//! The owner is that of the request's first bio, so what the kernel writes back later counts for who wrote. The time
//! is the kernel's own, from when the request was queued: nothing is remembered between two events.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::block_io::{
    Cell, DISCARD, DiskName, FLUSH, OPERATIONS, OTHER_DEVICE, PAIRS_PER_SLOT, READ, Record, WRITE, device,
};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;

use crate::cells::{MMAPABLE, add, cell, observe};
use crate::keyed::record;
use crate::losses::lost;
use crate::slots::io_slot_of;
use crate::task::{OFFSETS, Struct, at, load};

#[map]
static BLOCK_IO: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static BLOCK_IO_REQUESTS: HashMap<Key, Record> = HashMap::with_max_entries(1, 0);

#[map]
static BLOCK_IO_REQUESTS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// A device's number → its name. Only here can it be known of those that are hidden, as NVMe's paths are.
#[map]
static BLOCK_IO_DISKS: HashMap<u32, DiskName> = HashMap::with_max_entries(1, 0);

static ZERO: Record = Record::ZERO;

/// `enum req_op` (the same from v5.10 to v7.x): those that name data, and the first that a driver makes for itself.
const REQ_OP_FLUSH: u32 = 2;
const REQ_OP_DISCARD: u32 = 3;
const REQ_OP_SCSI_IN: u32 = 32;
const REQ_OP_MASK: u32 = 0xff;

/// In place of a time: none was kept.
const UNKNOWN: u64 = 0;
/// In place of a time: some of the request remains. No `Option`: what its `None` leaves undefined the compiler may
/// compute with all the same, and the verifier sees a pointer there.
const NOT_YET: u64 = u64::MAX;

/// A completion, perhaps of a part of a request only.
struct Completion {
    disk: Struct,
    slot: u32,
    device: u32,
    operation: u32,
    bytes: u64,
    failed: bool,
    /// How long the request took; or one of the two below.
    whole_ns: u64,
}

/// For kernels where the queue knows its disk.
#[btf_tracepoint(function = "block_rq_complete")]
fn block_rq_complete(ctx: BtfTracePointContext) -> i32 {
    let request: Struct = ctx.arg(0);
    // SAFETY: the tracepoint's first argument is a struct request.
    let disk = unsafe {
        let queue: Struct = load(request, at(&OFFSETS.request_queue));
        load(queue, at(&OFFSETS.queue_disk))
    };
    complete(&ctx, request, disk)
}

/// For kernels where the request does (until 5.16).
#[btf_tracepoint(function = "block_rq_complete")]
fn block_rq_complete_rq_disk(ctx: BtfTracePointContext) -> i32 {
    let request: Struct = ctx.arg(0);
    // SAFETY: as above.
    let disk = unsafe { load(request, at(&OFFSETS.request_disk)) };
    complete(&ctx, request, disk)
}

#[inline(always)]
fn complete(ctx: &BtfTracePointContext, request: Struct, disk: Struct) -> i32 {
    // An errno or a blk_status_t, by kernel: 0 is success in both.
    let error: u64 = ctx.arg(1);
    let bytes: u32 = ctx.arg(2);
    // SAFETY: a struct request, what it points to, and its gendisk. A pointer that is NULL reads as zeros.
    let completion = unsafe {
        let bio: Struct = load(request, at(&OFFSETS.request_bio));
        let remaining: u32 = load(request, at(&OFFSETS.request_bytes));
        let Some(operation) = operation(request, bio, remaining | bytes) else { return 0 };
        let blkg: Struct = load(bio, at(&OFFSETS.bio_blkg));
        let blkcg: Struct = load(blkg, at(&OFFSETS.blkg_blkcg));
        let (major, minor) = (load(disk, at(&OFFSETS.disk_major)), load(disk, at(&OFFSETS.disk_minor)));
        Completion {
            disk,
            slot: io_slot_of(load(blkcg, at(&OFFSETS.blkcg_cgroup))),
            device: device(major, minor),
            operation,
            bytes: bytes.into(),
            failed: error != 0,
            whole_ns: if bytes >= remaining { duration(request) } else { NOT_YET },
        }
    };
    count(&completion);
    0
}

/// What a request does; `None` if nobody asked for it. `bytes` is 0 if it completes without ever having had data, or
/// for a second time.
///
/// # Safety
/// `request` must be a struct request, and `bio` its first.
#[inline(always)]
unsafe fn operation(request: Struct, bio: Struct, bytes: u32) -> Option<u32> {
    // SAFETY: the caller's.
    let op = unsafe { load::<u32>(request, at(&OFFSETS.request_flags)) } & REQ_OP_MASK;
    // The device's own flush serves the requests that wait for it, and those count.
    if op == REQ_OP_FLUSH || op >= REQ_OP_SCSI_IN {
        return None;
    }
    if bytes == 0 {
        // An empty write that asks for a flush is one, and is complete when that is. One that had data was complete
        // before: its bio has moved on to its end.
        // SAFETY: as above.
        let moved_on = unsafe { load::<u32>(bio, at(&OFFSETS.bio_index)) } != 0;
        return if op & 1 == 1 && !moved_on { Some(FLUSH) } else { None };
    }
    // As the kernel's own statistics do it: odd numbers go to the device.
    Some(if op == REQ_OP_DISCARD {
        DISCARD
    } else if op & 1 == 1 {
        WRITE
    } else {
        READ
    })
}

/// # Safety
/// `request` must be a struct request.
#[inline(always)]
unsafe fn duration(request: Struct) -> u64 {
    // SAFETY: the caller's; the helper takes nothing and cannot fail.
    let (start, now) = unsafe { (load::<u64>(request, at(&OFFSETS.request_start)), bpf_ktime_get_ns()) };
    // A clock may give the same twice.
    if start == 0 { UNKNOWN } else { now.saturating_sub(start).max(1) }
}

#[inline(always)]
fn count(completion: &Completion) {
    let Completion { slot, device, operation, .. } = *completion;
    let key = Key { slot, key: [device, operation] };
    let found = BLOCK_IO_REQUESTS.get_ptr_mut(key).or_else(|| first_of_its_kind(completion, &key));
    match found {
        // SAFETY: a value of BLOCK_IO_REQUESTS.
        Some(found) => unsafe { count_in(found, completion) },
        None => count_in_cell(completion),
    }
}

#[inline(always)]
fn first_of_its_kind(completion: &Completion, key: &Key) -> Option<*mut Record> {
    let new = record(&BLOCK_IO_REQUESTS, &BLOCK_IO_REQUESTS_USED, PAIRS_PER_SLOT, key, &ZERO);
    if new.is_some() {
        let first = at(&OFFSETS.disk_name);
        // SAFETY: the disk is a gendisk.
        let name: DiskName = unsafe {
            let word = |i: usize| load(completion.disk, first + i * 4);
            [word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7)]
        };
        // Without room its number has to do.
        let _ = BLOCK_IO_DISKS.insert(completion.device, name, 0);
        return new;
    }
    lost(loss::BLOCK_IO_FOLDED);
    let key = Key { slot: key.slot, key: [OTHER_DEVICE, completion.operation] };
    let limit = PAIRS_PER_SLOT + OPERATIONS.len() as u32;
    record(&BLOCK_IO_REQUESTS, &BLOCK_IO_REQUESTS_USED, limit, &key, &ZERO)
}

/// # Safety
/// `record` must be a value of BLOCK_IO_REQUESTS.
#[inline(always)]
unsafe fn count_in(record: *mut Record, completion: &Completion) {
    // SAFETY: the caller's.
    unsafe {
        match completion.whole_ns {
            NOT_YET => {}
            UNKNOWN => add(&raw mut (*record).untimed, 1),
            ns => observe(&raw mut (*record).duration, ns),
        }
        if completion.failed {
            add(&raw mut (*record).errors, 1);
        } else {
            add(&raw mut (*record).bytes, completion.bytes);
        }
    }
}

/// For when the map of all is full.
#[inline(always)]
fn count_in_cell(completion: &Completion) {
    let Some(cell) = cell(&BLOCK_IO, completion.slot) else { return };
    // The bound is for the verifier.
    let operation = completion.operation as usize & (OPERATIONS.len() - 1);
    // SAFETY: `cell` is a value of BLOCK_IO; the operation is inside its columns.
    unsafe {
        if completion.whole_ns != NOT_YET {
            add((&raw mut (*cell).operations).cast::<u64>().add(operation), 1);
        }
        if completion.failed {
            add((&raw mut (*cell).errors).cast::<u64>().add(operation), 1);
        } else {
            add((&raw mut (*cell).bytes).cast::<u64>().add(operation), completion.bytes);
        }
    }
}
