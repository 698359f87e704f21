//! What the API server sends, as far as it is of use here, and what it means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use kube::Resource;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::owners::{Owner, owner};
use crate::identity::{Exit, Metadata, Origin, Pod, PodContainer, PodNews, Runtime, Status as How, Workload};

/// A pod: a tenth of what there is of one.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PodObject {
    /// Names, labels, owners.
    #[serde(default)]
    pub metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

/// A pod, before it is known what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What is known or to be asked of its owner.
    pub owner: Owner,
    pod: Pod,
    config_hash: Option<String>,
    containers: Vec<(String, PodContainer)>,
    gone: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    host_network: Option<bool>,
    containers: Option<Vec<Specified>>,
    init_containers: Option<Vec<Specified>>,
    ephemeral_containers: Option<Vec<Specified>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Specified {
    name: String,
    image: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodIp {
    ip: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Option<Vec<PodIp>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    image: Option<String>,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
    ready: Option<bool>,
    #[serde(rename = "containerID")]
    container_id: Option<String>,
    restart_count: Option<u32>,
    state: Option<State>,
    last_state: Option<State>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Terminated {
    #[serde(rename = "exitCode")]
    exit_code: Option<i32>,
    reason: Option<String>,
    #[serde(rename = "containerID")]
    container_id: Option<String>,
}

/// The annotation of a static pod's image at the API server that holds the UID its cgroup has.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// What is longer is no container's id.
const MAX_ID: usize = 128;
/// Kubernetes gives one of each family.
const MAX_ADDRESSES: usize = 4;

impl Resource for PodObject {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl PodObject {
    /// Its UID; only what is no pod has none.
    pub fn uid(&self) -> Option<&str> {
        self.metadata.uid.as_deref().filter(|uid| !uid.is_empty())
    }

    /// What it says; `deleted` if it was the last that is heard of it.
    pub fn said(&self, deleted: bool) -> Option<Said> {
        let uid = self.uid()?.to_owned();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let none = BTreeMap::new();
        let annotations = self.metadata.annotations.as_ref().unwrap_or(&none);
        let labels = self.metadata.labels.as_ref().unwrap_or(&none);
        let mut metadata = Metadata::default();
        metadata.extend(Origin::PodLabel, labels);
        metadata.extend(Origin::PodAnnotation, annotations);
        let (namespace, name) = (text(&self.metadata.namespace), text(&self.metadata.name));
        let ended = matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        Some(Said {
            owner: owner(&namespace, &name, labels, self.metadata.owner_references.as_deref()),
            config_hash: annotations.get(CONFIG_HASH).cloned(),
            containers: self.containers(),
            gone: deleted || ended,
            pod: Pod {
                uid,
                namespace,
                name,
                workload: Workload::default(),
                metadata,
                addresses: self.addresses(),
                of_namespace: None,
            },
        })
    }

    /// One of each family; those of the node are none of its own.
    fn addresses(&self) -> Vec<IpAddr> {
        if self.spec.host_network == Some(true) {
            return Vec::new();
        }
        let ips = self.status.pod_ips.iter().flatten().filter_map(|ip| ip.ip.parse().ok());
        ips.take(MAX_ADDRESSES).collect()
    }

    /// All that a status names by an id, those that were restarted since first.
    fn containers(&self) -> Vec<(String, PodContainer)> {
        let status = &self.status;
        let kinds = [
            &status.init_container_statuses,
            &status.container_statuses,
            &status.ephemeral_container_statuses,
        ];
        let mut found = Vec::new();
        for status in kinds.into_iter().flatten().flatten() {
            let (before, state) = (terminated(&status.last_state), terminated(&status.state));
            let id = |ended: Option<&Terminated>| ended?.container_id.clone();
            let now = status.container_id.clone().or_else(|| id(state));
            let restarts = status.restart_count;
            let one_less = restarts.and_then(|restarts| restarts.checked_sub(1));
            let ready = status.ready.filter(|_| state.is_none());
            for (id, restarts, ended, ready) in
                [(id(before), one_less, before, None), (now, restarts, state, ready)]
            {
                let Some((runtime, id)) = id.as_deref().and_then(container_id) else { continue };
                let exit = ended.and_then(Terminated::exit);
                let container = PodContainer {
                    name: status.name.clone(),
                    image: self.image(status),
                    restarts,
                    image_id: status.image_id.as_deref().and_then(image_id),
                    status: How { restarts, ready, exit, health: None },
                    runtime,
                };
                found.push((id.to_owned(), container));
            }
        }
        found
    }

    /// The image as the runtime calls it; a runtime that only has its digest leaves that to who asked for it.
    fn image(&self, status: &ContainerStatus) -> Option<String> {
        let named = status.image.clone().filter(|image| !image.is_empty() && !image.starts_with("sha256:"));
        named.or_else(|| {
            let spec = &self.spec;
            let kinds = [&spec.init_containers, &spec.containers, &spec.ephemeral_containers];
            let mut all = kinds.into_iter().flatten().flatten();
            all.find(|container| container.name == status.name)?.image.clone()
        })
    }
}

impl Said {
    /// Its pod's UID.
    pub fn uid(&self) -> &str {
        &self.pod.uid
    }

    /// The news of a pod that belongs to this.
    pub fn of(self, workload: Workload) -> PodNews {
        PodNews {
            pod: Arc::new(Pod { workload, ..self.pod }),
            config_hash: self.config_hash,
            containers: self.containers,
            gone: self.gone,
        }
    }
}

impl Terminated {
    fn exit(&self) -> Option<Exit> {
        Some(Exit::with_reason(self.exit_code?, self.reason.as_deref().unwrap_or_default()))
    }
}

fn terminated(state: &Option<State>) -> Option<&Terminated> {
    state.as_ref()?.terminated.as_ref()
}

/// The image without the kind of it that Docker's shim writes first: `docker-pullable://NAME@DIGEST`.
fn image_id(text: &str) -> Option<String> {
    let id = text.split_once("://").map_or(text, |(_, id)| id);
    (!id.is_empty()).then(|| id.to_owned())
}

/// The runtime and the id in `RUNTIME://ID`.
fn container_id(text: &str) -> Option<(Option<Runtime>, &str)> {
    let (scheme, id) = text.split_once("://")?;
    let runtimes = [Runtime::Containerd, Runtime::CriO, Runtime::Docker];
    let runtime = runtimes.into_iter().find(|runtime| runtime.as_str() == scheme);
    (!id.is_empty() && id.len() <= MAX_ID).then_some((runtime, id))
}

#[cfg(test)]
mod tests;
