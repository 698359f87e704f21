//! What a check keeps from one run to the next: a small file, replaced as a whole, in a directory that is the user's alone.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::output::Stop;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    path: PathBuf,
}

/// Why it cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system's word.
    #[error("{}: {}", path.display(), crate::words(error))]
    System {
        /// Of what.
        path: PathBuf,
        /// The word.
        error: std::io::Error,
    },
    /// Someone else could change what is in it.
    #[error("{}: not a directory that only its user may write to", .0.display())]
    NotOurs(PathBuf),
}

/// A larger file is none of ours.
const LARGEST: u64 = 4 << 20;

impl History {
    /// The file that was named, or else one for this check and what it is about, in the directory that 2.x has for that.
    pub fn of(named: Option<&str>, check: &str, about: &str) -> Result<Self, Error> {
        if let Some(path) = named {
            return Ok(Self { path: path.into() });
        }
        let uid = rustix::process::getuid().as_raw();
        let directory = ["MP_STATE_PATH", "NAGIOS_PLUGIN_STATE_DIRECTORY"]
            .iter()
            .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
            .map_or_else(
                || format!("/var/tmp/plimsoll-checks-{uid}").into(),
                |directory| Path::new(&directory).join(uid.to_string()),
            );
        own(&directory, uid)?;
        Ok(Self { path: directory.join(format!("{check}-{:016x}", hash(about.as_bytes()))) })
    }

    /// What the last run left; none if there is nothing that can be read as such.
    pub fn read(&self) -> Option<Value> {
        let file = std::fs::File::open(&self.path).ok()?;
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Leaves this for the next run. Who reads meanwhile sees what was there before, or all of this.
    pub fn write(&self, value: &Value) -> Result<(), Error> {
        replace(&self.path, value.to_string().as_bytes())
            .map_err(|error| Error::System { path: self.path.clone(), error })
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::unknown(format!("UNKNOWN - {error}"))
    }
}

/// Made if it is not there; nobody else may have put something into it.
fn own(directory: &Path, uid: u32) -> Result<(), Error> {
    let fault = |error| Error::System { path: directory.to_owned(), error };
    match std::fs::DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(fault(error)),
    }
    let found = std::fs::symlink_metadata(directory).map_err(fault)?;
    let ours = found.is_dir() && found.uid() == uid && found.mode() & 0o022 == 0;
    if ours { Ok(()) } else { Err(Error::NotOurs(directory.to_owned())) }
}

/// Writes a file anew: whoever reads it sees what was there before, or all of this.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = path.to_owned().into_os_string();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    let mut options = std::fs::OpenOptions::new();
    // Nobody else may have put something there.
    let mut file = options.write(true).create_new(true).mode(0o600).open(&new)?;
    let written = file.write_all(bytes).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// FNV-1a: the same for ever, which is all that a name or a mark needs.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is_left() {
        let directory = std::env::temp_dir().join(format!("plimsoll-history-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("x");
        let history = History::of(path.to_str(), "check_x", "").unwrap();
        assert_eq!(history.read(), None);
        for value in [json!({"a": 1}), json!([2])] {
            history.write(&value).unwrap();
            assert_eq!(history.read(), Some(value));
        }
        std::fs::write(&path, "{").unwrap();
        assert_eq!(history.read(), None);
        let names: Vec<_> =
            std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(names, [path]);
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(matches!(history.write(&json!(1)), Err(Error::System { .. })));
    }

    #[test]
    fn a_directory_of_others_is_not_used() {
        let directory = std::env::temp_dir().join(format!("plimsoll-history-own-{}", std::process::id()));
        let uid = rustix::process::getuid().as_raw();
        own(&directory, uid).unwrap();
        own(&directory, uid).unwrap();
        assert!(matches!(own(&directory, uid + 1), Err(Error::NotOurs(_))));
        std::fs::remove_dir(&directory).unwrap();
        std::os::unix::fs::symlink("/tmp", &directory).unwrap();
        assert!(matches!(own(&directory, uid), Err(Error::NotOurs(_))));
        std::fs::remove_file(&directory).unwrap();
    }

    #[test]
    fn names_stay_the_same() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
