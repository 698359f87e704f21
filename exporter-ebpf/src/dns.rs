//! `dns`: questions to resolvers and their answers, as the packets of a cgroup's sockets show them.
//!
//! Attached to the root of cgroup v2, beside whatever else is there, and sees each packet of each socket: what neither
//! goes to a resolver's port nor comes from one is left after a handful of instructions. All packets pass.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skb_cgroup_id};
use aya_ebpf::macros::{cgroup_skb, map};
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::SkBuffContext;
use plimsoll_abi::dns::{
    ASKED, Asked, Cell, MAX_LABELS, MESSAGES_PER_SLOT, NO_NAME, NO_TYPE, Question, TCP, TIMEOUT_NS, UDP,
    message_key,
};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::{loss, run};

use crate::cells::{MMAPABLE, SIZES, add, cell, fixed, observe};
use crate::dns_names;
use crate::keyed::count;
use crate::losses::lost;
use crate::runs::ran;
use crate::slots::slot_of;

#[map]
static DNS: Array<Cell> = Array::with_max_entries(1, MMAPABLE);

#[map]
static DNS_MESSAGES: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static DNS_MESSAGES_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Questions that wait for their answers. User space removes those that have waited too long.
#[map]
static DNS_PENDING: HashMap<Question, Asked> = HashMap::with_max_entries(1, 0);

/// The packet goes on its way.
const PASS: i32 = 1;

const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
/// A message's head, and the least of a question behind it.
const HEAD: u32 = 12;
const LEAST: u32 = HEAD + 5;
/// Messages looked at in one TCP segment.
const MESSAGES: u32 = 4;

const ANSWER: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;
const RCODE: u16 = 0x000f;
/// Bits that no question has set: answer, operation, authoritative, truncated, available, reserved, rcode.
const NO_QUESTION: u16 = 0xfecf;

/// What is sent.
#[cgroup_skb(egress)]
fn dns_sent(ctx: SkBuffContext) -> i32 {
    ran(run::DNS);
    if let Some(packet) = packet(ctx.skb.skb, 2) {
        questions(&ctx, &packet);
    }
    PASS
}

/// What is received.
#[cgroup_skb(ingress)]
fn dns_received(ctx: SkBuffContext) -> i32 {
    ran(run::DNS);
    if let Some(packet) = packet(ctx.skb.skb, 0) {
        answers(&ctx, &packet);
    }
    PASS
}

/// A packet to or from a resolver.
struct Packet {
    protocol: u32,
    /// Where its payload begins, and where it ends.
    payload: u32,
    end: u32,
}

/// `None` if the port at this place of the transport's header is no resolver's.
#[inline(always)]
fn packet(skb: *mut __sk_buff, port_at: usize) -> Option<Packet> {
    // SAFETY: the program's own context; each byte read is before `data_end`, which the verifier checks again.
    unsafe {
        let (data, end) = ((*skb).data as usize, (*skb).data_end as usize);
        if data + 28 > end {
            return None;
        }
        let byte = |at: usize| (data as *const u8).add(at).read_volatile();
        let first = byte(0);
        let (transport, protocol) = match first >> 4 {
            4 => (usize::from(first & 15) * 4, byte(9)),
            6 => (40, byte(6)),
            _ => return None,
        };
        if protocol != IPPROTO_UDP && protocol != IPPROTO_TCP {
            return None;
        }
        let header = data + transport;
        if header + 8 > end {
            return None;
        }
        let port = u16::from_be(((header + port_at) as *const u16).read_unaligned());
        let ports = fixed(&SIZES.dns_ports);
        if port != ports[0] && port != ports[1] && port != ports[2] && port != ports[3] {
            return None;
        }
        let length = if protocol == IPPROTO_UDP {
            8
        } else if header + 20 > end {
            return None;
        } else {
            u32::from((header as *const u8).add(12).read_volatile() >> 4) * 4
        };
        let protocol = if protocol == IPPROTO_UDP { UDP } else { TCP };
        Some(Packet { protocol, payload: transport as u32 + length, end: (*skb).len })
    }
}

