//! Children and threads that come and go, one after the other.

use std::os::fd::AsRawFd as _;
use std::ptr;

use crate::{Answer, last_error};

const SIGNALS: &[(&str, i32)] = &[
    ("SIGKILL", libc::SIGKILL),
    ("SIGTERM", libc::SIGTERM),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGABRT", libc::SIGABRT),
];

pub(crate) fn children_exit(n: u64, code: u8) -> Answer {
    for _ in 0..n {
        expect(in_child(|| i32::from(code))?, i32::from(code) << 8)?;
    }
    Ok(String::new())
}

pub(crate) fn children_signal(n: u64, name: &str) -> Answer {
    let signal = signal(name)?;
    for _ in 0..n {
        let status = in_child(|| {
            // SAFETY: no pointers. std catches SIGSEGV to tell of overflown stacks: here it must kill. SIGKILL's
            // action cannot be set, which is no loss.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                libc::kill(libc::getpid(), signal);
            }
            0
        })?;
        // A core dump, where the host wants one, is no difference here.
        expect(status & !0x80, signal)?;
    }
    Ok(String::new())
}

pub(crate) fn children_fault(n: u64) -> Answer {
    for _ in 0..n {
        let status = in_child(|| i32::from(fault().is_err()))?;
        expect(status & !0x80, libc::SIGSEGV)?;
    }
    Ok(String::new())
}

/// An address where no program has anything; std's own handler would tell the same, but later.
pub(crate) fn fault() -> Answer {
    // SAFETY: no pointers; and the address is of no object, which is the point: the kernel ends the process here.
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        ptr::without_provenance_mut::<u8>(1).write_volatile(1);
    }
    Err("still here".to_owned())
}

pub(crate) fn children_pending(n: u64, name: &str) -> Answer {
    let signal = signal(name)?;
    for _ in 0..n {
        let status = in_child(|| {
            let sent = || {
                block(libc::SIG_BLOCK, name)?;
                // SAFETY: no pointers.
                unsafe {
                    libc::signal(signal, libc::SIG_DFL);
                    libc::kill(libc::getpid(), signal);
                }
                block(libc::SIG_UNBLOCK, name)
            };
            i32::from(sent().is_err())
        })?;
        expect(status & !0x80, signal)?;
    }
    Ok(String::new())
}

pub(crate) fn block(how: i32, name: &str) -> Answer {
    let signal = signal(name)?;
    // SAFETY: an empty set is valid, and outlives the calls.
    let result = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut set, signal);
        libc::sigprocmask(how, &set, ptr::null_mut())
    };
    if result == 0 { Ok(String::new()) } else { Err(last_error("sigprocmask")) }
}

pub(crate) fn children_core(n: u64) -> Answer {
    let mut dumped = 0;
    for _ in 0..n {
        let status = in_child(|| {
            // SAFETY: the limit is a valid place to read to and from.
            unsafe {
                let mut limit: libc::rlimit = std::mem::zeroed();
                libc::getrlimit(libc::RLIMIT_CORE, &mut limit);
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_CORE, &limit);
                libc::signal(libc::SIGABRT, libc::SIG_DFL);
                libc::kill(libc::getpid(), libc::SIGABRT);
            }
            0
        })?;
        expect(status & !0x80, libc::SIGABRT)?;
        dumped += u64::from(status & 0x80 != 0);
    }
    Ok(dumped.to_string())
}

pub(crate) fn kill(pid: libc::pid_t, name: &str) -> Answer {
    let signal = signal(name)?;
    // SAFETY: no pointers.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(String::new()),
        _ => Err(last_error("kill")),
    }
}

pub(crate) fn threads(n: u64) -> Answer {
    for _ in 0..n {
        let thread = std::thread::Builder::new().spawn(|| ()).map_err(|error| error.to_string())?;
        thread.join().map_err(|_| "a thread panicked".to_owned())?;
    }
    Ok(String::new())
}

