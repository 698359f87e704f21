//! The edge to the operating system: opens, reads into one buffer, keeps descriptors, counts errors.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use crate::host::files::{CgroupFiles, FdBudget, File, Place, Slot};
use crate::host::hierarchies::{Controller, Hierarchy};
use crate::host::{Collector, Hierarchies, HostError, HostPaths, Tally, Version};

/// Where files are read from.
#[derive(Debug)]
pub(super) struct Source {
    roots: [Option<Root>; PLACES],
    pub(super) proc: OwnedFd,
    pub(super) buf: Vec<u8>,
    pub(super) name: Vec<u8>,
    budget: FdBudget,
    pub(super) tally: Tally,
}

#[derive(Debug)]
struct Root {
    fd: OwnedFd,
    hierarchy: Hierarchy,
}

const PLACES: usize = Place::Primary as usize + 1;
/// A first size of the buffer that nearly every file fits in.
const BUFFER: usize = 16 * 1024;
/// The largest file that is read: 150,000 process ids.
const MAX_FILE: usize = 1 << 20;
/// A reading shorter than this is a whole file: the kernel hands out at least a page less one record.
const SHORT: usize = 3840;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

impl Source {
    pub(super) fn open(
        hierarchies: &Hierarchies,
        paths: &HostPaths,
        budget: FdBudget,
    ) -> Result<Self, HostError> {
        let open = |path: &std::path::Path| {
            openat(rustix::fs::CWD, path, DIRECTORY, Mode::empty())
                .map_err(|errno| HostError::File { path: path.to_owned(), source: errno.into() })
        };
        let root = |hierarchy: Option<&Hierarchy>| {
            let hierarchy = hierarchy?;
            Some(Root { fd: open(&hierarchy.mount).ok()?, hierarchy: hierarchy.clone() })
        };
        let [cpu, cpuacct, memory, io, pids] = Controller::ALL.map(|c| root(hierarchies.serving(c)));
        let primary = root(hierarchies.primary()).ok_or(HostError::NoHierarchy)?;
        let unified = root(hierarchies.unified());
        Ok(Self {
            roots: [cpu, cpuacct, memory, io, pids, unified, Some(primary)],
            proc: open(&paths.procfs)?,
            buf: vec![0; BUFFER],
            name: Vec::new(),
            budget,
            tally: Tally::default(),
        })
    }

    /// Which version serves this place.
    pub(super) fn version(&self, place: Place) -> Option<Version> {
        Some(self.roots[place as usize].as_ref()?.hierarchy.version)
    }

    /// Opens the directory at the first reading, and notes its identity and age.
    pub(super) fn bind(&mut self, files: &mut CgroupFiles, now: f64) -> Result<(), HostError> {
        if files.directory.is_some() {
            return Ok(());
        }
        let stat = self.stat(files, Place::Primary).map_err(|errno| match errno {
            Errno::NOENT | Errno::NODEV => HostError::Gone { path: files.path.to_string() },
            errno => HostError::Cgroup { path: files.path.to_string(), source: errno.into() },
        })?;
        if files.inode != 0 && files.inode != stat.st_ino {
            return Err(HostError::Gone { path: files.path.to_string() });
        }
        files.inode = stat.st_ino;
        if files.created.is_none() {
            files.created = Some(self.oldest(files, now));
        }
        let Some(root) = &self.roots[Place::Primary as usize] else { return Ok(()) };
        if locate(&mut self.name, root, &files.path, ".")
            && let Ok(fd) = openat(&root.fd, self.name.as_slice(), DIRECTORY, Mode::empty())
        {
            files.directory = self.budget.keep(fd).ok();
        }
        Ok(())
    }

    /// Whether the cgroup was removed, or made again under the same path.
    pub(super) fn is_gone(&mut self, files: &CgroupFiles) -> bool {
        match self.stat(files, Place::Primary) {
            Ok(stat) => stat.st_ino != files.inode,
            Err(errno) => matches!(errno, Errno::NOENT | Errno::NODEV),
        }
    }

    /// Whether there may be cgroups below: cgroupfs counts directories in the link count.
    pub(super) fn has_children(&mut self, files: &CgroupFiles) -> bool {
        let stat = match &files.directory {
            Some(kept) => fstat(&kept.fd),
            None => self.stat(files, Place::Primary),
        };
        stat.is_ok_and(|stat| stat.st_nlink != 2)
    }

    /// Reads a file of the cgroup; `None` if there is none, or it cannot be read.
    pub(super) fn read(
        &mut self,
        files: &mut CgroupFiles,
        file: File,
        full: bool,
        collector: Collector,
    ) -> Option<&[u8]> {
        let spec = file.spec();
        let root = self.roots[spec.place as usize].as_ref()?;
        let name = match root.hierarchy.version {
            Version::V1 => spec.v1,
            Version::V2 => spec.v2,
        };
        let slot = &mut files.slots[file as usize];
        if name.is_empty() || (matches!(slot, Slot::Missing) && !full) {
            return None;
        }
        let result = match slot {
            Slot::Kept(kept) => read_whole(&kept.fd, &mut self.buf),
            Slot::Closed | Slot::Missing => {
                if !locate(&mut self.name, root, &files.path, name) {
                    *slot = Slot::Missing;
                    return None;
                }
                openat(&root.fd, self.name.as_slice(), READ, Mode::empty()).and_then(|fd| {
                    let result = read_whole(&fd, &mut self.buf);
                    if spec.keep && result.is_ok() {
                        *slot = self.budget.keep(fd).map_or(Slot::Closed, Slot::Kept);
                    }
                    result
                })
            }
        };
        match result {
            Ok(len) => return Some(&self.buf[..len]),
            Err(Errno::NOENT | Errno::OPNOTSUPP) => {
                *slot = Slot::Missing;
                files.suspect |= spec.place == Place::Primary;
            }
            Err(Errno::NODEV) => {
                *slot = Slot::Closed;
                files.severed = true;
            }
            Err(Errno::FBIG) => self.tally.exceed(collector, 1),
            Err(_) => {
                *slot = Slot::Closed;
                self.tally.error(collector);
            }
        }
        None
    }

