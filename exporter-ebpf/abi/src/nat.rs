//! What address translation made of destinations, from the kernel's conntrack.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Attempts to connect that were translated and have no answer yet, at the most.
pub const MAX_PENDING: u32 = 8192;

/// The kernel's `struct nf_conntrack_tuple` (the same from v5.10 to v7.x): one direction of what it tracks.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Tuple {
    /// The sender's address, in the network's byte order; of IPv4 the first word.
    pub source: [u32; 4],
    /// The sender's port, in the network's byte order.
    pub source_port: u16,
    /// `AF_INET` or `AF_INET6`.
    pub family: u16,
    /// The receiver's address.
    pub destination: [u32; 4],
    /// The receiver's port.
    pub destination_port: u16,
    /// As in an IP header.
    pub protocol: u8,
    /// 0 for the direction of who began.
    pub direction: u8,
}

const _: () = assert!(size_of::<Tuple>() == 40);

/// Where packets really go.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Target {
    /// The address, as in a [`Tuple`].
    pub address: [u32; 4],
    /// The port, in the network's byte order.
    pub port: u32,
}

const _: () = assert!(size_of::<Target>() == 20);
