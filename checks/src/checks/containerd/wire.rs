//! Messages of containerd and of Kubernetes' runtime interface, as far as they are looked at: what is not named here is skipped.

use std::collections::{BTreeMap, HashMap};

use prost::Message;

/// What asks without more.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Nothing {}

/// `containerd.services.version.v1.VersionResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Version {
    /// As `1.7.2`.
    #[prost(string, tag = "1")]
    pub version: String,
}

/// `containerd.services.namespaces.v1.ListNamespacesResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Namespaces {
    #[prost(message, repeated, tag = "1")]
    namespaces: Vec<Name>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Name {
    #[prost(string, tag = "1")]
    name: String,
}

/// `containerd.services.containers.v1.ListContainersResponse`
#[derive(Clone, PartialEq, Message)]
pub struct Containers {
    /// All of a namespace.
    #[prost(message, repeated, tag = "1")]
    pub containers: Vec<Listed>,
}

/// A container.
#[derive(Clone, PartialEq, Message)]
pub struct Listed {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(map = "string, string", tag = "2")]
    labels: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    created_at: Option<Timestamp>,
}

/// `google.protobuf.Timestamp`
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// `containerd.services.tasks.v1.ListTasksResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Tasks {
    #[prost(message, repeated, tag = "1")]
    tasks: Vec<Task>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Task {
    #[prost(string, tag = "1")]
    container: String,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(uint64, tag = "4")]
    status: u64,
}

/// `containerd.services.tasks.v1.MetricsRequest`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Filters {
    #[prost(string, repeated, tag = "1")]
    filters: Vec<String>,
}

/// `containerd.services.tasks.v1.MetricsResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Metrics {
    #[prost(message, repeated, tag = "1")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Metric {
    #[prost(string, tag = "2")]
    id: String,
    #[prost(message, optional, tag = "3")]
    data: Option<Any>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, Eq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// What a container uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// CPU time.
    pub cpu_seconds: Option<f64>,
    /// Memory, without what can be taken back.
    pub memory: Option<f64>,
    /// How much it may use.
    pub memory_limit: Option<f64>,
}

