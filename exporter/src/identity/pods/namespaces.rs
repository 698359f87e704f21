//! What is said of namespaces, and of which of a node's pods it is said. Where no rule names one there are none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Pods;
use crate::identity::Metadata;

/// The namespaces of a cluster, by name.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    known: HashMap<String, Arc<Metadata>>,
    /// What their labels and annotations take.
    bytes: usize,
}

/// Namespaces of a cluster.
const MAX_NAMESPACES: usize = 10_000;
/// Their labels and annotations together, in bytes; those of one have the bound that a container's have.
const MAX_BYTES: usize = 16 << 20;

impl Namespaces {
    /// Its labels and annotations.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Metadata>> {
        self.known.get(name)
    }

    fn keep(&mut self, name: &str, metadata: &Arc<Metadata>) -> bool {
        self.forget(name);
        if self.known.len() >= MAX_NAMESPACES || self.bytes + metadata.bytes() > MAX_BYTES {
            return false;
        }
        self.bytes += metadata.bytes();
        self.known.insert(name.to_owned(), Arc::clone(metadata));
        true
    }

    fn forget(&mut self, name: &str) {
        self.bytes -= self.known.remove(name).map_or(0, |was| was.bytes());
    }
}

impl Pods {
    /// Takes in what is new of a namespace; whether there was room for it, and whether a pod is of it that lacked it.
    pub(in crate::identity) fn tell_namespace(&mut self, name: &str, metadata: Metadata) -> (bool, bool) {
        let metadata = Arc::new(metadata);
        if !self.namespaces.keep(name, &metadata) {
            return (false, false);
        }
        let mut lacked = false;
        for entry in self.by_uid.values_mut().filter(|entry| entry.pod.namespace == name) {
            lacked |= entry.pod.of_namespace.is_none();
            Arc::make_mut(&mut entry.pod).of_namespace = Some(Arc::clone(&metadata));
        }
        (true, lacked)
    }

    /// A namespace is no more. Its pods keep what they have of it.
    pub(in crate::identity) fn forget_namespace(&mut self, name: &str) {
        self.namespaces.forget(name);
    }

    /// There are no namespaces but these.
    pub(in crate::identity) fn only_namespaces(&mut self, names: &HashSet<String>) {
        let gone: Vec<_> =
            self.namespaces.known.keys().filter(|name| !names.contains(*name)).cloned().collect();
        gone.iter().for_each(|name| self.namespaces.forget(name));
    }
}

#[cfg(test)]
mod tests;
