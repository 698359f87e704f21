//! Cells: arrays `[shard][slot]` of one record a signal, added to with atomics.
//!
//! Programs on one CPU can interrupt, and on newer kernels preempt, each other in the middle of an addition, so
//! a plain `+= 1` would lose counts even in memory of its own. Shards keep CPUs from sharing cache lines.

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::maps::Array;
use plimsoll_abi::histogram::{BUCKETS, Histogram, bucket};
use plimsoll_abi::slot::Sizes;

/// `BPF_F_MMAPABLE`: user space reads these arrays as memory.
pub(crate) const MMAPABLE: u32 = 1 << 10;

/// Fixed by the loader; constants to the verifier.
#[unsafe(no_mangle)]
pub(crate) static SIZES: Sizes = Sizes {
    slots: 1,
    shard_shift: 0,
    io_hierarchy: 0,
    connections: 0,
    nat: 0,
    prefixes: 0,
    dns_ports: [0; 4],
    calls: 0,
    dns_names: 0,
    dns_destinations: 0,
};

/// Reads what the loader fixed, so that the compiler cannot fold the placeholder in.
#[inline(always)]
pub(crate) fn fixed<T: Copy>(constant: &'static T) -> T {
    // SAFETY: a reference is always readable.
    unsafe { core::ptr::from_ref(constant).read_volatile() }
}

/// This CPU's shard of the slot's cell.
#[inline(always)]
pub(crate) fn cell<T>(cells: &Array<T>, slot: u32) -> Option<*mut T> {
    // SAFETY: the helper takes nothing and cannot fail.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    cells.get_ptr_mut((cpu >> fixed(&SIZES.shard_shift)) * fixed(&SIZES.slots) + slot)
}

/// The slot's one cell for all CPUs, of what is rare.
#[inline(always)]
pub(crate) fn rare_cell<T>(cells: &Array<T>, slot: u32) -> Option<*mut T> {
    cells.get_ptr_mut(slot)
}

/// Adds `n` to the counter at `counter` in one step.
///
/// # Safety
/// `counter` must point into a map's value.
#[inline(always)]
pub(crate) unsafe fn add(counter: *mut u64, n: u64) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller gives a map value; the instruction touches these 8 bytes only.
    unsafe {
        core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) n);
    }
    #[cfg(not(target_arch = "bpf"))]
    let _ = (counter, n);
}

/// Adds an observation to a histogram.
///
/// # Safety
/// `histogram` must point into a map's value.
#[inline(always)]
pub(crate) unsafe fn observe(histogram: *mut Histogram, ns: u64) {
    // The bound is for the verifier: `bucket` never passes it.
    let at = bucket(ns) & 31;
    // SAFETY: the caller gives a map value; the bucket is inside it.
    unsafe {
        if at < BUCKETS {
            add((&raw mut (*histogram).buckets).cast::<u64>().add(at), 1);
        }
        add(&raw mut (*histogram).sum_ns, ns);
    }
}
