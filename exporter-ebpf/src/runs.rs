//! Counting runs, one plain addition on a line of the CPU's own: a program that interrupts another here may hide a
//! run, which an estimate of cost can bear and a counter of the product could not.

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use plimsoll_abi::run::STRIDE;

use crate::cells::MMAPABLE;

#[map]
static RUNS: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Notes a run of one of the programs of a signal.
#[inline(always)]
pub(crate) fn ran(signal: u32) {
    // SAFETY: the helper takes nothing and cannot fail.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    if let Some(runs) = RUNS.get_ptr_mut(cpu * STRIDE + signal) {
        // SAFETY: a value of RUNS; volatile, since user space reads it at any time.
        unsafe { runs.write_volatile(runs.read_volatile() + 1) };
    }
}
