//! Counters and records with a second key, in a hash with a bound for all and a bound for each slot.

use aya_ebpf::maps::{Array, HashMap};
use plimsoll_abi::keyed::Key;

use crate::cells::add;

const BPF_NOEXIST: u64 = 1;

/// Adds `n` under `key`; false if there is no room for it.
#[inline(always)]
pub(crate) fn count(map: &HashMap<Key, u64>, used: &Array<u64>, limit: u32, key: &Key, n: u64) -> bool {
    if let Some(counter) = map.get_ptr_mut(key) {
        // SAFETY: a value of the map.
        unsafe { add(counter, n) };
        return true;
    }
    let Some(used) = used.get_ptr_mut(key.slot) else { return false };
    // SAFETY: a value of `used`. Two CPUs may pass the bound at once: it is then exceeded by their number, no more.
    if unsafe { used.read_volatile() } >= u64::from(limit) {
        return false;
    }
    if map.insert(key, n, BPF_NOEXIST).is_ok() {
        // SAFETY: as above.
        unsafe { add(used, 1) };
        return true;
    }
    // Another CPU was first, or the map is full.
    let Some(counter) = map.get_ptr_mut(key) else { return false };
    // SAFETY: a value of the map.
    unsafe { add(counter, n) };
    true
}

/// The record under `key`, made from `zero` if there is room for it.
#[inline(always)]
pub(crate) fn record<R>(
    map: &HashMap<Key, R>,
    used: &Array<u64>,
    limit: u32,
    key: &Key,
    zero: &R,
) -> Option<*mut R> {
    if let Some(record) = map.get_ptr_mut(key) {
        return Some(record);
    }
    let used = used.get_ptr_mut(key.slot)?;
    // SAFETY: a value of `used`. Two CPUs may pass the bound at once: it is then exceeded by their number, no more.
    if unsafe { used.read_volatile() } >= u64::from(limit) {
        return None;
    }
    if map.insert(key, zero, BPF_NOEXIST).is_ok() {
        // SAFETY: as above.
        unsafe { add(used, 1) };
    }
    // Or another CPU was first.
    map.get_ptr_mut(key)
}
