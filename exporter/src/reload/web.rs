//! The file of `--web.config.file`, and the certificates and keys it names, read again when they change.
//!
//! exporter-toolkit reads them at every handshake. Here a thread looks once a second whether one is another than it
//! was, so that a disk that hangs holds nobody, and a scrape pays for nothing.

use std::cell::RefCell;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::file::FileError;
use crate::http::{Door, Opens, Rules};
use crate::telemetry::ConfigMetrics;

/// How often one looks.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps a door as its file says.
#[derive(Debug)]
pub struct Keeper {
    path: PathBuf,
    door: Arc<Door>,
    metrics: ConfigMetrics,
    seen: Seen,
}

/// The file, those it names, and what they were before they were read.
type Seen = Vec<(PathBuf, Option<Stamp>)>;

/// Tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why the rules in force are still those before.
#[derive(Debug, thiserror::Error)]
enum Stays {
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{0}: to open what was closed takes a start")]
    Opens(#[from] Opens),
}

impl Keeper {
    /// Reads the file at `path` for the first time.
    pub fn open(path: PathBuf, metrics: ConfigMetrics) -> Result<Self, FileError> {
        let (rules, seen) = read(&path);
        let door = Arc::new(Door::new(rules?));
        metrics.read(true);
        Ok(Self { path, door, metrics, seen })
    }

    /// The door.
    pub fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door)
    }

    /// Looks after it on a thread of its own, for as long as the process lives.
    pub fn follow(mut self) -> std::io::Result<()> {
        let work = move || {
            loop {
                std::thread::sleep(EVERY);
                self.look();
            }
        };
        std::thread::Builder::new().name("door".to_owned()).spawn(work).map(drop)
    }

    /// Reads everything again if something of it has changed.
    fn look(&mut self) {
        if self.seen.iter().all(|(path, seen)| stamp(path) == *seen) {
            return;
        }
        let (rules, seen) = read(&self.path);
        self.seen = seen;
        let replaced = rules.map_err(Stays::from).and_then(|rules| Ok(self.door.replace(rules)?));
        self.metrics.read(replaced.is_ok());
        let file = self.path.display();
        match replaced {
            Ok(()) => tracing::info!(%file, "web configuration and certificates read again"),
            Err(error) => tracing::error!(%file, %error, "the web configuration in force stays as it was"),
        }
    }
}

fn read(path: &Path) -> (Result<Rules, FileError>, Seen) {
    let seen = RefCell::new(Seen::new());
    let before = |path: &Path| seen.borrow_mut().push((path.to_owned(), stamp(path)));
    (Rules::load(path, &before), seen.into_inner())
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some(Stamp {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests;
