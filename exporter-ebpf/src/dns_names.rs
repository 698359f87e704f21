//! Names that were asked for: numbers in their place, what is counted by them, and the addresses that answers give them.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap};
use plimsoll_abi::dns::{
    ASKED, AddressOf, Cell, MAX_LABELS_OF_RECORDS, MAX_RECORDS, NAME_BYTES, NAME_WORDS, NAMES_PER_SLOT,
    NO_NAME, Name, SEVERAL,
};
use plimsoll_abi::keyed::Key;
use plimsoll_abi::loss;

use crate::cells::{MMAPABLE, SIZES, add, fixed};
use crate::keyed::count;
use crate::losses::lost;

#[map]
static DNS_NAMED: HashMap<Key, u64> = HashMap::with_max_entries(1, 0);

#[map]
static DNS_NAMED_USED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Numbers of names, made from them, so that one has the same in every cgroup.
#[map]
static DNS_NAMES: HashMap<u32, Name> = HashMap::with_max_entries(1, 0);

/// An address as answers gave it to a cgroup → the number of the one name they were to. The oldest go.
#[map]
static DNS_ADDRESSES: LruHashMap<AddressOf, u64> = LruHashMap::with_max_entries(1, 0);

const A: u16 = 1;
const AAAA: u16 = 28;
/// Of a record, what is between its name and its data: type, class, time to live, length.
const RECORD: u32 = 10;
/// A message's head, and what is behind the name of its question.
const HEAD: u32 = 12;
const BEHIND: u32 = 5;
/// The first two bits of a name's end that is elsewhere in the message.
const POINTER: u8 = 0xc0;

/// Whether anybody asks.
#[inline(always)]
pub(crate) fn wanted() -> bool {
    fixed(&SIZES.dns_names) != 0
}

/// Counts a question ([`ASKED`]) or an answer by its name.
#[inline(always)]
pub(crate) fn count_name(cell: *mut Cell, slot: u32, number: u32, result: u32) {
    let key = Key { slot, key: [number, result] };
    if number != NO_NAME && count(&DNS_NAMED, &DNS_NAMED_USED, NAMES_PER_SLOT, &key, 1) {
        return;
    }
    // SAFETY: the caller's value of DNS.
    unsafe { add((&raw mut (*cell).names_folded).cast::<u64>().add(usize::from(result != ASKED)), 1) };
    lost(loss::DNS_NAME_FOLDED);
}

/// The number of the name of so many bytes at a place of a packet; [`NO_NAME`] if it is too long, there is no room for it,
/// or another has it already. Inlined: older kernels take all paths of a program that calls its own functions for different.
#[inline(always)]
pub(crate) fn number(skb: *mut __sk_buff, from: u32, length: u32, slot: u32) -> u32 {
    let mut name: Name = [0; NAME_WORDS + 1];
    if length > NAME_BYTES {
        return NO_NAME;
    }
    if length > 0 {
        // What the compiler concludes from the check above, the verifier does not. That of the root has no bytes.
        let size = (core::hint::black_box(length).wrapping_sub(1) & (NAME_BYTES - 1)) + 1;
        // SAFETY: the program's own context; the buffer is as long as the longest name.
        if unsafe { bpf_skb_load_bytes(skb.cast(), from, name.as_mut_ptr().cast(), size) } != 0 {
            return NO_NAME;
        }
    }
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(length);
    let mut i = 0;
    while i < NAME_WORDS {
        name[i] = lower(name[i]);
        hash = (hash ^ name[i]).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
        i += 1;
    }
    name[NAME_WORDS] = length.into();
    let name = &name;
    let number = (hash >> 32) as u32 | 1;
    // SAFETY: a value of the map.
    let used = DNS_NAMED_USED.get_ptr(slot).map_or(u64::MAX, |used| unsafe { used.read_volatile() });
    if used < u64::from(NAMES_PER_SLOT) && DNS_NAMES.get_ptr(number).is_none() {
        let _ = DNS_NAMES.insert(number, name, 0);
    }
    let Some(found) = DNS_NAMES.get_ptr(number) else { return NO_NAME };
    let mut differs = 0;
    let mut i = 0;
    while i <= NAME_WORDS {
        // SAFETY: a value of DNS_NAMES; it never changes.
        differs |= unsafe { found.cast::<u64>().add(i).read_volatile() } ^ name[i];
        i += 1;
    }
    if differs == 0 { number } else { NO_NAME }
}

