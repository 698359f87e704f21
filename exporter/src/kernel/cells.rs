//! BPF arrays mapped into this process: reading a cell is reading memory.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::MapData;
use memmap2::{MmapOptions, MmapRaw};

/// An array map of 64-bit words.
#[derive(Debug)]
pub(super) struct Words {
    memory: MmapRaw,
    length: usize,
    /// Programs are loaded with this descriptor's number in them: it stays open.
    _map: MapData,
}

impl Words {
    /// Maps an array that was made with `BPF_F_MMAPABLE` and holds `length` words.
    pub(super) fn new(map: MapData, length: usize) -> io::Result<Self> {
        let memory = MmapOptions::new().len(length * 8).map_raw(map.fd().as_fd().as_raw_fd())?;
        Ok(Self { memory, length, _map: map })
    }

    /// All words. Programs add to them at any time, each word in one step.
    pub(super) fn get(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, `length` words long and lives as long as `self`; words are only
        // ever accessed atomically, here and in the kernel.
        unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast::<AtomicU64>(), self.length) }
    }
}

/// The cells of one signal: `[shard][slot]` of `words` words.
#[derive(Debug)]
pub(super) struct Cells {
    memory: Words,
    words: usize,
    slots: usize,
}

impl Cells {
    /// Maps the array.
    pub(super) fn new(map: MapData, words: usize, slots: u32, shards: u32) -> io::Result<Self> {
        let (slots, shards) = (slots as usize, shards as usize);
        Ok(Self { memory: Words::new(map, words * slots * shards)?, words, slots })
    }

    /// Adds a slot's cell, over all shards, to `row`.
    pub(super) fn add_to(&self, slot: u32, row: &mut [u64]) {
        for cell in self.shards(slot) {
            for (sum, word) in row.iter_mut().zip(cell) {
                *sum += word.load(Ordering::Relaxed);
            }
        }
    }

    /// Zeroes a slot that nobody counts in any more.
    pub(super) fn clear(&self, slot: u32) {
        for word in self.shards(slot).flatten() {
            word.store(0, Ordering::Relaxed);
        }
    }

    fn shards(&self, slot: u32) -> impl Iterator<Item = &[AtomicU64]> {
        let stride = self.slots * self.words;
        let first = slot as usize * self.words;
        self.memory.get().chunks_exact(stride).filter_map(move |shard| shard.get(first..first + self.words))
    }
}
