//! Workloads: how many pods they should have and how many they have. Pure.

use serde::Deserialize;

use super::node::{Condition, Metadata, condition};

/// What a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
    /// A Job.
    Job,
}

/// One of any kind, as far as it is looked at. What the API leaves out is zero.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Object {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    replicas: Option<u32>,
    suspend: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    available_replicas: Option<u32>,
    ready_replicas: Option<u32>,
    desired_number_scheduled: u32,
    number_available: u32,
    observed_generation: Option<i64>,
    active: u32,
    failed: u32,
    conditions: Vec<Condition>,
}

/// One workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is.
    pub kind: Kind,
    /// Its namespace and name.
    pub path: String,
    /// How it is.
    pub health: Health,
}

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// So many pods should be there, and so many can be used.
    Replicas {
        /// Should be.
        desired: u32,
        /// Can be used.
        available: u32,
        /// Whether what was asked for last is not even looked at yet.
        behind: bool,
    },
    /// A job that runs, with so many pods active and failed.
    Running(u32, u32),
    /// A job that is done.
    Complete,
    /// A job that is to wait.
    Suspended,
    /// A job that failed, and why.
    Failed(String),
}

impl Kind {
    const ALL: [Self; 4] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Job];

    /// By the names that kubectl takes.
    pub fn by_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let is = |kind: &Self| {
            let short = match kind {
                Self::Deployment => "deploy",
                Self::StatefulSet => "sts",
                Self::DaemonSet => "ds",
                Self::Job => "job",
            };
            name == kind.name() || name == kind.plural() || name == short
        };
        Self::ALL.into_iter().find(is)
    }

    /// As texts have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
            Self::Job => "job",
        }
    }

    /// As paths have it.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::Job => "jobs",
        }
    }

    /// Where it is in the API.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Job => "/apis/batch/v1",
            _ => "/apis/apps/v1",
        }
    }
}

impl Workload {
    /// From what the API has of it.
    pub fn new(kind: Kind, object: Object) -> Self {
        let Object { metadata, spec, status } = object;
        let (desired, available) = match kind {
            Kind::DaemonSet => (status.desired_number_scheduled, status.number_available),
            // Older servers say only of deployments what is available.
            Kind::StatefulSet => {
                (spec.replicas.unwrap_or(1), status.available_replicas.or(status.ready_replicas).unwrap_or(0))
            }
            _ => (spec.replicas.unwrap_or(1), status.available_replicas.unwrap_or(0)),
        };
        let so = |kind: &str| condition(&status.conditions, kind).filter(|condition| condition.is_true());
        let health = match kind {
            Kind::Job => match (so("Failed"), so("Complete")) {
                (Some(failed), _) => Health::Failed(failed.reason().to_owned()),
                (None, Some(_)) => Health::Complete,
                (None, None) if spec.suspend => Health::Suspended,
                (None, None) => Health::Running(status.active, status.failed),
            },
            _ => {
                let behind = metadata.generation > status.observed_generation;
                Health::Replicas { desired, available, behind }
            }
        };
        Self { kind, path: metadata.path(), health }
    }
}
