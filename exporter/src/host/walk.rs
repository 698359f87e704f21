//! Listing the cgroups that exist: level by level, so that what one container has below it comes after all other containers, and
//! bounded in depth and number.

use std::collections::VecDeque;
use std::fs::ReadDir;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::PathBuf;

use super::{Hierarchies, Hierarchy, Version};
use crate::identity::path_from_bytes;

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub struct WalkBounds {
    /// Levels below the root that are listed.
    pub depth: usize,
    /// Cgroups that are listed.
    pub cgroups: usize,
}

/// A cgroup that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its path from the root of the hierarchy, `/` for the root.
    pub path: String,
    /// Its cgroup id: the inode number on cgroup2. v1 has no such id.
    pub id: Option<u64>,
}

/// An iterator over the cgroups of the primary hierarchy.
#[derive(Debug)]
pub struct Walk {
    bounds: WalkBounds,
    version: Option<Version>,
    root: Option<Found>,
    /// What is being read, and the cgroup it is.
    reading: Option<(Place, ReadDir)>,
    /// What is to be read after it.
    waiting: VecDeque<Place>,
    listed: usize,
    skipped: u64,
    unreadable: u64,
}

/// A cgroup that may have others below it.
#[derive(Debug)]
struct Place {
    path: String,
    directory: PathBuf,
    depth: usize,
}

impl Default for WalkBounds {
    fn default() -> Self {
        Self { depth: 32, cgroups: 16_384 }
    }
}

impl Hierarchies {
    /// Lists the cgroups there are, the root first. Without a hierarchy the list is empty.
    pub fn walk(&self, bounds: WalkBounds) -> Walk {
        let mut walk = Walk {
            bounds,
            version: None,
            root: None,
            reading: None,
            waiting: VecDeque::new(),
            listed: 0,
            skipped: 0,
            unreadable: 0,
        };
        if let Some(primary) = self.primary() {
            walk.start(primary);
        }
        walk
    }
}