/// Whose a message is.
struct Owner {
    cookie: u64,
    cgroup: u64,
    slot: u32,
}

#[inline(always)]
fn owner(ctx: &SkBuffContext) -> Owner {
    // SAFETY: the program's own context.
    unsafe {
        let cgroup = bpf_skb_cgroup_id(ctx.skb.skb);
        Owner { cookie: bpf_get_socket_cookie(ctx.skb.skb.cast()), cgroup, slot: slot_of(cgroup) }
    }
}

/// In TCP, two bytes of length are before each message; some send them in a segment of their own.
#[inline(always)]
fn questions(ctx: &SkBuffContext, packet: &Packet) {
    let owner = owner(ctx);
    let mut at = packet.payload;
    for turn in 0..MESSAGES {
        if at.saturating_add(LEAST) > packet.end {
            return;
        }
        let (mut message, mut next) = (at, packet.end);
        if packet.protocol == TCP {
            let length = u32::from(word(ctx, at));
            if length >= LEAST && at + 2 + length <= packet.end {
                (message, next) = (at + 2, at + 2 + length);
            } else if turn > 0 {
                return;
            }
        }
        asked(ctx, packet.protocol, &owner, message);
        at = next;
    }
}

/// The middle of a long answer is none to a question that waits.
#[inline(always)]
fn answers(ctx: &SkBuffContext, packet: &Packet) {
    let owner = owner(ctx);
    let mut at = if packet.protocol == TCP { packet.payload + 2 } else { packet.payload };
    let mut without_length = false;
    for turn in 0..MESSAGES {
        if at.saturating_add(HEAD) > packet.end {
            return;
        }
        let is_answer = answered(ctx, packet.protocol, &owner, at);
        if packet.protocol == UDP || without_length {
            return;
        }
        if is_answer {
            at += 2 + u32::from(word(ctx, at - 2));
        } else if turn == 0 {
            without_length = true;
            at = packet.payload;
        } else {
            return;
        }
    }
}

#[inline(always)]
fn asked(ctx: &SkBuffContext, protocol: u32, owner: &Owner, at: u32) {
    let (id, flags) = (word(ctx, at), word(ctx, at + 2));
    // One question, and no answers.
    if flags & NO_QUESTION != 0 || word(ctx, at + 4) != 1 || word(ctx, at + 6) != 0 {
        return;
    }
    let (kind, length) = kind(ctx, at + HEAD);
    let question = [owner.cookie, u64::from(id)];
    // SAFETY: the helper takes nothing.
    let now = unsafe { bpf_ktime_get_ns() };
    let slot_and_kind = u64::from(owner.slot) << 32 | u64::from(kind);
    let mut waits = false;
    if let Some(before) = DNS_PENDING.get_ptr(question) {
        // SAFETY: a value of DNS_PENDING.
        let since = unsafe { before.cast::<u64>().read_volatile() };
        waits = now.wrapping_sub(since) <= TIMEOUT_NS;
        if !waits {
            count_timeout(owner.slot);
        }
    }
    // In UDP it is asked once more by who asks; in TCP a segment was sent again.
    if waits && protocol != UDP {
        return;
    }
    count_message(owner.slot, kind, protocol, ASKED);
    let name = name(ctx, owner.slot, at + HEAD, length);
    // What is asked again waits since the first time.
    if !waits && DNS_PENDING.insert(question, [now, owner.cgroup, slot_and_kind, name.into()], 0).is_err() {
        lost(loss::DNS_TABLE_FULL);
    }
}

