//! Decodes what leaves the kernel through the ring buffer.

use plimsoll_abi::event::{EMPTIED, Header, MADE, MADE_IO, REMOVED};
use zerocopy::FromBytes as _;

/// A turn in a cgroup's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was made.
    Made {
        /// Its id.
        cgroup_id: u64,
        /// Its slot.
        slot: u32,
        /// `CLOCK_BOOTTIME`.
        boot_ns: u64,
        /// Its path from the hierarchy's root, as the kernel gives it: any bytes.
        path: Vec<u8>,
    },
    /// One was made in the v1 hierarchy of block I/O.
    MadeIo {
        /// Its path there.
        path: Vec<u8>,
    },
    /// Its last task, and the last below it, left.
    Emptied {
        /// Its id.
        cgroup_id: u64,
    },
    /// It was removed.
    Removed {
        /// Its id.
        cgroup_id: u64,
        /// Its slot.
        slot: u32,
        /// `CLOCK_BOOTTIME`.
        boot_ns: u64,
    },
}

impl Event {
    /// Decodes a record; `None` if it is none of ours.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = Header::read_from_prefix(bytes).ok()?;
        let Header { kind, slot, cgroup_id, boot_ns } = header;
        match kind {
            MADE => Some(Self::Made { cgroup_id, slot, boot_ns, path: path(rest) }),
            MADE_IO => Some(Self::MadeIo { path: path(rest) }),
            EMPTIED => Some(Self::Emptied { cgroup_id }),
            REMOVED => Some(Self::Removed { cgroup_id, slot, boot_ns }),
            _ => None,
        }
    }
}

fn path(rest: &[u8]) -> Vec<u8> {
    rest.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;

    use super::*;

    #[test]
    fn records_of_every_kind() {
        let header = Header { kind: MADE, slot: 7, cgroup_id: 42, boot_ns: 9 };
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(b"/a/b");
        let made = Event::Made { cgroup_id: 42, slot: 7, boot_ns: 9, path: b"/a/b".to_vec() };
        assert_eq!(Event::decode(&bytes), Some(made.clone()));
        bytes.extend_from_slice(b"\0junk");
        assert_eq!(Event::decode(&bytes), Some(made));
        let io = Header { kind: MADE_IO, ..header };
        bytes[..24].copy_from_slice(io.as_bytes());
        assert_eq!(Event::decode(&bytes), Some(Event::MadeIo { path: b"/a/b".to_vec() }));
        let removed = Header { kind: REMOVED, ..header };
        let expected = Event::Removed { cgroup_id: 42, slot: 7, boot_ns: 9 };
        assert_eq!(Event::decode(removed.as_bytes()), Some(expected));
        assert_eq!(Event::decode(&removed.as_bytes()[..23]), None);
        assert_eq!(Event::decode(Header { kind: 99, ..header }.as_bytes()), None);
    }
}
