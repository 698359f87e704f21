//! On this machine: what is read equals the files read beside it, in a cgroup of our own.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};

use super::*;
use crate::host::Controller;

/// A cgroup in every hierarchy, with one sleeping process.
struct Live {
    path: String,
    directories: Vec<PathBuf>,
    child: Child,
}

impl Live {
    /// `None` where cgroups cannot be made.
    fn new(hierarchies: &Hierarchies) -> Option<Self> {
        let path = format!("/plimsoll-host-test-{}", std::process::id());
        let served = Controller::ALL.iter().filter_map(|&controller| hierarchies.serving(controller));
        let mut directories: Vec<PathBuf> = (served.chain(hierarchies.unified()))
            .filter(|hierarchy| hierarchy.root == "/")
            .map(|hierarchy| hierarchy.mount.join(&path[1..]))
            .collect();
        directories.sort();
        directories.dedup();
        if directories.iter().try_for_each(fs::create_dir).is_err() {
            directories.iter().for_each(|directory| drop(fs::remove_dir(directory)));
            return None;
        }
        let join: String = (directories.iter())
            .map(|directory| format!("echo $$ > {}/cgroup.procs && ", directory.display()))
            .collect();
        let mut command = Command::new("sh");
        let child = command.args(["-c", &format!("{join} exec sleep 600")]).spawn().expect("sh runs");
        let live = Self { path, directories, child };
        // It opens files until it sleeps.
        let call = format!("/proc/{}/syscall", live.child.id());
        let sleeps = [libc::SYS_clock_nanosleep, libc::SYS_nanosleep].map(|number| format!("{number} "));
        let sleeping = |call: &str| sleeps.iter().any(|sleep| call.starts_with(sleep));
        while !sleeping(&fs::read_to_string(&call).expect("it lives")) {
            std::thread::yield_now();
        }
        Some(live)
    }

    fn number(&self, hierarchies: &Hierarchies, controller: Controller, v1: &str, v2: &str) -> u64 {
        let hierarchy = hierarchies.serving(controller).expect("served");
        let name = if hierarchy.version == crate::host::Version::V1 { v1 } else { v2 };
        let text = fs::read_to_string(hierarchy.mount.join(&self.path[1..]).join(name)).expect("there");
        text.trim().parse().expect("a number")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for directory in &self.directories {
            // A process that was waited for leaves its cgroup a moment later.
            while fs::remove_dir(directory)
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ResourceBusy)
            {
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn equals_the_files_beside_it() {
    let hierarchies = Hierarchies::detect(&HostPaths::default()).expect("mountinfo is there");
    let Some(live) = Live::new(&hierarchies) else {
        eprintln!("skipped: no cgroup can be made here");
        return;
    };
    let mut reader = HostReader::new(&hierarchies, &HostPaths::default(), options()).expect("mounted");
    let mut files = reader.open(&live.path, Scope::Subtree);
    let mut stats = HostStats::default();
    let memory = |live: &Live| {
        live.number(&hierarchies, Controller::Memory, "memory.usage_in_bytes", "memory.current")
    };
    if hierarchies.serving(Controller::Memory).is_some() {
        loop {
            let before = memory(&live);
            reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
            if before == memory(&live) {
                assert_eq!(stats.memory.usage, Some(before));
                break;
            }
        }
    }
    reader.read(&mut files, Wanted::ALL, &mut stats).expect("there");
    let fds = fs::read_dir(format!("/proc/{}/fd", live.child.id())).expect("there");
    assert_eq!(stats.pids.processes, Some(1));
    assert_eq!(stats.pids.descriptors, Some(fds.count() as u64));
    if hierarchies.serving(Controller::Pids).is_some() {
        let threads = live.number(&hierarchies, Controller::Pids, "pids.current", "pids.current");
        assert_eq!(stats.pids.threads, Some(threads));
    }
    assert_eq!(files.leader(), Some(live.child.id()));
    assert!(stats.cpu.usage_ns.is_some_and(|ns| ns > 0), "the shell ran there");
    drop(live);
    let error = reader.read(&mut files, Wanted::ALL, &mut stats).expect_err("gone");
    assert!(matches!(error, HostError::Gone { .. }), "{error}");
    assert_eq!(stats.pids.processes, Some(1), "its last numbers stay");
}
