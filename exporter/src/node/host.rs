//! Where collectors read: procfs with its files kept open, sysfs, and the host's root directory.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::{NodeError, Options, cpu, filesystem};
use crate::host::HostPaths;

/// The most entries of a directory that are looked at.
const MAX_ENTRIES: usize = 4096;
/// The most that is read of a file.
const MAX_BYTES: usize = 16 << 20;

/// Where collectors read, and what they keep.
#[derive(Debug)]
pub struct Host {
    pub(super) paths: HostPaths,
    pub(super) options: Options,
    /// Files of procfs that every scrape reads. Their names are in the collectors: a few dozen.
    kept: HashMap<&'static str, File>,
    /// What this scrape has read of them: two collectors read `stat`.
    texts: HashMap<&'static str, Arc<str>>,
    left_out: u64,
    /// When whoever asked goes on without us.
    pub(super) until: Instant,
    pub(super) cpus: cpu::Steady,
    pub(super) mounts: filesystem::Mounts,
}

impl Host {
    pub(super) fn new(paths: HostPaths, options: Options) -> Self {
        Self {
            paths,
            options,
            kept: HashMap::new(),
            texts: HashMap::new(),
            left_out: 0,
            until: Instant::now(),
            cpus: cpu::Steady::default(),
            mounts: filesystem::Mounts::default(),
        }
    }

    /// A scrape begins, that waits until then.
    pub(super) fn begin(&mut self, until: Instant) {
        self.until = until;
        self.texts.clear();
    }

    /// Something is beyond its bound.
    pub(super) fn leave_out(&mut self, count: usize) {
        self.left_out += count as u64;
    }

    /// Entries of directories, and units, beyond their bound.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// A file of procfs.
    pub(super) fn proc(&mut self, name: &'static str) -> Result<Arc<str>, NodeError> {
        if let Some(text) = self.texts.get(name) {
            return Ok(Arc::clone(text));
        }
        let path = self.paths.procfs.join(name);
        let text = self.read_kept(name, &path).map_err(|error| NodeError::read(&path, error))?;
        let text: Arc<str> = text.into();
        self.texts.insert(name, Arc::clone(&text));
        Ok(text)
    }

    /// A file of what the host's first process sees, `1/net/…` or `1/mounts`; of what we see, if there is no such process.
    pub(super) fn of_init(&mut self, name: &'static str) -> Result<Arc<str>, NodeError> {
        self.proc(name).or_else(|_| self.proc(name.trim_start_matches("1/")))
    }

    /// A small file's text without its end of line; `None` if it is not there or cannot be read.
    pub(super) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = std::fs::read(path).ok()?;
        Some(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// A small file's number.
    pub(super) fn number<T: std::str::FromStr>(&self, path: impl AsRef<Path>) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// The names in a directory, in their order.
    pub(super) fn list(&mut self, directory: &Path) -> Result<Vec<String>, NodeError> {
        let entries = std::fs::read_dir(directory).map_err(|error| NodeError::read(directory, error))?;
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable_by(|a, b| natural(a).cmp(&natural(b)));
        self.left_out += names.len().saturating_sub(MAX_ENTRIES) as u64;
        names.truncate(MAX_ENTRIES);
        Ok(names)
    }

    /// A directory of sysfs whose entries' names begin so; none if it is not there.
    pub(super) fn sys_list(&mut self, directory: &str, prefix: &str) -> (PathBuf, Vec<String>) {
        let path = self.paths.sysfs.join(directory);
        let mut names = self.list(&path).unwrap_or_default();
        names.retain(|name| name.starts_with(prefix));
        (path, names)
    }

    fn read_kept(&mut self, name: &'static str, path: &Path) -> io::Result<String> {
        if let Some(file) = self.kept.get(name) {
            // What it was opened for may be gone: another process is number one of that mount now.
            match read_from_start(file) {
                Ok(text) => return Ok(text),
                Err(_) => drop(self.kept.remove(name)),
            }
        }
        let file = File::open(path)?;
        let text = read_from_start(&file)?;
        self.kept.insert(name, file);
        Ok(text)
    }
}

/// Numbers in names in their order: `cpu2` before `cpu10`.
fn natural(name: &str) -> (&str, u64, &str) {
    let start = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let (head, rest) = name.split_at(start);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (head, rest[..end].parse().unwrap_or_default(), &rest[end..])
}

/// Everything, from the first byte: the kernel makes the text anew for that.
fn read_from_start(file: &File) -> io::Result<String> {
    let mut text = vec![0; 16 << 10];
    let mut length = 0;
    loop {
        let read = file.read_at(&mut text[length..], length as u64)?;
        length += read;
        if read == 0 || length >= MAX_BYTES {
            text.truncate(length);
            return Ok(String::from_utf8_lossy(&text).into_owned());
        }
        if length == text.len() {
            text.resize(length * 2, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_in_order() {
        let mut names = ["cpu10", "cpu2", "cpufreq", "cpu1x", "cpu1"];
        names.sort_by(|a, b| natural(a).cmp(&natural(b)));
        assert_eq!(names, ["cpu1", "cpu1x", "cpu2", "cpu10", "cpufreq"]);
    }
}
