//! A reader of the kernel's BTF: member offsets, tracepoint signatures and enumerators, nothing more.
//!
//! Format: Documentation/bpf/btf.rst. Works on the bytes of `/sys/kernel/btf/vmlinux`; every index is checked.

use std::collections::HashMap;

/// Why bytes are no BTF.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BtfError {
    /// Not BTF, or of another byte order.
    #[error("no BTF magic at the start")]
    Magic,
    /// A section or a type reaches past the end.
    #[error("BTF ends early at byte {0}")]
    Short(usize),
    /// A kind of type this reader does not know.
    #[error("BTF type {id} has the unknown kind {kind}")]
    Kind {
        /// The type's number.
        id: usize,
        /// Its kind.
        kind: u32,
    },
}

/// What a tracepoint's program is given at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A pointer.
    Pointer,
    /// Anything that fits a register.
    Scalar,
}

/// The types of a kernel.
#[derive(Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where each type begins; type 0 is `void`.
    offsets: Vec<u32>,
    named: HashMap<(&'a [u8], u32), u32>,
}

const MAGIC: u16 = 0xeb9f;
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const TYPEDEF: u32 = 8;
const FUNC_PROTO: u32 = 13;
const ENUM64: u32 = 19;
/// Structures in structures, typedefs of typedefs: deeper than this is no kernel.
const MAX_DEPTH: u32 = 16;

/// The types of a module and those of the kernel it is for, as one: a module's go on where the kernel's end.
pub fn join(kernel: &[u8], module: &[u8]) -> Result<Vec<u8>, BtfError> {
    let ((types, strings), (more_types, more_strings)) = (sections(kernel)?, sections(module)?);
    let mut joined = kernel.get(..8).unwrap_or_default().to_vec();
    let (types, strings) = ([types, more_types].concat(), [strings, more_strings].concat());
    joined.splice(4..8, 24u32.to_ne_bytes());
    for word in [0, types.len(), types.len(), strings.len()] {
        joined.extend_from_slice(&(word as u32).to_ne_bytes());
    }
    joined.extend(types);
    joined.extend(strings);
    Ok(joined)
}

