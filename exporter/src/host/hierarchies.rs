//! Which mount serves which controller: cgroup v2 where its root has the controller, else the v1 mount.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::HostError;
use super::parse::{CgroupMount, parse_controllers, parse_mountinfo};

/// Where the host's file systems are seen from here.
#[derive(Clone, Debug)]
pub struct HostPaths {
    /// procfs of the host's pid namespace.
    pub procfs: PathBuf,
    /// sysfs.
    pub sysfs: PathBuf,
    /// The host's root directory.
    pub rootfs: PathBuf,
}

/// The version of a hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy a controller, or a few.
    V1,
    /// The unified hierarchy.
    V2,
}

/// The controllers that families are read from. v2 has no `cpuacct`: its `cpu.stat` holds the usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Controller {
    /// `cpu`.
    Cpu,
    /// `cpuacct` (v1).
    Cpuacct,
    /// `memory`.
    Memory,
    /// `io`, in v1 `blkio`.
    Io,
    /// `pids`.
    Pids,
}

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its version.
    pub version: Version,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The cgroup at the mount point, `/` unless only a part of the hierarchy is mounted.
    pub root: String,
}

/// What is mounted on this host.
#[derive(Clone, Debug, Default)]
pub struct Hierarchies {
    unified: Option<Hierarchy>,
    serving: [Option<Hierarchy>; Controller::ALL.len()],
    /// What was mounted but could not be used, for the log.
    pub warnings: Vec<String>,
}

impl Default for HostPaths {
    fn default() -> Self {
        Self { procfs: "/proc".into(), sysfs: "/sys".into(), rootfs: "/".into() }
    }
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Cpu, Self::Cpuacct, Self::Memory, Self::Io, Self::Pids];

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Cpu => ("cpu", "cpu"),
            Self::Cpuacct => ("cpuacct", "cpu"),
            Self::Memory => ("memory", "memory"),
            Self::Io => ("blkio", "io"),
            Self::Pids => ("pids", "pids"),
        }
    }
}

/// The inode number of the root of every hierarchy.
const ROOT: u64 = 1;

impl Hierarchies {
    /// Reads `self/mountinfo` and the controllers of cgroup2. Nothing mounted is not an error here.
    pub fn detect(paths: &HostPaths) -> Result<Self, HostError> {
        let path = paths.procfs.join("self/mountinfo");
        let text = std::fs::read(&path).map_err(|source| HostError::File { path, source })?;
        let mut mounts = parse_mountinfo(&text);
        let locate = |point: &str| locate(&paths.rootfs, point, Path::is_dir);
        for mount in mounts.iter_mut().filter(|mount| mount.root.starts_with("/..")) {
            // Seen from a cgroup namespace below it, the root of a hierarchy is named by the way there.
            if std::fs::metadata(locate(&mount.point).1).is_ok_and(|root| root.ino() == ROOT) {
                "/".clone_into(&mut mount.root);
            }
        }
        let mut warnings = Vec::new();
        let mut controllers = Vec::new();
        if let Some(unified) = pick(mounts.iter().filter(|mount| mount.v2), &locate) {
            let path = unified.mount.join("cgroup.controllers");
            match std::fs::read(&path) {
                Ok(text) => controllers = parse_controllers(&text),
                Err(error) => warnings.push(format!("{}: {error}: cgroup2 gives no numbers", path.display())),
            }
        }
        let mut found = Self::choose(&mounts, &controllers, &locate);
        found.warnings = warnings;
        Ok(found)
    }

    /// The choice, as a pure function: `controllers` are those of the v2 root, `locate` says where a mount
    /// point of the list is found.
    pub fn choose(
        mounts: &[CgroupMount],
        controllers: &[String],
        locate: &dyn Fn(&str) -> (bool, PathBuf),
    ) -> Self {
        let unified = pick(mounts.iter().filter(|mount| mount.v2), locate);
        let serving = Controller::ALL.map(|controller| {
            let (v1, v2) = controller.names();
            if controllers.iter().any(|name| name == v2) {
                unified.clone()
            } else {
                pick(mounts.iter().filter(|mount| mount.serves(v1)), locate)
            }
        });
        Self { unified, serving, warnings: Vec::new() }
    }

    /// The cgroup2 mount, whether or not it has controllers.
    pub fn unified(&self) -> Option<&Hierarchy> {
        self.unified.as_ref()
    }

    /// The hierarchy that serves a controller.
    pub fn serving(&self, controller: Controller) -> Option<&Hierarchy> {
        self.serving[controller as usize].as_ref()
    }

    /// The id of a cgroup in the v1 hierarchy that has the controller of block I/O; `None` if v2 has it, or there is no
    /// such cgroup.
    pub fn io_v1_id(&self, cgroup: &str) -> Option<u64> {
        self.serving(Controller::Io).filter(|io| io.version == Version::V1)?.id(cgroup)
    }

    /// Whether a cgroup that was listed is still there: in cgroup2 by its id, too, which v1 has none of.
    pub fn has(&self, cgroup: &str, id: u64) -> bool {
        let Some(primary) = self.primary() else { return false };
        let found = primary.id(cgroup);
        if primary.version == Version::V2 { found == Some(id) } else { found.is_some() }
    }

    /// The hierarchy cgroups are listed in: cgroup2, else the first v1 controller there is.
    pub fn primary(&self) -> Option<&Hierarchy> {
        const ORDER: [Controller; 5] =
            [Controller::Pids, Controller::Memory, Controller::Cpu, Controller::Cpuacct, Controller::Io];
        self.unified().or_else(|| ORDER.iter().find_map(|&controller| self.serving(controller)))
    }
}

