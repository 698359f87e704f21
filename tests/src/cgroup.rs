//! Cgroups of the v2 hierarchy made without a runtime: a directory, and workers cloned straight into it. That is all a
//! runtime does as far as the kernel's events go, at a fiftieth of its cost.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

use crate::worker;

/// A cgroup, removed when dropped.
#[derive(Debug)]
pub struct Cgroup {
    id: String,
    directory: PathBuf,
}

/// `include/uapi/linux/sched.h`; libc's own does not fit its type.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

impl Cgroup {
    /// Makes it at a path below the hierarchy's root.
    pub fn make(id: &str) -> Result<Self> {
        let directory = root()?.join(id.trim_start_matches('/'));
        std::fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        Ok(Self { id: id.to_owned(), directory })
    }

    /// Its path below the hierarchy's root: the `id` label.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Runs the worker in it, from its first instruction on, and gives the status that `wait` gives.
    pub fn run(&self, commands: &str) -> Result<i32> {
        self.run_as(commands).map(|(_, status)| status)
    }

    /// The same, and the process id that it had.
    pub fn run_as(&self, commands: &str) -> Result<(u32, i32)> {
        let directory = File::open(&self.directory)?;
        let program = CString::new(worker::path()?.as_os_str().as_bytes())?;
        let words = commands.split_whitespace().map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let mut argv = vec![program.as_ptr()];
        argv.extend(words.iter().map(|word| word.as_ptr()));
        argv.push(std::ptr::null());
        let environment = [std::ptr::null::<libc::c_char>()];
        // SAFETY: a zeroed clone_args is valid; all strings and arrays outlive the calls and end in null. Without CLONE_VM
        // the child has a copy of everything, and until it executes it makes system calls only.
        unsafe {
            let mut args: libc::clone_args = std::mem::zeroed();
            args.flags = CLONE_INTO_CGROUP;
            args.exit_signal = libc::SIGCHLD as u64;
            args.cgroup = directory.as_raw_fd() as u64;
            let pid = libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>());
            if pid == 0 {
                libc::syscall(libc::SYS_execve, program.as_ptr(), argv.as_ptr(), environment.as_ptr());
                libc::syscall(libc::SYS_exit_group, 127);
            }
            ensure!(pid > 0, "clone3: {}", std::io::Error::last_os_error());
            let mut status = 0;
            let waited = libc::waitpid(pid as libc::pid_t, &mut status, 0);
            ensure!(i64::from(waited) == pid, "waitpid: {}", std::io::Error::last_os_error());
            Ok((u32::try_from(pid)?, status))
        }
    }

    /// Moves a process of another parent into it.
    pub fn enter(&self, pid: u32) -> Result<()> {
        let path = self.directory.join("cgroup.procs");
        std::fs::write(&path, pid.to_string()).with_context(|| path.display().to_string())
    }

    /// Waits until nobody is in it any more, and removes it.
    pub fn remove_when_empty(self) -> Result<()> {
        let path = self.directory.join("cgroup.events");
        while std::fs::read_to_string(&path)?.contains("populated 1") {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        self.remove()
    }

    /// Removes it: an error if a task or a cgroup is left in it.
    pub fn remove(self) -> Result<()> {
        std::fs::remove_dir(&self.directory).with_context(|| self.directory.display().to_string())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = std::fs::remove_dir(&self.directory);
    }
}

/// Where the v2 hierarchy is mounted.
pub fn root() -> Result<&'static Path> {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = ROOT.get_or_init(|| {
        let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        mount.split(' ').nth(1).map(PathBuf::from)
    });
    found.as_deref().context("no cgroup2 mount")
}

/// The cgroup of this process itself, as its row is called.
pub fn own() -> Result<String> {
    let text = std::fs::read_to_string("/proc/self/cgroup")?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"));
    Ok(path.context("no cgroup2")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_runs_inside_and_nothing_is_left() -> Result<()> {
        let id = format!("/plimsoll-test-cgroup-{}", std::process::id());
        let cgroup = Cgroup::make(&id)?;
        let child = Cgroup::make(&format!("{id}/child"))?;
        assert_eq!(child.run("syscalls 1 getppid , exit 7")?, 7 << 8);
        assert!(Cgroup::make(&id).is_err(), "there already");
        child.remove()?;
        let directory = cgroup.directory.clone();
        cgroup.remove()?;
        assert!(!directory.exists());
        Ok(())
    }
}
