//! Where this host keeps the files of a cgroup: each v1 controller has its hierarchy, and all the others are on cgroup2.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The hierarchies, found here and not by the code under test.
#[derive(Debug)]
pub struct Hierarchies(Vec<Mount>);

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    at: PathBuf,
    v2: bool,
    options: Vec<String>,
}

/// A cgroup's directory for one controller.
#[derive(Debug)]
pub struct Place {
    directory: PathBuf,
    /// Its hierarchy is cgroup2.
    pub v2: bool,
}

impl Hierarchies {
    /// Those that are mounted.
    pub fn find() -> Result<Self> {
        Ok(Self::parse(&std::fs::read_to_string("/proc/self/mounts")?))
    }

    /// Where a controller's files of a cgroup are.
    pub fn place(&self, controller: &str, cgroup: &str) -> Result<Place> {
        let v1 =
            self.0.iter().find(|mount| !mount.v2 && mount.options.iter().any(|option| option == controller));
        let mount = v1
            .or_else(|| self.0.iter().find(|mount| mount.v2))
            .with_context(|| format!("no {controller}"))?;
        Ok(Place { directory: mount.at.join(cgroup.trim_start_matches('/')), v2: mount.v2 })
    }

    fn parse(mounts: &str) -> Self {
        let mount = |line: &str| {
            let [_, at, kind @ ("cgroup" | "cgroup2"), options, ..] = line.split(' ').collect::<Vec<_>>()[..]
            else {
                return None;
            };
            let options = options.split(',').map(str::to_owned).collect();
            Some(Mount { at: PathBuf::from(at), v2: kind == "cgroup2", options })
        };
        Self(mounts.lines().filter_map(mount).collect())
    }
}

impl Place {
    /// A file's text.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.directory.join(file);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// The number that is all of a file.
    pub fn number(&self, file: &str) -> Result<u64> {
        self.read(file)?.trim().parse().with_context(|| file.to_owned())
    }

    /// The number after a key, in a file of lines of both.
    pub fn field(&self, file: &str, key: &str) -> Result<u64> {
        let text = self.read(file)?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        value
            .and_then(|value| value.trim().parse().ok())
            .with_context(|| format!("{file}: no {key} in {text}"))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.directory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_where_v1_has_it_else_on_cgroup2() -> Result<()> {
        let hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup2 /c/unified cgroup2 rw 0 0\n";
        let hybrid = Hierarchies::parse(hybrid);
        let cpu = hybrid.place("cpuacct", "/a/b")?;
        assert_eq!((cpu.path(), cpu.v2), (Path::new("/c/cpu/a/b"), false));
        let memory = hybrid.place("memory", "/")?;
        assert_eq!((memory.path(), memory.v2), (Path::new("/c/unified/"), true));
        assert!(Hierarchies::parse("").place("cpu", "/").is_err());
        Ok(())
    }
}