/// `io.containerd.cgroups.v1.Metrics`
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct MetricsV1 {
    #[prost(message, optional, tag = "3")]
    cpu: Option<CpuV1>,
    #[prost(message, optional, tag = "4")]
    memory: Option<MemoryV1>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct CpuV1 {
    #[prost(message, optional, tag = "1")]
    usage: Option<Total>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Total {
    #[prost(uint64, tag = "1")]
    nanoseconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct MemoryV1 {
    #[prost(uint64, tag = "30")]
    total_inactive_file: u64,
    #[prost(message, optional, tag = "33")]
    usage: Option<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Entry {
    #[prost(uint64, tag = "1")]
    limit: u64,
    #[prost(uint64, tag = "2")]
    usage: u64,
}

/// `io.containerd.cgroups.v2.Metrics`
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct MetricsV2 {
    #[prost(message, optional, tag = "2")]
    cpu: Option<CpuV2>,
    #[prost(message, optional, tag = "4")]
    memory: Option<MemoryV2>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct CpuV2 {
    #[prost(uint64, tag = "1")]
    microseconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct MemoryV2 {
    #[prost(uint64, tag = "13")]
    inactive_file: u64,
    #[prost(uint64, tag = "32")]
    usage: u64,
    #[prost(uint64, tag = "33")]
    limit: u64,
}

/// `runtime.v1.StatusResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Conditions {
    #[prost(message, optional, tag = "1")]
    status: Option<RuntimeStatus>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct RuntimeStatus {
    #[prost(message, repeated, tag = "1")]
    conditions: Vec<Condition>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Condition {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(bool, tag = "2")]
    status: bool,
    #[prost(string, tag = "3")]
    reason: String,
}

/// `runtime.v1.ListContainersResponse`
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Sandboxed {
    #[prost(message, repeated, tag = "1")]
    containers: Vec<InSandbox>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct InSandbox {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "3")]
    metadata: Option<Attempt>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Attempt {
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

/// Limits from here on are none: the kernel's largest page.
const UNLIMITED: u64 = i64::MAX as u64 / 4096 * 4096;

impl Namespaces {
    /// What they are called.
    pub fn names(self) -> Vec<String> {
        self.namespaces.into_iter().map(|namespace| namespace.name).collect()
    }
}

impl Listed {
    /// Namespace, pod and container of Kubernetes; the name of nerdctl; or else the id.
    pub fn name(&self) -> String {
        let label = |name: &str| self.labels.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let kubernetes = [
            label("io.kubernetes.pod.namespace"),
            label("io.kubernetes.pod.name"),
            label("io.kubernetes.container.name"),
        ];
        match kubernetes {
            [Some(namespace), Some(pod), Some(container)] => format!("{namespace}/{pod}/{container}"),
            _ => label("nerdctl/name").unwrap_or(&self.id).to_owned(),
        }
    }

    /// Whether it only holds the others of its pod together.
    pub fn is_sandbox(&self) -> bool {
        self.labels.get("io.cri-containerd.kind").is_some_and(|kind| kind == "sandbox")
    }

    /// When it was made, in seconds of Unix.
    pub fn created(&self) -> Option<f64> {
        self.created_at.map(|at| at.seconds as f64).filter(|at| *at > 0.0)
    }
}

impl Tasks {
    /// How each is, by the id of its container.
    pub fn states(self) -> BTreeMap<String, &'static str> {
        let state = |task: Task| {
            let state = match task.status {
                1 => "created",
                2 => "running",
                3 => "stopped",
                4 => "paused",
                5 => "pausing",
                _ => "unknown",
            };
            // Older ones tell the container by the id alone.
            (if task.container.is_empty() { task.id } else { task.container }, state)
        };
        self.tasks.into_iter().map(state).collect()
    }
}

impl Filters {
    /// These containers.
    pub fn of(ids: &[&str]) -> Self {
        Self { filters: ids.iter().map(|id| format!("id=={id}")).collect() }
    }
}

impl Metrics {
    /// What each uses, by its id.
    pub fn used(self) -> impl Iterator<Item = (String, Used)> {
        self.metrics.into_iter().filter_map(|metric| Some((metric.id, metric.data?.used()?)))
    }
}

impl Any {
    fn used(&self) -> Option<Used> {
        let less = |usage: u64, cache: u64| usage.saturating_sub(cache) as f64;
        let limit = |limit: u64| {
            Some(limit).filter(|limit| *limit > 0 && *limit < UNLIMITED).map(|limit| limit as f64)
        };
        match self.kind.trim_start_matches("type.googleapis.com/") {
            "io.containerd.cgroups.v1.Metrics" => {
                let MetricsV1 { cpu, memory } = MetricsV1::decode(self.value.as_slice()).ok()?;
                let entry = memory.and_then(|memory| memory.usage);
                let cache = memory.map(|memory| memory.total_inactive_file).unwrap_or_default();
                Some(Used {
                    cpu_seconds: cpu.and_then(|cpu| cpu.usage).map(|usage| usage.nanoseconds as f64 / 1e9),
                    memory: entry.map(|entry| less(entry.usage, cache)),
                    memory_limit: entry.and_then(|entry| limit(entry.limit)),
                })
            }
            "io.containerd.cgroups.v2.Metrics" => {
                let MetricsV2 { cpu, memory } = MetricsV2::decode(self.value.as_slice()).ok()?;
                Some(Used {
                    cpu_seconds: cpu.map(|cpu| cpu.microseconds as f64 / 1e6),
                    memory: memory.map(|memory| less(memory.usage, memory.inactive_file)),
                    memory_limit: memory.and_then(|memory| limit(memory.limit)),
                })
            }
            _ => None,
        }
    }
}

impl Conditions {
    /// Those that are not so.
    pub fn faults(self) -> Vec<String> {
        let conditions = self.status.into_iter().flat_map(|status| status.conditions);
        let faults = conditions.filter(|condition| !condition.status);
        faults.map(|fault| format!("{} is false: {}", fault.kind, fault.reason)).collect()
    }
}

impl Sandboxed {
    /// How often each was started again, by its id.
    pub fn attempts(self) -> BTreeMap<String, u32> {
        let all = self.containers.into_iter();
        all.filter_map(|container| Some((container.id, container.metadata?.attempt))).collect()
    }
}
