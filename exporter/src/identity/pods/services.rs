//! Which services select which of a node's pods: found when something is said of either, so that a scrape only reads it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Entry, Pod, Pods};
use crate::identity::{Identity, Kind, Origin};

/// A service's namespace and name.
pub type ServiceKey = (String, String);

/// What the labels of a pod must be for a service to select it: all of these, by key.
pub type Selector = BTreeMap<String, String>;

/// The services of a cluster that select pods, by namespace and name.
#[derive(Debug, Default)]
pub(super) struct Services {
    by_namespace: HashMap<String, BTreeMap<Arc<str>, Selector>>,
    count: usize,
    /// Services of pods that there was no room for, until they are counted.
    left_out: u64,
}

/// The services of a pod.
#[derive(Debug, Default)]
pub(super) struct Selected {
    /// By name, at most [`MAX_SERVICES_OF_POD`].
    names: Vec<Arc<str>>,
    /// How many more there are.
    beyond: u64,
}

/// Services of a cluster.
const MAX_SERVICES: usize = 10_000;
/// A selector, in bytes.
const MAX_SELECTOR: usize = 4096;
/// Services that select one pod.
const MAX_SERVICES_OF_POD: usize = 16;

impl Services {
    /// Those that select a pod.
    pub(super) fn of(&self, pod: &Pod) -> Selected {
        let all = self.by_namespace.get(&pod.namespace).into_iter().flatten();
        let mut names: Vec<_> =
            all.filter(|(_, selector)| selects(selector, pod)).map(|(name, _)| Arc::clone(name)).collect();
        let beyond = names.len().saturating_sub(MAX_SERVICES_OF_POD) as u64;
        names.truncate(MAX_SERVICES_OF_POD);
        Selected { names, beyond }
    }

    /// Puts what was found of a pod in place of what was there.
    pub(super) fn put(&mut self, before: &mut Selected, found: Selected) {
        self.left_out += found.beyond.saturating_sub(before.beyond);
        *before = found;
    }

    fn get(&self, namespace: &str, name: &str) -> Option<&Selector> {
        self.by_namespace.get(namespace)?.get(name)
    }

    /// Whether there was room for it.
    fn keep(&mut self, key: &ServiceKey, selector: Selector) -> bool {
        let bytes: usize = selector.iter().map(|(key, value)| key.len() + value.len()).sum();
        let known = self.get(&key.0, &key.1).is_some();
        if bytes > MAX_SELECTOR || (!known && self.count >= MAX_SERVICES) {
            return false;
        }
        self.count += usize::from(!known);
        self.by_namespace.entry(key.0.clone()).or_default().insert(key.1.as_str().into(), selector);
        true
    }

    fn remove(&mut self, key: &ServiceKey) -> Option<Selector> {
        let of_namespace = self.by_namespace.get_mut(&key.0)?;
        let removed = of_namespace.remove(key.1.as_str())?;
        self.count -= 1;
        if of_namespace.is_empty() {
            self.by_namespace.remove(&key.0);
        }
        Some(removed)
    }
}

impl Selected {
    /// One more; whether there was room for it.
    fn add(&mut self, name: &str) -> bool {
        let Err(at) = self.names.binary_search_by(|known| (**known).cmp(name)) else { return true };
        let room = self.names.len() < MAX_SERVICES_OF_POD;
        if room {
            self.names.insert(at, name.into());
        } else {
            self.beyond += 1;
        }
        room
    }
}

impl Pods {
    /// Takes in what is new of a service; without a selector it selects nobody. Whether there was room for it.
    pub(in crate::identity) fn tell_service(&mut self, key: &ServiceKey, selector: Option<Selector>) -> bool {
        let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
            self.forget_service(key);
            return true;
        };
        let before = self.services.get(&key.0, &key.1).cloned();
        if before.as_ref() == Some(&selector) {
            return true;
        }
        if !self.services.keep(key, selector.clone()) {
            self.forget_service(key);
            return false;
        }
        for entry in self.by_uid.values_mut().filter(|entry| entry.pod.namespace == key.0) {
            let was = before.as_ref().is_some_and(|before| selects(before, &entry.pod));
            match (was, selects(&selector, &entry.pod)) {
                (false, true) => self.services.left_out += u64::from(!entry.selected.add(&key.1)),
                (true, false) => {
                    let found = self.services.of(&entry.pod);
                    self.services.put(&mut entry.selected, found);
                }
                (true, true) | (false, false) => {}
            }
        }
        true
    }

    /// A service is no more.
    pub(in crate::identity) fn forget_service(&mut self, key: &ServiceKey) {
        let Some(selector) = self.services.remove(key) else { return };
        let of_namespace = |entry: &&mut Entry| entry.pod.namespace == key.0;
        for entry in self.by_uid.values_mut().filter(of_namespace) {
            if selects(&selector, &entry.pod) {
                let found = self.services.of(&entry.pod);
                self.services.put(&mut entry.selected, found);
            }
        }
    }

    /// There are no services but these.
    pub(in crate::identity) fn only_services(&mut self, keys: &HashSet<ServiceKey>) {
        let all = self.services.by_namespace.iter();
        let all = all.flat_map(|(namespace, of)| of.keys().map(|name| (namespace.clone(), name.to_string())));
        let gone: Vec<ServiceKey> = all.filter(|key| !keys.contains(key)).collect();
        gone.iter().for_each(|key| self.forget_service(key));
    }

    /// The services that select the pod whose cgroup this is, while it lives.
    pub(in crate::identity) fn services(&self, identity: &Identity<'_>) -> Vec<Arc<str>> {
        let entry = self.around(identity).filter(|entry| identity.kind == Kind::Pod && !entry.gone);
        entry.map(|entry| entry.selected.names.clone()).unwrap_or_default()
    }

    /// How many services of pods there was no room for since the last call.
    pub(in crate::identity) fn services_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.services.left_out)
    }
}

fn selects(selector: &Selector, pod: &Pod) -> bool {
    selector.iter().all(|(key, value)| pod.metadata.get(Origin::PodLabel, key) == Some(value.as_str()))
}

#[cfg(test)]
mod tests;