impl<'a> Btf<'a> {
    /// Finds where the types are.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let (types, strings) = sections(bytes)?;
        let mut btf = Self { types, strings, offsets: vec![0], named: HashMap::new() };
        let mut at = 0;
        while at < types.len() {
            let info = u32_at(types, at + 4)?;
            let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
            let id = btf.offsets.len();
            btf.offsets.push(at as u32);
            if matches!(kind, STRUCT | ENUM | TYPEDEF | ENUM64) {
                btf.named.insert((btf.name(at)?, kind), id as u32);
            }
            at += 12 + extra(kind, count).ok_or(BtfError::Kind { id, kind })?;
        }
        Ok(btf)
    }

    /// The byte offset of a member, through members of members: `("task_struct", ["sched_info", "run_delay"])`.
    /// Members of anonymous structures and unions count as their parent's. Bit fields have no offset.
    pub fn member(&self, structure: &str, path: &[&str]) -> Option<u32> {
        let mut id = *self.named.get(&(structure.as_bytes(), STRUCT))?;
        let mut bits = 0u32;
        for name in path {
            let (member_bits, member_id) = self.find_member(id, name.as_bytes(), 0)?;
            bits = bits.checked_add(member_bits)?;
            id = member_id;
        }
        bits.is_multiple_of(8).then_some(bits / 8)
    }

    /// What a BTF program on this tracepoint is given, without the hidden first argument.
    pub fn tracepoint(&self, name: &str) -> Option<Vec<Argument>> {
        let typedef = *self.named.get(&(format!("btf_trace_{name}").as_bytes(), TYPEDEF))?;
        let pointer = self.resolve(typedef)?;
        let proto = self.word(self.at(pointer)? + 8)?;
        let at = self.at(proto)?;
        let (kind, count) = self.kind(at)?;
        if kind != FUNC_PROTO {
            return None;
        }
        let argument = |i: usize| {
            let id = self.resolve(self.word(at + 12 + i * 8 + 4)?)?;
            let (kind, _) = self.kind(self.at(id)?)?;
            Some(if kind == PTR { Argument::Pointer } else { Argument::Scalar })
        };
        (1..count).map(argument).collect()
    }

    /// Whether an enumeration has an enumerator.
    pub fn has_enumerator(&self, enumeration: &str, enumerator: &str) -> bool {
        let find = |kind, size| {
            let at = self.at(*self.named.get(&(enumeration.as_bytes(), kind))?)?;
            let (_, count) = self.kind(at)?;
            (0..count).find(|i| self.name(at + 12 + i * size) == Ok(enumerator.as_bytes()))
        };
        find(ENUM, 8).or_else(|| find(ENUM64, 12)).is_some()
    }

    /// The numbers and names of an enumeration of 32 bits; none if there is no such.
    pub fn enumerators(&self, enumeration: &str) -> Vec<(u32, String)> {
        let Some(&id) = self.named.get(&(enumeration.as_bytes(), ENUM)) else { return Vec::new() };
        let Some((at, (_, count))) = self.at(id).and_then(|at| Some((at, self.kind(at)?))) else {
            return Vec::new();
        };
        let of = |i: usize| {
            let at = at + 12 + i * 8;
            Some((self.word(at + 4)?, String::from_utf8_lossy(self.name(at).ok()?).into_owned()))
        };
        (0..count).filter_map(of).collect()
    }

    fn find_member(&self, id: u32, name: &[u8], depth: u32) -> Option<(u32, u32)> {
        let id = self.resolve(id)?;
        let at = self.at(id)?;
        let (kind, count) = self.kind(at)?;
        if !matches!(kind, STRUCT | UNION) || depth > MAX_DEPTH {
            return None;
        }
        let bit_fields = self.word(at + 4)? >> 31 == 1;
        for i in 0..count {
            let member = at + 12 + i * 12;
            let (type_id, raw) = (self.word(member + 4)?, self.word(member + 8)?);
            let (bits, width) = if bit_fields { (raw & 0xff_ffff, raw >> 24) } else { (raw, 0) };
            let member_name = self.name(member).ok()?;
            if member_name == name {
                return (width == 0).then_some((bits, type_id));
            }
            if member_name.is_empty()
                && let Some((inner, id)) = self.find_member(type_id, name, depth + 1)
            {
                return Some((bits.checked_add(inner)?, id));
            }
        }
        None
    }

    /// Looks through typedefs, qualifiers and type tags.
    fn resolve(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MAX_DEPTH {
            let at = self.at(id)?;
            match self.kind(at)?.0 {
                8..=11 | 18 => id = self.word(at + 8)?,
                _ => return Some(id),
            }
        }
        None
    }

    fn at(&self, id: u32) -> Option<usize> {
        (id != 0).then(|| self.offsets.get(id as usize)).flatten().map(|at| *at as usize)
    }

    fn kind(&self, at: usize) -> Option<(u32, usize)> {
        let info = self.word(at + 4)?;
        Some((info >> 24 & 0x1f, (info & 0xffff) as usize))
    }

    fn word(&self, at: usize) -> Option<u32> {
        u32_at(self.types, at).ok()
    }

    /// The string whose offset stands at `at`.
    fn name(&self, at: usize) -> Result<&'a [u8], BtfError> {
        let start = u32_at(self.types, at)? as usize;
        let rest = self.strings.get(start..).ok_or(BtfError::Short(start))?;
        Ok(rest.split(|b| *b == 0).next().unwrap_or_default())
    }
}

/// Where types and strings are.
fn sections(bytes: &[u8]) -> Result<(&[u8], &[u8]), BtfError> {
    if bytes.get(..2).map(|m| u16::from_ne_bytes([m[0], m[1]])) != Some(MAGIC) {
        return Err(BtfError::Magic);
    }
    let word = |at| u32_at(bytes, at).map(|n| n as usize);
    let header = word(4)?;
    let section = |start: usize, length: usize| {
        let begin = header.saturating_add(start);
        bytes.get(begin..begin.saturating_add(length)).ok_or(BtfError::Short(bytes.len()))
    };
    Ok((section(word(8)?, word(12)?)?, section(word(16)?, word(20)?)?))
}

