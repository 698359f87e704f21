//! Whose a socket is, and what its kernel structure says of it.

use aya_ebpf::helpers::{bpf_probe_read_kernel, bpf_skc_to_tcp_sock};
use plimsoll_abi::layout::Offsets;

use crate::task::{OFFSETS, Struct, at, cgroup_id, load};

/// The socket as a full TCP socket; `None` for any other protocol, and for what stands for one that is not yet, or no
/// longer, there. `NULL` is none, too.
#[inline(always)]
pub(crate) fn tcp(sock: Struct) -> Option<Struct> {
    // Newer verifiers want it asked; to older ones no argument is NULL, and then the helper asks.
    if sock.is_null() {
        return None;
    }
    // SAFETY: the helper takes any `struct sock` the verifier knows, and `NULL`.
    let tcp: Struct = unsafe { bpf_skc_to_tcp_sock(sock.cast_mut().cast()) }.cast();
    if tcp.is_null() { None } else { Some(tcp) }
}

/// The id of the cgroup in which the socket was made; those a listener gives birth to have the listener's.
///
/// # Safety
/// `sock` must be a full socket the verifier knows.
#[inline(always)]
pub(crate) unsafe fn owner(sock: Struct) -> u64 {
    if at(&OFFSETS.sock_cgroup_pointer) == Offsets::ABSENT as usize {
        // SAFETY: the caller's.
        return unsafe { owner_in_word(sock) };
    }
    // SAFETY: sk_cgrp_data begins with a pointer to a cgroup.
    unsafe { cgroup_id(load(sock, at(&OFFSETS.sock_cgroup))) }
}

/// Before 5.15: a word that the verifier takes for a number. Its low bits say that there is something else in it, which
/// is so where v1's `net_cls` or `net_prio` is used; the owner is then unknown.
#[inline(always)]
unsafe fn owner_in_word(sock: Struct) -> u64 {
    // SAFETY: the caller's.
    let word: u64 = unsafe { load(sock, at(&OFFSETS.sock_cgroup)) };
    if word & 1 != 0 {
        return 0;
    }
    let cgroup = (word & !3) as Struct;
    // SAFETY: the helper copes with any address.
    unsafe {
        let kn: u64 = read(cgroup, at(&OFFSETS.cgroup_kn));
        read(kn as Struct, at(&OFFSETS.kernfs_node_id))
    }
}

/// Reads a word through an address that may be no pointer to the verifier.
///
/// # Safety
/// None of the caller: what cannot be read is 0.
#[inline(always)]
pub(crate) unsafe fn read(base: Struct, offset: usize) -> u64 {
    // SAFETY: the helper copes with any address.
    unsafe { bpf_probe_read_kernel(base.wrapping_add(offset).cast::<u64>()) }.unwrap_or_default()
}
