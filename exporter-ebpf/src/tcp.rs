//! `tcp`: how attempts to connect end, which connections are open, and what goes through them.
//!
//! The kernel counts bytes and segments of each socket itself. What they grew by since they were looked at last is
//! added to the owner's cell: when the state changes, which holds the socket's lock, and when somebody wants to know
//! (see [`look`]). So no segment costs anything by itself. Before 5.12 nobody can look at a socket from outside: there it is done
//! when its reader takes data, when an acknowledgement arrives and when a segment is sent again.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::BtfTracePointContext;
use plimsoll_abi::connections::{GROUP, NAMED, Peer};
use plimsoll_abi::histogram::Histogram;
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;
use plimsoll_abi::run;
use plimsoll_abi::slot::UNATTRIBUTED;
use plimsoll_abi::tcp::{
    ABORTED, Cell, DIRECTIONS, IN, OK, OTHER, OUT, RECORDS_PER_SLOT, REFUSED, RESET, RESULTS, Record, Socket,
    TIMEOUT, UNKNOWN, UNREACHABLE,
};

use crate::cells::{MMAPABLE, add, cell, observe};
use crate::connections;
use crate::keyed::record;
use crate::losses::lost;
use crate::nat;
use crate::runs::ran;
use crate::slots::slot_of;
use crate::sock::{owner, tcp};
use crate::task::{OFFSETS, Struct, at, load};
pub(crate) use store::{Store, Stored, Tabled};

pub(crate) mod look;
mod store;

#[map]
static TCP: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static TCP_CONNECTS: HashMap<Key, Record> = HashMap::with_max_entries(1, 0);

#[map]
static TCP_CONNECTS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

static ZERO: Record = Histogram::ZERO;

/// States (the same from v4.16 to v7.x).
pub(crate) const ESTABLISHED: u64 = 1;
const SYN_SENT: u64 = 2;
const SYN_RECV: u64 = 3;
pub(crate) const FIN_WAIT1: u64 = 4;
pub(crate) const FIN_WAIT2: u64 = 5;
const CLOSE: u64 = 7;
pub(crate) const CLOSE_WAIT: u64 = 8;
pub(crate) const LISTEN: u64 = 10;

/// A segment longer than this has data: no header is. Its reader will take it, and that is looked at.
const HEADER_MAX: u32 = 60;
/// In `sk_shutdown`: neither side is used any more.
pub(crate) const SHUT_BOTH: u8 = 3;
/// In `sk_flags`: the other's end was received, which counts as a byte.
const SOCK_DONE: u64 = 1 << 1;
/// Segments received between two looks at the round trip time.
const RTT_EVERY: u32 = 64;

#[btf_tracepoint(function = "inet_sock_set_state")]
fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    set_state::<Stored>(&ctx)
}

#[btf_tracepoint(function = "inet_sock_set_state")]
fn inet_sock_set_state_5_10(ctx: BtfTracePointContext) -> i32 {
    set_state::<Tabled>(&ctx)
}

#[inline(always)]
fn set_state<S: Store>(ctx: &BtfTracePointContext) -> i32 {
    let sock: Struct = ctx.arg(0);
    let Some(tcp) = tcp(sock) else { return 0 };
    let (old, new): (i32, i32) = (ctx.arg(1), ctx.arg(2));
    let (old, new) = (old as u64, new as u64);
    // SAFETY: a full TCP socket.
    unsafe {
        match new {
            SYN_SENT => begin::<S>(sock, tcp, OUT),
            ESTABLISHED if old == SYN_SENT => connected::<S>(sock, tcp),
            ESTABLISHED => established::<S>(sock, tcp),
            CLOSE => closed::<S>(sock, tcp, old),
            _ => changed::<S>(sock, tcp),
        }
    }
    0
}

/// An established socket received a segment, which is not yet dealt with.
#[btf_tracepoint(function = "tcp_probe")]
fn tcp_probe(ctx: BtfTracePointContext) -> i32 {
    let (sock, skb): (Struct, Struct) = (ctx.arg(0), ctx.arg(1));
    // SAFETY: the tracepoint's second argument is a sk_buff.
    if unsafe { load::<u32>(skb, at(&OFFSETS.skb_len)) } > HEADER_MAX {
        return 0;
    }
    seen(sock)
}

/// A reader took data.
#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
fn tcp_rcv_space_adjust(ctx: BtfTracePointContext) -> i32 {
    seen(ctx.arg(0))
}