/// The bytes that follow a type's head.
fn extra(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        1 | 14 | 17 => 4,
        2 | 7..=12 | 16 | 18 => 0,
        3 => 12,
        STRUCT | UNION | 15 | ENUM64 => count * 12,
        ENUM | FUNC_PROTO => count * 8,
        _ => return None,
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, BtfError> {
    let word = at.checked_add(4).and_then(|end| bytes.get(at..end)).ok_or(BtfError::Short(at))?;
    Ok(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A BTF of `struct outer { int a; struct { int b; struct inner c; }; }`, an enum and a tracepoint.
    fn sample() -> Vec<u8> {
        let mut strings = vec![0u8];
        let mut name = |s: &str| {
            let at = strings.len() as u32;
            strings.extend_from_slice(s.as_bytes());
            strings.push(0);
            at
        };
        let mut types: Vec<u32> = Vec::new();
        let info = |kind: u32, count: u32| kind << 24 | count;
        types.extend([name("int"), info(1, 0), 4, 32]); // 1
        types.extend([name("inner"), info(STRUCT, 2), 8, name("x"), 1, 0, name("y"), 1, 32]); // 2
        types.extend([0, info(STRUCT, 2), 12, name("b"), 1, 0, name("c"), 2, 32]); // 3
        types.extend([name("outer"), info(STRUCT, 2), 16, name("a"), 1, 0, 0, 3, 32]); // 4
        types.extend([name("ids"), info(ENUM, 2), 4, name("ONE"), 1, name("TWO"), 2]); // 5
        types.extend([0, info(PTR, 0), 4]); // 6: struct outer *
        types.extend([0, info(FUNC_PROTO, 3), 0, 0, 6, 0, 6, 0, 1]); // 7: (void *, struct outer *, int)
        types.extend([0, info(PTR, 0), 7]); // 8
        types.extend([name("btf_trace_tp"), info(TYPEDEF, 0), 8]); // 9
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC.to_ne_bytes());
        out.extend_from_slice(&[1, 0]);
        let sizes = [24, 0, types.len() as u32 * 4, types.len() as u32 * 4, strings.len() as u32];
        for word in sizes.iter().chain(&types) {
            out.extend_from_slice(&word.to_ne_bytes());
        }
        out.extend_from_slice(&strings);
        out
    }

    #[test]
    fn members_are_found_through_anonymous_and_named_structures() {
        let bytes = sample();
        let btf = Btf::parse(&bytes).expect("valid");
        assert_eq!(btf.member("outer", &["a"]), Some(0));
        assert_eq!(btf.member("outer", &["b"]), Some(4));
        assert_eq!(btf.member("outer", &["c", "y"]), Some(12));
        assert_eq!(btf.member("outer", &["z"]), None);
        assert_eq!(btf.member("nothing", &["a"]), None);
    }

    #[test]
    fn signatures_and_enumerators() {
        let bytes = sample();
        let btf = Btf::parse(&bytes).expect("valid");
        assert_eq!(btf.tracepoint("tp"), Some(vec![Argument::Pointer, Argument::Scalar]));
        assert_eq!(btf.tracepoint("other"), None);
        assert!(btf.has_enumerator("ids", "TWO"));
        assert!(!btf.has_enumerator("ids", "THREE"));
    }

    #[test]
    fn a_modules_types_go_on_where_the_kernels_end() {
        let kernel = sample();
        let strings = sections(&kernel).expect("valid").1.len() as u32;
        let words = [
            strings + 1,
            STRUCT << 24 | 1,
            8,
            strings + 7,
            2,
            32, // 10: struct extra { struct inner more; } at byte 4
        ];
        let names = b"\0extra\0more\0";
        let mut module = kernel[..8].to_vec();
        for word in
            [0, words.len() as u32 * 4, words.len() as u32 * 4, names.len() as u32].iter().chain(&words)
        {
            module.extend_from_slice(&word.to_ne_bytes());
        }
        module.extend_from_slice(names);
        let joined = join(&kernel, &module).expect("both valid");
        let btf = Btf::parse(&joined).expect("valid");
        assert_eq!(btf.member("extra", &["more", "y"]), Some(8));
        assert_eq!(btf.member("outer", &["c", "y"]), Some(12));
        assert_eq!(join(&kernel, b"no"), Err(BtfError::Magic));
    }

    #[test]
    fn every_cut_is_an_error_or_a_smaller_kernel_and_never_a_panic() {
        let bytes = sample();
        for length in 0..bytes.len() {
            assert!(Btf::parse(&bytes[..length]).is_err(), "cut at {length}");
        }
        let mut flipped = bytes.clone();
        for at in 24..flipped.len() {
            flipped[at] ^= 0xff;
            if let Ok(btf) = Btf::parse(&flipped) {
                let _ = (btf.member("outer", &["c", "y"]), btf.tracepoint("tp"));
            }
            flipped[at] ^= 0xff;
        }
    }
}
