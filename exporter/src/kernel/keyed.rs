//! Hashes of counters with a second key, read whole with one system call.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::sync::atomic::Ordering;

use aya::maps::{HashMap, MapData};
use plimsoll_abi::keyed::Key;
use zerocopy::FromZeros as _;

use super::cells::Words;

/// One counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    /// Whose.
    pub slot: u32,
    /// The map it is in: its place in [`super::layout::KEYED`].
    pub map: u32,
    /// The second key.
    pub key: [u32; 2],
    /// The count.
    pub count: u64,
}

/// One hash.
#[derive(Debug)]
pub(super) struct Keyed {
    map: HashMap<MapData, PodKey, u64>,
    used: Words,
    index: u32,
    keys: Vec<Key>,
    counts: Vec<u64>,
}

#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub(super) struct PodKey(Key);

// SAFETY: a record of integers without padding, of any value.
unsafe impl aya::Pod for PodKey {}

/// The part of `union bpf_attr` that batch commands use (include/uapi/linux/bpf.h, 5.6).
#[repr(C)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

const BPF_MAP_LOOKUP_BATCH: libc::c_long = 24;

impl Keyed {
    /// Takes the hash and the array that counts its keys by slot.
    pub(super) fn new(map: HashMap<MapData, PodKey, u64>, used: Words, index: u32, capacity: u32) -> Self {
        let capacity = capacity as usize;
        let keys = vec![Key::new_zeroed(); capacity];
        Self { map, used, index, keys, counts: vec![0; capacity] }
    }

    /// Appends all counters, in no order.
    pub(super) fn read(&mut self, fd: BorrowedFd<'_>, out: &mut Vec<Counted>) -> io::Result<()> {
        let mut batch = 0u32;
        let mut first = true;
        loop {
            let (count, more) = self.read_batch(fd, &mut batch, first)?;
            let pairs = self.keys.iter().zip(&self.counts).take(count);
            let map = self.index;
            out.extend(pairs.map(|(k, count)| Counted { slot: k.slot, map, key: k.key, count: *count }));
            if !more {
                return Ok(());
            }
            first = false;
        }
    }

    /// Removes a counter of a slot that is given back.
    pub(super) fn remove(&mut self, slot: u32, key: [u32; 2]) {
        // It was just read, and nobody adds to or removes from this slot any more.
        let _ = self.map.remove(&PodKey(Key { slot, key }));
    }

    /// Forgets how many keys a slot had.
    pub(super) fn clear_used(&self, slot: u32) {
        if let Some(used) = self.used.get().get(slot as usize) {
            used.store(0, Ordering::Relaxed);
        }
    }

    fn read_batch(&mut self, fd: BorrowedFd<'_>, batch: &mut u32, first: bool) -> io::Result<(usize, bool)> {
        let at: *mut u32 = batch;
        let mut attr = BatchAttr {
            in_batch: if first { 0 } else { at as u64 },
            out_batch: at as u64,
            keys: self.keys.as_mut_ptr() as u64,
            values: self.counts.as_mut_ptr() as u64,
            count: self.keys.len() as u32,
            map_fd: fd.as_raw_fd() as u32,
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: the kernel writes at most `count` keys and values into buffers of that many, the next batch's
        // 4 bytes to `batch`, and the number read to `attr.count`. Any bytes are valid in all of them.
        let result = unsafe {
            libc::syscall(libc::SYS_bpf, BPF_MAP_LOOKUP_BATCH, &raw mut attr, size_of::<BatchAttr>())
        };
        let count = attr.count as usize;
        if result == 0 {
            return Ok((count, true));
        }
        match io::Error::last_os_error() {
            e if e.raw_os_error() == Some(libc::ENOENT) => Ok((count, false)),
            e => Err(e),
        }
    }
}
