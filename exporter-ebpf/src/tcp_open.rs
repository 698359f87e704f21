//! Connections that were open before the programs: an iterator walks them once, in each network namespace.
//!
//! It shows those that listen first, so that what came in is told from what was dialled by the port.

use aya_ebpf::macros::map;
use aya_ebpf::maps::HashMap;
use plimsoll_abi::tcp::{IN, MAX_LISTENING, OUT, UNKNOWN};

use crate::sock::{read, tcp};
use crate::task::{OFFSETS, Struct, at, load};
use crate::tcp::{
    CLOSE_WAIT, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, LISTEN, SHUT_BOTH, Store, Stored, Tabled, take_in,
};

/// Network namespace and port of those that listen. User space empties it after each namespace.
#[map]
static TCP_LISTENING: HashMap<u64, u8> = HashMap::with_max_entries(MAX_LISTENING, 0);

/// The kernel's `struct bpf_iter__tcp`, as far as it is read.
#[repr(C)]
struct Element {
    _meta: Struct,
    sock: Struct,
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
extern "C" fn tcp_open(element: *const Element) -> i32 {
    open::<Stored>(element)
}

/// For kernels before 5.12.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
extern "C" fn tcp_open_5_10(element: *const Element) -> i32 {
    open::<Tabled>(element)
}

#[inline(always)]
fn open<S: Store>(element: *const Element) -> i32 {
    // SAFETY: the iterator's argument.
    let sock = unsafe { (*element).sock };
    // The end of the walk has none; what is in TIME_WAIT or not complete is no full socket.
    let Some(tcp) = tcp(sock) else { return 0 };
    // SAFETY: a full TCP socket.
    unsafe {
        let state = u64::from(load::<u8>(tcp, at(&OFFSETS.sock_state)));
        if state == LISTEN {
            // Where there is no room the direction stays unknown.
            let _ = TCP_LISTENING.insert(local(tcp), 1, 0);
            return 0;
        }
        let lives = matches!(state, ESTABLISHED | FIN_WAIT1 | FIN_WAIT2 | CLOSE_WAIT);
        if lives && load::<u8>(tcp, at(&OFFSETS.sock_shutdown)) & SHUT_BOTH != SHUT_BOTH {
            take_in::<S>(tcp, direction(tcp));
        }
    }
    0
}

/// Who began it. A port that the kernel chose for `connect` says so; one that was bound does not, if nobody listens on it
/// any more.
#[inline(always)]
unsafe fn direction(tcp: Struct) -> u32 {
    // SAFETY: the caller's; icsk_bind_hash is an inet_bind_bucket.
    unsafe {
        if TCP_LISTENING.get_ptr(local(tcp)).is_some() {
            return IN;
        }
        let bucket: Struct = load(tcp, at(&OFFSETS.sock_bind_bucket));
        if load::<i8>(bucket, at(&OFFSETS.bucket_reuse)) < 0 { OUT } else { UNKNOWN }
    }
}

/// The network namespace, by its address of which the upper bits are the same for all, and the local port.
#[inline(always)]
unsafe fn local(tcp: Struct) -> u64 {
    // SAFETY: the caller's.
    unsafe {
        // Not loaded as a pointer, with which the verifier allows no arithmetic.
        let namespace = read(tcp, at(&OFFSETS.sock_net));
        namespace << 16 | u64::from(load::<u16>(tcp, at(&OFFSETS.sock_local_port)))
    }
}
