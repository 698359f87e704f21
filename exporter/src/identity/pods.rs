//! What Kubernetes says of the pods of this node, by their UIDs and by the ids of their containers.
//!
//! A pod is told of before its containers are there, and stays a while after it is gone. The cgroup of a static pod has
//! the hash of its configuration for a UID, so such a pod is found by both.

mod namespaces;
mod services;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use self::namespaces::Namespaces;
use self::services::{Selected, Services};
use super::metadata::Metadata;
use super::state::{Details, Kubernetes};
use super::{Identity, Kind, Runtime, Status, component};

pub use self::services::{Selector, ServiceKey};

/// What is told of a pod, and the same for all its containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// Its UID at the API server.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it belongs to in the end.
    pub workload: Workload,
    /// Its labels and annotations.
    pub metadata: Metadata,
    /// Its addresses; none while it has none, or those of its node.
    pub addresses: Vec<IpAddr>,
    /// Labels and annotations of its namespace, once they are known; nobody asks for them without a rule that names one.
    pub of_namespace: Option<Arc<Metadata>>,
}

/// What made a pod: the last of its owners that is known; a pod without one is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Workload {
    /// As Kubernetes writes it: `Deployment`, `CronJob`, `Pod`.
    pub kind: String,
    /// Its name in the pod's namespace.
    pub name: String,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodContainer {
    /// Its name in the pod.
    pub name: String,
    /// Its image.
    pub image: Option<String>,
    /// How often containers of that name ended in this pod before it began.
    pub restarts: Option<u32>,
    /// The image that was found under that name: its digest, or else its id.
    pub image_id: Option<String>,
    /// How it is.
    pub status: Status,
    /// Who runs it.
    pub runtime: Option<Runtime>,
}

/// A pod as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct PodNews {
    /// The pod.
    pub pod: Arc<Pod>,
    /// The UID its cgroup has, if it is a static pod.
    pub config_hash: Option<String>,
    /// Its containers by their ids, those that were restarted since among them.
    pub containers: Vec<(String, PodContainer)>,
    /// It is deleted, or all of it has ended.
    pub gone: bool,
}

/// The pods of a node.
#[derive(Debug, Default)]
pub(super) struct Pods {
    by_uid: HashMap<String, Entry>,
    by_hash: HashMap<String, String>,
    by_container: HashMap<String, String>,
    /// UIDs of pods that are gone, in the order they went.
    gone: VecDeque<String>,
    namespaces: Namespaces,
    services: Services,
}

#[derive(Debug)]
struct Entry {
    pod: Arc<Pod>,
    config_hash: Option<String>,
    /// In the order they came.
    containers: VecDeque<(String, PodContainer)>,
    /// The services that select it.
    selected: Selected,
    gone: bool,
}

/// Pods that live: the kubelet takes 110, and is seldom told to take more than 250.
const MAX_LIVING: usize = 2048;
/// Pods that are gone, for those of their containers that nobody has named yet.
const MAX_GONE: usize = 1024;
/// Containers of one pod, restarted ones among them.
const MAX_CONTAINERS: usize = 64;

