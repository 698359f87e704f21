//! Events that a program was not run for: the kernel does not run one again on a CPU where it already runs, and counts it.
//!
//! Where a tracepoint's programs can be preempted (seen in 7.3), whatever runs on that CPU meanwhile is missed.

use std::os::fd::{AsRawFd as _, BorrowedFd};

const BPF_OBJ_GET_INFO_BY_FD: libc::c_long = 15;
/// `bpf_prog_info.recursion_misses` (include/uapi/linux/bpf.h, 5.12), a 64-bit word.
const RECURSION_MISSES_AT: usize = 208;

/// The part of `union bpf_attr` that the command uses.
#[repr(C)]
struct InfoAttr {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// How many events a program missed; 0 where the kernel does not say, since those before 5.12 run all.
pub(super) fn missed(program: BorrowedFd<'_>) -> u64 {
    let mut info = [0u64; (RECURSION_MISSES_AT + 8) / 8];
    let mut attr = InfoAttr {
        bpf_fd: program.as_raw_fd() as u32,
        info_len: size_of_val(&info) as u32,
        info: info.as_mut_ptr() as u64,
    };
    // SAFETY: the kernel writes at most `info_len` bytes to `info`, and asks for nothing else while it is all zeros.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &raw mut attr, size_of::<InfoAttr>()) };
    if result == 0 { info[RECURSION_MISSES_AT / 8] } else { 0 }
}