pub(crate) fn execs(n: u64) -> Answer {
    for _ in 0..n {
        expect(in_child(|| execute(c"noop"))?, 0)?;
    }
    Ok(String::new())
}

/// Runs this program again, with one argument. Returns only if that failed, with a code to exit with.
pub(crate) fn execute(argument: &std::ffi::CStr) -> i32 {
    // The path this program was itself run by: /proc need not be mounted.
    // SAFETY: the auxiliary vector's entry, where present, is a string that lives as long as the process.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    if path.is_null() {
        return 126;
    }
    let argv = [path, argument.as_ptr(), ptr::null()];
    // SAFETY: both arrays end in a null pointer, and their strings outlive the call.
    unsafe { libc::execve(path, argv.as_ptr(), [ptr::null()].as_ptr()) };
    127
}

/// The child, not the worker, is what the kernel kills: it is the larger by far.
pub(crate) fn oom(megabytes: usize) -> Answer {
    let status = in_child(|| i32::from(take(megabytes).is_err()))?;
    expect(status, libc::SIGKILL)
}

/// Takes up memory, and keeps it.
pub(crate) fn take(megabytes: usize) -> Answer {
    const PAGE: usize = 4096;
    let length = megabytes << 20;
    // SAFETY: a fresh private mapping, written to within its length only.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let memory =
            libc::mmap(ptr::null_mut(), length, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        if memory == libc::MAP_FAILED {
            return Err(last_error("mmap"));
        }
        for offset in (0..length).step_by(PAGE) {
            memory.cast::<u8>().add(offset).write_volatile(1);
        }
    }
    Ok(String::new())
}

/// Makes a cgroup, has a child that begins its life in it make N system calls and exit with CODE, and removes it.
pub(crate) fn visit(directory: &str, n: u64, name: &str, code: u8) -> Answer {
    /// `include/uapi/linux/sched.h`; libc's own does not fit its type.
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let error = |error: std::io::Error| format!("{directory}: {error}");
    std::fs::create_dir(directory).map_err(error)?;
    let cgroup = std::fs::File::open(directory).map_err(error)?;
    // SAFETY: a zeroed clone_args is valid. This process has one thread, so the child may go on as if it were alone.
    let child = unsafe {
        let mut args: libc::clone_args = std::mem::zeroed();
        args.flags = CLONE_INTO_CGROUP;
        args.exit_signal = libc::SIGCHLD as u64;
        args.cgroup = cgroup.as_raw_fd() as u64;
        libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>())
    };
    let work = || if crate::calls::harmless(n, name).is_ok() { i32::from(code) } else { 125 };
    expect(in_clone(child, work)?, i32::from(code) << 8)?;
    std::fs::remove_dir(directory).map_err(error)?;
    Ok(String::new())
}

/// Forks, runs `work` in the child, which exits with what it returns, and gives the status that `waitpid` gives.
pub(crate) fn in_child(work: impl FnOnce() -> i32) -> Result<i32, String> {
    // SAFETY: this process has one thread, so the child may go on as if it were alone.
    in_clone(unsafe { libc::fork() }.into(), work)
}

/// On both sides of a `fork`, which returned `child`.
fn in_clone(child: i64, work: impl FnOnce() -> i32) -> Result<i32, String> {
    match child {
        -1 => Err(last_error("fork")),
        0 => {
            let code = work();
            // SAFETY: ends the child without running what the parent registered.
            unsafe { libc::_exit(code) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the status is a valid place to write to.
            match unsafe { libc::waitpid(child as libc::pid_t, &mut status, 0) } {
                -1 => Err(last_error("waitpid")),
                _ => Ok(status),
            }
        }
    }
}

fn signal(name: &str) -> Result<i32, String> {
    let row = SIGNALS.iter().find(|row| row.0 == name);
    row.map(|row| row.1).ok_or_else(|| format!("{name}: not among the signals"))
}

fn expect(status: i32, wanted: i32) -> Answer {
    match status == wanted {
        true => Ok(String::new()),
        false => Err(format!("wait status {status:#x}, not {wanted:#x}")),
    }
}
