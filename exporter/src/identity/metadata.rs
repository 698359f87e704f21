//! Labels and annotations that somebody gave a container, by where they were found.
//!
//! Anyone who may start containers chooses them, so how many and how long they are has a bound.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::labels::{MAX_VALUE, bounded};

/// Where a label or an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A label of the container: of Docker, with those of its image.
    ContainerLabel,
    /// An annotation of the container, in the OCI configuration that its runtime made.
    ContainerAnnotation,
    /// A label of the pod.
    PodLabel,
    /// An annotation of the pod.
    PodAnnotation,
    /// A label of the pod's namespace.
    NamespaceLabel,
    /// An annotation of the pod's namespace.
    NamespaceAnnotation,
}

/// What a row was given: of its own, of its pod, and of its namespace.
#[derive(Clone, Copy, Debug)]
pub struct Given<'m> {
    /// Of its own.
    pub own: &'m Metadata,
    /// Of its pod.
    pub pod: &'m Metadata,
    /// Of its pod's namespace.
    pub namespace: &'m Metadata,
}

/// What one container was given. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    sets: [BTreeMap<Box<str>, Box<str>>; Origin::ALL.len()],
    bytes: usize,
    left_out: u64,
}

/// Keys and values of a container together, in bytes; beyond it they are left out.
const MAX_BYTES: usize = 16 << 10;
/// The longest key: Kubernetes allows 253 bytes before the `/` and 63 behind it.
const MAX_KEY: usize = 317;

impl Origin {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ContainerLabel,
        Self::ContainerAnnotation,
        Self::PodLabel,
        Self::PodAnnotation,
        Self::NamespaceLabel,
        Self::NamespaceAnnotation,
    ];

    /// Its name in the configuration file, and before the keys in `container_info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContainerLabel => "container_label",
            Self::ContainerAnnotation => "container_annotation",
            Self::PodLabel => "pod_label",
            Self::PodAnnotation => "pod_annotation",
            Self::NamespaceLabel => "namespace_label",
            Self::NamespaceAnnotation => "namespace_annotation",
        }
    }

    /// Kubernetes and its tools keep whole documents in annotations, so they are shown only if asked for.
    pub(super) const fn is_annotation(self) -> bool {
        matches!(self, Self::ContainerAnnotation | Self::PodAnnotation | Self::NamespaceAnnotation)
    }

    /// Only the API server knows it, and it is asked for it only if a rule names it.
    pub(super) const fn is_of_namespace(self) -> bool {
        matches!(self, Self::NamespaceLabel | Self::NamespaceAnnotation)
    }
}

impl<'m> Given<'m> {
    /// The value of a key.
    pub fn get(&self, origin: Origin, key: &str) -> Option<&'m str> {
        self.at(origin).get(origin, key)
    }

    /// Those whose keys begin with `prefix`, by key.
    pub fn starting_with(
        &self,
        origin: Origin,
        prefix: &'m str,
    ) -> impl Iterator<Item = (&'m str, &'m str)> + use<'m> {
        self.at(origin).starting_with(origin, prefix)
    }

    const fn at(&self, origin: Origin) -> &'m Metadata {
        match origin {
            Origin::ContainerLabel | Origin::ContainerAnnotation => self.own,
            Origin::PodLabel | Origin::PodAnnotation => self.pod,
            Origin::NamespaceLabel | Origin::NamespaceAnnotation => self.namespace,
        }
    }
}

impl Metadata {
    /// Takes in pairs in their order, as far as there is room. A value is cut at the length a label may have.
    pub fn extend<K, V>(&mut self, origin: Origin, pairs: impl IntoIterator<Item = (K, V)>)
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), bounded(value.as_ref(), MAX_VALUE));
            let bytes = key.len() + value.len();
            if key.len() > MAX_KEY || self.bytes + bytes > MAX_BYTES {
                self.left_out += 1;
                continue;
            }
            self.bytes += bytes;
            self.sets[origin as usize].insert(key.into(), value.into());
        }
    }

    /// Takes in what another has under keys that there are none of here, as far as there is room.
    pub fn extend_with_missing(&mut self, other: &Self) {
        for origin in Origin::ALL {
            for (key, value) in other.starting_with(origin, "") {
                if self.get(origin, key).is_none() {
                    self.extend(origin, [(key, value)]);
                }
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, origin: Origin, key: &str) -> Option<&str> {
        self.sets[origin as usize].get(key).map(|value| &**value)
    }

    /// Those whose keys begin with `prefix`, by key.
    pub fn starting_with<'m>(
        &'m self,
        origin: Origin,
        prefix: &'m str,
    ) -> impl Iterator<Item = (&'m str, &'m str)> {
        let from = self.sets[origin as usize].range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.map(|(key, value)| (&**key, &**value)).take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// What its keys and values take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many there was no room for.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::Origin::{ContainerAnnotation, ContainerLabel};
    use super::*;

    #[test]
    fn by_key_and_by_prefix() {
        let mut metadata = Metadata::default();
        metadata.extend(ContainerLabel, [("a.b", "1"), ("a.c", "2"), ("b", "3")]);
        metadata.extend(ContainerAnnotation, [("a.b", "4")]);
        assert_eq!(metadata.get(ContainerLabel, "a.b"), Some("1"));
        assert_eq!(metadata.get(ContainerAnnotation, "a.b"), Some("4"));
        assert_eq!(metadata.get(ContainerAnnotation, "b"), None);
        let of = |prefix| metadata.starting_with(ContainerLabel, prefix).collect::<Vec<_>>();
        assert_eq!(of("a."), [("a.b", "1"), ("a.c", "2")]);
        assert_eq!(of("").len(), 3);
        assert_eq!(of("c"), []);
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut metadata = Metadata::default();
        metadata.extend(ContainerLabel, [("k".repeat(318), "v")]);
        assert_eq!(metadata.left_out(), 1, "a key that long is none");
        metadata.extend(ContainerLabel, [("k", "v".repeat(1000))]);
        assert_eq!(metadata.get(ContainerLabel, "k"), Some(&*"v".repeat(256)));
        let many = (0..100).map(|at| (format!("{at:044}"), "v".repeat(256)));
        metadata.extend(ContainerLabel, many);
        // 16,384 bytes hold the 257 of the first and 53 times 300.
        assert_eq!((metadata.left_out(), metadata.starting_with(ContainerLabel, "0").count()), (48, 53));
    }
}
