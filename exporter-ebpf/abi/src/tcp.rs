//! Cells, records and table of the `tcp` signal.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::connections::Peer;
use crate::histogram::Histogram;

/// How attempts to connect end: places in a [`Cell`] and second words of a key.
pub const RESULTS: [&str; 7] = ["ok", "refused", "timeout", "unreachable", "reset", "aborted", "other"];
/// See [`RESULTS`].
pub const OK: u32 = 0;
/// See [`RESULTS`].
pub const REFUSED: u32 = 1;
/// See [`RESULTS`].
pub const TIMEOUT: u32 = 2;
/// See [`RESULTS`].
pub const UNREACHABLE: u32 = 3;
/// See [`RESULTS`].
pub const RESET: u32 = 4;
/// The application gave up before there was an answer.
pub const ABORTED: u32 = 5;
/// Any other error.
pub const OTHER: u32 = 6;

/// Who began a connection: places in a [`Cell`].
pub const DIRECTIONS: [&str; 3] = ["out", "in", "unknown"];
/// See [`DIRECTIONS`].
pub const OUT: u32 = 0;
/// See [`DIRECTIONS`].
pub const IN: u32 = 1;
/// It was there before the programs.
pub const UNKNOWN: u32 = 2;

/// Sockets followed at once, at the most.
pub const MAX_SOCKETS: u32 = 32_768;

/// Ports that are told apart while connections from before the programs are walked, at the most.
pub const MAX_LISTENING: u32 = 1024;

/// One shard of a slot's cell.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Cell {
    /// Smoothed round trip times, sampled.
    pub rtt: Histogram,
    /// How long connections were open, in microseconds where the histogram has nanoseconds.
    pub lifetime: Histogram,
    /// Connections that became open, by direction.
    pub opened: [u64; DIRECTIONS.len()],
    /// Those that are no longer.
    pub closed: [u64; DIRECTIONS.len()],
    /// Bytes sent, each counted once.
    pub sent_bytes: u64,
    /// Bytes received in order.
    pub received_bytes: u64,
    /// Segments sent, those sent again included.
    pub sent_segments: u64,
    /// Segments received.
    pub received_segments: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Resets sent.
    pub resets_sent: u64,
    /// Resets received.
    pub resets_received: u64,
    /// Attempts to connect for whose times there was no record, by result.
    pub untimed: [u64; RESULTS.len()],
    /// Of those that became open, the ones that were there before the programs.
    pub found: [u64; DIRECTIONS.len()],
}

const _: () = assert!(size_of::<Cell>() == (2 * 27 + 3 * 3 + 7 + 7) * 8);

/// How long attempts took, under `{slot, [result, 0]}`.
pub type Record = Histogram;

/// Results one slot may have a record for: all.
pub const RECORDS_PER_SLOT: u32 = RESULTS.len() as u32;

/// What a walk over all that is remembered of sockets is for.
pub type Walk = u64;
/// To add what they counted.
pub const LOOK: Walk = 0;
/// To write the other sides of each, as two [`Peer`]s.
pub const LIST: Walk = 1;
/// To forget them all.
pub const FORGET: Walk = 2;

/// What is remembered of a socket between two events: what it had counted then.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Socket {
    /// The cgroup it belongs to.
    pub cgroup: u64,
    /// When the attempt began; once it is open, since when it is.
    pub since_ns: u64,
    /// Bytes sent, without those sent again.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Segments sent.
    pub sent_segments: u64,
    /// Segments received.
    pub received_segments: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Segments received when the round trip time was looked at last.
    pub rtt_at: u64,
    /// The other side, for the `connections` signal.
    pub peer: Peer,
    /// Who connected, likewise.
    pub client: Peer,
    /// Its place in [`DIRECTIONS`].
    pub direction: u32,
    /// 1 while it is open.
    pub open: u32,
}

const _: () = assert!(size_of::<Socket>() == 88);
