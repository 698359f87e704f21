//! Looking at all connections from outside: an iterator over what is remembered with sockets, whenever user space wants to
//! know what they have counted.

use aya_ebpf::helpers::generated::bpf_seq_write;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use plimsoll_abi::tcp::{FORGET, LIST, Walk};

use super::{Store as _, Stored, look};
use crate::cells::MMAPABLE;
use crate::sock::tcp;
use crate::task::Struct;

/// What the next walk is for; user space writes it.
#[map]
static TCP_WALK: Array<Walk> = Array::with_max_entries(1, MMAPABLE);

/// The kernel's `struct bpf_iter__bpf_sk_storage_map`, as far as it is read.
#[repr(C)]
struct Element {
    meta: *const Meta,
    _map: Struct,
    sock: Struct,
}

/// `struct bpf_iter_meta`, likewise.
#[repr(C)]
struct Meta {
    sequence: Struct,
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/bpf_sk_storage_map")]
extern "C" fn tcp_look(element: *const Element) -> i32 {
    // SAFETY: the iterator's argument.
    let (sock, meta) = unsafe { ((*element).sock, (*element).meta) };
    // The end of the walk has none.
    let Some(tcp) = tcp(sock) else { return 0 };
    let (Some(socket), Some(walk)) = (Stored::get(tcp), TCP_WALK.get_ptr(0)) else { return 0 };
    // SAFETY: a value of TCP_WALK, and what is remembered of this socket.
    unsafe {
        match walk.read_volatile() {
            LIST => {
                let peers = [(*socket).peer, (*socket).client];
                let length = size_of_val(&peers) as u32;
                let sequence = (*meta).sequence.cast_mut().cast();
                let _ = bpf_seq_write(sequence, (&raw const peers).cast(), length);
            }
            FORGET => Stored::remove(tcp),
            // While the attempt is under way its destination may still change.
            _ if (*socket).open == 1 => look::<Stored>(socket, tcp),
            _ => {}
        }
    }
    0
}