/// Whether it was an answer to a question.
#[inline(always)]
fn answered(ctx: &SkBuffContext, protocol: u32, owner: &Owner, at: u32) -> bool {
    let (id, flags) = (word(ctx, at), word(ctx, at + 2));
    if flags & ANSWER == 0 || flags & OPCODE != 0 {
        return false;
    }
    let question = [owner.cookie, u64::from(id)];
    let Some(asked) = DNS_PENDING.get_ptr(question) else {
        if protocol == UDP {
            count_unmatched(owner.slot);
        }
        return false;
    };
    // SAFETY: a value of DNS_PENDING.
    let [since, cgroup, slot_and_kind, name] = unsafe { asked.read_volatile() };
    // Who removes it counts it.
    if DNS_PENDING.remove(question).is_err() {
        return true;
    }
    // SAFETY: the helper takes nothing.
    let took = unsafe { bpf_ktime_get_ns() }.wrapping_sub(since);
    if took > TIMEOUT_NS {
        count_timeout(owner.slot);
        count_unmatched(owner.slot);
        return true;
    }
    let rcode = u32::from(flags & RCODE);
    count_message(owner.slot, slot_and_kind as u32, protocol, rcode);
    if dns_names::wanted() {
        if let Some(cell) = cell(&DNS, owner.slot) {
            dns_names::count_name(cell, owner.slot, name as u32, rcode);
        }
        dns_names::learn(ctx.skb.skb, at, name as u32, cgroup);
    }
    if let Some(cell) = cell(&DNS, owner.slot) {
        // SAFETY: a value of DNS.
        unsafe {
            // What the compiler concludes from the limit, the verifier does not.
            observe(&raw mut (*cell).durations, core::hint::black_box(took));
            if flags & TRUNCATED != 0 {
                add(&raw mut (*cell).truncated, 1);
            }
        }
    }
    true
}

/// The type behind a question's name, and the bytes of that.
#[inline(always)]
fn kind(ctx: &SkBuffContext, from: u32) -> (u32, u32) {
    let mut at = from;
    for _ in 0..MAX_LABELS {
        let Ok(length) = ctx.load::<u8>(at as usize) else { break };
        if length == 0 {
            return (word(ctx, at + 1).into(), at - from);
        }
        at += 1 + u32::from(length);
    }
    // No name is so long.
    (NO_TYPE, u32::MAX)
}

/// Counts a question by its name, if that is asked for, and gives the name's number.
#[inline(always)]
fn name(ctx: &SkBuffContext, slot: u32, from: u32, length: u32) -> u32 {
    if !dns_names::wanted() {
        return NO_NAME;
    }
    let (from, length) = (dns_names::forget(ctx.skb.skb, from), dns_names::forget(ctx.skb.skb, length));
    let number = dns_names::number(ctx.skb.skb, from, length, slot);
    if let Some(cell) = cell(&DNS, slot) {
        dns_names::count_name(cell, slot, number, ASKED);
    }
    number
}

/// A word of the packet; 0 beyond its end.
#[inline(always)]
fn word(ctx: &SkBuffContext, at: u32) -> u16 {
    ctx.load::<u16>(at as usize).map_or(0, u16::from_be)
}

#[inline(always)]
fn count_message(slot: u32, kind: u32, protocol: u32, result: u32) {
    let key = Key { slot, key: message_key(kind, protocol, result) };
    if count(&DNS_MESSAGES, &DNS_MESSAGES_USED, MESSAGES_PER_SLOT, &key, 1) {
        return;
    }
    if let Some(cell) = cell(&DNS, slot) {
        // SAFETY: a value of DNS.
        unsafe { add((&raw mut (*cell).folded).cast::<u64>().add(usize::from(result != ASKED)), 1) };
        lost(loss::DNS_FOLDED);
    }
}

#[inline(always)]
fn count_timeout(slot: u32) {
    if let Some(cell) = cell(&DNS, slot) {
        // SAFETY: a value of DNS.
        unsafe { add(&raw mut (*cell).timeouts, 1) };
    }
}

#[inline(always)]
fn count_unmatched(slot: u32) {
    if let Some(cell) = cell(&DNS, slot) {
        // SAFETY: a value of DNS.
        unsafe { add(&raw mut (*cell).unmatched, 1) };
    }
}
