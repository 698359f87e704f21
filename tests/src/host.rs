//! Processes and file systems of a test's own, for the checks of a host.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::servers::Servers;

/// A family of processes: a parent, a child that sleeps, one that is nice, and one that has ended and is waited for by nobody.
/// All are ended when dropped.
#[derive(Debug)]
pub struct Family {
    parent: Child,
    directory: PathBuf,
}

impl Family {
    /// Starts it, and gives two things names: `family`, which begins the names of its processes (`p` follows of the parent, `a`,
    /// `b` and `z` of its children), and `parent`, its number.
    pub fn start(servers: &mut Servers) -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pl{}x{number}", std::process::id());
        let directory = std::env::temp_dir().join(format!("plimsoll-family-{name}"));
        std::fs::create_dir_all(&directory)?;
        for which in ["p", "a", "b", "z"] {
            let link = directory.join(format!("{name}{which}"));
            // One of a test before this that had the same number.
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink("/bin/sleep", link)?;
        }
        let place = directory.join(&name);
        let place = place.display();
        let script = format!("{place}a 3000 & nice -n 5 {place}b 3000 0 & {place}z 0 & exec {place}p 3000");
        let parent = Command::new("/bin/sh")
            .args(["-c", &script])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let family = Self { parent, directory };
        let until = Instant::now() + Duration::from_secs(60);
        while !family.is_there(&name)? {
            ensure!(Instant::now() < until, "the processes of {name} do not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        servers.name("family", name);
        servers.name("parent", family.parent.id());
        Ok(family)
    }

    /// The number of the child that sleeps.
    pub fn sleeper(&self) -> Result<u32> {
        let children = self.children()?;
        let child = children.iter().find(|(_, name, _)| name.ends_with('a')).context("no sleeper")?;
        Ok(child.0)
    }

    fn is_there(&self, name: &str) -> Result<bool> {
        let parent = std::fs::read_to_string(format!("/proc/{}/comm", self.parent.id()))?;
        let mut children = self.children()?;
        children.sort_by(|a, b| a.1.cmp(&b.1));
        let found: Vec<(&str, bool)> =
            children.iter().map(|(_, name, ended)| (name.as_str(), *ended)).collect();
        let [a, b, z] = ["a", "b", "z"].map(|which| format!("{name}{which}"));
        Ok(parent.trim_end() == format!("{name}p") && found == [(&*a, false), (&*b, false), (&*z, true)])
    }

    /// Number, name, and whether it has ended.
    fn children(&self) -> Result<Vec<(u32, String, bool)>> {
        let parent = self.parent.id();
        let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
        listed
            .split_ascii_whitespace()
            .map(|pid| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
                let (name, rest) =
                    stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(") ")).context("stat")?;
                Ok((pid.parse()?, name.to_owned(), rest.starts_with('Z')))
            })
            .collect()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.parent.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.parent.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Mounts that only this thread and those it starts from now on see: two of 16 MiB and 1000 inodes, of which one has a file of
/// 4 MiB.
#[derive(Debug)]
pub struct Mounts {
    directory: PathBuf,
}

impl Mounts {
    /// Makes them. The name `disk` stands for the directory they are in: `{disk}/one` and `{disk}/two words`.
    pub fn make(servers: &mut Servers) -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("plimsoll-disk-{}-{number}", std::process::id()));
        // SAFETY: no file descriptor is unshared, and no thread but this one is moved.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("a mount namespace needs root")?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        std::fs::create_dir(&directory)?;
        let mounts = Self { directory };
        for name in ["", "one", "two words"] {
            let place = mounts.directory.join(name);
            if !name.is_empty() {
                std::fs::create_dir(&place)?;
            }
            mount("plimsoll-test", &place, "tmpfs", MountFlags::empty(), Some(c"size=16m,nr_inodes=1000"))?;
        }
        std::fs::write(mounts.directory.join("one/file"), vec![0; 4 << 20])?;
        servers.name("disk", mounts.directory.display());
        Ok(mounts)
    }

    /// One more, `{disk}/hung`, that nobody answers for as long as the file lives that is given back.
    pub fn hang(&self) -> Result<File> {
        let place = self.directory.join("hung");
        std::fs::create_dir(&place)?;
        let file = File::options().read(true).write(true).open("/dev/fuse").context("/dev/fuse")?;
        let data = format!("fd={},rootmode=40000,user_id=0,group_id=0", file.as_raw_fd());
        let data = CString::new(data)?;
        mount("plimsoll-hung", &place, "fuse", MountFlags::empty(), Some(data.as_c_str()))?;
        Ok(file)
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        // With all below it; who else is in the namespace does not keep the directory.
        let _ = unmount(&self.directory, UnmountFlags::DETACH);
        let _ = std::fs::remove_dir(&self.directory);
    }
}
