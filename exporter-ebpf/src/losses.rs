//! What could not be kept, counted by reason.

use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use plimsoll_abi::loss;

use crate::cells::MMAPABLE;

#[map]
static LOSSES: Array<u64> = Array::with_max_entries(loss::REASONS.len() as u32, MMAPABLE);

/// Counts one loss.
#[inline(always)]
pub(crate) fn lost(reason: u32) {
    if let Some(counter) = LOSSES.get_ptr_mut(reason) {
        // SAFETY: a value of LOSSES.
        unsafe { crate::cells::add(counter, 1) };
    }
}
