//! What can go wrong where the operating system is asked.

use std::io;
use std::path::PathBuf;

/// An error of the host readers. What is merely missing is `None` in the stats, not an error.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The cgroup was removed (or removed and made again) since it was opened.
    #[error("cgroup {path} is gone")]
    Gone {
        /// Its path below the root of the hierarchy.
        path: String,
    },
    /// The directory of the cgroup cannot be opened, for a reason other than its absence.
    #[error("cgroup {path}: {source}")]
    Cgroup {
        /// Its path below the root of the hierarchy.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file that everything else depends on cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// No cgroup hierarchy is mounted, or none that can be opened.
    #[error("no cgroup hierarchy is mounted that can be read")]
    NoHierarchy,
}
