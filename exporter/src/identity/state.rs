//! What the runtimes' state directories say of a container: its name, image, pod, first process.
//!
//! A look-up opens files at known places only, lists no directory, and reads at most [`MAX_FILE`] bytes of a
//! regular file, so it cannot hang and is cheap enough to be repeated. A missing file is `None`. What a file says
//! is believed only if it names the very cgroup asked about: whoever may make cgroups could otherwise borrow
//! another container's name.

mod dirs;
mod nomad;
mod oci;
mod other;

use std::net::IpAddr;
use std::sync::Arc;

use super::{Metadata, Pod, Runtime};

pub use dirs::StateDirs;
pub use nomad::{nomad_labels, parse_nomad_environment};
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
    /// The image that was found under that name: its digest, or else its id.
    pub image_id: Option<String>,
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
    /// How often containers of its name ended in its pod before it began, as Kubernetes or its runtime says.
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

impl Details {
    /// The same with what `other` says of the container and these do not; `None` if that is nothing.
    pub fn completed_by(&self, other: &Self) -> Option<Self> {
        let mut whole = self.clone();
        whole.name = whole.name.or_else(|| other.name.clone());
        whole.image = whole.image.or_else(|| other.image.clone());
        whole.image_id = whole.image_id.or_else(|| other.image_id.clone());
        whole.restarts = whole.restarts.or(other.restarts);
        whole.pod = whole.pod.or_else(|| other.pod.clone());
        whole.sandbox |= other.sandbox;
        if let Some(theirs) = &other.kubernetes {
            let ours = whole.kubernetes.get_or_insert_default();
            let name = |ours: &mut Option<String>, theirs: &Option<String>| {
                *ours = ours.take().or_else(|| theirs.clone());
            };
            name(&mut ours.namespace, &theirs.namespace);
            name(&mut ours.pod, &theirs.pod);
            if !whole.sandbox {
                name(&mut ours.container, &theirs.container);
            }
        }
        whole.metadata.extend_with_missing(&other.metadata);
        (whole != *self).then_some(whole)
    }

    /// Whether Kubernetes itself has spoken of its pod: a runtime does not know what that belongs to.
    pub fn has_whole_pod(&self) -> bool {
        self.pod.as_ref().is_some_and(|pod| !pod.workload.kind.is_empty())
    }
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
    use crate::identity::Origin;

    #[test]
    fn what_another_knows_fills_what_is_not_known() {
        let kubernetes = |container: Option<&str>, pod: &str| {
            let text = |text: &str| Some(text.to_owned());
            Some(Kubernetes { container: container.map(str::to_owned), pod: text(pod), namespace: None })
        };
        let mut state =
            Details { image: Some("a:1".into()), kubernetes: kubernetes(None, "p"), ..Details::default() };
        state.metadata.extend(Origin::ContainerLabel, [("app", "ours")]);
        let mut told = Details {
            image: Some("b:1".into()),
            kubernetes: kubernetes(Some("c"), "q"),
            ..Details::default()
        };
        told.image_id = Some("sha256:1".into());
        told.restarts = Some(2);
        told.metadata.extend(Origin::ContainerLabel, [("app", "theirs"), ("tier", "front")]);
        let whole = state.completed_by(&told).expect("there is more");
        assert_eq!((whole.image.as_deref(), whole.image_id.as_deref()), (Some("a:1"), Some("sha256:1")));
        assert_eq!((whole.kubernetes.clone(), whole.restarts), (kubernetes(Some("c"), "p"), Some(2)));
        let label = |key| whole.metadata.get(Origin::ContainerLabel, key);
        assert_eq!((label("app"), label("tier")), (Some("ours"), Some("front")));
        assert_eq!(whole.completed_by(&told), None);
        let pause = Details { sandbox: true, ..state }.completed_by(&told).expect("there is more");
        assert_eq!(pause.kubernetes, kubernetes(None, "p"), "a pause container is no container of its pod");
    }

    #[test]
    fn times_of_go() {
        assert_eq!(unix_seconds(Some("2026-11-21T07:54:34.5Z")), Some(1_795_247_674.5));
        assert_eq!(unix_seconds(Some("0001-01-01T00:00:00Z")), None, "Go's zero time");
        assert_eq!(unix_seconds(Some("2026-11-21T07:54:34+01:00")), None);
    }
}
