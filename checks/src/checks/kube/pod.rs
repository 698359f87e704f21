//! Pods: which of them fail, and why. Pure.

use serde::Deserialize;

use super::node::{Condition, Metadata, condition};
use crate::checks::docker::answer::seconds;

/// One pod, as far as it is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    metadata: Metadata,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: String,
    reason: Option<String>,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<Container>,
    container_statuses: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    restart_count: u32,
    state: ContainerState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Reason>,
    terminated: Option<Reason>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reason {
    reason: Option<String>,
    exit_code: i32,
}

/// How a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It runs, begins or is done, or it is on its way out.
    Fine,
    /// It has failed for good; those of a Job are the Job's matter.
    Failing(String),
    /// A container cannot begin, or ends again and again.
    Crashing(String),
    /// It has waited too long.
    Pending(String),
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    /// How many there are.
    pub count: u32,
    /// Those that failed, that crash, that wait: names with the reason.
    pub bad: [Vec<String>; 3],
    /// The most that one container was started again.
    pub restarts: u32,
}

/// What a container waits for in the usual course of things.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

impl Pod {
    /// How it is at this time, in seconds of Unix.
    pub fn health(&self, now: f64, pending_after: f64) -> Health {
        let Status { phase, reason, conditions, .. } = &self.status;
        if self.metadata.deletion_timestamp.is_some() || phase == "Succeeded" {
            return Health::Fine;
        }
        if phase == "Failed" {
            let of_job = self.metadata.owner_references.iter().any(|owner| owner.kind == "Job");
            let failed = Health::Failing(reason.clone().unwrap_or_else(|| "Failed".to_owned()));
            return if of_job { Health::Fine } else { failed };
        }
        if let Some(reason) = self.containers().find_map(Container::crashes) {
            return Health::Crashing(reason.to_owned());
        }
        let created = self.metadata.creation_timestamp.as_deref().and_then(seconds);
        if phase == "Pending" && created.is_some_and(|created| now - created > pending_after) {
            let scheduled = condition(conditions, "PodScheduled").filter(|scheduled| !scheduled.is_true());
            let reason = scheduled.map(Condition::reason).filter(|reason| !reason.is_empty());
            return Health::Pending(reason.unwrap_or("Pending").to_owned());
        }
        Health::Fine
    }

    fn containers(&self) -> impl Iterator<Item = &Container> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }
}

impl Container {
    fn crashes(&self) -> Option<&str> {
        if let Some(waiting) = &self.state.waiting {
            return waiting.reason.as_deref().filter(|reason| !USUAL.contains(reason));
        }
        // Between two starts it is only just not waiting.
        let ended = self.state.terminated.as_ref().filter(|ended| ended.exit_code != 0)?;
        Some(ended.reason.as_deref().unwrap_or("Error"))
    }
}

impl Pods {
    /// One more.
    pub fn add(&mut self, pod: &Pod, now: f64, pending_after: f64) {
        self.count += 1;
        let restarts = pod.containers().map(|container| container.restart_count).max();
        self.restarts = self.restarts.max(restarts.unwrap_or_default());
        let (at, reason) = match pod.health(now, pending_after) {
            Health::Fine => return,
            Health::Failing(reason) => (0, reason),
            Health::Crashing(reason) => (1, reason),
            Health::Pending(reason) => (2, reason),
        };
        self.bad[at].push(format!("{} ({reason})", pod.metadata.path()));
    }
}
