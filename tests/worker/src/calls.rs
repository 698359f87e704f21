//! System calls, as many as asked for and no others.

use crate::processes::in_child;
use crate::{Answer, last_error};

/// Calls that change nothing and take no argument but zero, and do not fail.
const HARMLESS: &[(&str, libc::c_long)] = &[
    ("getppid", libc::SYS_getppid),
    ("getsid", libc::SYS_getsid),
    ("getpgid", libc::SYS_getpgid),
    ("sched_getscheduler", libc::SYS_sched_getscheduler),
    ("sched_get_priority_min", libc::SYS_sched_get_priority_min),
    ("sched_get_priority_max", libc::SYS_sched_get_priority_max),
    ("sched_rr_get_interval", libc::SYS_sched_rr_get_interval),
    ("sched_yield", libc::SYS_sched_yield),
];

const FORBIDDEN: &std::ffi::CStr = c"/worker-may-not-read-this";
const NO_DESCRIPTOR: u32 = u32::MAX;
const NOBODY: libc::uid_t = 65534;
const UNCHANGED: libc::uid_t = libc::uid_t::MAX;

pub(crate) fn harmless(n: u64, name: &str) -> Answer {
    let Some(&(_, number)) = HARMLESS.iter().find(|row| row.0 == name) else {
        return Err(format!("{name}: not among the harmless calls"));
    };
    let mut scratch = [0_u8; 64];
    for _ in 0..n {
        // SAFETY: none of these calls takes a second argument but sched_rr_get_interval, which writes a timespec there.
        if unsafe { libc::syscall(number, 0, scratch.as_mut_ptr()) } < 0 {
            return Err(last_error(name));
        }
    }
    Ok(String::new())
}

pub(crate) fn open_enoent(n: u64) -> Answer {
    open_failing(n, c"/worker-has-no-such-file", libc::ENOENT)
}

/// Root may read everything, so the calls are made under another effective user, which has no capabilities.
pub(crate) fn open_eacces(n: u64) -> Answer {
    // SAFETY: the path is a constant; the descriptor is closed at once.
    unsafe {
        let file = libc::open(FORBIDDEN.as_ptr(), libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC, 0o600);
        if file < 0 {
            return Err(last_error("make the file"));
        }
        libc::close(file);
    }
    become_user(NOBODY)?;
    let answer = open_failing(n, FORBIDDEN, libc::EACCES);
    become_user(0)?;
    // SAFETY: the path is a constant that ends in a zero byte.
    match unsafe { libc::unlink(FORBIDDEN.as_ptr()) } {
        0 => answer,
        _ => Err(last_error("remove the file")),
    }
}

/// 32-bit system calls from 64-bit code: their numbers mean other calls than the 64-bit ones.
pub(crate) fn compat(n: u64) -> Answer {
    const GETPID: u32 = 20;
    compat_calls(n, GETPID, NO_DESCRIPTOR, |result| result == std::process::id())
}

/// 32-bit calls that fail: there is no such descriptor.
pub(crate) fn compat_ebadf(n: u64) -> Answer {
    const CLOSE: u32 = 6;
    compat_calls(n, CLOSE, NO_DESCRIPTOR, |result| result == libc::EBADF.wrapping_neg().cast_unsigned())
}

/// 32-bit calls about standard input, which must be a pipe: it cannot be synchronized.
pub(crate) fn compat_fsync(n: u64) -> Answer {
    const FSYNC: u32 = 118;
    compat_calls(n, FSYNC, 0, |result| result == libc::EINVAL.wrapping_neg().cast_unsigned())
}

fn compat_calls(n: u64, number: u32, argument: u32, right: fn(u32) -> bool) -> Answer {
    let work = || i32::from(!(0..n).all(|_| compat_call(number, argument).is_some_and(right)));
    match in_child(work)? {
        0 => Ok(String::new()),
        status => Err(format!("32-bit system calls do not work here: wait status {status:#x}")),
    }
}

fn open_failing(n: u64, path: &std::ffi::CStr, errno: i32) -> Answer {
    for _ in 0..n {
        // SAFETY: the path is a constant that ends in a zero byte; the call's flags need no mode.
        let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), libc::O_RDONLY) };
        if file >= 0 {
            return Err(format!("{path:?} was opened"));
        }
        if std::io::Error::last_os_error().raw_os_error() != Some(errno) {
            return Err(last_error("openat"));
        }
    }
    Ok(String::new())
}

fn become_user(user: libc::uid_t) -> Result<(), String> {
    // SAFETY: no pointers; this process has one thread.
    match unsafe { libc::setresuid(UNCHANGED, user, UNCHANGED) } {
        0 => Ok(()),
        _ => Err(last_error("setresuid")),
    }
}

#[cfg(target_arch = "x86_64")]
fn compat_call(number: u32, argument: u32) -> Option<u32> {
    let result: u32;
    // SAFETY: the 32-bit entry keeps every register but rax and, on old kernels, r8 to r11; rbx, which may not be named
    // here, is put back; the calls made touch no memory.
    unsafe {
        std::arch::asm!("xchg {argument}, rbx", "int 0x80", "xchg {argument}, rbx",
            argument = inout(reg) argument as usize => _, inlateout("eax") number => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    Some(result)
}

#[cfg(not(target_arch = "x86_64"))]
fn compat_call(_: u32, _: u32) -> Option<u32> {
    None
}
