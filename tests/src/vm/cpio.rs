//! The archive form the kernel unpacks at start (`cpio`, "newc"), written and read.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

const MAGIC: &[u8] = b"070701";
const HEADER: usize = 110;
const TRAILER: &str = "TRAILER!!!";
const DIRECTORY: u32 = 0o040_755;
const EXECUTABLE: u32 = 0o100_755;

/// An archive being written. Directories are made for the paths put into it, before them, as the kernel wants it.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    directories: Vec<String>,
}

impl Archive {
    /// Adds an executable file at an absolute path.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) {
        let path = path.trim_start_matches('/');
        for (end, _) in path.match_indices('/') {
            let directory = &path[..end];
            if !self.directories.iter().any(|made| made == directory) {
                self.directories.push(directory.to_owned());
                self.entry(directory, DIRECTORY, &[]);
            }
        }
        self.entry(path, EXECUTABLE, content);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry(TRAILER, 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let size = content.len() as u32;
        let name_size = name.len() as u32 + 1;
        self.bytes.extend_from_slice(MAGIC);
        // ino, mode, uid, gid, nlink, mtime, filesize, device and special device, namesize, check
        for field in [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0] {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The files of an archive, by path as it was given to `cpio`.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut at = 0;
    loop {
        let header = bytes.get(at..at + HEADER).context("the archive ends before its trailer")?;
        ensure!(header.starts_with(MAGIC), "no header at byte {at}");
        let (size, name_size) = (field(header, 6)?, field(header, 11)?);
        let name =
            bytes.get(at + HEADER..at + HEADER + name_size).context("the archive ends within a name")?;
        let name = std::str::from_utf8(name)?.trim_end_matches('\0');
        if name == TRAILER {
            return Ok(files);
        }
        let start = (at + HEADER + name_size).next_multiple_of(4);
        let content =
            bytes.get(start..start + size).with_context(|| format!("the archive ends within {name}"))?;
        files.insert(name.to_owned(), content.to_vec());
        at = (start + size).next_multiple_of(4);
    }
}

fn field(header: &[u8], index: usize) -> Result<usize> {
    let digits = &header[MAGIC.len() + 8 * index..][..8];
    usize::from_str_radix(std::str::from_utf8(digits)?, 16).context("a header's field is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() -> Result<()> {
        let mut archive = Archive::default();
        archive.file("/init", b"abc");
        archive.file("/lib/x/libc.so", &[7; 5]);
        let files = read(&archive.finish())?;
        let expected = [("init", &b"abc"[..]), ("lib", b""), ("lib/x", b""), ("lib/x/libc.so", &[7; 5])];
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, content)| (name.as_str(), &content[..])).collect();
        assert_eq!(files, expected);
        Ok(())
    }

    #[test]
    fn an_archive_cut_short_is_an_error() {
        let mut archive = Archive::default();
        archive.file("/init", b"abc");
        let bytes = archive.finish();
        for end in 0..bytes.len() - 4 {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
    }
}
