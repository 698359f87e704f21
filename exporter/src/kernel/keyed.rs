//! Hashes of counters with a second key, read whole with one system call.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::Ordering;

use aya::maps::MapData;
use plimsoll_abi::keyed::{Key, record_key, word_key};
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

/// One hash of counters, or of records of them.
#[derive(Debug)]
pub(super) struct Keyed {
    map: MapData,
    used: Words,
    index: u32,
    words: usize,
    keys: Vec<Key>,
    values: Vec<u64>,
}

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

/// The part of it that commands on one element use.
#[repr(C)]
struct ElementAttr {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

const BPF_MAP_LOOKUP_ELEM: libc::c_long = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
const BPF_MAP_DELETE_ELEM: libc::c_long = 3;
const BPF_MAP_LOOKUP_BATCH: libc::c_long = 24;

impl Keyed {
    /// Takes the hash and the array that counts its keys by slot.
    pub(super) fn new(map: MapData, used: Words, index: u32, capacity: u32, words: usize) -> Self {
        let capacity = capacity as usize;
        let keys = vec![Key::new_zeroed(); capacity];
        Self { map, used, index, words, keys, values: vec![0; capacity * words] }
    }

    /// Appends all counters, in no order. Of a record, those that are not 0.
    pub(super) fn read(&mut self, out: &mut Vec<Counted>) -> io::Result<()> {
        let mut batch = 0u32;
        let mut first = true;
        loop {
            let (count, more) = self.read_batch(&mut batch, first)?;
            let map = self.index;
            for (key, value) in self.keys.iter().zip(self.values.chunks_exact(self.words)).take(count) {
                let slot = key.slot;
                match value {
                    [count] => out.push(Counted { slot, map, key: key.key, count: *count }),
                    record => out.extend(record.iter().enumerate().filter(|(_, count)| **count > 0).map(
                        |(word, count)| Counted { slot, map, key: word_key(key.key, word), count: *count },
                    )),
                }
            }
            if !more {
                return Ok(());
            }
            first = false;
        }
    }

    /// Removes a counter of a slot that is given back; of a record, all of it.
    pub(super) fn remove(&self, slot: u32, key: [u32; 2]) {
        let key = Key { slot, key: if self.words == 1 { key } else { record_key(key).0 } };
        let attr = ElementAttr {
            map_fd: self.map.fd().as_fd().as_raw_fd() as u32,
            padding: 0,
            key: &raw const key as u64,
            value: 0,
            flags: 0,
        };
        // It was just read, and nobody adds to or removes from this slot any more; of a record the first word did it.
        // SAFETY: the kernel reads one key of the map's size, and writes nothing.
        let _ = unsafe {
            libc::syscall(libc::SYS_bpf, BPF_MAP_DELETE_ELEM, &raw const attr, size_of::<ElementAttr>())
        };
    }

    /// Adds to a word of a record; false if there is none. Only while no program counts in this map.
    pub(super) fn count(&self, slot: u32, key: [u32; 2], word: usize, n: u64) -> bool {
        let key = Key { slot, key };
        let mut record = vec![0u64; self.words];
        let mut attr = ElementAttr {
            map_fd: self.map.fd().as_fd().as_raw_fd() as u32,
            padding: 0,
            key: &raw const key as u64,
            value: record.as_mut_ptr() as u64,
            flags: 0,
        };
        let mut ask = |command: libc::c_long| {
            // SAFETY: the kernel reads one key, and writes or reads one value, of the map's sizes.
            unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut attr, size_of::<ElementAttr>()) == 0 }
        };
        if !ask(BPF_MAP_LOOKUP_ELEM) {
            return false;
        }
        if let Some(word) = record.get_mut(word) {
            *word = word.wrapping_add(n);
        }
        ask(BPF_MAP_UPDATE_ELEM)
    }

    /// Forgets how many keys a slot had.
    pub(super) fn clear_used(&self, slot: u32) {
        if let Some(used) = self.used.get().get(slot as usize) {
            used.store(0, Ordering::Relaxed);
        }
    }

    fn read_batch(&mut self, batch: &mut u32, first: bool) -> io::Result<(usize, bool)> {
        let at: *mut u32 = batch;
        let mut attr = BatchAttr {
            in_batch: if first { 0 } else { at as u64 },
            out_batch: at as u64,
            keys: self.keys.as_mut_ptr() as u64,
            values: self.values.as_mut_ptr() as u64,
            count: self.keys.len() as u32,
            map_fd: self.map.fd().as_fd().as_raw_fd() as u32,
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: the kernel writes at most `count` keys and values into buffers for that many, the next batch's
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