impl Walk {
    /// Cgroups seen beyond the bounds: all that are too deep, without what is below them; the first that is one too many, which ends
    /// the walk.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Directories that exist and could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn start(&mut self, primary: &Hierarchy) {
        self.version = Some(primary.version);
        let Ok(meta) = std::fs::metadata(&primary.mount) else {
            self.unreadable += 1;
            return;
        };
        self.root = Some(Found { path: primary.root.clone(), id: self.id(meta.ino()) });
        let path = primary.root.trim_end_matches('/').to_owned();
        self.waiting.push_back(Place { path, directory: primary.mount.clone(), depth: 0 });
    }

    fn id(&self, inode: u64) -> Option<u64> {
        (self.version == Some(Version::V2)).then_some(inode)
    }

    /// The next directory below what is being read; none at its end.
    fn entry(&mut self) -> Option<std::fs::DirEntry> {
        let (_, entries) = self.reading.as_mut()?;
        for entry in entries {
            match entry {
                Ok(entry) if entry.file_type().is_ok_and(|kind| kind.is_dir()) => return Some(entry),
                Ok(_) => {}
                Err(_) => {
                    self.unreadable += 1;
                    return None;
                }
            }
        }
        None
    }

    fn child(&mut self, entry: &std::fs::DirEntry) -> Option<Found> {
        let (parent, _) = self.reading.as_ref()?;
        if self.listed >= self.bounds.cgroups {
            self.skipped += 1;
            (self.reading, self.waiting) = (None, VecDeque::new());
            return None;
        }
        let depth = parent.depth + 1;
        if depth > self.bounds.depth {
            self.skipped += 1;
            return None;
        }
        let path = format!("{}/{}", parent.path, path_from_bytes(entry.file_name().as_bytes()));
        self.waiting.push_back(Place { path: path.clone(), directory: entry.path(), depth });
        Some(Found { path, id: self.id(entry.ino()) })
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(root) = self.root.take() {
            self.listed += 1;
            return Some(root);
        }
        loop {
            if let Some(entry) = self.entry() {
                if let Some(found) = self.child(&entry) {
                    self.listed += 1;
                    return Some(found);
                }
                continue;
            }
            let next = self.waiting.pop_front()?;
            self.reading = match std::fs::read_dir(&next.directory) {
                Ok(entries) => Some((next, entries)),
                // Removed since its name was read.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(_) => {
                    self.unreadable += 1;
                    None
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fixture::Fixture;

    fn paths(walk: &mut Walk) -> Vec<String> {
        let mut paths: Vec<_> = walk.map(|found| found.path).collect();
        paths.sort();
        paths
    }

    #[test]
    fn lists_parents_before_children_with_ids() {
        let fixture = Fixture::v2("walk");
        let hierarchies = fixture.hierarchies();
        fixture.dir("cgroup/a/b");
        fixture.file("cgroup/a/cgroup.procs", "");
        let all: Vec<_> = hierarchies.walk(WalkBounds::default()).collect();
        let names: Vec<_> = all.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(names, ["/", "/a", "/a/b"]);
        let inode = std::fs::metadata(fixture.path("cgroup/a/b")).expect("exists").ino();
        assert_eq!(all[2].id, Some(inode));
    }

    #[test]
    fn names_that_are_no_text_are_listed_as_the_kernel_s_are() {
        let fixture = Fixture::v2("walk-bytes");
        let hierarchies = fixture.hierarchies();
        let odd = fixture.path("cgroup").join(std::ffi::OsStr::from_bytes(b"a\xff"));
        std::fs::create_dir_all(odd.join("b")).expect("made");
        let mut walk = hierarchies.walk(WalkBounds::default());
        assert_eq!(paths(&mut walk), ["/", r"/a\xff", r"/a\xff/b"]);
    }

    #[test]
    fn bounds_are_kept_and_counted() {
        let fixture = Fixture::v2("walk-bounds");
        let hierarchies = fixture.hierarchies();
        fixture.dir("cgroup/a/b/c/d");
        fixture.dir("cgroup/e");
        let mut walk = hierarchies.walk(WalkBounds { depth: 2, cgroups: 100 });
        assert_eq!(paths(&mut walk), ["/", "/a", "/a/b", "/e"]);
        assert_eq!(walk.skipped(), 1, "c; what is below it is not looked at");
        let mut walk = hierarchies.walk(WalkBounds { depth: 32, cgroups: 3 });
        assert_eq!(paths(&mut walk), ["/", "/a", "/e"], "the deepest are left out");
        assert_eq!((walk.skipped(), walk.next()), (1, None), "one too many, and that is the end");
    }

    #[test]
    fn nothing_to_list() {
        let mut walk = Hierarchies::default().walk(WalkBounds::default());
        assert_eq!(walk.next(), None);
        let fixture = Fixture::v2("walk-gone");
        let hierarchies = fixture.hierarchies();
        std::fs::remove_dir_all(fixture.path("cgroup")).expect("removed");
        let mut walk = hierarchies.walk(WalkBounds::default());
        assert_eq!((walk.next(), walk.unreadable()), (None, 1));
    }

    #[test]
    fn who_was_listed_is_there_until_its_directory_is_not() {
        let (v1, v2) = (Fixture::v1("has-v1"), Fixture::v2("has-v2"));
        v1.dir("pids/a");
        v2.dir("cgroup/a");
        let inode = std::fs::metadata(v2.path("cgroup/a")).expect("exists").ino();
        let (of_v1, of_v2) = (v1.hierarchies(), v2.hierarchies());
        assert!(of_v2.has("/a", inode) && of_v1.has("/a", 7));
        assert!(!of_v2.has("/a", inode + 1), "another of the same path");
        assert!(!of_v2.has("/b", inode) && !of_v1.has("/b", 7));
        assert!(!Hierarchies::default().has("/a", inode));
    }

    #[test]
    fn v1_has_no_ids() {
        let fixture = Fixture::v1("walk-v1");
        fixture.dir("pids/a");
        let all: Vec<_> = fixture.hierarchies().walk(WalkBounds::default()).collect();
        assert!(all.contains(&Found { path: "/a".to_owned(), id: None }));
    }
}
