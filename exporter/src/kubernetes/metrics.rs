//! What is said of the API server and of the requests it gets from here.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::telemetry::registered;

/// The metrics; those of a host without Kubernetes are all 0.
#[derive(Clone, Debug)]
pub struct KubernetesMetrics {
    pub(super) up: IntGauge,
    pub(super) pods: IntGauge,
    pub(super) failures: IntCounter,
    followed: IntGaugeVec,
    requests: IntCounterVec,
    left_out: IntCounterVec,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    List,
    Watch,
    Get,
}

/// What there was no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    Pods,
    Containers,
    Namespaces,
    Services,
}

/// What is followed of the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    Namespaces,
    Services,
}

impl Whole {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Services => "services",
        }
    }
}

impl Asked {
    const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Watch => "watch",
            Self::Get => "get",
        }
    }
}

impl LeftOut {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pod",
            Self::Containers => "container",
            Self::Namespaces => "namespace",
            Self::Services => "service",
        }
    }
}

impl KubernetesMetrics {
    /// Registers them. It fails only if a name here is wrong, or there twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let up = IntGauge::new(
            "plimsoll_kubernetes_up",
            "Whether the pods of this node are followed at the API server; absent where nobody asked for it.",
        )?;
        let pods = IntGauge::new(
            "plimsoll_kubernetes_pods",
            "Pods of this node that live, as the API server says.",
        )?;
        let failures = IntCounter::new(
            "plimsoll_kubernetes_failures_total",
            "How often the pods of this node could not be followed any more and it was begun anew.",
        )?;
        let followed = Opts::new(
            "plimsoll_kubernetes_followed",
            "Whether that is followed of the whole cluster, beside the pods of this node: namespaces, services; absent where nobody asked for it.",
        );
        let requests = Opts::new(
            "plimsoll_kubernetes_requests_total",
            "Requests to the API server, by what was asked for (list, watch, get) and what came of it.",
        );
        let left_out = Opts::new(
            "plimsoll_kubernetes_left_out_total",
            "Pods, containers of a pod, namespaces and services that there was no room for.",
        );
        Ok(Self {
            up: registered(registry, up)?,
            pods: registered(registry, pods)?,
            failures: registered(registry, failures)?,
            followed: registered(registry, IntGaugeVec::new(followed, &["what"])?)?,
            requests: registered(registry, IntCounterVec::new(requests, &["request", "outcome"])?)?,
            left_out: registered(registry, IntCounterVec::new(left_out, &["what"])?)?,
        })
    }

    /// Makes all series.
    pub fn touch(&self) {
        self.begin();
        self.follows(Whole::Namespaces, Some(false));
    }

    /// Makes the series that there are from the start.
    pub(super) fn begin(&self) {
        self.request(Asked::List, "ok", 0);
        for what in [LeftOut::Pods, LeftOut::Containers, LeftOut::Namespaces, LeftOut::Services] {
            self.left_out(what, 0);
        }
    }

    /// Whether this is followed; `None` if nobody asks for it any more.
    pub(super) fn follows(&self, what: Whole, followed: Option<bool>) {
        match followed {
            Some(followed) => self.followed.with_label_values(&[what.as_str()]).set(followed.into()),
            None => drop(self.followed.remove_label_values(&[what.as_str()])),
        }
    }

    pub(super) fn request(&self, asked: Asked, outcome: &str, by: u64) {
        self.requests.with_label_values(&[asked.as_str(), outcome]).inc_by(by);
    }

    pub(super) fn left_out(&self, what: LeftOut, by: u64) {
        self.left_out.with_label_values(&[what.as_str()]).inc_by(by);
    }
}