    /// Reads a file of any cgroup, opened anew.
    pub(super) fn read_once(&mut self, cgroup: &str, file: File) -> Result<&[u8], Errno> {
        let spec = file.spec();
        let root = self.roots[spec.place as usize].as_ref().ok_or(Errno::NOENT)?;
        let name = match root.hierarchy.version {
            Version::V1 => spec.v1,
            Version::V2 => spec.v2,
        };
        if name.is_empty() || !locate(&mut self.name, root, cgroup, name) {
            return Err(Errno::NOENT);
        }
        let fd = openat(&root.fd, self.name.as_slice(), READ, Mode::empty())?;
        let len = read_whole(&fd, &mut self.buf)?;
        Ok(&self.buf[..len])
    }

    /// Reads a file below procfs whose path is in `self.name`, opened anew.
    pub(super) fn read_proc(&mut self) -> Result<&[u8], Errno> {
        let fd = openat(&self.proc, self.name.as_slice(), READ, Mode::empty())?;
        let len = read_whole(&fd, &mut self.buf)?;
        Ok(&self.buf[..len])
    }

    /// Forgets what was read last, which nobody else may see.
    pub(super) fn wipe(&mut self) {
        self.buf.fill(0);
    }

    /// Reads a file below an open directory.
    pub(super) fn read_below(&mut self, directory: &OwnedFd, name: &str) -> Result<&[u8], Errno> {
        let fd = openat(directory, name, READ, Mode::empty())?;
        let len = read_whole(&fd, &mut self.buf)?;
        Ok(&self.buf[..len])
    }

    /// Opens the cgroup's directory for listing.
    pub(super) fn list(&mut self, files: &CgroupFiles) -> Result<OwnedFd, Errno> {
        let root = self.roots[Place::Primary as usize].as_ref().ok_or(Errno::NOENT)?;
        if !locate(&mut self.name, root, &files.path, ".") {
            return Err(Errno::NOENT);
        }
        openat(&root.fd, self.name.as_slice(), READ | OFlags::DIRECTORY, Mode::empty())
    }

    /// Whether a process's `fd` directory has its number of descriptors for a size.
    pub(super) fn counts_descriptors(&self) -> bool {
        statat(&self.proc, "self/fd", AtFlags::empty()).is_ok_and(|stat| stat.st_size > 0)
    }

    fn stat(&mut self, files: &CgroupFiles, place: Place) -> Result<Stat, Errno> {
        let root = self.roots[place as usize].as_ref().ok_or(Errno::NOENT)?;
        if !locate(&mut self.name, root, &files.path, ".") {
            return Err(Errno::NOENT);
        }
        statat(&root.fd, self.name.as_slice(), AtFlags::empty())
    }

    /// The lowest time that the cgroup's directories show in all hierarchies.
    fn oldest(&mut self, files: &CgroupFiles, now: f64) -> f64 {
        const ALL: [Place; 6] =
            [Place::Primary, Place::Cpu, Place::Cpuacct, Place::Memory, Place::Io, Place::Pids];
        let mut oldest = now;
        for place in ALL {
            if let Ok(stat) = self.stat(files, place) {
                let time = |seconds, nanos| seconds as f64 + nanos as f64 / 1e9;
                let changed = time(stat.st_ctime, stat.st_ctime_nsec);
                oldest = oldest.min(time(stat.st_mtime, stat.st_mtime_nsec)).min(changed);
            }
        }
        oldest
    }
}

/// Puts the path of a file of the cgroup, below the root of the hierarchy, into `name`.
fn locate(name: &mut Vec<u8>, root: &Root, cgroup: &str, file: &str) -> bool {
    let Some(relative) = root.hierarchy.relative(cgroup) else { return false };
    name.clear();
    if !relative.is_empty() {
        name.extend_from_slice(relative.as_bytes());
        name.push(b'/');
    }
    name.extend_from_slice(file.as_bytes());
    true
}

/// Reads from the start to the end.
fn read_whole(fd: impl AsFd, buf: &mut Vec<u8>) -> Result<usize, Errno> {
    let mut len = 0;
    loop {
        if len == buf.len() {
            if len >= MAX_FILE {
                return Err(Errno::FBIG);
            }
            buf.resize(len * 2, 0);
        }
        match rustix::io::pread(&fd, &mut buf[len..], len as u64) {
            Ok(0) => return Ok(len),
            Ok(got) => {
                len += got;
                if got < SHORT {
                    return Ok(len);
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