/// A segment was sent again.
#[btf_tracepoint(function = "tcp_retransmit_skb")]
fn tcp_retransmit_skb(ctx: BtfTracePointContext) -> i32 {
    let sock: Struct = ctx.arg(0);
    let Some(tcp) = tcp(sock) else { return 0 };
    if let Some(socket) = Tabled::get(tcp) {
        // SAFETY: what is remembered of this socket.
        unsafe { look::<Tabled>(socket, tcp) };
    }
    0
}

/// A reset goes out: for a connection, or for none.
#[btf_tracepoint(function = "tcp_send_reset")]
fn tcp_send_reset(ctx: BtfTracePointContext) -> i32 {
    if let Some(cell) = cell(&TCP, slot_by_socket(ctx.arg(0))) {
        // SAFETY: a value of TCP.
        unsafe { add(&raw mut (*cell).resets_sent, 1) };
    }
    0
}

#[btf_tracepoint(function = "tcp_receive_reset")]
fn tcp_receive_reset(ctx: BtfTracePointContext) -> i32 {
    if let Some(cell) = cell(&TCP, slot_by_socket(ctx.arg(0))) {
        // SAFETY: a value of TCP.
        unsafe { add(&raw mut (*cell).resets_received, 1) };
    }
    0
}

#[inline(always)]
fn slot_by_socket(sock: Struct) -> u32 {
    // Without a socket, or with what stands for one that is gone, nobody's.
    match tcp(sock) {
        // SAFETY: a full socket.
        Some(_) => slot_of(unsafe { owner(sock) }),
        None => UNATTRIBUTED,
    }
}

#[inline(always)]
fn seen(sock: Struct) -> i32 {
    ran(run::TCP);
    let Some(tcp) = tcp(sock) else { return 0 };
    // SAFETY: what is remembered of this socket.
    unsafe {
        match Tabled::get(tcp) {
            Some(socket) => look::<Tabled>(socket, tcp),
            // It was there before the programs, and the walk at the start did not see it.
            None if u64::from(load::<u8>(sock, at(&OFFSETS.sock_state))) == ESTABLISHED => {
                take_in::<Tabled>(tcp, UNKNOWN)
            }
            None => {}
        }
    }
    0
}

/// A connection that was there before the programs, and is counted from here on. Once, whoever sees it first.
///
/// # Safety
/// `tcp` must be a full TCP socket.
#[inline(always)]
pub(crate) unsafe fn take_in<S: Store>(tcp: Struct, direction: u32) {
    if S::get(tcp).is_some() {
        return;
    }
    // SAFETY: the caller's.
    let new = unsafe { Socket { open: 1, ..counted(tcp, owner(tcp), direction) } };
    if !insert::<S>(tcp, &new) {
        return;
    }
    count_open(&new);
    let direction = direction as usize;
    if let Some(cell) = cell(&TCP, slot_of(new.cgroup))
        && direction < DIRECTIONS.len()
    {
        // SAFETY: a value of TCP; the direction is in its columns.
        unsafe { add((&raw mut (*cell).found).cast::<u64>().add(direction), 1) };
    }
}

/// An attempt to connect begins.
#[inline(always)]
unsafe fn begin<S: Store>(sock: Struct, tcp: Struct, direction: u32) {
    // SAFETY: the caller's.
    unsafe {
        forget::<S>(tcp);
        let mut new = counted(tcp, owner(sock), direction);
        new.since_ns = bpf_ktime_get_ns();
        insert::<S>(tcp, &new);
    }
}

/// An attempt to connect succeeded.
#[inline(always)]
unsafe fn connected<S: Store>(sock: Struct, tcp: Struct) {
    // SAFETY: the caller's; what is remembered of this socket.
    unsafe {
        let now = bpf_ktime_get_ns();
        if let Some(socket) = S::get(tcp) {
            let took = now.saturating_sub((*socket).since_ns);
            translate(socket, tcp);
            count_connect(&*socket, OK, Some(took));
            (*socket).since_ns = now;
            (*socket).open = 1;
            count_open(&*socket);
            look::<S>(socket, tcp);
        } else {
            // It began before the programs, or found no room.
            let mut new = counted(tcp, owner(sock), OUT);
            (new.since_ns, new.open) = (now, 1);
            count_connect(&new, OK, None);
            if insert::<S>(tcp, &new) {
                count_open(&new);
            }
        }
    }
}

