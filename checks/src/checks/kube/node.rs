//! Nodes. Pure.

use serde::Deserialize;

/// One node, as far as it is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

/// Who something is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) generation: Option<i64>,
    pub(super) creation_timestamp: Option<String>,
    pub(super) deletion_timestamp: Option<String>,
    pub(super) owner_references: Vec<Owner>,
}

/// Whose it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Owner {
    pub(super) kind: String,
}

/// Something that is so, or not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    unschedulable: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
}

/// What a node lacks.
const PRESSURES: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

impl Node {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Why it is not ready; none if it is.
    pub fn not_ready(&self) -> Option<&str> {
        match condition(&self.status.conditions, "Ready") {
            Some(ready) if ready.is_true() => None,
            Some(ready) if !ready.reason.is_empty() => Some(&ready.reason),
            _ => Some("unknown"),
        }
    }

    /// What it lacks.
    pub fn pressures(&self) -> Vec<&str> {
        let of = |kind: &&&str| condition(&self.status.conditions, kind).is_some_and(Condition::is_true);
        PRESSURES.iter().filter(of).copied().collect()
    }

    /// Whether nothing new may go to it.
    pub const fn is_cordoned(&self) -> bool {
        self.spec.unschedulable
    }
}

impl Metadata {
    /// With its namespace before it.
    pub fn path(&self) -> String {
        self.namespace
            .as_ref()
            .map_or_else(|| self.name.clone(), |namespace| format!("{namespace}/{}", self.name))
    }
}

impl Condition {
    /// Whether it is so.
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }

    /// Why, in a word.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The one of a kind.
pub fn condition<'a>(all: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    all.iter().find(|condition| condition.kind == kind)
}