impl Pods {
    /// Takes in what is new; how many pods and containers there was no room for.
    pub(super) fn tell(&mut self, mut news: PodNews) -> (u64, u64) {
        let uid = news.pod.uid.clone();
        if !self.by_uid.contains_key(&uid) && self.living() >= MAX_LIVING {
            return (1, 0);
        }
        let before = || self.by_uid.get(&uid)?.pod.of_namespace.as_ref();
        if let Some(metadata) = self.namespaces.get(&news.pod.namespace).or_else(before) {
            Arc::make_mut(&mut news.pod).of_namespace = Some(Arc::clone(metadata));
        }
        let hash = news.config_hash.filter(|hash| self.may_have(&uid, hash));
        if let Some(hash) = &hash {
            self.by_hash.insert(hash.clone(), uid.clone());
        }
        let fresh = || Entry {
            pod: Arc::clone(&news.pod),
            config_hash: None,
            containers: VecDeque::new(),
            selected: Selected::default(),
            gone: false,
        };
        let labels_stay = self.by_uid.get(&uid).is_some_and(|entry| entry.pod.metadata == news.pod.metadata);
        let entry = self.by_uid.entry(uid.clone()).or_insert_with(fresh);
        (entry.pod, entry.config_hash) = (news.pod, hash.or(entry.config_hash.take()));
        if !labels_stay {
            let found = self.services.of(&entry.pod);
            self.services.put(&mut entry.selected, found);
        }
        let mut left_out = 0;
        for (id, container) in news.containers {
            self.by_container.insert(id.clone(), uid.clone());
            match entry.containers.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => *known = container,
                None => entry.containers.push_back((id, container)),
            }
            if entry.containers.len() > MAX_CONTAINERS
                && let Some((oldest, _)) = entry.containers.pop_front()
            {
                self.by_container.remove(&oldest);
                left_out += 1;
            }
        }
        if news.gone {
            self.goes(&uid);
        } else if std::mem::replace(&mut entry.gone, false) {
            self.gone.retain(|gone| *gone != uid);
        }
        (0, left_out)
    }

    /// These are all that there are.
    pub(super) fn only(&mut self, uids: &HashSet<String>) {
        let living = self.by_uid.iter().filter(|(uid, entry)| !entry.gone && !uids.contains(*uid));
        let went: Vec<_> = living.map(|(uid, _)| uid.clone()).collect();
        went.iter().for_each(|uid| self.goes(uid));
    }

    /// How many live.
    pub(super) fn living(&self) -> usize {
        self.by_uid.len() - self.gone.len()
    }

    /// Whether a pod around this has still to be told of; or this container of it, if nobody else names it.
    pub(super) fn lack(&self, identity: &Identity<'_>, named: bool) -> bool {
        let found = self.around(identity).map(|entry| named || entry.container(identity).is_some());
        identity.pod_uid.is_some() && !found.unwrap_or(false)
    }

    /// Whether the pod around this is known, and its namespace is not.
    pub(super) fn lack_namespace(&self, identity: &Identity<'_>) -> bool {
        self.around(identity).is_some_and(|entry| entry.pod.of_namespace.is_none())
    }

    /// What a runtime said, with what is said of its pod beside it.
    pub(super) fn complete(&self, identity: &Identity<'_>, said: &Arc<Details>) -> Arc<Details> {
        let Some(entry) = self.around(identity) else { return Arc::clone(said) };
        let container = entry.container(identity);
        let restarts = container.and_then(|container| container.restarts).or(said.restarts);
        let image_id = said.image_id.clone().or_else(|| container?.image_id.clone());
        let pod = entry.pod_after(said);
        let same_pod = said.pod.as_ref().is_some_and(|said| Arc::ptr_eq(said, &pod));
        if same_pod && said.restarts == restarts && said.image_id == image_id {
            return Arc::clone(said);
        }
        let mut details = Details { image_id, ..(**said).clone() };
        let (told, sandbox) = (entry.names(container), details.sandbox);
        let names = details.kubernetes.get_or_insert_default();
        names.namespace = names.namespace.take().or(told.namespace);
        names.pod = names.pod.take().or(told.pod);
        names.container = names.container.take().or(told.container.filter(|_| !sandbox));
        details.image = details.image.or_else(|| container?.image.clone());
        (details.pod, details.restarts) = (Some(pod), restarts);
        Arc::new(details)
    }

    /// How a container is.
    pub(super) fn status(&self, identity: &Identity<'_>) -> Option<Status> {
        Some(self.around(identity)?.container(identity)?.status.clone())
    }

    /// What is said of a pod, or of a container of it that no runtime speaks of. With `nameless` also where the container is
    /// none of those that are known: a pause container, in the end.
    pub(super) fn alone(&self, identity: &Identity<'_>, nameless: bool) -> Option<Arc<Details>> {
        let entry = self.around(identity)?;
        let container = entry.container(identity);
        let known = container.is_some() || identity.kind == Kind::Pod || nameless;
        known.then(|| {
            Arc::new(Details {
                runtime: container.and_then(|container| container.runtime),
                image: container.and_then(|container| container.image.clone()),
                image_id: container.and_then(|container| container.image_id.clone()),
                kubernetes: Some(entry.names(container)),
                restarts: container.and_then(|container| container.restarts),
                pod: Some(Arc::clone(&entry.pod)),
                ..Details::default()
            })
        })
    }

    /// The pod that a container is one of, and how often others of its name ended there before it, if that is known.
    pub(super) fn pod_of(&self, identity: &Identity<'_>, named: bool) -> Option<(Arc<Pod>, Option<u32>)> {
        let entry = self.around(identity)?;
        let container = entry.container(identity);
        let restarts = container.and_then(|container| container.restarts);
        (named || container.is_some()).then(|| (Arc::clone(&entry.pod), restarts))
    }

    /// The addresses of the pod whose cgroup this is, while it lives.
    pub(super) fn addresses(&self, identity: &Identity<'_>) -> Option<Arc<Pod>> {
        let entry = self.around(identity).filter(|entry| identity.kind == Kind::Pod && !entry.gone)?;
        Some(Arc::clone(&entry.pod))
    }

    /// The pod around an owner. Whoever may make cgroups could borrow another container's id: what lies in a user's
    /// slice or in another container is not looked for.
    fn around(&self, identity: &Identity<'_>) -> Option<&Entry> {
        if identity.nested || identity.owner.starts_with("/user.slice/") {
            return None;
        }
        let uid = match identity.pod_uid.as_deref() {
            Some(uid) => self.by_hash.get(uid).map_or(uid, String::as_str),
            None => self.by_container.get(identity.container_id.as_deref()?)?,
        };
        self.by_uid.get(uid)
    }

    /// Anybody may write the annotation that static pods have: so it counts only in the shape that no other UID has, and for
    /// the first.
    fn may_have(&self, uid: &str, hash: &str) -> bool {
        let holder = self.by_hash.get(hash).filter(|holder| *holder != uid);
        let held = holder.and_then(|holder| self.by_uid.get(holder)).is_some_and(|entry| !entry.gone);
        !held && component::is_pod_uid(hash) && !hash.contains(['-', '_'])
    }

    fn goes(&mut self, uid: &str) {
        let Some(entry) = self.by_uid.get_mut(uid) else { return };
        if !std::mem::replace(&mut entry.gone, true) {
            self.gone.push_back(uid.to_owned());
        }
        if self.gone.len() > MAX_GONE
            && let Some(oldest) = self.gone.pop_front()
        {
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, uid: &str) {
        let Some(entry) = self.by_uid.remove(uid) else { return };
        for (id, _) in &entry.containers {
            if self.by_container.get(id).is_some_and(|holder| holder == uid) {
                self.by_container.remove(id);
            }
        }
        if let Some(hash) = entry.config_hash
            && self.by_hash.get(&hash).is_some_and(|holder| holder == uid)
        {
            self.by_hash.remove(&hash);
        }
    }
}

impl Entry {
    fn container(&self, identity: &Identity<'_>) -> Option<&PodContainer> {
        let id = identity.container_id.as_deref().filter(|_| identity.kind == Kind::Container)?;
        self.containers.iter().find(|(known, _)| known == id).map(|(_, container)| container)
    }

    /// The pod as a row has it that was told this of it: what it was called stays, and what was not known of its namespace is added.
    fn pod_after(&self, said: &Details) -> Arc<Pod> {
        match said.pod.as_ref().filter(|_| said.has_whole_pod()) {
            Some(pod) if pod.of_namespace.is_none() && self.pod.of_namespace.is_some() => {
                Arc::new(Pod { of_namespace: self.pod.of_namespace.clone(), ..(**pod).clone() })
            }
            Some(pod) => Arc::clone(pod),
            None => Arc::clone(&self.pod),
        }
    }

    fn names(&self, container: Option<&PodContainer>) -> Kubernetes {
        Kubernetes {
            container: container.map(|container| container.name.clone()),
            pod: Some(self.pod.name.clone()),
            namespace: Some(self.pod.namespace.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
