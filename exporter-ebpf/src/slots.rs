//! From a cgroup's id to its slot.
//!
//! `SLOT_OF` is the truth. Before it stand a direct-mapped cache, which only proposes, and `SLOT_OWNER`, which
//! confirms: both hold single words, so no reader can see half of a change, and taking a slot back is one store.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, Stack};
use plimsoll_abi::loss;
use plimsoll_abi::slot::{CACHE_ENTRIES, UNATTRIBUTED};

use crate::cells::MMAPABLE;
use crate::losses::lost;
use crate::task::{Struct, V2, cgroup_id, hierarchy_id};

/// Cgroup id → slot. User space removes an id before the slot is read for the last time.
#[map]
static SLOT_OF: HashMap<u64, u32> = HashMap::with_max_entries(1, 0);

/// Where v1 has the controller of block I/O: a cgroup's id there → the slot of the v2 cgroup of the same path. User
/// space fills it, and removes an entry before its slot is read for the last time.
#[map]
static IO_SLOT_OF: HashMap<u64, u32> = HashMap::with_max_entries(1, 0);

/// Slot → the id of the cgroup that has it now, 0 if none.
#[map]
static SLOT_OWNER: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// `id % CACHE_ENTRIES` → a slot worth asking first.
#[map]
static SLOT_CACHE: Array<u32> = Array::with_max_entries(CACHE_ENTRIES, 0);

/// Slots nobody has. A stack keeps those in use low, so that user space need not map what was never used.
#[map]
static FREE_SLOTS: Stack<u32> = Stack::with_max_entries(1, 0);

/// The slot of a cgroup; [`UNATTRIBUTED`] if it has none.
#[inline(always)]
pub(crate) fn slot_of(cgroup_id: u64) -> u32 {
    let proposed = SLOT_CACHE.get_ptr_mut(cgroup_id as u32 & (CACHE_ENTRIES - 1));
    if let Some(proposed) = proposed {
        // SAFETY: values of SLOT_CACHE and SLOT_OWNER; volatile, since other CPUs change them.
        let slot = unsafe { proposed.read_volatile() };
        if let Some(owner) = SLOT_OWNER.get_ptr(slot)
            // SAFETY: as above.
            && unsafe { owner.read_volatile() } == cgroup_id
        {
            return slot;
        }
    }
    let Some(slot) = SLOT_OF.get_ptr(cgroup_id) else { return UNATTRIBUTED };
    // SAFETY: a value of SLOT_OF.
    let slot = unsafe { slot.read_volatile() };
    if let Some(proposed) = proposed {
        // SAFETY: a value of SLOT_CACHE.
        unsafe { proposed.write_volatile(slot) };
    }
    slot
}

/// The slot of a cgroup of the hierarchy that has the controller of block I/O, whichever that is.
///
/// # Safety
/// `cgroup` must be a `struct cgroup` the verifier knows.
#[inline(always)]
pub(crate) unsafe fn io_slot_of(cgroup: Struct) -> u32 {
    // SAFETY: the caller's.
    let (id, hierarchy) = unsafe { (cgroup_id(cgroup), hierarchy_id(cgroup)) };
    if hierarchy == V2 {
        return slot_of(id);
    }
    let Some(slot) = IO_SLOT_OF.get_ptr(id) else { return UNATTRIBUTED };
    // SAFETY: a value of IO_SLOT_OF.
    unsafe { slot.read_volatile() }
}

/// Takes a free slot for a new cgroup.
#[inline(always)]
pub(crate) fn give(cgroup_id: u64) -> u32 {
    let Ok(Some(slot)) = FREE_SLOTS.pop() else {
        lost(loss::NO_FREE_SLOT);
        return UNATTRIBUTED;
    };
    if SLOT_OWNER.set(slot, cgroup_id, 0).is_err() || SLOT_OF.insert(cgroup_id, slot, 0).is_err() {
        // SLOT_OF has room for every slot, so this needs a kernel out of memory.
        let _ = FREE_SLOTS.push(slot, 0);
        lost(loss::NO_FREE_SLOT);
        return UNATTRIBUTED;
    }
    slot
}