/// A listener's child is complete; or two sides that connected to each other have met.
#[inline(always)]
unsafe fn established<S: Store>(sock: Struct, tcp: Struct) {
    // SAFETY: the caller's; what is remembered of this socket.
    unsafe {
        if let Some(socket) = S::get(tcp)
            && (*socket).direction == OUT
            && (*socket).open == 0
        {
            return connected::<S>(sock, tcp);
        }
        forget::<S>(tcp);
        let cgroup = owner(sock);
        // All it has counted so far is its own.
        let new = Socket {
            cgroup,
            since_ns: bpf_ktime_get_ns(),
            sent_bytes: 0,
            received_bytes: 0,
            sent_segments: 0,
            received_segments: 0,
            retransmits: 0,
            rtt_at: 0,
            peer: peer_of(tcp, cgroup, IN),
            client: client_of(tcp, cgroup, IN),
            direction: IN,
            open: 1,
        };
        count_open(&new);
        for peer in [new.peer, new.client] {
            if let Some(record) = connections::of(slot_of(cgroup), peer, true) {
                add((&raw mut (*record).results).cast::<u64>(), 1);
            }
        }
        insert::<S>(tcp, &new);
    }
}

/// The socket is done with.
#[inline(always)]
unsafe fn closed<S: Store>(sock: Struct, tcp: Struct, old: u64) {
    // SAFETY: the caller's; what is remembered of this socket.
    unsafe {
        let Some(socket) = S::get(tcp) else {
            if old == SYN_SENT {
                count_connect(&counted(tcp, owner(sock), OUT), failure(sock, tcp), None);
            }
            return;
        };
        look::<S>(socket, tcp);
        if (*socket).open == 1 {
            end(socket, tcp);
        } else if old == SYN_SENT || old == SYN_RECV && (*socket).direction == OUT {
            let took = bpf_ktime_get_ns().saturating_sub((*socket).since_ns);
            translate(socket, tcp);
            count_connect(&*socket, failure(sock, tcp), Some(took));
        }
        S::remove(tcp);
        ran(run::TCP);
    }
}

/// By now it is known where an attempt to connect went. Nothing was counted under its destination before.
#[inline(always)]
unsafe fn translate(socket: *mut Socket, tcp: Struct) {
    // SAFETY: what is remembered of this socket.
    unsafe {
        // A group, and what DNS named, has one name, whoever serves it.
        if (*socket).peer[1] & (GROUP | NAMED) == 0
            && let Some(peer) = nat::peer(tcp, slot_of((*socket).cgroup))
        {
            (*socket).peer = peer;
        }
    }
}

/// Any other change of state.
#[inline(always)]
unsafe fn changed<S: Store>(sock: Struct, tcp: Struct) {
    // SAFETY: the caller's; what is remembered of this socket.
    unsafe {
        let Some(socket) = S::get(tcp) else { return };
        look::<S>(socket, tcp);
        // Half a connection is still one. What is closed belongs to nobody, though it may have bytes to deliver.
        if (*socket).open == 1 && load::<u8>(sock, at(&OFFSETS.sock_shutdown)) & SHUT_BOTH == SHUT_BOTH {
            end(socket, tcp);
        }
    }
}

/// Why an attempt to connect failed: the errno, as both x86 and arm number it.
#[inline(always)]
unsafe fn failure(sock: Struct, tcp: Struct) -> u32 {
    // SAFETY: the caller's.
    let (error, sent) =
        unsafe { (load::<i32>(sock, at(&OFFSETS.sock_error)), load::<u32>(tcp, at(&OFFSETS.tcp_segs_out))) };
    match error {
        111 => REFUSED,
        110 => TIMEOUT,
        // ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET, ENOPROTOOPT, EACCES: what ICMP says
        101 | 112 | 113 | 64 | 92 | 13 => UNREACHABLE,
        // ECONNRESET, EPIPE
        104 | 32 => RESET,
        // Nothing was sent: no port was left, for example.
        0 if sent > 0 => ABORTED,
        _ => OTHER,
    }
}

#[inline(always)]
unsafe fn peer_of(tcp: Struct, cgroup: u64, direction: u32) -> Peer {
    if !connections::wanted() {
        return [0, 0];
    }
    // SAFETY: the caller's.
    unsafe { connections::peer(tcp, slot_of(cgroup), cgroup, direction) }
}

