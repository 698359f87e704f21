//! What the runtimes' state directories say of a container: its name, image, pod, first process.
//!
//! A look-up opens files at known places only, lists no directory, and reads at most [`MAX_FILE`] bytes of a
//! regular file, so it cannot hang and is cheap enough to be repeated. A missing file is `None`. What a file says
//! is believed only if it names the very cgroup asked about: whoever may make cgroups could otherwise borrow
//! another container's name.

mod dirs;
mod oci;
mod other;

use std::net::IpAddr;
use std::sync::Arc;

use super::{Metadata, Pod, Runtime};

pub use dirs::StateDirs;
pub use oci::{CrunStatus, OciConfig, RuncState, parse_crun_status, parse_oci_config, parse_runc_state};
pub use other::{StorageNames, of_docker_labels, parse_docker_config, parse_storage_names};

/// The most that is read of one file.
pub const MAX_FILE: u64 = 1 << 20;

/// What a state directory says of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// Who runs it.
    pub runtime: Option<Runtime>,
    /// The name its runtime gives it, where that is not its id.
    pub name: Option<String>,
    /// The image as it was asked for.
    pub image: Option<String>,
    /// What Kubernetes calls it.
    pub kubernetes: Option<Kubernetes>,
    /// It is a pod's pause container.
    pub sandbox: bool,
    /// Unix time in seconds at which the runtime made it.
    pub created: Option<f64>,
    /// Its first process, in the host's PID namespace.
    pub init_pid: Option<u32>,
    /// Labels and annotations it was given.
    pub metadata: Metadata,
    /// The pod it is in, once Kubernetes spoke of it.
    pub pod: Option<Arc<Pod>>,
    /// How often containers of its name ended in its pod before it began, as Kubernetes says.
    pub restarts: Option<u32>,
    /// Its addresses, as its runtime gave them.
    pub addresses: Vec<IpAddr>,
}

/// What Kubernetes calls a container and its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kubernetes {
    /// The container's name in the pod; `None` for the pause container.
    pub container: Option<String>,
    /// The pod's name.
    pub pod: Option<String>,
    /// The pod's namespace.
    pub namespace: Option<String>,
}

/// Why a state directory was of no help though something was there.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file could not be opened or read.
    #[error("{path}: {source}")]
    Read {
        /// Below the root.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Something else than a regular file.
    #[error("{path}: not a regular file")]
    NotRegular {
        /// Below the root.
        path: String,
    },
    /// Larger than any real one.
    #[error("{path}: more than {MAX_FILE} bytes")]
    TooLarge {
        /// Below the root.
        path: String,
    },
    /// Not the JSON that the runtime writes.
    #[error("{path}: {source}")]
    Json {
        /// Below the root.
        path: String,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
}

/// Seconds since the epoch of a time as Go and crun print it, in UTC.
fn unix_seconds(time: Option<&str>) -> Option<f64> {
    let time = humantime::parse_rfc3339(time?).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_go() {
        assert_eq!(unix_seconds(Some("2026-11-21T07:54:34.5Z")), Some(1_795_247_674.5));
        assert_eq!(unix_seconds(Some("0001-01-01T00:00:00Z")), None, "Go's zero time");
        assert_eq!(unix_seconds(Some("2026-11-21T07:54:34+01:00")), None);
    }
}