/// Eight bytes at once, as names are compared. The lengths between labels are below all letters.
#[inline(always)]
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    let low = word & !HIGH;
    let from_a = low + (0x80 - 0x41) * EACH;
    let beyond_z = low + (0x80 - 0x5b) * EACH;
    word | ((from_a ^ beyond_z) & !word & HIGH) >> 2
}

/// Remembers the addresses in an answer to a question for a name.
#[inline(never)]
pub(crate) fn learn(skb: *mut __sk_buff, message: u32, number: u32, cgroup: u64) {
    if fixed(&SIZES.dns_destinations) == 0 || number == NO_NAME {
        return;
    }
    // The question is in the answer as it was asked.
    let Some(name) = DNS_NAMES.get_ptr(number) else { return };
    // SAFETY: a value of DNS_NAMES; it never changes.
    let length = unsafe { name.cast::<u64>().add(NAME_WORDS).read_volatile() } as u32;
    let Some(records) = word(skb, message + 6) else { return };
    let mut at = message + HEAD + length + BEHIND;
    for turn in 0..MAX_RECORDS {
        if turn >= u32::from(records) {
            return;
        }
        let Some(record) = behind_name(skb, at).map(|at| forget(skb, at)) else { return };
        let (Some(kind), Some(length)) = (word(skb, record), word(skb, record + 8)) else { return };
        let data = record + RECORD;
        let mut of = AddressOf { cgroup, address: [0, 0, 0xffff_u32.to_be(), 0] };
        let read = match (kind, length) {
            (A, 4) => load(skb, data, &mut of.address[3]),
            (AAAA, 16) => load(skb, data, &mut of.address),
            _ => false,
        };
        if read {
            remember(&of, number);
        }
        at = forget(skb, data + u32::from(length));
    }
}

/// Where a name ends.
#[inline(always)]
fn behind_name(skb: *mut __sk_buff, mut at: u32) -> Option<u32> {
    for _ in 0..MAX_LABELS_OF_RECORDS {
        let mut length = 0u8;
        if !load(skb, at, &mut length) {
            return None;
        }
        if length & POINTER == POINTER {
            return Some(at + 2);
        }
        at += 1 + u32::from(length);
        if length == 0 {
            return Some(at);
        }
    }
    None
}

#[inline(always)]
fn remember(of: &AddressOf, number: u32) {
    if let Some(known) = DNS_ADDRESSES.get_ptr_mut(of) {
        // SAFETY: a value of DNS_ADDRESSES; volatile, since other CPUs read it.
        unsafe {
            if known.read_volatile() != u64::from(number) {
                known.write_volatile(SEVERAL);
            }
        }
        return;
    }
    let _ = DNS_ADDRESSES.insert(of, u64::from(number), 0);
}

/// The number of the one name that answers to this cgroup gave this address.
#[inline(always)]
pub(crate) fn of_address(cgroup: u64, address: [u32; 4]) -> Option<u32> {
    if fixed(&SIZES.dns_destinations) == 0 {
        return None;
    }
    let known = DNS_ADDRESSES.get_ptr(AddressOf { cgroup, address })?;
    // SAFETY: a value of DNS_ADDRESSES.
    let known = unsafe { known.read_volatile() };
    (known != SEVERAL).then_some(known as u32)
}

/// What the verifier knows of a value ends here, so that paths which differ in it alone are one to it. The kernel saves these
/// bytes before the program and puts them back after it.
#[inline(always)]
pub(crate) fn forget(skb: *mut __sk_buff, value: u32) -> u32 {
    // SAFETY: the program's own context; volatile, since the compiler would see through it.
    unsafe {
        let scratch = (&raw mut (*skb).cb).cast::<u32>();
        scratch.write_volatile(value);
        scratch.read_volatile()
    }
}

#[inline(always)]
fn word(skb: *mut __sk_buff, at: u32) -> Option<u16> {
    let mut word = 0u16;
    load(skb, at, &mut word).then(|| u16::from_be(word))
}

/// Reads from a packet; false beyond its end.
#[inline(always)]
fn load<T>(skb: *mut __sk_buff, at: u32, into: &mut T) -> bool {
    // SAFETY: the program's own context; the kernel writes as many bytes as there are.
    unsafe {
        bpf_skb_load_bytes(skb.cast(), at, core::ptr::from_mut(into).cast(), size_of::<T>() as u32) == 0
    }
}
