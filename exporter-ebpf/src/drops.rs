//! `drops`: packets of sockets that the kernel drops, by its own reasons, and buffers that are full.

use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::drops::{Cell, DIRECTIONS, OTHER, RAW, REASONS_PER_SLOT, UDP};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;

use crate::cells::{MMAPABLE, add, rare_cell};
use crate::keyed::count;
use crate::losses::lost;
use crate::slots::slot_of;
use crate::sock::owner;
use crate::task::{OFFSETS, Struct, at, load};

#[map]
static DROPS: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static DROPS_REASONS: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static DROPS_REASONS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// States of what stands for a TCP socket that is not yet, or no longer, there (the same from v4.16 to v7.x).
const TIME_WAIT: u8 = 6;
const NEW_SYN_RECV: u8 = 12;
/// What UDP says where a receive buffer is full, as both x86 and arm number it.
const ENOMEM: i32 = 12;

/// For kernels that name the socket a packet was for (6.11 on).
#[btf_tracepoint(function = "kfree_skb")]
fn kfree_skb(ctx: BtfTracePointContext) -> i32 {
    let receiver: Struct = ctx.arg(3);
    // To some verifiers no argument is NULL: then it has no family.
    if !receiver.is_null() && is_internet(receiver) {
        return dropped(receiver, ctx.arg(2));
    }
    by_sender(ctx.arg(0), ctx.arg(2))
}

/// For kernels that give a reason alone (5.17 on): of what is received nobody knows whom it was for.
#[btf_tracepoint(function = "kfree_skb")]
fn kfree_skb_sent(ctx: BtfTracePointContext) -> i32 {
    by_sender(ctx.arg(0), ctx.arg(2))
}

/// A datagram could not be put into its socket's queue.
#[btf_tracepoint(function = "udp_fail_queue_rcv_skb")]
fn udp_fail_queue_rcv_skb(ctx: BtfTracePointContext) -> i32 {
    let error: i32 = ctx.arg(0);
    if error == -ENOMEM { full(ctx.arg(1), UDP) } else { 0 }
}

/// Any other packet for which there is no room.
#[btf_tracepoint(function = "sock_rcvqueue_full")]
fn sock_rcvqueue_full(ctx: BtfTracePointContext) -> i32 {
    let sock: Struct = ctx.arg(0);
    if sock.is_null() {
        return 0;
    }
    full(sock, if is_internet(sock) { RAW } else { OTHER })
}

/// All sockets of a protocol, or of a cgroup, have more memory than they may.
#[btf_tracepoint(function = "sock_exceed_buf_limit")]
fn sock_exceed_buf_limit(ctx: BtfTracePointContext) -> i32 {
    let (sock, direction): (Struct, i32) = (ctx.arg(0), ctx.arg(3));
    if sock.is_null() {
        return 0;
    }
    // There are two of them.
    let direction = direction as usize & (DIRECTIONS.len() - 1);
    // SAFETY: a full socket; a value of DROPS.
    unsafe {
        if let Some(cell) = rare_cell(&DROPS, slot_of(owner(sock))) {
            add((&raw mut (*cell).beyond_limit).cast::<u64>().add(direction), 1);
        }
    }
    0
}

#[inline(always)]
fn by_sender(skb: Struct, reason: u32) -> i32 {
    // SAFETY: the tracepoint's first argument is a sk_buff; its socket is one, or NULL.
    let sock: Struct = unsafe { load(skb, at(&OFFSETS.skb_sock)) };
    if sock.is_null() || !is_internet(sock) {
        return 0;
    }
    dropped(sock, reason)
}

#[inline(always)]
fn is_internet(sock: Struct) -> bool {
    // SAFETY: whatever stands for a socket begins with a sock_common.
    unsafe { matches!(load::<u16>(sock, at(&OFFSETS.sock_family)), AF_INET | AF_INET6) }
}

#[inline(always)]
fn dropped(sock: Struct, reason: u32) -> i32 {
    // SAFETY: as above; those that are more than a sock_common have an owner.
    let slot = unsafe {
        if matches!(load::<u8>(sock, at(&OFFSETS.sock_state)), TIME_WAIT | NEW_SYN_RECV) {
            return 0;
        }
        slot_of(owner(sock))
    };
    let key = Key { slot, key: [reason, 0] };
    if count(&DROPS_REASONS, &DROPS_REASONS_USED, REASONS_PER_SLOT, &key, 1) {
        return 0;
    }
    if let Some(cell) = rare_cell(&DROPS, slot) {
        // SAFETY: a value of DROPS.
        unsafe { add(&raw mut (*cell).folded, 1) };
        lost(loss::DROP_FOLDED);
    }
    0
}

#[inline(always)]
fn full(sock: Struct, protocol: usize) -> i32 {
    if sock.is_null() {
        return 0;
    }
    // SAFETY: a full socket; a value of DROPS, the protocol in its columns.
    unsafe {
        if let Some(cell) = rare_cell(&DROPS, slot_of(owner(sock))) {
            add((&raw mut (*cell).full).cast::<u64>().add(protocol), 1);
        }
    }
    0
}
