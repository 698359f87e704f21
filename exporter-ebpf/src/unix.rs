//! `unix`: connects to and bytes through sockets of the host's own, by the path they are bound to.
//!
//! The owner is who makes the call. To the kernel, what a listener accepts was made by whoever connected, so that the socket
//! itself would name the wrong one.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_probe_read_kernel, bpf_probe_read_user};
use aya_ebpf::macros::{btf_tracepoint, map, tracepoint};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::{BtfTracePointContext, TracePointContext};
use plimsoll_abi::calls::CONNECT;
use plimsoll_abi::keyed::Key;
use plimsoll_abi::unix::{NAME_WORDS, Name, PATHS_PER_SLOT, RESULTS, Record};
use plimsoll_abi::{loss, run};

use crate::calls::{Current, Returned, argument, descriptor, of, operation, probe};
use crate::cells::{MMAPABLE, add, cell};
use crate::keyed::record;
use crate::losses::lost;
use crate::runs::ran;
use crate::slots::slot_of;
use crate::task::{OFFSETS, Struct, at, load};

/// What is beyond the bound.
#[map]
static UNIX: Array<Record> = Array::with_max_entries(1, MMAPABLE);

#[map]
static UNIX_PATHS: HashMap<Key, Record> = HashMap::with_max_entries(1, 0);

#[map]
static UNIX_PATHS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Numbers of names, made from them, so that one has the same in every cgroup.
#[map]
static UNIX_NAMES: HashMap<u32, Name> = HashMap::with_max_entries(1, 0);

static ZERO: Record = Record::ZERO;

const AF_UNIX: u16 = 1;
/// Of an address, what is before the name: the family.
const FAMILY_BYTES: u32 = 2;
const NAME_BYTES: u32 = 108;
const MSG_PEEK: i32 = 2;

/// For kernels that give a task pointer the verifier knows (5.11 on).
#[btf_tracepoint(function = "sys_exit")]
fn unix_exit(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::known())
}

/// For kernels that may preempt a program in the middle (7.0 on).
#[tracepoint(category = "raw_syscalls", name = "sys_exit")]
fn unix_exit_perf(ctx: TracePointContext) -> i32 {
    exit(Returned::told_to_perf(&ctx), Current::known())
}

/// For 5.10, where the task pointer is a bare number.
#[btf_tracepoint(function = "sys_exit")]
fn unix_exit_5_10(ctx: BtfTracePointContext) -> i32 {
    exit(Returned::told(&ctx), Current::bare())
}

/// Something was sent (6.3 on).
#[btf_tracepoint(function = "sock_send_length")]
fn unix_sent(ctx: BtfTracePointContext) -> i32 {
    if let Some((record, bytes)) = passed(ctx.arg(0), ctx.arg(1)) {
        // SAFETY: a record or a cell of this signal.
        unsafe { add(&raw mut (*record).sent_bytes, bytes) };
    }
    0
}

/// Something was received (6.3 on).
#[btf_tracepoint(function = "sock_recv_length")]
fn unix_received(ctx: BtfTracePointContext) -> i32 {
    let flags: i32 = ctx.arg(2);
    if flags & MSG_PEEK == 0
        && let Some((record, bytes)) = passed(ctx.arg(0), ctx.arg(1))
    {
        // SAFETY: a record or a cell of this signal.
        unsafe { add(&raw mut (*record).received_bytes, bytes) };
    }
    0
}

#[inline(always)]
fn passed(sock: Struct, result: i32) -> Option<(*mut Record, u64)> {
    if sock.is_null() || result <= 0 {
        return None;
    }
    // SAFETY: the tracepoints' first argument is a struct sock.
    unsafe {
        if load::<u16>(sock, at(&OFFSETS.sock_family)) != AF_UNIX {
            return None;
        }
        let place = bound_to(sock as u64)?;
        let mut name = [0; NAME_WORDS + 1];
        if !read(&place, &mut name) {
            return None;
        }
        Some((record_of(&name)?, result as u64))
    }
}

#[inline(always)]
pub(crate) fn exit(returned: Returned, current: Current) -> i32 {
    ran(run::UNIX);
    let (native, compat) = of(returned.number);
    if operation(native) != CONNECT && operation(compat) != CONNECT {
        return 0;
    }
    let is_compat = current.is_compat();
    if operation(if is_compat { compat } else { native }) != CONNECT {
        return 0;
    }
    let regs = returned.regs(current);
    match current {
        Current::Known(task) => connected(task, regs, returned.ret, is_compat),
        Current::Bare(task) => connected_5_10(task, regs, returned.ret, is_compat),
    }
}

/// A function of its own to the kernel, too: what is rare is no part of what runs for each system call.
#[inline(never)]
fn connected(task: Struct, regs: Struct, ret: i64, is_compat: bool) -> i32 {
    connect(Current::Known(task), regs, ret, is_compat)
}

#[inline(never)]
fn connected_5_10(task: Struct, regs: Struct, ret: i64, is_compat: bool) -> i32 {
    connect(Current::Bare(task), regs, ret, is_compat)
}

