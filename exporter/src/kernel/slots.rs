//! Slots from user space: those of cgroups that were there before us, and their way back.

use std::sync::atomic::Ordering;

use aya::maps::{HashMap, MapData, MapError, Stack};
use plimsoll_abi::slot::UNATTRIBUTED;

use super::cells::Words;

/// The maps that say who has which slot.
pub(super) struct Slots {
    of: HashMap<MapData, u64, u32>,
    owner: Words,
    free: Stack<MapData, u32>,
    count: u32,
    io: HashMap<MapData, u64, u32>,
    /// Slot → the id it has in `io`.
    io_ids: std::collections::HashMap<u32, u64>,
}

impl Slots {
    /// Takes the maps, and puts every slot but the unattributed one on the free list.
    pub(super) fn new(
        of: HashMap<MapData, u64, u32>,
        owner: Words,
        mut free: Stack<MapData, u32>,
        io: HashMap<MapData, u64, u32>,
        count: u32,
    ) -> Result<Self, MapError> {
        for slot in (UNATTRIBUTED + 1..count).rev() {
            free.push(slot, 0)?;
        }
        Ok(Self { of, owner, free, count, io, io_ids: std::collections::HashMap::new() })
    }

    /// How many there are, the unattributed one left out.
    pub(super) fn count(&self) -> u32 {
        self.count - 1
    }

    /// The slot of a cgroup that exists already: the one it has, or a free one. `None` if none is free.
    pub(super) fn adopt(&mut self, cgroup_id: u64) -> Option<u32> {
        const BPF_NOEXIST: u64 = 1;
        if let Ok(slot) = self.of.get(&cgroup_id, 0) {
            return Some(slot);
        }
        let slot = self.free.pop(0).ok()?;
        self.owner.get().get(slot as usize)?.store(cgroup_id, Ordering::Release);
        if self.of.insert(cgroup_id, slot, BPF_NOEXIST).is_ok() {
            return Some(slot);
        }
        // The program was first, or the map took nothing.
        self.give_back(slot);
        self.of.get(&cgroup_id, 0).ok()
    }

    /// Block I/O of this cgroup of the v1 hierarchy belongs to the slot, and that of no other any more.
    pub(super) fn alias(&mut self, io_id: u64, slot: u32) {
        if slot == UNATTRIBUTED || self.io_ids.get(&slot) == Some(&io_id) {
            return;
        }
        self.unalias(slot);
        // There is room for every slot; if it fails all the same, the I/O is not attributed.
        if self.io.insert(io_id, slot, 0).is_ok() {
            self.io_ids.insert(slot, io_id);
        }
    }

    /// The cgroup that has a slot now.
    pub(super) fn owner(&self, slot: u32) -> Option<u64> {
        self.owner.get().get(slot as usize).map(|owner| owner.load(Ordering::Acquire))
    }

    /// From now on nothing finds this slot by the cgroup's id.
    pub(super) fn unmap(&mut self, cgroup_id: u64, slot: u32) {
        self.unalias(slot);
        if let Some(owner) = self.owner.get().get(slot as usize) {
            owner.store(0, Ordering::Release);
        }
        // It may have had none.
        let _ = self.of.remove(&cgroup_id);
    }

    fn unalias(&mut self, slot: u32) {
        if let Some(io_id) = self.io_ids.remove(&slot) {
            let _ = self.io.remove(&io_id);
        }
    }

    /// Puts a cleared slot on the free list.
    pub(super) fn give_back(&mut self, slot: u32) {
        if let Some(owner) = self.owner.get().get(slot as usize) {
            owner.store(0, Ordering::Release);
        }
        // There is room for every slot, and each is pushed once.
        let _ = self.free.push(slot, 0);
    }
}