#[inline(always)]
unsafe fn client_of(tcp: Struct, cgroup: u64, direction: u32) -> Peer {
    if connections::wanted() && direction == IN {
        // SAFETY: the caller's.
        unsafe { connections::client(tcp, slot_of(cgroup)) }
    } else {
        [0, 0]
    }
}

/// What a socket has counted, as of now.
#[inline(always)]
unsafe fn counted(tcp: Struct, cgroup: u64, direction: u32) -> Socket {
    // SAFETY: the caller's.
    unsafe {
        let all: u64 = load(tcp, at(&OFFSETS.tcp_bytes_sent));
        let again: u64 = load(tcp, at(&OFFSETS.tcp_bytes_retrans));
        let received: u64 = load(tcp, at(&OFFSETS.tcp_bytes_received));
        let flags: u64 = load(tcp, at(&OFFSETS.sock_flags));
        let word = |offset| u64::from(load::<u32>(tcp, offset));
        let received_segments = word(at(&OFFSETS.tcp_segs_in));
        Socket {
            cgroup,
            since_ns: 0,
            sent_bytes: all.wrapping_sub(again),
            received_bytes: if flags & SOCK_DONE != 0 { received.wrapping_sub(1) } else { received },
            sent_segments: word(at(&OFFSETS.tcp_segs_out)),
            received_segments,
            retransmits: word(at(&OFFSETS.tcp_total_retrans)),
            rtt_at: received_segments,
            peer: peer_of(tcp, cgroup, direction),
            client: client_of(tcp, cgroup, direction),
            direction,
            open: 0,
        }
    }
}

/// Adds what the socket counted since it was looked at last.
///
/// # Safety
/// `socket` must be what is remembered of `tcp`.
#[inline(never)]
pub(crate) unsafe fn look<S: Store>(socket: *mut Socket, tcp: Struct) {
    // SAFETY: the caller's; cells are values of TCP.
    unsafe {
        let now = counted(tcp, 0, UNKNOWN);
        let slot = slot_of((*socket).cgroup);
        let Some(cell) = cell(&TCP, slot) else { return };
        let record = connections::of(slot, (*socket).peer, false);
        let sent = growth::<S>(&raw mut (*socket).sent_bytes, now.sent_bytes);
        if sent > 0 {
            add(&raw mut (*cell).sent_bytes, sent);
            if let Some(record) = record {
                add(&raw mut (*record).sent_bytes, sent);
            }
        }
        let received = growth::<S>(&raw mut (*socket).received_bytes, now.received_bytes);
        if received > 0 {
            add(&raw mut (*cell).received_bytes, received);
            if let Some(record) = record {
                add(&raw mut (*record).received_bytes, received);
            }
        }
        let out = growth_of_word::<S>(&raw mut (*socket).sent_segments, now.sent_segments);
        add(&raw mut (*cell).sent_segments, out);
        let segments = growth_of_word::<S>(&raw mut (*socket).received_segments, now.received_segments);
        add(&raw mut (*cell).received_segments, segments);
        let again = growth_of_word::<S>(&raw mut (*socket).retransmits, now.retransmits);
        if again > 0 {
            add(&raw mut (*cell).retransmits, again);
        }
        let rtt_at = (&raw mut (*socket).rtt_at).read_volatile();
        if (now.received_segments as u32).wrapping_sub(rtt_at as u32) >= RTT_EVERY
            && S::change(&raw mut (*socket).rtt_at, rtt_at, now.received_segments)
        {
            observe_rtt(cell, tcp);
        }
    }
}

/// What a count of the kernel's grew by since it was remembered, and remembers it. Each step is told once, whoever looks at
/// the same time; who looked earlier and comes later tells nothing. A segment that could not be sent again makes bytes go back
/// until it is.
///
/// # Safety
/// `seen` must be a word of what is remembered of a socket.
#[inline(always)]
unsafe fn growth<S: Store>(seen: *mut u64, now: u64) -> u64 {
    // One other may look meanwhile.
    for _ in 0..2 {
        // SAFETY: the caller's; volatile, since others change it.
        let before = unsafe { seen.read_volatile() };
        let grown = now.wrapping_sub(before);
        if grown as i64 <= 0 {
            return 0;
        }
        // SAFETY: as above.
        if unsafe { S::change(seen, before, now) } {
            return grown;
        }
    }
    0
}

