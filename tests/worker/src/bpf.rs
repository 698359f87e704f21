//! What there is of BPF in the kernel.

use crate::{Answer, last_error};

/// Commands of bpf(2) that give the next id, in the order of the answer.
const NEXT_PROGRAM: libc::c_int = 11;
const NEXT_MAP: libc::c_int = 12;
const NEXT_LINK: libc::c_int = 31;

/// `PROGRAMS MAPS LINKS`.
pub(crate) fn count() -> Answer {
    Ok(format!("{} {} {}", ids(NEXT_PROGRAM)?, ids(NEXT_MAP)?, ids(NEXT_LINK)?))
}

fn ids(next: libc::c_int) -> Result<usize, String> {
    /// The members of `union bpf_attr` that these commands use.
    #[repr(C)]
    struct Ids {
        start: u32,
        next: u32,
        flags: u32,
    }
    let mut ids = Ids { start: 0, next: 0, flags: 0 };
    for count in 0.. {
        // SAFETY: the attributes are valid for reading and writing at the size given.
        if unsafe { libc::syscall(libc::SYS_bpf, next, &raw mut ids, size_of::<Ids>()) } < 0 {
            return match std::io::Error::last_os_error().raw_os_error() {
                Some(libc::ENOENT) => Ok(count),
                _ => Err(last_error("bpf")),
            };
        }
        ids.start = ids.next;
    }
    Err("endless".to_owned())
}
