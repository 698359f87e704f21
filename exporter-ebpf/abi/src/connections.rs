//! Records of the `connections` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::tcp::RESULTS;

/// Destinations and listening ports one slot may hold together; what is beyond them counts as [`BEYOND`].
pub const PEERS_PER_SLOT: u32 = 64;
/// Addresses that are remembered by number; a destination with another is beyond the bound.
pub const MAX_ADDRESSES: u32 = 2048;

/// What does not fit a key and has a number in its place: the address dialled, which IPv4 is mapped into, where packets
/// really go, likewise, and the port there; zeros if that is the same. All in the network's byte order.
pub type Numbered = [u32; 9];

/// The other side of a connection, as the second key: an address and its port. IPv4 addresses stand for themselves, in
/// the network's byte order; what is more than that has a number.
pub type Peer = [u32; 2];

/// In a peer's second word above the port: the connection came in. The port is then the local one, and there is no address.
pub const INCOMING: u32 = 1 << 16;
/// See [`INCOMING`]: the address is the number of a [`Numbered`].
pub const NUMBERED: u32 = 1 << 17;
/// See [`INCOMING`]: a destination or port beyond the bound. It has neither address nor port.
pub const BEYOND: u32 = 1 << 18;
/// See [`INCOMING`]: the address is the place of a named group of destinations.
pub const GROUP: u32 = 1 << 19;
/// See [`INCOMING`]: who connected, without a port.
pub const CLIENT: u32 = 1 << 20;

/// See [`INCOMING`]: the address is the number of a [`crate::dns::Name`].
pub const NAMED: u32 = 1 << 21;

/// Client addresses one slot may hold.
pub const CLIENTS_PER_SLOT: u32 = 64;
/// Prefixes of named groups of destinations, at the most.
pub const MAX_PREFIXES: u32 = 1024;

/// What is counted under `{slot, peer}`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Record {
    /// Attempts to connect by result; what came in is `ok`.
    pub results: [u64; RESULTS.len()],
    /// Connections that became open.
    pub opened: u64,
    /// Those that are no longer.
    pub closed: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

const _: () = assert!(size_of::<Record>() == 11 * 8);

impl Record {
    /// Nothing yet.
    pub const ZERO: Self =
        Self { results: [0; RESULTS.len()], opened: 0, closed: 0, sent_bytes: 0, received_bytes: 0 };
}
