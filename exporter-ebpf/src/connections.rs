//! `connections`: whom a cgroup connects to, and on which of its ports others connect to it.
//!
//! The programs of `tcp` call this where they count. Ephemeral ports are no keys: of what goes out it is the other's
//! address and port as dialled, of what comes in the port that listens, and beside it the other's address.

use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::Key as LpmKey;
use aya_ebpf::maps::{Array, HashMap, LpmTrie};
use plimsoll_abi::connections::{
    BEYOND, CLIENT, CLIENTS_PER_SLOT, GROUP, INCOMING, NAMED, NUMBERED, Numbered, PEERS_PER_SLOT, Peer,
    Record,
};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;
use plimsoll_abi::nat::Target;
use plimsoll_abi::tcp::{IN, OUT};

use crate::cells::{MMAPABLE, SIZES, fixed};
use crate::dns_names;
use crate::keyed::record;
use crate::losses::lost;
use crate::task::{OFFSETS, Struct, at, load};

#[map]
static CONNECTIONS: HashMap<Key, Record> = HashMap::with_max_entries(1, 0);

#[map]
static CONNECTIONS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// What is beyond the bound, in a map of its own in which every slot has room.
#[map]
static CONNECTIONS_BEYOND: HashMap<Key, Record> = HashMap::with_max_entries(1, 0);

#[map]
static CONNECTIONS_BEYOND_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Who connected.
#[map]
static CONNECTIONS_CLIENTS: HashMap<Key, Record> = HashMap::with_max_entries(1, 0);

#[map]
static CONNECTIONS_CLIENTS_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Named groups of destinations: the longest prefix says which, by its place.
#[map]
static CONNECTIONS_GROUPS: LpmTrie<[u32; 4], u32> = LpmTrie::with_max_entries(1, BPF_F_NO_PREALLOC);

/// What numbers stand for. A number is made from it, so that it is the same in every cgroup.
#[map]
static CONNECTIONS_ADDRESSES: HashMap<u32, Numbered> = HashMap::with_max_entries(1, 0);

static ZERO: Record = Record::ZERO;

const AF_INET6: u16 = 10;
/// Tries are made as they grow.
const BPF_F_NO_PREALLOC: u32 = 1;

/// Whether anybody asks.
#[inline(always)]
pub(crate) fn wanted() -> bool {
    fixed(&SIZES.connections) != 0
}

/// The other side of a socket, or the port it came in by; of sockets of which it is not known who began, neither.
///
/// # Safety
/// `tcp` must be a full TCP socket, `slot` its owner's.
#[inline(never)]
pub(crate) unsafe fn peer(tcp: Struct, slot: u32, cgroup: u64, direction: u32) -> Peer {
    // SAFETY: the caller's.
    unsafe {
        if direction == IN {
            return [0, INCOMING | u32::from(load::<u16>(tcp, at(&OFFSETS.sock_local_port)))];
        }
        if direction != OUT {
            return [0, 0];
        }
        let (port, address) = remote(tcp);
        if fixed(&SIZES.prefixes) != 0
            && let Some(group) = CONNECTIONS_GROUPS.get(LpmKey::new(128, address))
        {
            return [*group, GROUP | port];
        }
        if let Some(name) = dns_names::of_address(cgroup, address) {
            return [name, NAMED | port];
        }
        name(address, port, has_room(&CONNECTIONS_USED, slot, PEERS_PER_SLOT))
    }
}

/// Who is on the other side of a connection that came in.
///
/// # Safety
/// `tcp` must be a full TCP socket, `slot` its owner's.
#[inline(never)]
pub(crate) unsafe fn client(tcp: Struct, slot: u32) -> Peer {
    // SAFETY: the caller's.
    let (_, address) = unsafe { remote(tcp) };
    name(address, CLIENT, has_room(&CONNECTIONS_CLIENTS_USED, slot, CLIENTS_PER_SLOT))
}

/// IPv4 stands for itself.
#[inline(always)]
fn name([a, b, c, d]: [u32; 4], more: u32, has_room: bool) -> Peer {
    if is_mapped(&[a, b, c, d]) { [d, more] } else { numbered([a, b, c, d, 0, 0, 0, 0, 0], more, has_room) }
}

/// Whether a slot may have another: what will be folded needs no number.
#[inline(always)]
fn has_room(used: &Array<u64>, slot: u32, limit: u32) -> bool {
    // SAFETY: a value of the map.
    used.get_ptr(slot).is_some_and(|used| unsafe { used.read_volatile() } < u64::from(limit))
}

