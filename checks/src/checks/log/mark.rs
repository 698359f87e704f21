//! How far a log was read, kept in a file between two calls.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use crate::history;

/// How far, and of what file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The device of the log; 0 if that is not known.
    pub device: u64,
    /// Its inode.
    pub inode: u64,
    /// Where the last line ends that was read.
    pub offset: u64,
    /// How the log began then: another begins otherwise, even at the same inode.
    pub head: Head,
}

/// The first bytes of a file, by their number and a hash of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// No more than [`HEAD`].
    pub length: u64,
    /// Their hash.
    pub hash: u64,
}

/// What the last call has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    /// There was none.
    First,
    /// This.
    Keeps(Mark),
    /// Something that begins as ours does, and is not whole.
    Damaged,
    /// No file, as `/dev/null`: nothing is kept there.
    Nowhere,
}

/// How much of a file's beginning is looked at.
const HEAD: u64 = 1024;
/// How a file of ours begins. Any other is a copy of the log, as 2.x keeps one.
const MAGIC: &str = "plimsoll check_log 1\n";

impl Mark {
    /// Of a log read up to there.
    pub fn of(file: &File, offset: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let head = Head::of(file, offset)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), offset, head })
    }

    /// As it is written: lines of a word and numbers.
    pub fn render(&self) -> String {
        let Self { device, inode, offset, head: Head { length, hash } } = self;
        format!("{MAGIC}device {device}\ninode {inode}\noffset {offset}\nhead {length} {hash}\nend\n")
    }

    /// Of a file that [`Mark::render`] wrote, all of it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(MAGIC)?.strip_suffix("\nend\n")?.split('\n');
        let mut line = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let number = |text: Option<&str>| text?.parse::<u64>().ok();
        let (device, inode, offset) =
            (number(line("device"))?, number(line("inode"))?, number(line("offset"))?);
        let (length, hash) = line("head")?.split_once(' ')?;
        let head = Head { length: length.parse().ok()?, hash: hash.parse().ok()? };
        let sound = head.length == offset.min(HEAD) && lines.next().is_none();
        sound.then_some(Self { device, inode, offset, head })
    }

    /// Whether a file begins as the log did, and is no shorter than what was read of it.
    pub fn is_of(&self, file: &File) -> io::Result<bool> {
        Ok(file.metadata()?.len() >= self.offset && Head::of(file, self.offset)? == self.head)
    }

    /// Whether it is the very same.
    pub fn is_same(&self, file: &File) -> io::Result<bool> {
        let metadata = file.metadata()?;
        Ok(self.device == metadata.dev() && self.inode == metadata.ino())
    }
}

impl Head {
    fn of(file: &File, offset: u64) -> io::Result<Self> {
        let mut bytes = vec![0; usize::try_from(offset.min(HEAD)).unwrap_or_default()];
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        bytes.truncate(read);
        Ok(Self { length: bytes.len() as u64, hash: history::hash(&bytes) })
    }
}

/// What the last call has left there.
pub(super) fn read(path: &Path) -> io::Result<Old> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Old::First),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Old::Nowhere);
    }
    let mut bytes = Vec::new();
    (&file).take(HEAD).read_to_end(&mut bytes)?;
    if !bytes.starts_with(MAGIC.as_bytes()) {
        let copy = Mark::of(&file, metadata.len())?;
        return Ok(Old::Keeps(Mark { device: 0, inode: 0, ..copy }));
    }
    Ok(Mark::parse(&String::from_utf8_lossy(&bytes)).map_or(Old::Damaged, Old::Keeps))
}

/// Leaves it for the next call: whole, or not at all. Where no file can be made beside the one that is there, that one is
/// written to; if that is not finished, the next call sees it.
pub(super) fn write(path: &Path, mark: &Mark) -> io::Result<()> {
    // A link to it stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let refused = |kind| matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    match history::replace(&path, mark.render().as_bytes()) {
        Err(error) if refused(error.kind()) && path.exists() => fs::write(&path, mark.render()),
        other => other,
    }
}
