//! Children and threads that come and go, one after the other.

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
    let Some(&(_, signal)) = SIGNALS.iter().find(|row| row.0 == name) else {
        return Err(format!("{name}: not among the signals"));
    };
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

/// Forks, runs `work` in the child, which exits with what it returns, and gives the status that `waitpid` gives.
pub(crate) fn in_child(work: impl FnOnce() -> i32) -> Result<i32, String> {
    // SAFETY: this process has one thread, so the child may go on as if it were alone.
    let child = unsafe { libc::fork() };
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
            match unsafe { libc::waitpid(child, &mut status, 0) } {
                -1 => Err(last_error("waitpid")),
                _ => Ok(status),
            }
        }
    }
}

fn expect(status: i32, wanted: i32) -> Answer {
    match status == wanted {
        true => Ok(String::new()),
        false => Err(format!("wait status {status:#x}, not {wanted:#x}")),
    }
}
