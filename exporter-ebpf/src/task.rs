//! Reading members of the kernel's structures at the offsets the loader injected.
//!
//! Pointers here come from the arguments of BTF tracepoints, or were loaded through such: the kernel reads
//! through them with faults handled, so a bad pointer gives 0, never a crash.

use plimsoll_abi::layout::Offsets;

use crate::cells::fixed;

#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Offsets = Offsets::NONE;

/// An offset as the loader fixed it.
#[inline(always)]
pub(crate) fn at(offset: &'static u32) -> usize {
    fixed(offset) as usize
}

/// A kernel structure, as the verifier knows it by its pointer.
pub(crate) type Struct = *const u8;

/// Loads a member.
///
/// # Safety
/// `base` must be a pointer the verifier knows, `offset` that of a member of the size of `T`.
#[inline(always)]
pub(crate) unsafe fn load<T: Copy>(base: Struct, offset: usize) -> T {
    // SAFETY: the caller's; the verifier checks it again.
    unsafe { base.add(offset).cast::<T>().read_volatile() }
}

/// The id of a cgroup.
///
/// # Safety
/// `cgroup` must be a `struct cgroup` the verifier knows.
#[inline(always)]
pub(crate) unsafe fn cgroup_id(cgroup: Struct) -> u64 {
    // SAFETY: kn is a kernfs_node, its id a u64.
    unsafe {
        let kn: Struct = load(cgroup, at(&OFFSETS.cgroup_kn));
        load(kn, at(&OFFSETS.kernfs_node_id))
    }
}

/// The number of the v2 hierarchy.
pub(crate) const V2: u32 = 0;

/// The number of the hierarchy a cgroup is in.
///
/// # Safety
/// `cgroup` must be a `struct cgroup` the verifier knows.
#[inline(always)]
pub(crate) unsafe fn hierarchy_id(cgroup: Struct) -> u32 {
    // SAFETY: root is a cgroup_root, its hierarchy_id an int.
    unsafe {
        let root: Struct = load(cgroup, at(&OFFSETS.cgroup_root));
        load(root, at(&OFFSETS.cgroup_root_hierarchy_id))
    }
}

/// The id of the task's cgroup in the v2 hierarchy. It stays with a task until it is freed, past its exit.
///
/// # Safety
/// `task` must be a `struct task_struct` the verifier knows.
#[inline(always)]
pub(crate) unsafe fn task_cgroup_id(task: Struct) -> u64 {
    // SAFETY: cgroups is a css_set, dfl_cgrp its cgroup in the default hierarchy.
    unsafe {
        let css_set: Struct = load(task, at(&OFFSETS.task_cgroups));
        let cgroup: Struct = load(css_set, at(&OFFSETS.css_set_dfl_cgrp));
        cgroup_id(cgroup)
    }
}
