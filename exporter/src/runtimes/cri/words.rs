//! From CRI's messages to what they say of containers.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::{DecodeError, Message as _};

use super::wire::{
    ContainerStatus, EXITED, Event, Sandbox, SandboxName, SandboxStatus, Sandboxes, StatusAnswer, Version,
};
use crate::identity::state::{Details, Kubernetes, of_docker_labels};
use crate::identity::{Exit, Metadata, Origin, Pod, Runtime, Status, Workload};
use crate::runtimes::Word;

/// A pod's names among its sandbox's labels: they are labels of their own.
const NAMES: [&str; 3] = ["io.kubernetes.pod.name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid"];

/// Parses a list of sandboxes: what it says of them.
pub fn parse_sandboxes(bytes: &[u8], runtime: Runtime) -> Result<Vec<Word>, DecodeError> {
    let sandboxes = Sandboxes::decode(bytes)?;
    let word = |sandbox: &Sandbox| Some(of_sandbox(&sandbox.id, runtime, &sandbox.pod()?));
    Ok(sandboxes.items.iter().filter_map(word).collect())
}

/// Parses the status of a container: what it says of it, but for its pod.
pub fn parse_status(bytes: &[u8], runtime: Runtime) -> Result<Vec<Word>, DecodeError> {
    Ok(StatusAnswer::decode(bytes)?.words(runtime, None))
}

/// Parses an event: what it says of a pod's sandbox and containers.
pub fn parse_event(bytes: &[u8], runtime: Runtime) -> Result<Vec<Word>, DecodeError> {
    Ok(Event::decode(bytes)?.words(runtime))
}

impl Version {
    /// Which runtime says so; `None` for one that is not known here.
    pub(super) fn runtime(&self) -> Option<Runtime> {
        let known = [Runtime::Containerd, Runtime::CriO, Runtime::Docker];
        known.into_iter().find(|runtime| runtime.as_str() == self.runtime_name)
    }
}

impl Sandbox {
    /// The pod that it holds together.
    pub(super) fn pod(&self) -> Option<Arc<Pod>> {
        pod(self.metadata.as_ref()?, &self.labels, &self.annotations)
    }
}

impl SandboxStatus {
    fn pod(&self) -> Option<Arc<Pod>> {
        pod(self.metadata.as_ref()?, &self.labels, &self.annotations)
    }
}

impl Event {
    /// What it says of the sandbox and all containers of a pod.
    pub(super) fn words(self, runtime: Runtime) -> Vec<Word> {
        let Some(sandbox) = self.sandbox else { return Vec::new() };
        let pod = sandbox.pod();
        let own = pod.as_ref().map(|pod| of_sandbox(&sandbox.id, runtime, pod));
        let containers = self.containers.into_iter();
        own.into_iter().chain(containers.flat_map(|status| status.words(runtime, pod.as_ref()))).collect()
    }
}

impl StatusAnswer {
    /// What it says of a container in this pod.
    pub(super) fn words(self, runtime: Runtime, pod: Option<&Arc<Pod>>) -> Vec<Word> {
        self.status.map(|status| status.words(runtime, pod).into()).unwrap_or_default()
    }
}

impl ContainerStatus {
    fn words(self, runtime: Runtime, pod: Option<&Arc<Pod>>) -> [Word; 2] {
        let (name, attempt) = self.metadata.map(|of| (some(of.name), Some(of.attempt))).unwrap_or_default();
        let exit = (self.state == EXITED).then(|| Exit::with_reason(self.exit_code, &self.reason));
        let status = Status { restarts: attempt, exit, ..Status::default() };
        let image = self.image.and_then(|image| {
            // Without the user's own name this is what the kubelet asked for: often the id.
            let named = some(image.image).filter(|image| !image.starts_with("sha256:"));
            some(image.user_specified_image).or(named)
        });
        let mut labels = self.labels;
        labels.remove("io.kubernetes.pod.uid");
        let mut details = of_docker_labels(labels);
        let said = details.kubernetes.take().unwrap_or_default();
        let kubernetes = Kubernetes {
            container: name.or(said.container),
            pod: pod.map(|pod| pod.name.clone()).or(said.pod),
            namespace: pod.map(|pod| pod.namespace.clone()).or(said.namespace),
        };
        details.metadata.extend(Origin::ContainerAnnotation, &self.annotations);
        let details = Details {
            runtime: Some(runtime),
            image,
            image_id: some(self.image_ref),
            kubernetes: (kubernetes != Kubernetes::default()).then_some(kubernetes),
            sandbox: false,
            restarts: attempt,
            pod: pod.cloned(),
            ..details
        };
        [Word::Is(self.id.clone(), Box::new(details)), Word::Does(self.id, runtime, status)]
    }
}

/// What a sandbox is.
pub(super) fn of_sandbox(id: &str, runtime: Runtime, pod: &Arc<Pod>) -> Word {
    let kubernetes =
        Kubernetes { container: None, pod: Some(pod.name.clone()), namespace: Some(pod.namespace.clone()) };
    let details = Details {
        runtime: Some(runtime),
        kubernetes: Some(kubernetes),
        sandbox: true,
        pod: Some(Arc::clone(pod)),
        ..Details::default()
    };
    Word::Is(id.to_owned(), Box::new(details))
}

/// What a runtime knows of a pod: all but what it belongs to.
fn pod(
    names: &SandboxName,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Option<Arc<Pod>> {
    let mut metadata = Metadata::default();
    metadata.extend(Origin::PodLabel, labels.iter().filter(|(key, _)| !NAMES.contains(&key.as_str())));
    metadata.extend(Origin::PodAnnotation, annotations);
    let SandboxName { name, uid, namespace } = names.clone();
    // The API server says them, of pods that CRI knows.
    let addresses = Vec::new();
    let workload = Workload::default();
    (!uid.is_empty())
        .then(|| Arc::new(Pod { uid, namespace, name, workload, metadata, addresses, of_namespace: None }))
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
