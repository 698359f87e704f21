//! What address translation made of destinations, read from conntrack as the first packets of a connection are sent on.
//!
//! They are sent before there is an answer, so by the time an attempt ends it is known where it went, whoever translated:
//! the container's own network namespace, or the host's.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::LruHashMap;
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::connections::Peer;
use plimsoll_abi::nat::{Target, Tuple};
use plimsoll_abi::run;

use crate::cells::{SIZES, fixed};
use crate::connections::{is_mapped, translated};
use crate::runs::ran;
use crate::sock::read;
use crate::task::{OFFSETS, Struct, at, load};

/// As dialled → where it goes. No counters: what nobody asks for, as of connections that others than sockets of this host
/// made, goes when there is no room.
#[map]
static NAT_PENDING: LruHashMap<Tuple, Target> = LruHashMap::with_max_entries(1, 0);

/// In `sk_buff._nfct` beside the address: the direction.
const DIRECTION: u64 = 7;
/// In `nf_conn.status`: the destination is translated.
const IPS_DST_NAT: u64 = 1 << 5;
/// In `nf_conn.status`: the handshake is complete.
const IPS_ASSURED: u64 = 1 << 2;
const IPPROTO_TCP: u8 = 6;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// A packet is given to a device.
#[btf_tracepoint(function = "net_dev_queue")]
fn net_dev_queue(ctx: BtfTracePointContext) -> i32 {
    let skb: Struct = ctx.arg(0);
    ran(run::NAT);
    // SAFETY: the tracepoint's first argument is a sk_buff; what is read elsewhere is read by a helper.
    unsafe {
        let tracked = load::<u64>(skb, at(&OFFSETS.skb_nfct)) & !DIRECTION;
        if tracked == 0 {
            return 0;
        }
        let tracked = tracked as Struct;
        if read(tracked, at(&OFFSETS.conn_status)) & (IPS_DST_NAT | IPS_ASSURED) != IPS_DST_NAT {
            return 0;
        }
        let tuple = at(&OFFSETS.conn_tuples) + at(&OFFSETS.tuple);
        let Some(dialled) = tuple_at(tracked, tuple) else { return 0 };
        let Some(reply) = tuple_at(tracked, tuple + at(&OFFSETS.tuple) + size_of::<Tuple>()) else {
            return 0;
        };
        if dialled.protocol == IPPROTO_TCP {
            let target = Target { address: reply.source, port: reply.source_port.into() };
            let _ = NAT_PENDING.insert(dialled, target, 0);
        }
    }
    0
}

/// The other side of an attempt to connect that just ended, if its packets went elsewhere than dialled.
///
/// # Safety
/// `tcp` must be a full TCP socket, `slot` its owner's.
#[inline(always)]
pub(crate) unsafe fn peer(tcp: Struct, slot: u32) -> Option<Peer> {
    if fixed(&SIZES.nat) == 0 {
        return None;
    }
    // SAFETY: the caller's.
    let peer = unsafe { ask(tcp, slot) };
    (peer[1] != 0).then_some(peer)
}

/// Zeros if there is none. In the object once.
#[inline(never)]
unsafe fn ask(tcp: Struct, slot: u32) -> Peer {
    // SAFETY: the caller's.
    let mut tuple = unsafe { dialled(tcp) };
    let Some(first) = take(&tuple) else { return [0, 0] };
    // What the container's own namespace made of it, the host's may translate again.
    (tuple.destination, tuple.destination_port) = (first.address, first.port as u16);
    let last = take(&tuple).unwrap_or(first);
    // SAFETY: the caller's.
    unsafe { translated(tcp, slot, &last, tuple.family == AF_INET6) }
}

/// Takes it out: the next connection between these ports may not be translated.
#[inline(always)]
fn take(tuple: &Tuple) -> Option<Target> {
    // SAFETY: a value of NAT_PENDING, copied.
    let target = unsafe { *NAT_PENDING.get_ptr(tuple)? };
    let _ = NAT_PENDING.remove(tuple);
    Some(target)
}

/// The direction of who began, as conntrack has it.
#[inline(always)]
unsafe fn dialled(tcp: Struct) -> Tuple {
    // SAFETY: the caller's.
    unsafe {
        let mut tuple = Tuple {
            source: [0; 4],
            source_port: load(tcp, at(&OFFSETS.sock_source_port)),
            family: AF_INET,
            destination: [0; 4],
            destination_port: load(tcp, at(&OFFSETS.sock_remote_port)),
            protocol: IPPROTO_TCP,
            direction: 0,
        };
        let remote = words(tcp, at(&OFFSETS.sock_remote_v6));
        if load::<u16>(tcp, at(&OFFSETS.sock_family)) == AF_INET6 && !is_mapped(&remote) {
            tuple.family = AF_INET6;
            tuple.source = words(tcp, at(&OFFSETS.sock_local_v6));
            tuple.destination = remote;
        } else {
            tuple.source[0] = load(tcp, at(&OFFSETS.sock_local_v4));
            tuple.destination[0] = load(tcp, at(&OFFSETS.sock_remote_v4));
        }
        tuple
    }
}

#[inline(always)]
unsafe fn words(tcp: Struct, first: usize) -> [u32; 4] {
    // SAFETY: the caller's.
    unsafe { [load(tcp, first), load(tcp, first + 4), load(tcp, first + 8), load(tcp, first + 12)] }
}

#[inline(always)]
unsafe fn tuple_at(tracked: Struct, offset: usize) -> Option<Tuple> {
    // SAFETY: the helper copes with any address.
    unsafe { bpf_probe_read_kernel(tracked.wrapping_add(offset).cast::<Tuple>()) }.ok()
}
