//! What has been written since a mark, whatever has become of the file meanwhile.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::mark::Mark;

/// A file from some place on.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) file: File,
    pub(super) from: u64,
    /// Whether nobody writes to it any more.
    pub(super) whole: bool,
}

/// How many files beside the log are looked at.
const MOST: usize = 1000;

/// The pieces in their order, the log itself last, and whether any is lost. A log that was renamed or copied and begun anew is
/// looked for beside it, under names that begin with its own.
pub(super) fn since(log: &Path, file: File, mark: &Mark, state: &Path) -> io::Result<(Vec<Piece>, bool)> {
    let known = mark.device == 0 || mark.is_same(&file)?;
    if known && mark.is_of(&file)? {
        return Ok((vec![Piece { file, from: mark.offset, whole: false }], false));
    }
    let now = Piece { file, from: 0, whole: false };
    let rotated = rotated(log, state);
    let old = rotated.iter().position(|(_, path)| is_old(path, mark));
    let Some(at) = old.filter(|_| mark.offset > 0) else {
        return Ok((vec![now], mark.offset > 0));
    };
    let mut pieces = Vec::new();
    let mut lost = false;
    for (number, (_, path)) in rotated.iter().enumerate().skip(at) {
        // One that was rotated twice since is whole, unless it has been compressed.
        lost |= is_compressed(path);
        if let Some(file) = File::open(path).ok().filter(|_| !is_compressed(path)) {
            pieces.push(Piece { file, from: if number == at { mark.offset } else { 0 }, whole: true });
        }
    }
    pieces.push(now);
    Ok((pieces, lost))
}

fn is_old(path: &Path, mark: &Mark) -> bool {
    !is_compressed(path) && File::open(path).and_then(|file| mark.is_of(&file)).unwrap_or(false)
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["gz", "xz", "bz2", "zst", "Z", "lz4"].iter().any(|known| extension == *known)
    })
}

/// Files beside the log with longer names, the oldest first.
fn rotated(log: &Path, state: &Path) -> Vec<(SystemTime, PathBuf)> {
    let (Some(name), Some(directory)) = (log.file_name(), log.parent()) else { return Vec::new() };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let is_longer = |other: &OsStr| other != name && other.as_bytes().starts_with(name.as_bytes());
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let named = entries.filter(|entry| is_longer(&entry.file_name())).take(MOST);
    let mut found: Vec<(SystemTime, PathBuf)> = named
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, entry.path()))
        })
        .filter(|(_, path)| Some(path) != fs::canonicalize(state).ok().as_ref() && path != state)
        .collect();
    found.sort();
    found
}
