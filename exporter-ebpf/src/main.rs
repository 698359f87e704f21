//! The programs that run in the kernel: one module a signal, and helpers for slots, cells and losses.
//!
//! A program reads what its tracepoint gives, finds the slot of the cgroup concerned, and adds to that slot's
//! cell. Nothing here waits, allocates or calls user space; only the life of cgroups leaves through the ring
//! buffer. Each program loads by itself: what one kernel refuses costs that one signal.
#![no_std]
#![no_main]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

mod block_io;
mod calls;
mod cells;
mod cgroups;
mod connections;
mod dns;
mod dns_names;
mod drops;
mod faults;
mod files;
mod io_uring;
mod keyed;
mod losses;
mod nat;
mod oom;
mod process;
mod reclaim;
mod runs;
mod sched;
mod slots;
mod sock;
mod sys_exit;
mod syscall_latency;
mod syscalls;
mod task;
mod tasks;
mod tcp;
mod tcp_open;
mod udp;
mod unix;

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here panics: the verifier would refuse the jump.
    loop {}
}

/// The licence the kernel asks for before it gives GPL-only helpers to a program.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
