//! Cells, keys and table of the `dns` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::histogram::Histogram;

/// How questions travel: in a key, above the type.
pub const PROTOCOLS: [&str; 2] = ["udp", "tcp"];
/// See [`PROTOCOLS`].
pub const UDP: u32 = 0;
/// See [`PROTOCOLS`].
pub const TCP: u32 = 1;

/// The type of a question whose name has more labels than are followed. The protocol itself never uses it.
pub const NO_TYPE: u32 = 0;
/// Labels of a name that are followed to what stands behind it: an address turned around has 34.
pub const MAX_LABELS: u32 = 64;

/// Ports of resolvers, at the most.
pub const MAX_PORTS: usize = 4;
/// An answer that takes longer is none.
pub const TIMEOUT_NS: u64 = 5_000_000_000;
/// Questions that wait for their answers at once, at the most.
pub const MAX_PENDING: u32 = 8192;

/// Counters one slot may hold; beyond it they are folded.
pub const MESSAGES_PER_SLOT: u32 = 64;
/// Second word of a key: questions; else the rcode of answers.
pub const ASKED: u32 = 16;

/// Questions and answers are counted under `[type and protocol, rcode or ASKED]`.
pub const fn message_key(kind: u32, protocol: u32, result: u32) -> [u32; 2] {
    [kind | protocol << 16, result]
}

/// A socket's cookie and the number of the question.
pub type Question = [u64; 2];
/// When it was asked on `CLOCK_MONOTONIC`, by the cgroup with which id, its slot above the type, and its name's number.
pub type Asked = [u64; 4];

/// Pairs of a name and a question or an rcode that one slot may hold; beyond it they are folded.
pub const NAMES_PER_SLOT: u32 = 64;
/// Names that are remembered by number on a host; another is beyond the bound.
pub const MAX_NAMES: u32 = 2048;
/// Bytes of a name, as in a message and without the last, empty label. One that is longer is beyond the bound.
pub const NAME_BYTES: u32 = NAME_WORDS as u32 * 8;
const _: () = assert!(NAME_BYTES.is_power_of_two());
/// 64-bit words of a name.
pub const NAME_WORDS: usize = 16;
/// A name in lower case, padded with zeros, and its length.
pub type Name = [u64; NAME_WORDS + 1];
/// In place of a number: too long a name, or one beyond the bound.
pub const NO_NAME: u32 = 0;

/// An address, IPv4 mapped into IPv6, as answers gave it to a cgroup.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressOf {
    /// The cgroup's id.
    pub cgroup: u64,
    /// In the network's byte order.
    pub address: [u32; 4],
}

const _: () = assert!(size_of::<AddressOf>() == 24);

/// In place of a name's number: several names were given this address.
pub const SEVERAL: u64 = 1 << 32;
/// Addresses remembered on a host.
pub const MAX_ADDRESSES: u32 = 4096;
/// Records of an answer that are looked at.
pub const MAX_RECORDS: u32 = 8;
/// Labels of a record's name that are followed.
pub const MAX_LABELS_OF_RECORDS: u32 = 16;

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// From a question to its answer.
    pub durations: Histogram,
    /// Questions without an answer in time.
    pub timeouts: u64,
    /// Answers that say they are not whole.
    pub truncated: u64,
    /// Answers that came too late, twice, or unasked.
    pub unmatched: u64,
    /// Questions, and answers, that found no room in the keyed map.
    pub folded: [u64; 2],
    /// The same by name.
    pub names_folded: [u64; 2],
}

const _: () = assert!(size_of::<Cell>() == (27 + 7) * 8);

/// The word of a [`Cell`] that user space adds to as well.
pub const TIMEOUTS_WORD: usize = 27;
const _: () = assert!(core::mem::offset_of!(Cell, timeouts) == TIMEOUTS_WORD * 8);
