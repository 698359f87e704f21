//! What is remembered of a task for as long as it lives. Most of it is in an array, at a place made of the task's number,
//! which costs no call to be looked up; that of tasks whose place is another's is in a hash.
//!
//! A task's number is its address, which no other living task has, less another one: to the verifier the difference of two
//! pointers is a number, with which one can calculate as one cannot with a pointer. No thread id would do: a thread that
//! executes a program takes over that of its process' first thread.

use aya_ebpf::maps::{Array, HashMap};
use plimsoll_abi::tasks::{Near, near};

use crate::task::{OFFSETS, Struct};

const BPF_NOEXIST: u64 = 1;

/// The two tables of one signal. `far` has an entry for each place of `near` that is taken, too, under the place's number, so
/// that two cannot take it at once.
pub(crate) struct Tasks<T: 'static> {
    pub(crate) near: &'static Array<Near<T>>,
    pub(crate) far: &'static HashMap<u64, T>,
    /// What says nothing.
    pub(crate) none: T,
}

/// A task's number.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
pub(crate) unsafe fn number(task: Struct) -> u64 {
    let mut number = task as u64;
    #[cfg(target_arch = "bpf")]
    // SAFETY: it calculates; in assembly, lest the compiler move the subtraction elsewhere. The other address is that of a map,
    // the same to all programs.
    unsafe {
        core::arch::asm!("{0} -= {1}", inout(reg) number, in(reg) (&raw const OFFSETS) as u64, options(pure, nomem));
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        number -= (&raw const OFFSETS) as u64;
    }
    number
}

impl<T: Copy> Tasks<T> {
    /// What is remembered of a task.
    #[inline(always)]
    pub(crate) fn get(&self, task: u64) -> Option<*mut T> {
        if let Some(place) = self.near.get_ptr_mut(near(task)) {
            // SAFETY: a value of the array; volatile, since others take and leave places.
            unsafe {
                if (&raw const (*place).task).read_volatile() == task {
                    return Some(&raw mut (*place).value);
                }
            }
        }
        self.far.get_ptr_mut(task)
    }

    /// Remembers a task that is not known yet. `false`: there is no room.
    #[inline(always)]
    pub(crate) fn insert(&self, task: u64, value: T) -> bool {
        self.take_place(task, value) || self.far.insert(task, value, 0).is_ok()
    }

    /// Forgets a task.
    #[inline(always)]
    pub(crate) fn remove(&self, task: u64) {
        let number = near(task);
        if let Some(place) = self.near.get_ptr_mut(number) {
            // SAFETY: a value of the array; the place is this task's.
            unsafe {
                if (&raw const (*place).task).read_volatile() == task {
                    (&raw mut (*place).task).write_volatile(0);
                    let _ = self.far.remove(u64::from(number));
                    return;
                }
            }
        }
        let _ = self.far.remove(task);
    }

    /// `false`: the place is another's.
    #[inline(always)]
    fn take_place(&self, task: u64, value: T) -> bool {
        let number = near(task);
        let Some(place) = self.near.get_ptr_mut(number) else { return false };
        // SAFETY: a value of the array, which nobody else writes once its number is in the hash.
        unsafe {
            if (&raw const (*place).task).read_volatile() != 0
                || self.far.insert(u64::from(number), self.none, BPF_NOEXIST).is_err()
            {
                return false;
            }
            (*place).value = value;
            (&raw mut (*place).task).write_volatile(task);
        }
        true
    }
}