impl Hierarchy {
    /// The id of a cgroup, which is its directory's inode number.
    pub fn id(&self, cgroup: &str) -> Option<u64> {
        Some(std::fs::metadata(self.mount.join(self.relative(cgroup)?)).ok()?.ino())
    }

    /// The path of a cgroup below the mount point, without a leading slash; `None` if it is not mounted there.
    pub fn relative<'a>(&self, cgroup: &'a str) -> Option<&'a str> {
        let rest = cgroup.strip_prefix(self.root.trim_end_matches('/'))?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
    }
}

/// The best of several mounts of one hierarchy: below the host's root, whole rather than in part, shortest path.
fn pick<'a>(
    mounts: impl Iterator<Item = &'a CgroupMount>,
    locate: &dyn Fn(&str) -> (bool, PathBuf),
) -> Option<Hierarchy> {
    mounts
        .map(|mount| (mount, locate(&mount.point)))
        .min_by_key(|(mount, (of_host, _))| (!of_host, mount.root != "/", mount.point.len()))
        .map(|(mount, (_, path))| Hierarchy {
            version: if mount.v2 { Version::V2 } else { Version::V1 },
            mount: path,
            root: mount.root.clone(),
        })
}

/// A mount point as we reach it, and whether it is the host's: our own mount table already names what is
/// mounted below `rootfs`; a table of the host itself (or of a fixture) needs the prefix.
fn locate(rootfs: &Path, point: &str, is_dir: impl Fn(&Path) -> bool) -> (bool, PathBuf) {
    let own = PathBuf::from(point);
    if own.starts_with(rootfs) {
        return (true, own);
    }
    let below = rootfs.join(point.trim_start_matches('/'));
    if is_dir(&below) { (true, below) } else { (false, own) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    fn here(point: &str) -> (bool, PathBuf) {
        (true, point.into())
    }

    fn mount(hierarchies: &Hierarchies, controller: Controller) -> Option<&str> {
        hierarchies.serving(controller)?.mount.to_str()
    }

    #[test]
    fn hybrid_is_chosen_for_each_controller() {
        let mounts = parse_mountinfo(HYBRID);
        let found = Hierarchies::choose(&mounts, &["memory".to_owned()], &here);
        assert_eq!(mount(&found, Controller::Cpu), Some("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(mount(&found, Controller::Cpuacct), Some("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(mount(&found, Controller::Memory), Some("/sys/fs/cgroup/unified"), "v2 has it");
        assert_eq!(mount(&found, Controller::Io), Some("/sys/fs/cgroup/blkio"));
        assert_eq!(mount(&found, Controller::Pids), None);
        assert_eq!(found.primary().map(|h| h.version), Some(Version::V2));
    }

    #[test]
    fn pure_v2_and_pure_v1() {
        let v2 = parse_mountinfo(b"41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        let names = ["cpu", "io", "memory", "pids"].map(str::to_owned);
        let found = Hierarchies::choose(&v2, &names, &here);
        for controller in Controller::ALL {
            assert_eq!(mount(&found, controller), Some("/sys/fs/cgroup"), "{controller:?}");
        }
        let v1: Vec<_> = parse_mountinfo(HYBRID).into_iter().filter(|mount| !mount.v2).collect();
        let found = Hierarchies::choose(&v1, &[], &here);
        assert_eq!(found.unified(), None);
        assert_eq!(found.primary().map(|h| h.mount.as_path()), Some(Path::new("/sys/fs/cgroup/memory")));
    }

    #[test]
    fn nothing_mounted() {
        let found = Hierarchies::choose(&[], &[], &here);
        assert_eq!(found.primary(), None);
    }

    #[test]
    fn the_hosts_mount_wins_over_our_own() {
        let text = b"1 1 0:1 /kubepods/x /sys/fs/cgroup rw - cgroup2 cgroup rw\n\
                     2 1 0:1 / /host/sys/fs/cgroup rw - cgroup2 cgroup rw\n\
                     3 1 0:1 / /host/run/more/sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        let mounts = parse_mountinfo(text);
        let found = Hierarchies::choose(&mounts, &[], &|point| locate("/host".as_ref(), point, |_| false));
        let unified = found.unified().expect("mounted");
        assert_eq!((unified.mount.to_str(), unified.root.as_str()), (Some("/host/sys/fs/cgroup"), "/"));
        let in_host = locate("/host".as_ref(), "/sys/fs/cgroup", |_| true);
        assert_eq!(in_host, (true, "/host/sys/fs/cgroup".into()));
        assert_eq!(locate("/host".as_ref(), "/x", |_| false), (false, "/x".into()));
        assert_eq!(locate("/".as_ref(), "/x", |_| false), (true, "/x".into()));
    }

    #[test]
    fn paths_below_a_part_of_a_hierarchy() {
        let part = Hierarchy { version: Version::V2, mount: "/m".into(), root: "/kubepods".to_owned() };
        assert_eq!(part.relative("/kubepods/pod1/c"), Some("pod1/c"));
        assert_eq!(part.relative("/kubepods"), Some(""));
        assert_eq!(part.relative("/kubepods-else"), None);
        assert_eq!(part.relative("/"), None);
        let whole = Hierarchy { root: "/".to_owned(), ..part };
        assert_eq!(whole.relative("/a/b"), Some("a/b"));
        assert_eq!(whole.relative("/"), Some(""));
    }
}
