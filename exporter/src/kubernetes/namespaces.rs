//! The labels and annotations of namespaces, by their metadata alone, and only while a rule needs them.

use std::collections::HashSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;

use super::metrics::{LeftOut, Whole};
use super::whole::{Followed, With, keep_following};
use crate::identity::{Directory, Metadata, Origin};

/// A namespace: nothing but its metadata is asked for.
pub type NamespaceObject = PartialObjectMeta<Namespace>;

/// The name of a namespace, and its labels and annotations; `None` for what has no name.
pub fn of_namespace(object: &NamespaceObject) -> Option<(&str, Metadata)> {
    let name = object.metadata.name.as_deref().filter(|name| !name.is_empty())?;
    let mut metadata = Metadata::default();
    metadata.extend(Origin::NamespaceLabel, object.metadata.labels.iter().flatten());
    metadata.extend(Origin::NamespaceAnnotation, object.metadata.annotations.iter().flatten());
    Some((name, metadata))
}

struct Namespaces;

/// Follows them whenever a rule of the configuration needs them.
pub(super) async fn follow(with: With<'_>) {
    let mut needed = with.directory.needs_namespaces();
    loop {
        if needed.wait_for(|needed| *needed).await.is_err() {
            return;
        }
        tokio::select! {
            never = keep_following::<Namespaces>(with) => match never {},
            _ = needed.wait_for(|needed| !needed) => {}
        }
        with.directory.follows_namespaces(false);
        with.metrics.follows(Whole::Namespaces, None);
    }
}

impl Followed for Namespaces {
    type Object = NamespaceObject;
    type Key = String;
    const WHAT: Whole = Whole::Namespaces;
    const LEFT_OUT: LeftOut = LeftOut::Namespaces;

    fn key(object: &NamespaceObject) -> Option<String> {
        object.metadata.name.clone().filter(|name| !name.is_empty())
    }

    fn tell(directory: &Directory, object: &NamespaceObject) -> bool {
        of_namespace(object).is_none_or(|(name, metadata)| directory.tell_namespace(name, metadata))
    }

    fn forget(directory: &Directory, key: &String) {
        directory.forget_namespace(key);
    }

    fn only(directory: &Directory, keys: &HashSet<String>) {
        directory.only_namespaces(keys);
    }

    fn follows(directory: &Directory, followed: bool) {
        directory.follows_namespaces(followed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<(String, Vec<(String, String)>)> {
        let object: NamespaceObject = serde_json::from_str(text).expect("valid");
        let (name, metadata) = of_namespace(&object)?;
        let origins = [Origin::NamespaceLabel, Origin::NamespaceAnnotation];
        let pairs = origins.into_iter().flat_map(|origin| metadata.starting_with(origin, ""));
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Some((name.to_owned(), pairs))
    }

    #[test]
    fn its_metadata_and_nothing_else() {
        let text = r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"shop",
            "labels":{"team":"a"},"annotations":{"cost":"7"}},"spec":{"finalizers":["kubernetes"]}}"#;
        let pairs = [("team", "a"), ("cost", "7")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(said(text), Some(("shop".to_owned(), pairs.to_vec())));
        assert_eq!(said(r#"{"metadata":{"name":"bare","labels":null}}"#), Some(("bare".to_owned(), vec![])));
        assert_eq!(said(r#"{"metadata":{"labels":{"team":"a"}}}"#), None);
        assert_eq!(said("{}"), None);
    }
}