#[inline(always)]
fn connect(current: Current, regs: Struct, ret: i64, is_compat: bool) -> i32 {
    // SAFETY: those are the caller's pt_regs.
    let (file, address, length) = unsafe {
        let file = current.file(descriptor(regs, 0, is_compat));
        (file, argument(regs, 1, is_compat), argument(regs, 2, is_compat) as u32)
    };
    let Some(file) = file.filter(|file| current.is_socket(*file)) else { return 0 };
    let socket: u64 = probe(file, at(&OFFSETS.file_private_data));
    let sock: u64 = probe(socket, at(&OFFSETS.socket_sock));
    if probe::<u16>(sock, at(&OFFSETS.sock_family)) != AF_UNIX {
        return 0;
    }
    // Where it is connected, by the name that is bound there, as the bytes will be counted; else by that asked for.
    let bound = if ret == 0 { bound_to(sock) } else { None };
    let dialled = Place { from: address + u64::from(FAMILY_BYTES), length, is_user: true };
    let place = bound.unwrap_or(dialled);
    let mut name = [0; NAME_WORDS + 1];
    if !read(&place, &mut name) {
        return 0;
    }
    let Some(record) = record_of(&name) else { return 0 };
    let result = match ret {
        0 => 0,
        // ECONNREFUSED, ENOENT, EPERM and EACCES, EAGAIN
        -111 => 1,
        -2 => 2,
        -1 | -13 => 3,
        -11 => 4,
        _ => RESULTS.len() - 1,
    };
    // The bound is for the verifier.
    let result = result & 7;
    if result >= RESULTS.len() {
        return 0;
    }
    // SAFETY: a record or a cell of this signal; the result is in its columns.
    unsafe { add((&raw mut (*record).results).cast::<u64>().add(result), 1) };
    0
}

/// Where a name is.
struct Place {
    /// Behind the family.
    from: u64,
    /// The bytes of the whole address.
    length: u32,
    is_user: bool,
}

/// The name of the other side's socket, or else of this one: that of what a listener accepts is the listener's.
#[inline(always)]
fn bound_to(sock: u64) -> Option<Place> {
    let peer: u64 = probe(sock, at(&OFFSETS.unix_peer));
    let mut address: u64 = if peer == 0 { 0 } else { probe(peer, at(&OFFSETS.unix_address)) };
    if address == 0 {
        address = probe(sock, at(&OFFSETS.unix_address));
    }
    if address == 0 {
        return None;
    }
    let length = probe(address, at(&OFFSETS.unix_address_length));
    let from = address + at(&OFFSETS.unix_address_name) as u64 + u64::from(FAMILY_BYTES);
    Some(Place { from, length, is_user: false })
}

/// Reads a name: a path ends at its first zero, what begins with one at the end. False if it has none.
///
/// Without a branch for each word: the verifier would follow every combination of theirs.
#[inline(always)]
fn read(place: &Place, name: &mut Name) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let length = core::hint::black_box(place.length.saturating_sub(FAMILY_BYTES));
    let length = if length > NAME_BYTES { NAME_BYTES } else { length };
    let (into, from) = (name.as_mut_ptr().cast(), place.from as *const _);
    // SAFETY: the buffer is longer, and zero where nothing is read; the helpers cope with any address.
    unsafe {
        if place.is_user {
            bpf_probe_read_user(into, length, from);
        } else {
            bpf_probe_read_kernel(into, length, from);
        }
    }
    // What is no path has no end but its length.
    let is_path = spread(name[0] & 0xff);
    let (mut ended, mut bytes) = (0, 0);
    let mut i = 0;
    while i < NAME_WORDS {
        let word = u64::from_le(name[i]);
        let zeros = word.wrapping_sub(LOW) & !word & HIGH & is_path;
        let first = zeros & zeros.wrapping_neg();
        // What is below the first zero; everything if there is none.
        let keep = (first >> 7).wrapping_sub(1) & !ended;
        ended |= spread(first);
        // As many bytes as are kept: each has one of these bits.
        bytes += (keep & LOW).wrapping_mul(LOW) >> 56;
        name[i] = (word & keep).to_le();
        i += 1;
    }
    name[NAME_WORDS] = (bytes & is_path) | (u64::from(length) & !is_path);
    length > 0
}

/// All bits if there is one.
#[inline(always)]
fn spread(bits: u64) -> u64 {
    // In two steps, lest the compiler see a comparison and make it a branch.
    let negative = core::hint::black_box(bits.wrapping_neg());
    ((bits | negative) as i64 >> 63) as u64
}

#[inline(always)]
fn record_of(name: &Name) -> Option<*mut Record> {
    // SAFETY: the helper takes nothing and cannot fail.
    let slot = slot_of(unsafe { bpf_get_current_cgroup_id() });
    if let Some(number) = number(name)
        && let Some(record) =
            record(&UNIX_PATHS, &UNIX_PATHS_USED, PATHS_PER_SLOT, &Key { slot, key: [number, 0] }, &ZERO)
    {
        return Some(record);
    }
    lost(loss::PATH_FOLDED);
    cell(&UNIX, slot)
}

/// The number of a name; `None` if there is no room for it, or another has it already.
#[inline(always)]
fn number(name: &Name) -> Option<u32> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i <= NAME_WORDS {
        hash = (hash ^ name[i]).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
        i += 1;
    }
    let number = (hash >> 32) as u32;
    if UNIX_NAMES.get_ptr(number).is_none() {
        UNIX_NAMES.insert(number, name, 0).ok()?;
    }
    let found = UNIX_NAMES.get_ptr(number)?.cast::<u64>();
    let mut differs = 0;
    let mut i = 0;
    while i <= NAME_WORDS {
        // SAFETY: a value of UNIX_NAMES; it never changes.
        differs |= unsafe { found.add(i).read_volatile() } ^ name[i];
        i += 1;
    }
    (differs == 0).then_some(number)
}
