//! Pods by Kubernetes' interface of runtimes, as the kubelet makes them: one container after another, on the host's network.
//!
//! Messages of `runtime.v1`, as far as they are needed, with the numbers of `k8s.io/cri-api`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::{grpc, net};
use prost::Message;

/// A pod that runs; stopped and removed when dropped, with its containers.
#[derive(Debug)]
pub struct Pod {
    socket: PathBuf,
    config: PodSandboxConfig,
    id: String,
}

impl Pod {
    /// Has the runtime at `socket` run one of this name and UID in the namespace `shop`, with this label `app`.
    pub fn run(socket: &Path, name: &str, uid: &str, app: &str) -> Result<Self> {
        let text = |text: &str| text.to_owned();
        let namespaces = NamespaceOption { network: NODE };
        let config = PodSandboxConfig {
            metadata: Some(PodName { name: text(name), uid: text(uid), namespace: text("shop"), attempt: 0 }),
            labels: [("app", app), ("io.kubernetes.pod.name", name)].map(|(k, v)| (text(k), text(v))).into(),
            linux: Some(LinuxPod {
                cgroup_parent: cgroup(uid),
                security: Some(Security { namespaces: Some(namespaces) }),
            }),
        };
        let mut pod = Self { socket: socket.to_owned(), config, id: String::new() };
        let question = RunPodSandbox { config: Some(pod.config.clone()) };
        pod.id = pod.ask::<Made>("RunPodSandbox", &question)?.id;
        Ok(pod)
    }

    /// Its pause container's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Starts a container, the `attempt`th after the first of its name: its id.
    pub fn container(&self, name: &str, attempt: u32, image: &str, words: &[&str]) -> Result<String> {
        let config = ContainerConfig {
            metadata: Some(ContainerName { name: name.to_owned(), attempt }),
            image: Some(Image { image: image.to_owned() }),
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            labels: HashMap::from([("io.kubernetes.container.name".to_owned(), name.to_owned())]),
            linux: Some(LinuxContainer {
                security: Some(ContainerSecurity { namespaces: Some(NamespaceOption { network: NODE }) }),
            }),
        };
        let create = CreateContainer {
            sandbox: self.id.clone(),
            config: Some(config),
            sandbox_config: Some(self.config.clone()),
        };
        let made: Made = self.ask("CreateContainer", &create)?;
        let _: Nothing = self.ask("StartContainer", &Id { id: made.id.clone() })?;
        Ok(made.id)
    }

    fn ask<A: Message + Default>(&self, method: &str, question: &impl Message) -> Result<A> {
        let deadline = Deadline::after(Duration::from_secs(60));
        let socket = self.socket.to_str().context("a path of text")?;
        let mut stream = net::connect_socket(socket, deadline)?;
        let call = grpc::Method {
            agent: "plimsoll-tests".to_owned(),
            scheme: "http",
            authority: "localhost".to_owned(),
            path: format!("/runtime.v1.RuntimeService/{method}"),
            headers: Vec::new(),
        };
        grpc::call(&mut stream, &call, question, 1 << 20, deadline).with_context(|| method.to_owned())
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            let _ = self.ask::<Nothing>(method, &Id { id: self.id.clone() });
        }
        let name = self.config.linux.as_ref().map(|linux| linux.cgroup_parent.clone()).unwrap_or_default();
        let roots = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        for root in roots.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]) {
            // The parents stay if another test has a pod there.
            for path in
                Path::new(name.trim_start_matches('/')).ancestors().filter(|path| *path != Path::new(""))
            {
                let _ = std::fs::remove_dir(root.join(path));
            }
        }
    }
}

/// Where the kubelet has a pod's cgroup.
pub fn cgroup(uid: &str) -> String {
    format!("/kubepods/burstable/pod{uid}")
}

/// `NODE` of `NamespaceMode`.
const NODE: i32 = 2;

#[derive(Clone, PartialEq, Eq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Eq, Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Made {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct RunPodSandbox {
    #[prost(message, optional, tag = "1")]
    config: Option<PodSandboxConfig>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct PodSandboxConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<PodName>,
    #[prost(map = "string, string", tag = "6")]
    labels: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<LinuxPod>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct PodName {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(uint32, tag = "4")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LinuxPod {
    #[prost(string, tag = "1")]
    cgroup_parent: String,
    #[prost(message, optional, tag = "2")]
    security: Option<Security>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Security {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<NamespaceOption>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct NamespaceOption {
    #[prost(int32, tag = "1")]
    network: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    sandbox: String,
    #[prost(message, optional, tag = "2")]
    config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    sandbox_config: Option<PodSandboxConfig>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ContainerName>,
    #[prost(message, optional, tag = "2")]
    image: Option<Image>,
    #[prost(string, repeated, tag = "3")]
    command: Vec<String>,
    #[prost(map = "string, string", tag = "9")]
    labels: HashMap<String, String>,
    #[prost(message, optional, tag = "15")]
    linux: Option<LinuxContainer>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct ContainerName {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    image: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct LinuxContainer {
    #[prost(message, optional, tag = "2")]
    security: Option<ContainerSecurity>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct ContainerSecurity {
    #[prost(message, optional, tag = "3")]
    namespaces: Option<NamespaceOption>,
}
