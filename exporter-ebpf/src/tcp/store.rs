//! What is remembered of sockets, and where.
//!
//! From 5.12 on it is kept with the socket, in its local storage: nobody else has to find it, the kernel frees it with the
//! socket, and an iterator shows all that have some, in whichever network namespace. An older kernel has a table by address.

use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::helpers::generated::{bpf_sk_storage_delete, bpf_sk_storage_get};
use aya_ebpf::macros::{btf_map, map};
use aya_ebpf::maps::{Array, HashMap};
use plimsoll_abi::tcp::{MAX_SOCKETS, Socket};

use crate::cells::{MMAPABLE, add};
use crate::task::Struct;

/// Where a [`Socket`] is.
pub(crate) trait Store {
    /// What is remembered of a socket.
    fn get(tcp: Struct) -> Option<*mut Socket>;

    /// Remembers it; what was there before is overwritten. `false`: there is no room.
    fn insert(tcp: Struct, new: &Socket) -> bool;

    /// Forgets it.
    fn remove(tcp: Struct);

    /// Sets a word that is `old` to `new`, unless somebody else has changed it meanwhile.
    ///
    /// # Safety
    /// `word` must point into what [`Store::get`] gave.
    unsafe fn change(word: *mut u64, old: u64, new: u64) -> bool;
}

/// With the socket.
pub(crate) struct Stored;

/// In a table by address, for kernels before 5.12.
pub(crate) struct Tabled;

#[btf_map]
static TCP_STORED: SkStorage<Socket> = SkStorage::new();

/// How many have some: the kernel keeps no count, and sets no bound.
#[map]
static TCP_STORED_COUNT: Array<u64> = Array::with_max_entries(1, MMAPABLE);

#[map]
static TCP_SOCKETS: HashMap<u64, Socket> = HashMap::with_max_entries(1, 0);

const CREATE: u64 = 1;

fn storage() -> *mut core::ffi::c_void {
    (&raw const TCP_STORED).cast_mut().cast()
}

impl Store for Stored {
    #[inline(always)]
    fn get(tcp: Struct) -> Option<*mut Socket> {
        // SAFETY: the helper takes a socket the verifier knows; no flag means that nothing is made.
        let found = unsafe { bpf_sk_storage_get(storage(), tcp.cast_mut().cast(), core::ptr::null_mut(), 0) };
        (!found.is_null()).then_some(found.cast())
    }

    #[inline(always)]
    fn insert(tcp: Struct, new: &Socket) -> bool {
        if let Some(there) = Self::get(tcp) {
            // SAFETY: what is remembered of this socket. It is closed to the iterator's eyes until all of it is new.
            unsafe {
                (&raw mut (*there).open).write_volatile(0);
                *there = Socket { open: 0, ..*new };
                (&raw mut (*there).open).write_volatile(new.open);
            }
            return true;
        }
        let Some(count) = TCP_STORED_COUNT.get_ptr_mut(0) else { return false };
        // SAFETY: a value of TCP_STORED_COUNT; volatile, since other CPUs add to it.
        if unsafe { count.read_volatile() } as i64 >= i64::from(MAX_SOCKETS) {
            return false;
        }
        let value = core::ptr::from_ref(new).cast_mut().cast();
        // SAFETY: the helper copies the value.
        let made = unsafe { bpf_sk_storage_get(storage(), tcp.cast_mut().cast(), value, CREATE) };
        if made.is_null() {
            return false;
        }
        // SAFETY: a value of TCP_STORED_COUNT.
        unsafe { add(count, 1) };
        true
    }

    #[inline(always)]
    fn remove(tcp: Struct) {
        // SAFETY: the helper takes a socket the verifier knows.
        if unsafe { bpf_sk_storage_delete(storage(), tcp.cast_mut().cast()) } == 0
            && let Some(count) = TCP_STORED_COUNT.get_ptr_mut(0)
        {
            // SAFETY: a value of TCP_STORED_COUNT.
            unsafe { add(count, u64::MAX) };
        }
    }

    #[inline(always)]
    unsafe fn change(word: *mut u64, old: u64, new: u64) -> bool {
        #[cfg(target_arch = "bpf")]
        {
            let was: u64;
            // SAFETY: the caller's; the instruction touches these 8 bytes only.
            unsafe {
                core::arch::asm!(
                    "r0 = cmpxchg_64({word} + 0, r0, {new})",
                    word = in(reg) word,
                    new = in(reg) new,
                    inlateout("r0") old => was,
                );
            }
            was == old
        }
        #[cfg(not(target_arch = "bpf"))]
        {
            let _ = (word, old, new);
            false
        }
    }
}

impl Store for Tabled {
    #[inline(always)]
    fn get(tcp: Struct) -> Option<*mut Socket> {
        TCP_SOCKETS.get_ptr_mut(tcp as u64)
    }

    #[inline(always)]
    fn insert(tcp: Struct, new: &Socket) -> bool {
        TCP_SOCKETS.insert(tcp as u64, new, 0).is_ok()
    }

    #[inline(always)]
    fn remove(tcp: Struct) {
        let _ = TCP_SOCKETS.remove(tcp as u64);
    }

    /// Whoever looks at a socket holds its lock here: there is no iterator.
    #[inline(always)]
    unsafe fn change(word: *mut u64, _: u64, new: u64) -> bool {
        // SAFETY: the caller's.
        unsafe { word.write_volatile(new) };
        true
    }
}
