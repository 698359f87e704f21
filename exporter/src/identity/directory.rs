//! What runtimes said of containers, by the containers' ids, until somebody wants to know.
//!
//! Runtimes speak of a container before its cgroup is there and after it is gone, so what was said stays for a while.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pods::{Pod, PodNews, Pods};
use super::state::Details;
use super::{Identity, Runtime};

/// The table; one for all runtimes.
#[derive(Debug, Default)]
pub struct Directory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<String, Arc<Details>>,
    /// The ids in the order they came.
    order: VecDeque<String>,
    /// Ids of which something new was said.
    fresh: Vec<String>,
    /// Runtimes that are followed just now.
    followed: HashSet<Runtime>,
    pods: Pods,
    /// Something new was said of pods.
    fresh_pods: bool,
    /// The API server is followed just now.
    follows_kubernetes: bool,
}

/// Containers; beyond it those that were told first go. One whose cgroup is there has its labels by then.
const MAX_KNOWN: usize = 8192;

impl Directory {
    /// A runtime says this of a container.
    pub fn tell(&self, id: String, details: Details) {
        let mut inner = self.lock();
        if inner.known.insert(id.clone(), Arc::new(details)).is_none() {
            inner.order.push_back(id.clone());
            if inner.order.len() > MAX_KNOWN
                && let Some(oldest) = inner.order.pop_front()
            {
                inner.known.remove(&oldest);
            }
        }
        if inner.fresh.len() < MAX_KNOWN {
            inner.fresh.push(id);
        }
    }

    /// A runtime is followed from now on, or no longer.
    pub fn follows(&self, runtime: Runtime, followed: bool) {
        let mut inner = self.lock();
        if followed {
            inner.followed.insert(runtime);
        } else {
            inner.followed.remove(&runtime);
        }
    }

    /// Whether a runtime's word is to be waited for.
    pub fn is_followed(&self, runtime: Runtime) -> bool {
        self.lock().followed.contains(&runtime)
    }

    /// What is known of a container.
    pub fn get(&self, id: &str) -> Option<Arc<Details>> {
        self.lock().known.get(id).cloned()
    }

    /// What was said since the last call.
    pub fn fresh(&self) -> HashMap<String, Arc<Details>> {
        let mut inner = self.lock();
        let fresh = std::mem::take(&mut inner.fresh);
        fresh
            .into_iter()
            .filter_map(|id| inner.known.get(&id).cloned().map(|details| (id, details)))
            .collect()
    }

    /// Kubernetes says this of a pod; how many pods and containers there was no room for.
    pub fn tell_pod(&self, news: PodNews) -> (u64, u64) {
        let mut inner = self.lock();
        inner.fresh_pods = true;
        inner.pods.tell(news)
    }

    /// There are no pods but these.
    pub fn only_pods(&self, uids: &HashSet<String>) {
        self.lock().pods.only(uids);
    }

    /// How many pods live.
    pub fn living_pods(&self) -> usize {
        self.lock().pods.living()
    }

    /// The API server is followed from now on, or no longer.
    pub fn follows_kubernetes(&self, followed: bool) {
        self.lock().follows_kubernetes = followed;
    }

    /// Whether something was said of pods since the last call.
    pub fn fresh_pods(&self) -> bool {
        std::mem::take(&mut self.lock().fresh_pods)
    }

    /// Whether more than a state directory said is to be waited for: of its runtime, or of Kubernetes.
    pub fn has_more(&self, identity: &Identity<'_>, said: &Details) -> bool {
        let inner = self.lock();
        let of_pod = inner.follows_kubernetes && inner.pods.lack(identity, said.kubernetes.is_some());
        of_pod || said.runtime.is_some_and(|runtime| inner.followed.contains(&runtime))
    }

    /// What a runtime said, with what Kubernetes said of the pod.
    pub fn complete(&self, identity: &Identity<'_>, said: &Arc<Details>) -> Arc<Details> {
        self.lock().pods.complete(identity, said)
    }

    /// What Kubernetes alone says of a pod or a container. With `nameless`, while it is followed, its pod at least, if the
    /// container is none of those it speaks of.
    pub fn by_kubernetes(&self, identity: &Identity<'_>, nameless: bool) -> Option<Arc<Details>> {
        let inner = self.lock();
        inner.pods.alone(identity, nameless && inner.follows_kubernetes)
    }

    /// The pod that a container is one of, by what it is called (`named`) or by its id; and how often containers of its name
    /// ended there before it.
    pub fn pod_of(&self, identity: &Identity<'_>, named: bool) -> Option<(Arc<Pod>, Option<u32>)> {
        self.lock().pods.pod_of(identity, named)
    }

    /// The addresses that are a row's own: of a pod by its cgroup, for all its containers; of a container outside pods, as its
    /// runtime says.
    pub fn addresses(&self, identity: &Identity<'_>) -> Vec<IpAddr> {
        let inner = self.lock();
        if let Some(pod) = inner.pods.addresses(identity) {
            return pod.addresses.clone();
        }
        let id = identity.container_id.as_deref().filter(|_| identity.pod_uid.is_none());
        let said = id.and_then(|id| inner.known.get(id)).and_then(|said| identity.believes(said));
        said.map(|said| said.addresses.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Details {
        Details { name: Some(name.to_owned()), ..Details::default() }
    }

    #[test]
    fn what_is_new_is_told_once_and_stays_known() {
        let directory = Directory::default();
        directory.tell("a".into(), named("first"));
        directory.tell("a".into(), named("second"));
        assert_eq!(directory.fresh(), HashMap::from([("a".into(), Arc::new(named("second")))]));
        assert_eq!(directory.fresh(), HashMap::new());
        assert_eq!(directory.get("a"), Some(Arc::new(named("second"))));
        assert_eq!(directory.get("b"), None);
    }

    #[test]
    fn the_first_told_go_first() {
        let directory = Directory::default();
        for at in 0..=MAX_KNOWN {
            directory.tell(at.to_string(), named("x"));
        }
        assert_eq!((directory.get("0"), directory.get("1").is_some()), (None, true));
        assert_eq!(directory.fresh().len(), MAX_KNOWN - 1, "of those still known");
    }

    #[test]
    fn who_is_followed() {
        let directory = Directory::default();
        directory.follows(Runtime::Podman, true);
        assert_eq!([Runtime::Podman, Runtime::Docker].map(|r| directory.is_followed(r)), [true, false]);
        directory.follows(Runtime::Podman, false);
        assert!(!directory.is_followed(Runtime::Podman));
    }
}
