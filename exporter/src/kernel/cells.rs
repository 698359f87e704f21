//! BPF arrays mapped into this process: reading a cell is reading memory.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::MapData;
use memmap2::{MmapOptions, MmapRaw};

/// An array map of 64-bit words.
#[derive(Debug)]
pub(super) struct Words {
    window: Window,
    /// Programs are loaded with this descriptor's number in them: it stays open.
    _map: MapData,
}

/// The cells of one signal: `[shard][slot]` of `words` words.
///
/// They are mapped a window of slots at a time, when the first slot in it is read: mapped pages count as this
/// process' memory, and slots in use are the low ones.
#[derive(Debug)]
pub(super) struct Cells {
    map: MapData,
    words: usize,
    slots: usize,
    /// Shard by shard, the windows of each.
    windows: Vec<Vec<OnceLock<Window>>>,
}

/// A part of an array in memory.
#[derive(Debug)]
struct Window {
    memory: MmapRaw,
    /// Where its first word is: mappings begin at page boundaries.
    skip: usize,
    length: usize,
}

/// Slots in a window.
const WINDOW: usize = 64;

impl Words {
    /// Maps an array that was made with `BPF_F_MMAPABLE` and holds `length` words.
    pub(super) fn new(map: MapData, length: usize) -> io::Result<Self> {
        Ok(Self { window: Window::new(&map, 0, length)?, _map: map })
    }

    /// All words. Programs add to them at any time, each word in one step.
    pub(super) fn get(&self) -> &[AtomicU64] {
        self.window.get()
    }
}

impl Cells {
    /// Cells in an array that was made with `BPF_F_MMAPABLE`.
    pub(super) fn new(map: MapData, words: usize, slots: u32, shards: u32) -> Self {
        let slots = slots as usize;
        let windows = || (0..slots.div_ceil(WINDOW)).map(|_| OnceLock::new()).collect();
        Self { map, words, slots, windows: (0..shards).map(|_| windows()).collect() }
    }

    /// Adds a slot's cell, over all shards, to `row`.
    pub(super) fn add_to(&self, slot: u32, row: &mut [u64]) -> io::Result<()> {
        self.each_shard(slot, |cell| {
            for (sum, word) in row.iter_mut().zip(cell) {
                *sum += word.load(Ordering::Relaxed);
            }
        })
    }

    /// Adds to one word of a slot, beside what programs add to it.
    pub(super) fn add(&self, slot: u32, word: usize, n: u64) -> io::Result<()> {
        let mut left = n;
        self.each_shard(slot, |cell| {
            if let Some(word) = cell.get(word) {
                word.fetch_add(std::mem::take(&mut left), Ordering::Relaxed);
            }
        })
    }

    /// Zeroes a slot that nobody counts in any more.
    pub(super) fn clear(&self, slot: u32) -> io::Result<()> {
        self.each_shard(slot, |cell| cell.iter().for_each(|word| word.store(0, Ordering::Relaxed)))
    }

    fn each_shard(&self, slot: u32, mut each: impl FnMut(&[AtomicU64])) -> io::Result<()> {
        let slot = slot as usize;
        let first = slot % WINDOW * self.words;
        for (shard, windows) in self.windows.iter().enumerate() {
            let Some(window) = windows.get(slot / WINDOW) else { continue };
            let window = match window.get() {
                Some(window) => window,
                None => {
                    let new = self.map_window(shard, slot / WINDOW)?;
                    window.get_or_init(|| new)
                }
            };
            each(window.get().get(first..first + self.words).unwrap_or_default());
        }
        Ok(())
    }

    fn map_window(&self, shard: usize, window: usize) -> io::Result<Window> {
        let first = window * WINDOW;
        let count = WINDOW.min(self.slots - first);
        Window::new(&self.map, (shard * self.slots + first) * self.words, count * self.words)
    }
}

impl Window {
    fn new(map: &MapData, first: usize, length: usize) -> io::Result<Self> {
        let skip = first * 8 % rustix::param::page_size();
        let offset = first * 8 - skip;
        let memory = MmapOptions::new()
            .offset(offset as u64)
            .len(skip + length * 8)
            .map_raw(map.fd().as_fd().as_raw_fd())?;
        Ok(Self { memory, skip, length })
    }

    fn get(&self) -> &[AtomicU64] {
        // SAFETY: the mapping holds `length` words from `skip` on, which is a multiple of 8, and lives as long as
        // `self`; words are only ever accessed atomically, here and in the kernel.
        unsafe {
            let first = self.memory.as_ptr().add(self.skip).cast::<AtomicU64>();
            std::slice::from_raw_parts(first, self.length)
        }
    }
}
