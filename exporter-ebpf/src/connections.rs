//! `connections`: whom a cgroup connects to, and on which of its ports others connect to it.
//!
//! The programs of `tcp` call this where they count. Ephemeral ports are no keys: of what goes out it is the other's
//! address and port as dialled, of what comes in the port that listens.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap};
use plimsoll_abi::connections::{BEYOND, INCOMING, PEERS_PER_SLOT, Peer, Record, V6};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;
use plimsoll_abi::tcp::{IN, OUT};

use crate::cells::{MMAPABLE, SIZES, fixed};
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

/// Numbers of IPv6 addresses. Made from the address, so that it has the same one in every cgroup.
#[map]
static CONNECTIONS_ADDRESSES: HashMap<u32, [u32; 4]> = HashMap::with_max_entries(1, 0);

static ZERO: Record = Record::ZERO;

const AF_INET6: u16 = 10;

/// Whether anybody asks.
#[inline(always)]
pub(crate) fn wanted() -> bool {
    fixed(&SIZES.connections) != 0
}

/// The other side of a socket, or the port it came in by; of sockets from before it is not known which.
///
/// # Safety
/// `tcp` must be a full TCP socket.
#[inline(always)]
pub(crate) unsafe fn peer(tcp: Struct, direction: u32) -> Peer {
    // SAFETY: the caller's.
    unsafe {
        if direction == IN {
            return [0, INCOMING | u32::from(load::<u16>(tcp, at(&OFFSETS.sock_local_port)))];
        }
        if direction != OUT {
            return [0, 0];
        }
        let port = u32::from(u16::from_be(load(tcp, at(&OFFSETS.sock_remote_port))));
        if load::<u16>(tcp, at(&OFFSETS.sock_family)) != AF_INET6 {
            return [load(tcp, at(&OFFSETS.sock_remote_v4)), port];
        }
        let first = at(&OFFSETS.sock_remote_v6);
        let word = |i: usize| load::<u32>(tcp, first + i * 4);
        let address = [word(0), word(1), word(2), word(3)];
        // IPv4 in IPv6 is IPv4.
        if address[0] | address[1] == 0 && address[2] == 0xffff_u32.to_be() {
            return [address[3], port];
        }
        match number(&address) {
            Some(number) => [number, V6 | port],
            None => [0, BEYOND],
        }
    }
}

/// The record of a peer in a slot; `first` if this is a connection that is counted for the first time.
#[inline(always)]
pub(crate) fn of(slot: u32, peer: Peer, first: bool) -> Option<*mut Record> {
    if !wanted() || peer[1] == 0 {
        return None;
    }
    if peer[1] & BEYOND == 0
        && let Some(record) =
            record(&CONNECTIONS, &CONNECTIONS_USED, PEERS_PER_SLOT, &Key { slot, key: peer }, &ZERO)
    {
        return Some(record);
    }
    if first {
        lost(loss::DESTINATION_FOLDED);
    }
    let key = Key { slot, key: [0, BEYOND | peer[1] & INCOMING] };
    record(&CONNECTIONS_BEYOND, &CONNECTIONS_BEYOND_USED, 2, &key, &ZERO)
}

/// The number of an address; `None` if there is no room for it, or another has it already.
#[inline(always)]
fn number(address: &[u32; 4]) -> Option<u32> {
    let mut number = 0x811c_9dc5_u32;
    for word in address {
        number = (number ^ word).wrapping_mul(0x85eb_ca6b);
        number ^= number >> 15;
    }
    if CONNECTIONS_ADDRESSES.get_ptr(number).is_none() {
        CONNECTIONS_ADDRESSES.insert(number, address, 0).ok()?;
    }
    let found = CONNECTIONS_ADDRESSES.get_ptr(number)?;
    // SAFETY: a value of CONNECTIONS_ADDRESSES; it never changes.
    let same = unsafe {
        (0..4).fold(0, |differs, i| differs | (found.cast::<u32>().add(i).read_volatile() ^ address[i]))
    } == 0;
    same.then_some(number)
}
