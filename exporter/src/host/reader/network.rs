//! Network namespaces and their interfaces.
//!
//! No descriptor of `net/dev` is kept: an open one keeps the namespace of a dead container alive.

use std::sync::Arc;

use rustix::fs::readlinkat_raw;
use rustix::io::Errno;

use super::descriptors::proc_name;
use super::source::Source;
use super::{HostReader, Pass};
use crate::host::files::CgroupFiles;
use crate::host::network::is_ignored;
use crate::host::parse::{parse_net_dev, parse_ns_link};
use crate::host::{Collector, HostStats, InterfaceStats};

/// The host's own namespace and a process in it.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) netns: Option<u64>,
    pid: u32,
}

/// The most interface names remembered; all are forgotten beyond it.
const MAX_NAMES: usize = 4096;

impl Host {
    /// That of pid 1; where its links may not be read, that of the kernel's own threads.
    pub(super) fn find(source: &Source) -> Self {
        let mut name = Vec::new();
        for pid in [1, 2] {
            if let Ok(Some(netns)) = namespace(source, &mut name, pid)
                && (pid == 1 || is_kthreadd(source))
            {
                return Self { netns: Some(netns), pid };
            }
        }
        Self { netns: None, pid: 1 }
    }
}

impl HostReader {
    /// The host's network namespace, if it could be found out.
    pub fn host_netns(&self) -> Option<u64> {
        self.host.netns
    }

    /// Reads the traffic of the cgroup's network namespace: only for the rows [`crate::host::owners`] names. What
    /// `stats` said of it stays if its process is gone.
    pub fn read_network(&mut self, files: &CgroupFiles, stats: &mut HostStats) {
        let Some(pid) = files.leader else { return };
        proc_name(&mut self.source.name, pid, "net/dev");
        let bytes = match self.source.read_proc() {
            Ok(bytes) => bytes,
            // Gone since its cgroup was read. EINVAL: it is a zombie without a namespace.
            Err(Errno::NOENT | Errno::SRCH | Errno::INVAL) => return,
            Err(_) => return self.source.tally.error(Collector::Network),
        };
        stats.interfaces.clear();
        let (names, interfaces) = (&mut self.interfaces, &mut stats.interfaces);
        let mut beyond = 0;
        parse_net_dev(bytes, |dev| {
            if is_ignored(dev.name) {
                return;
            }
            if interfaces.len() >= self.options.max_interfaces {
                beyond += 1;
                return;
            }
            if names.len() >= MAX_NAMES && !names.contains_key(dev.name) {
                names.clear();
            }
            let name = match names.get(dev.name) {
                Some(name) => name.clone(),
                None => {
                    let name: Arc<str> = String::from_utf8_lossy(dev.name).into();
                    names.insert(dev.name.into(), name.clone());
                    name
                }
            };
            interfaces.push(InterfaceStats { name, receive: dev.receive, transmit: dev.transmit });
        });
        self.source.tally.exceed(Collector::Network, beyond);
    }

    /// Which namespace the cgroup's processes are in: asked again for another process and at each refresh,
    /// since a young process may still be on its way into its own.
    pub(super) fn read_namespace(&mut self, files: &mut CgroupFiles, pass: Pass) {
        if &*files.path == "/" {
            (files.leader, files.netns) = (Some(self.host.pid), self.host.netns);
            return;
        }
        let Some(pid) = files.leader else {
            (files.netns, files.memo.namespace_of) = (None, None);
            return;
        };
        if files.memo.namespace_of == Some(pid) && !pass.full {
            return;
        }
        let mut name = std::mem::take(&mut self.source.name);
        let found = namespace(&self.source, &mut name, pid);
        self.source.name = name;
        files.memo.namespace_of = found.is_ok().then_some(pid);
        files.netns = found.unwrap_or_default();
        if let Err(errno) = found
            && !matches!(errno, Errno::NOENT | Errno::SRCH)
        {
            self.source.tally.error(Collector::Network);
        }
    }
}

fn namespace(source: &Source, name: &mut Vec<u8>, pid: u32) -> Result<Option<u64>, Errno> {
    proc_name(name, pid, "ns/net");
    let mut link = [0u8; 32];
    let (link, _) =
        readlinkat_raw(&source.proc, name.as_slice(), link.as_mut_slice()).map(|len| link.split_at(len))?;
    Ok(parse_ns_link(link))
}

fn is_kthreadd(source: &Source) -> bool {
    let mode = rustix::fs::Mode::empty();
    let Ok(fd) = rustix::fs::openat(&source.proc, "2/comm", rustix::fs::OFlags::CLOEXEC, mode) else {
        return false;
    };
    let mut comm = [0u8; 16];
    rustix::io::read(&fd, comm.as_mut_slice()).is_ok_and(|len| comm[..len] == *b"kthreadd\n")
}
