//! Messages of Kubernetes' interface of runtimes, as far as they are read: what is not named here is skipped.
//!
//! Package `runtime.v1`; names and numbers as in `pkg/apis/runtime/v1/api.proto` of `k8s.io/cri-api`, v0.23 (its first) to
//! v0.35: numbers of fields never change. `GetContainerEvents` is there since v0.26, `user_specified_image` since v0.29.

use std::collections::BTreeMap;

use prost::Message;

/// What asks without more: `ListContainersRequest`, `ListPodSandboxRequest`, `GetEventsRequest`, `VersionRequest`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Nothing {}

/// `VersionResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Version {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
    #[prost(string, tag = "3")]
    pub(super) runtime_version: String,
}

/// `ListPodSandboxResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Sandboxes {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<Sandbox>,
}

/// `PodSandbox`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Sandbox {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<SandboxName>,
    #[prost(btree_map = "string, string", tag = "5")]
    pub(super) labels: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "6")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// `PodSandboxStatus`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SandboxStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<SandboxName>,
    #[prost(btree_map = "string, string", tag = "7")]
    pub(super) labels: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "8")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// `PodSandboxMetadata`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SandboxName {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

/// `ListContainersResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Containers {
    #[prost(message, repeated, tag = "1")]
    pub(super) containers: Vec<Listed>,
}

/// `Container`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Listed {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) sandbox: String,
    #[prost(int32, tag = "6")]
    pub(super) state: i32,
}

/// `ContainerStatusRequest`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct StatusQuestion {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
}

/// `ContainerStatusResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct StatusAnswer {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<ContainerStatus>,
}

/// `ContainerStatus`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<ContainerName>,
    #[prost(int32, tag = "3")]
    pub(super) state: i32,
    #[prost(int32, tag = "7")]
    pub(super) exit_code: i32,
    #[prost(message, optional, tag = "8")]
    pub(super) image: Option<Image>,
    #[prost(string, tag = "9")]
    pub(super) image_ref: String,
    #[prost(string, tag = "10")]
    pub(super) reason: String,
    #[prost(btree_map = "string, string", tag = "12")]
    pub(super) labels: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "13")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// `ContainerMetadata`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerName {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint32, tag = "2")]
    pub(super) attempt: u32,
}

/// `ImageSpec`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Image {
    #[prost(string, tag = "1")]
    pub(super) image: String,
    #[prost(string, tag = "18")]
    pub(super) user_specified_image: String,
}

/// `ContainerEventResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Event {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
    #[prost(message, optional, tag = "4")]
    pub(super) sandbox: Option<SandboxStatus>,
    #[prost(message, repeated, tag = "5")]
    pub(super) containers: Vec<ContainerStatus>,
}

/// `CONTAINER_EXITED` of `ContainerState`.
pub(super) const EXITED: i32 = 2;
/// `CONTAINER_DELETED_EVENT` of `ContainerEventType`.
pub(super) const DELETED: i32 = 3;
