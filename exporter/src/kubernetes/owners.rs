//! What a pod belongs to in the end, without a watch on what is between: by a rule where that is certain, else by one GET.

use std::collections::{BTreeMap, HashMap, VecDeque};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::Deserialize;

use crate::identity::Workload;

/// A pod's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It is known.
    Known(Workload),
    /// It may belong to something else in turn.
    Ask(Question),
}

/// Something that may belong to something else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Where it is asked for.
    pub target: String,
    /// It, as the pod says.
    pub uid: String,
    /// What is said if nothing else is found.
    pub itself: Workload,
}

/// Answers to questions, by the UID of what was asked about.
#[derive(Debug, Default)]
pub(super) struct Answers {
    known: HashMap<String, Workload>,
    order: VecDeque<String>,
}

/// Answers that are kept: a Job has one, and is gone after a while.
const MAX_ANSWERS: usize = 4096;
/// The label by which a Deployment tells its ReplicaSets apart. The name of each ends in it.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// The owner of a pod. A pod that nothing made is its own, as a static one is, which its node made.
pub(super) fn owner(
    namespace: &str,
    pod: &str,
    labels: &BTreeMap<String, String>,
    owners: Option<&[OwnerReference]>,
) -> Owner {
    let workload = |kind: &str, name: &str| Workload { kind: kind.to_owned(), name: name.to_owned() };
    let Some(owner) = controller(owners).filter(|owner| owner.kind != "Node") else {
        return Owner::Known(workload("Pod", pod));
    };
    let itself = workload(&owner.kind, &owner.name);
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    let place = match (group, &*owner.kind) {
        ("apps", "ReplicaSet") => {
            let hash = labels.get(TEMPLATE_HASH).filter(|hash| is_template_hash(hash));
            let deployment = hash.and_then(|hash| owner.name.strip_suffix(&**hash)?.strip_suffix('-'));
            if let Some(deployment) = deployment.filter(|name| !name.is_empty()) {
                return Owner::Known(workload("Deployment", deployment));
            }
            ("apis/apps/v1", "replicasets")
        }
        ("batch", "Job") => ("apis/batch/v1", "jobs"),
        _ => return Owner::Known(itself),
    };
    if !is_name(namespace) || !is_name(&owner.name) {
        return Owner::Known(itself);
    }
    let target = format!("/{}/namespaces/{namespace}/{}/{}", place.0, place.1, owner.name);
    Owner::Ask(Question { target, uid: owner.uid.clone(), itself })
}

#[derive(Deserialize)]
struct Owned {
    metadata: OwnedMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedMeta {
    uid: String,
    owner_references: Option<Vec<OwnerReference>>,
}

/// What the answer to a question says: something else of the same name is no answer.
pub fn parse_owner(bytes: &[u8], question: &Question) -> Result<Workload, serde_json::Error> {
    let owned: Owned = serde_json::from_slice(bytes)?;
    let same = owned.metadata.uid == question.uid;
    let owner = controller(owned.metadata.owner_references.as_deref()).filter(|_| same);
    Ok(owner.map_or_else(
        || question.itself.clone(),
        |owner| Workload { kind: owner.kind.clone(), name: owner.name.clone() },
    ))
}

impl Answers {
    pub(super) fn get(&self, question: &Question) -> Option<&Workload> {
        self.known.get(&question.uid)
    }

    pub(super) fn keep(&mut self, question: &Question, answer: Workload) {
        if self.known.insert(question.uid.clone(), answer).is_none() {
            self.order.push_back(question.uid.clone());
        }
        if self.order.len() > MAX_ANSWERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

fn controller(owners: Option<&[OwnerReference]>) -> Option<&OwnerReference> {
    owners.unwrap_or_default().iter().find(|owner| owner.controller == Some(true))
}

/// As Deployments make them: of these characters only.
fn is_template_hash(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

/// A name that can stand in a path.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    !text.is_empty() && text.len() <= 253 && text.bytes().all(plain) && !text.starts_with('.')
}

#[cfg(test)]
mod tests;
