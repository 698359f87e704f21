//! Processes and threads.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use super::{HostReader, Pass, Wanted};
use crate::host::files::{CgroupFiles, File, Scope};
use crate::host::parse::{parse_pids, parse_u64};
use crate::host::{Collector, PidStats};

/// What `pids` of the reader holds of a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Nothing: the cgroup did not run, all is as it was.
    AsBefore,
    /// All its processes.
    Whole,
    /// Not all of them.
    Part,
}

impl HostReader {
    /// `cgroup.procs` lists a cgroup's own processes alone. The directory's link count tells at no cost
    /// whether there are cgroups below; only then, and only for a container, are they walked.
    ///
    /// To fork, to exit, to open a descriptor is to run, so all of it is left alone while the cgroup did not.
    /// (A process that somebody moves here asleep, and that sleeps on, is seen at the next refresh.)
    pub(super) fn read_processes(
        &mut self,
        files: &mut CgroupFiles,
        want: Wanted,
        pass: Pass,
        pids: &mut PidStats,
    ) -> Listing {
        if pass.idle()
            && let Some(known) = files.memo.processes
        {
            *pids = known;
            return Listing::AsBefore;
        }
        self.pids.clear();
        let mut whole = true;
        match self.source.read(files, File::Procs, true, Collector::Pids) {
            Some(bytes) => self.pids.extend(parse_pids(bytes)),
            None => whole = false,
        }
        if files.scope == Scope::Subtree && self.source.has_children(files) {
            // A threaded or otherwise unreadable root of the container says nothing about those below.
            whole = self.nested(files);
        }
        files.leader = self.pids.iter().copied().find(|&pid| pid != 0);
        if want.pids {
            pids.processes = whole.then_some(self.pids.len() as u64);
            let current = self.source.read(files, File::PidsCurrent, pass.full, Collector::Pids);
            pids.threads = current.and_then(parse_u64);
        }
        if want.descriptors && whole {
            let mut hasher = DefaultHasher::new();
            self.pids.hash(&mut hasher);
            self.read_descriptors(files, hasher.finish(), pass, pids);
        }
        if want.descriptors {
            pids.descriptors_limit = self.read_descriptors_limit(files, pass);
        }
        let complete = whole && (!want.descriptors || pids.sockets.is_some());
        files.memo.processes = complete.then_some(*pids);
        if whole { Listing::Whole } else { Listing::Part }
    }

    /// Adds the processes of all cgroups below; false if there were too many or one could not be read.
    fn nested(&mut self, files: &CgroupFiles) -> bool {
        let mut left = self.options.max_nested;
        let Ok(top) = self.source.list(files) else { return false };
        let mut open = vec![top];
        while let Some(directory) = open.pop() {
            match self.children(&directory, &mut open, &mut left) {
                Ok(true) => {}
                Ok(false) => {
                    self.source.tally.exceed(Collector::Pids, 1);
                    return false;
                }
                // Removed while we looked: it had no processes left.
                Err(Errno::NOENT | Errno::NODEV) => {}
                Err(_) => {
                    self.source.tally.error(Collector::Pids);
                    return false;
                }
            }
        }
        true
    }

    fn children(
        &mut self,
        directory: &OwnedFd,
        open: &mut Vec<OwnedFd>,
        left: &mut usize,
    ) -> Result<bool, Errno> {
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if entry.file_type() != FileType::Directory || matches!(name, b"." | b"..") {
                continue;
            }
            if *left == 0 {
                return Ok(false);
            }
            *left -= 1;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let child = match openat(directory, name, flags, Mode::empty()) {
                Ok(child) => child,
                Err(Errno::NOENT | Errno::NODEV) => continue,
                Err(errno) => return Err(errno),
            };
            match self.source.read_below(&child, "cgroup.procs") {
                Ok(bytes) => self.pids.extend(parse_pids(bytes)),
                // The threads of a threaded cgroup are of processes that its domain lists.
                Err(Errno::OPNOTSUPP | Errno::NOENT | Errno::NODEV) => {}
                Err(errno) => return Err(errno),
            }
            open.push(child);
        }
        Ok(true)
    }
}