/// The same, of a count of 32 bits that begins again at 0.
///
/// # Safety
/// As for [`growth`].
#[inline(always)]
unsafe fn growth_of_word<S: Store>(seen: *mut u64, now: u64) -> u64 {
    for _ in 0..2 {
        // SAFETY: the caller's; volatile, since others change it.
        let before = unsafe { seen.read_volatile() };
        let grown = (now as u32).wrapping_sub(before as u32);
        if grown as i32 <= 0 {
            return 0;
        }
        // SAFETY: as above.
        if unsafe { S::change(seen, before, now) } {
            return grown.into();
        }
    }
    0
}

/// A connection is open no longer.
#[inline(always)]
unsafe fn end(socket: *mut Socket, tcp: Struct) {
    // SAFETY: what is remembered of a socket; cells are values of TCP.
    unsafe {
        (*socket).open = 0;
        count_closed(&*socket);
        let Some(cell) = cell(&TCP, slot_of((*socket).cgroup)) else { return };
        observe_rtt(cell, tcp);
        if (*socket).since_ns != 0 {
            let ns = bpf_ktime_get_ns().saturating_sub((*socket).since_ns);
            observe(&raw mut (*cell).lifetime, ns / 1000);
        }
    }
}

#[inline(always)]
unsafe fn observe_rtt(cell: *mut Cell, tcp: Struct) {
    // SAFETY: the caller's.
    unsafe {
        // Eighths of microseconds; 0 before there is any.
        let srtt: u32 = load(tcp, at(&OFFSETS.tcp_srtt));
        if srtt > 0 {
            observe(&raw mut (*cell).rtt, u64::from(srtt) * 125);
        }
    }
}

/// Of a socket whose end was missed: its address belongs to another now.
#[inline(always)]
unsafe fn forget<S: Store>(tcp: Struct) {
    if let Some(stale) = S::get(tcp) {
        // SAFETY: what is remembered of a socket.
        unsafe {
            if (*stale).open == 1 {
                count_closed(&*stale);
            }
        }
    }
}

#[inline(always)]
fn insert<S: Store>(tcp: Struct, new: &Socket) -> bool {
    let inserted = S::insert(tcp, new);
    if !inserted {
        lost(loss::TCP_TABLE_FULL);
    }
    inserted
}

#[inline(always)]
fn count_open(socket: &Socket) {
    count_change(socket, false);
}

#[inline(always)]
fn count_closed(socket: &Socket) {
    count_change(socket, true);
}

/// In the object once, though many ask.
#[inline(never)]
fn count_change(socket: &Socket, is_end: bool) {
    let slot = slot_of(socket.cgroup);
    count_peer(slot, socket.peer, is_end);
    count_peer(slot, socket.client, is_end);
    let Some(cell) = cell(&TCP, slot) else { return };
    let direction = socket.direction as usize;
    if direction < DIRECTIONS.len() {
        // SAFETY: a value of TCP; the direction is in its columns.
        unsafe {
            let columns = if is_end { &raw mut (*cell).closed } else { &raw mut (*cell).opened };
            add(columns.cast::<u64>().add(direction), 1);
        }
    }
}

#[inline(always)]
fn count_peer(slot: u32, peer: Peer, is_end: bool) {
    if let Some(record) = connections::of(slot, peer, false) {
        // SAFETY: a record of connections.
        unsafe { add(if is_end { &raw mut (*record).closed } else { &raw mut (*record).opened }, 1) };
    }
}

#[inline(always)]
fn count_connect(socket: &Socket, result: u32, took_ns: Option<u64>) {
    let slot = slot_of(socket.cgroup);
    // The bound is for the verifier.
    let column = result as usize & 7;
    if column >= RESULTS.len() {
        return;
    }
    if let Some(record) = connections::of(slot, socket.peer, true) {
        // SAFETY: a record of connections; the result is in its columns.
        unsafe { add((&raw mut (*record).results).cast::<u64>().add(column), 1) };
    }
    let key = Key { slot, key: [result, 0] };
    if let Some(ns) = took_ns
        && let Some(record) = record(&TCP_CONNECTS, &TCP_CONNECTS_USED, RECORDS_PER_SLOT, &key, &ZERO)
    {
        // SAFETY: a value of TCP_CONNECTS.
        unsafe { observe(record, ns) };
        return;
    }
    let Some(cell) = cell(&TCP, slot) else { return };
    // SAFETY: a value of TCP; the result is in its columns.
    unsafe { add((&raw mut (*cell).untimed).cast::<u64>().add(column), 1) };
}
