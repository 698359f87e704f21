//! `udp`: datagrams that sockets sent and received, counted where a call on the socket ends.

use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::run;
use plimsoll_abi::udp::Cell;

use crate::cells::{MMAPABLE, add, cell};
use crate::runs::ran;
use crate::slots::slot_of;
use crate::sock::owner;
use crate::task::{OFFSETS, Struct, at, load};

#[map]
static UDP: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IPPROTO_UDP: u16 = 17;
/// The datagram is only looked at, and will be received again.
const MSG_PEEK: i32 = 2;

#[btf_tracepoint(function = "sock_send_length")]
fn sock_send_length(ctx: BtfTracePointContext) -> i32 {
    if let Some((cell, bytes)) = cell_of(ctx.arg(0), ctx.arg(1)) {
        // SAFETY: a value of UDP.
        unsafe {
            add(&raw mut (*cell).sent, 1);
            add(&raw mut (*cell).sent_bytes, bytes);
        }
    }
    0
}

#[btf_tracepoint(function = "sock_recv_length")]
fn sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    let flags: i32 = ctx.arg(2);
    if flags & MSG_PEEK == 0
        && let Some((cell, bytes)) = cell_of(ctx.arg(0), ctx.arg(1))
    {
        // SAFETY: a value of UDP.
        unsafe {
            add(&raw mut (*cell).received, 1);
            add(&raw mut (*cell).received_bytes, bytes);
        }
    }
    0
}

/// The owner's cell and the bytes of a call, if it is one on UDP and succeeded.
#[inline(always)]
fn cell_of(sock: Struct, result: i32) -> Option<(*mut Cell, u64)> {
    if sock.is_null() || result < 0 {
        return None;
    }
    // SAFETY: the tracepoints' first argument is a struct sock.
    unsafe {
        let family: u16 = load(sock, at(&OFFSETS.sock_family));
        let protocol: u16 = load(sock, at(&OFFSETS.sock_protocol));
        if protocol != IPPROTO_UDP || family != AF_INET && family != AF_INET6 {
            return None;
        }
        ran(run::UDP);
        Some((cell(&UDP, slot_of(owner(sock)))?, result as u64))
    }
}
