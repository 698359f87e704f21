//! Rare events that leave the kernel through the ring buffer: the life of cgroups.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The longest cgroup path an event carries, its final NUL included.
pub const PATH_BYTES: usize = 1024;

/// A cgroup of the v2 hierarchy was made; its path follows the header.
pub const MADE: u32 = 1;
/// The last task left the cgroup and its descendants: the moment to read its files for the last time.
pub const EMPTIED: u32 = 2;
/// The cgroup was removed.
pub const REMOVED: u32 = 3;

/// A cgroup was made in the v1 hierarchy of block I/O; its path follows the header, its id is that hierarchy's own.
pub const MADE_IO: u32 = 4;

/// The head of every event.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Header {
    /// [`MADE`], [`EMPTIED`], [`REMOVED`] or [`MADE_IO`].
    pub kind: u32,
    /// The slot the cgroup was given; [`crate::slot::UNATTRIBUTED`] if none was free.
    pub slot: u32,
    /// The cgroup's id: its inode number in the v2 hierarchy.
    pub cgroup_id: u64,
    /// `CLOCK_BOOTTIME` of the event.
    pub boot_ns: u64,
}

/// A [`MADE`] event as the program builds it; only the used part of `path` is sent.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Made {
    /// The head.
    pub header: Header,
    /// The path from the hierarchy's root, NUL-terminated.
    pub path: [u8; PATH_BYTES],
}

const _: () = assert!(size_of::<Header>() == 24);
const _: () = assert!(size_of::<Made>() == 24 + PATH_BYTES);
