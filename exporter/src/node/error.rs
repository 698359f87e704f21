//! Why a collector has no numbers.

use std::io;
use std::path::{Path, PathBuf};

/// Why a collector has no numbers.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// This host has nothing of the kind: no fault of anybody's.
    #[error("there is none: {0}")]
    Nothing(PathBuf),
    /// A file or directory that should be there cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file does not say what it should.
    #[error("{file}: not understood: {text:?}")]
    Parse {
        /// Which.
        file: &'static str,
        /// The line or word.
        text: String,
    },
    /// systemd does not answer.
    #[error("{place}: {why}")]
    Bus {
        /// Where it was asked.
        place: PathBuf,
        /// Why not.
        why: String,
    },
    /// A system call is refused.
    #[error("{call}: {error}")]
    Call {
        /// Which.
        call: &'static str,
        /// Why.
        error: io::Error,
    },
}

impl NodeError {
    /// Of a path that is not there it says so, of others why.
    pub(super) fn read(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Nothing(path),
            _ => Self::Read { path, error },
        }
    }

    pub(super) fn parse(file: &'static str, text: &str) -> Self {
        Self::Parse { file, text: text.chars().take(120).collect() }
    }
}
