//! Children that stay in one state.

use crate::{Answer, last_error};

/// Z children that ended and are not waited for, S that are stopped, U that wait where no signal wakes them, each of those
/// with a child of its own that sleeps. Answers once all are as told; they go with the container.
pub(crate) fn states(zombies: u32, stopped: u32, uninterruptible: u32) -> Answer {
    for _ in 0..zombies {
        let child = fork(|| ())?;
        // SAFETY: a zeroed siginfo_t is a valid place to write to. The child stays a zombie.
        let result = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, child as libc::id_t, &mut info, libc::WEXITED | libc::WNOWAIT)
        };
        if result != 0 {
            return Err(last_error("waitid"));
        }
    }
    for _ in 0..stopped {
        let stop = || {
            // SAFETY: no pointers.
            unsafe { libc::raise(libc::SIGSTOP) };
        };
        in_state(fork(stop)?, b'T')?;
    }
    for _ in 0..uninterruptible {
        in_state(fork(wait_for_child)?, b'D')?;
    }
    Ok(String::new())
}

/// N children with one thread each, named c00, c01 and so on, that sleep.
pub(crate) fn named(n: u32) -> Answer {
    for number in 0..n {
        let child = fork(|| {
            let name = format!("c{number:02}\0");
            // SAFETY: the name ends in NUL.
            unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
            sleep();
        })?;
        in_state(child, b'S')?;
    }
    Ok(String::new())
}

/// As after `vfork`: until the child executes or ends, its parent waits, and only a deadly signal wakes it.
fn wait_for_child() {
    let flags = libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: without CLONE_VM the child has a copy of everything; this process has one thread.
    if unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_long, 0, 0, 0, 0) } == 0 {
        sleep();
    }
}

fn sleep() {
    loop {
        // SAFETY: no pointers.
        unsafe { libc::pause() };
    }
}

fn fork(work: impl FnOnce()) -> Result<libc::pid_t, String> {
    // SAFETY: this process has one thread, so the child may go on as if it were alone.
    match unsafe { libc::fork() } {
        -1 => Err(last_error("fork")),
        0 => {
            work();
            // SAFETY: ends the child without running what the parent registered.
            unsafe { libc::_exit(0) }
        }
        child => Ok(child),
    }
}

/// Waits until the first thread of a process is in this state, and off its CPU.
fn in_state(pid: libc::pid_t, state: u8) -> Result<(), String> {
    let path = format!("/proc/{pid}/stat");
    loop {
        let stat = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
        let end = stat.iter().rposition(|&byte| byte == b')').ok_or_else(|| format!("{path}: no name"))?;
        if stat.get(end + 2) == Some(&state) {
            return Ok(());
        }
        // SAFETY: no pointers.
        unsafe { libc::sched_yield() };
    }
}
