//! File descriptors and sockets of a cgroup's processes, and how many they may have.
//!
//! How many descriptors a process has is one `stat` (6.2; before, its directory is listed). Which of them are
//! sockets is one `readlink` each, which never asks the file system behind a descriptor, so a hung mount
//! cannot hang it. They are looked at again when the processes or their number of descriptors changed, else
//! only once in [`super::ReaderOptions::refresh`], and not at all while the cgroup did not run.

use std::mem::MaybeUninit;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, openat, readlinkat_raw, statat};
use rustix::io::Errno;

use super::{HostReader, Pass};
use crate::host::files::CgroupFiles;
use crate::host::parse::parse_open_files_limit;
use crate::host::{Collector, PidStats};

/// Why there is no count.
enum Unknown {
    /// Beyond a bound.
    Beyond,
    /// Not allowed, or a process of another pid namespace.
    Denied,
}

impl HostReader {
    pub(super) fn read_descriptors(
        &mut self,
        files: &mut CgroupFiles,
        pids: u64,
        pass: Pass,
        out: &mut PidStats,
    ) {
        let same = files.memo.pids == pids;
        files.memo.pids = pids;
        let known = same && files.memo.sockets.is_some() && !pass.full;
        let before = files.memo.descriptors.filter(|_| known);
        match self.count(before) {
            Ok((descriptors, sockets)) => {
                files.memo.sockets = sockets.unwrap_or(files.memo.sockets);
                files.memo.descriptors = Some(descriptors);
            }
            Err(why) => {
                (files.memo.descriptors, files.memo.sockets) = (None, None);
                match why {
                    Unknown::Beyond => self.source.tally.exceed(Collector::Descriptors, 1),
                    Unknown::Denied => self.source.tally.error(Collector::Descriptors),
                }
            }
        }
        (out.descriptors, out.sockets) = (files.memo.descriptors, files.memo.sockets);
    }

    /// The limit of the first process: asked again for another one and at each refresh, since processes rarely change
    /// theirs.
    pub(super) fn read_descriptors_limit(&mut self, files: &mut CgroupFiles, pass: Pass) -> Option<u64> {
        let pid = files.leader?;
        match files.memo.descriptors_limit {
            Some((of, limit)) if of == pid && !pass.full => return Some(limit),
            _ => {}
        }
        proc_name(&mut self.source.name, pid, "limits");
        let limit = match self.source.read_proc() {
            Ok(bytes) => parse_open_files_limit(bytes),
            Err(Errno::NOENT | Errno::SRCH) => None,
            Err(_) => {
                self.source.tally.error(Collector::Descriptors);
                None
            }
        };
        files.memo.descriptors_limit = limit.map(|limit| (pid, limit));
        limit
    }

    /// Descriptors, and sockets if they had to be looked at (`Some(None)`: too many to look at).
    fn count(&mut self, before: Option<u64>) -> Result<(u64, Option<Option<u64>>), Unknown> {
        if self.pids.len() > self.options.max_processes {
            return Err(Unknown::Beyond);
        }
        if self.pids.contains(&0) {
            return Err(Unknown::Denied);
        }
        let pids = std::mem::take(&mut self.pids);
        let result = self.count_of(&pids, before);
        self.pids = pids;
        result
    }

    fn count_of(&mut self, pids: &[u32], before: Option<u64>) -> Result<(u64, Option<Option<u64>>), Unknown> {
        if self.counts_descriptors {
            let mut descriptors = 0;
            for &pid in pids {
                proc_name(&mut self.source.name, pid, "fd");
                match statat(&self.source.proc, self.source.name.as_slice(), AtFlags::empty()) {
                    Ok(stat) => descriptors += u64::try_from(stat.st_size).unwrap_or_default(),
                    Err(Errno::NOENT | Errno::SRCH) => {}
                    Err(_) => return Err(Unknown::Denied),
                }
            }
            if Some(descriptors) == before {
                return Ok((descriptors, None));
            }
            if descriptors > self.options.max_descriptors.min(self.descriptors_left) {
                self.source.tally.exceed(Collector::Descriptors, 1);
                return Ok((descriptors, Some(None)));
            }
        }
        let mut left = self.options.max_descriptors.min(self.descriptors_left);
        let (mut descriptors, mut sockets) = (0, 0);
        for &pid in pids {
            match self.look(pid, &mut left) {
                Ok((all, of_them)) => (descriptors, sockets) = (descriptors + all, sockets + of_them),
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(Errno::FBIG) => return Err(Unknown::Beyond),
                Err(_) => return Err(Unknown::Denied),
            }
        }
        self.descriptors_left = self.descriptors_left.saturating_sub(descriptors);
        Ok((descriptors, Some(Some(sockets))))
    }

    /// Lists one process's descriptors and reads their links.
    fn look(&mut self, pid: u32, left: &mut u64) -> Result<(u64, u64), Errno> {
        proc_name(&mut self.source.name, pid, "fd");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(&self.source.proc, self.source.name.as_slice(), flags, Mode::empty())?;
        let mut space = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(&directory, &mut space);
        let (mut all, mut sockets) = (0, 0);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_bytes().first() == Some(&b'.') {
                continue;
            }
            *left = left.checked_sub(1).ok_or(Errno::FBIG)?;
            let mut link = [0u8; 8];
            match readlinkat_raw(&directory, name, link.as_mut_slice()) {
                Ok(_) => sockets += u64::from(&link == b"socket:["),
                // Closed since it was listed.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            }
            all += 1;
        }
        Ok((all, sockets))
    }
}

/// Puts `<pid>/<file>` into `name`.
pub(super) fn proc_name(name: &mut Vec<u8>, pid: u32, file: &str) {
    name.clear();
    name.extend_from_slice(itoa::Buffer::new().format(pid).as_bytes());
    name.push(b'/');
    name.extend_from_slice(file.as_bytes());
}
