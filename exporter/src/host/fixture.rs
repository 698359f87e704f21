//! Directory trees that look like cgroupfs, for tests.

use std::path::PathBuf;

use super::{Hierarchies, HostPaths};

/// A tree below the temporary directory, removed when dropped.
pub(crate) struct Fixture {
    root: PathBuf,
}

impl Fixture {
    /// All controllers on cgroup2, mounted at `cgroup`.
    pub(crate) fn v2(name: &str) -> Self {
        let fixture = Self::empty(name);
        fixture.mounts(&[("cgroup", "cgroup2", "rw")]);
        fixture.file("cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
        fixture
    }

    /// The v1 controllers, each at a directory of its name, `cpu` and `cpuacct` together.
    pub(crate) fn v1(name: &str) -> Self {
        let fixture = Self::empty(name);
        fixture.mounts(&V1);
        fixture
    }

    /// The v1 controllers, and cgroup2 without any at `unified`.
    pub(crate) fn hybrid(name: &str) -> Self {
        let fixture = Self::empty(name);
        let mut mounts = V1.to_vec();
        mounts.push(("unified", "cgroup2", "rw"));
        fixture.mounts(&mounts);
        fixture.file("unified/cgroup.controllers", "\n");
        fixture
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn dir(&self, relative: &str) {
        std::fs::create_dir_all(self.path(relative)).expect("made");
    }

    pub(crate) fn file(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().expect("has a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    pub(crate) fn link(&self, relative: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.path(relative)).expect("linked");
    }

    pub(crate) fn paths(&self) -> HostPaths {
        HostPaths { procfs: self.path("proc"), sysfs: self.path("sys"), rootfs: self.root.clone() }
    }

    pub(crate) fn hierarchies(&self) -> Hierarchies {
        Hierarchies::detect(&self.paths()).expect("mountinfo is there")
    }

    pub(crate) fn empty(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("plimsoll-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).expect("made");
        Self { root }
    }

    fn mounts(&self, mounts: &[(&str, &str, &str)]) {
        let mut text = String::new();
        for (point, kind, options) in mounts {
            self.dir(point);
            text.push_str(&format!("1 1 0:1 / /{point} rw - {kind} {kind} {options}\n"));
        }
        self.file("proc/self/mountinfo", &text);
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

const V1: [(&str, &str, &str); 4] = [
    ("cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
    ("memory", "cgroup", "rw,memory"),
    ("blkio", "cgroup", "rw,blkio"),
    ("pids", "cgroup", "rw,pids"),
];