/// The other side of a socket whose packets really go elsewhere.
///
/// # Safety
/// `tcp` must be a full TCP socket.
#[inline(always)]
pub(crate) unsafe fn translated(tcp: Struct, slot: u32, target: &Target, is_v6: bool) -> Peer {
    // SAFETY: the caller's.
    let (port, [a, b, c, d]) = unsafe { remote(tcp) };
    let room = has_room(&CONNECTIONS_USED, slot, PEERS_PER_SLOT);
    let [e, f, g, h] = if is_v6 { target.address } else { mapped(target.address[0]) };
    numbered([a, b, c, d, e, f, g, h, target.port], port, room)
}

/// Port and address of the other side.
#[inline(always)]
unsafe fn remote(tcp: Struct) -> (u32, [u32; 4]) {
    // SAFETY: the caller's.
    unsafe {
        let port = u32::from(u16::from_be(load(tcp, at(&OFFSETS.sock_remote_port))));
        if load::<u16>(tcp, at(&OFFSETS.sock_family)) != AF_INET6 {
            return (port, mapped(load(tcp, at(&OFFSETS.sock_remote_v4))));
        }
        let first = at(&OFFSETS.sock_remote_v6);
        let word = |i: usize| load::<u32>(tcp, first + i * 4);
        (port, [word(0), word(1), word(2), word(3)])
    }
}

#[inline(always)]
fn mapped(v4: u32) -> [u32; 4] {
    [0, 0, 0xffff_u32.to_be(), v4]
}

/// IPv4 in IPv6 is IPv4.
#[inline(always)]
pub(crate) fn is_mapped(address: &[u32; 4]) -> bool {
    address[0] | address[1] == 0 && address[2] == 0xffff_u32.to_be()
}

#[inline(always)]
fn numbered(what: Numbered, more: u32, has_room: bool) -> Peer {
    match number(&what, has_room) {
        0 => [0, BEYOND | more & CLIENT],
        number => [number as u32, NUMBERED | more],
    }
}

/// The record of a peer or client in a slot; `first` if this is a connection that is counted for the first time.
#[inline(always)]
pub(crate) fn of(slot: u32, peer: Peer, first: bool) -> Option<*mut Record> {
    if !wanted() || peer[1] == 0 {
        return None;
    }
    let record = find(slot, peer[0], peer[1], first);
    if record.is_null() { None } else { Some(record) }
}

/// Many programs ask in many places: this is in the object once.
#[inline(never)]
fn find(slot: u32, address: u32, flags: u32, first: bool) -> *mut Record {
    let peer = [address, flags];
    let key = Key { slot, key: peer };
    let named = match peer[1] {
        flags if flags & BEYOND != 0 => None,
        flags if flags & CLIENT != 0 => {
            record(&CONNECTIONS_CLIENTS, &CONNECTIONS_CLIENTS_USED, CLIENTS_PER_SLOT, &key, &ZERO)
        }
        _ => record(&CONNECTIONS, &CONNECTIONS_USED, PEERS_PER_SLOT, &key, &ZERO),
    };
    if let Some(named) = named {
        return named;
    }
    if first {
        lost(if peer[1] & CLIENT != 0 { loss::CLIENT_FOLDED } else { loss::DESTINATION_FOLDED });
    }
    let key = Key { slot, key: [0, BEYOND | peer[1] & (INCOMING | CLIENT)] };
    record(&CONNECTIONS_BEYOND, &CONNECTIONS_BEYOND_USED, 3, &key, &ZERO).unwrap_or_default()
}

/// The number of this, with a bit above it; 0 if there is no room for it, or another has it already.
#[inline(never)]
fn number(what: &Numbered, has_room: bool) -> u64 {
    let mut number = 0x811c_9dc5_u32;
    for word in what {
        number = (number ^ word).wrapping_mul(0x85eb_ca6b);
        number ^= number >> 15;
    }
    if has_room && CONNECTIONS_ADDRESSES.get_ptr(number).is_none() {
        let _ = CONNECTIONS_ADDRESSES.insert(number, what, 0);
    }
    let Some(found) = CONNECTIONS_ADDRESSES.get_ptr(number) else { return 0 };
    // SAFETY: a value of CONNECTIONS_ADDRESSES; it never changes.
    let same = unsafe {
        (0..what.len()).fold(0, |differs, i| differs | (found.cast::<u32>().add(i).read_volatile() ^ what[i]))
    } == 0;
    if same { 1 << 32 | u64::from(number) } else { 0 }
}
