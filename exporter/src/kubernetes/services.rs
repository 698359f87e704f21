//! Services, if they are asked for: which pods they select is known by their selectors.

use std::borrow::Cow;
use std::collections::HashSet;
use std::convert::Infallible;

use kube::Resource;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;

use super::metrics::{LeftOut, Whole};
use super::owners::is_name;
use super::whole::{Followed, With, keep_following};
use crate::identity::{Directory, Selector, ServiceKey};

/// A service, as far as it is of use here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ServiceObject {
    /// Its names.
    #[serde(default)]
    pub metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(rename = "type")]
    kind: Option<String>,
    selector: Option<Selector>,
}

impl Resource for ServiceObject {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Service".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "services".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl ServiceObject {
    /// Its namespace and name; `None` for what has none, or such as no service may have.
    pub fn key(&self) -> Option<ServiceKey> {
        let (namespace, name) = (self.metadata.namespace.as_deref()?, self.metadata.name.as_deref()?);
        (is_name(namespace) && is_name(name)).then(|| (namespace.to_owned(), name.to_owned()))
    }

    /// What pods it selects; one that is only a name for another place selects none, whatever it says.
    pub fn selector(&self) -> Option<Selector> {
        let external = self.spec.kind.as_deref() == Some("ExternalName");
        self.spec.selector.clone().filter(|selector| !external && !selector.is_empty())
    }
}

struct Services;

/// Follows them until it is dropped.
pub(super) async fn follow(with: With<'_>) -> Infallible {
    keep_following::<Services>(with).await
}

impl Followed for Services {
    type Object = ServiceObject;
    type Key = ServiceKey;
    const WHAT: Whole = Whole::Services;
    const LEFT_OUT: LeftOut = LeftOut::Services;

    fn key(object: &ServiceObject) -> Option<ServiceKey> {
        object.key()
    }

    fn tell(directory: &Directory, object: &ServiceObject) -> bool {
        object.key().is_none_or(|key| directory.tell_service(&key, object.selector()))
    }

    fn forget(directory: &Directory, key: &ServiceKey) {
        directory.forget_service(key);
    }

    fn only(directory: &Directory, keys: &HashSet<ServiceKey>) {
        directory.only_services(keys);
    }

    /// What was known of them stays: nothing waits for them.
    fn follows(_: &Directory, _: bool) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Option<ServiceKey>, Option<Vec<(String, String)>>) {
        let object: ServiceObject = serde_json::from_str(text).expect("valid");
        (object.key(), object.selector().map(|selector| selector.into_iter().collect()))
    }

    #[test]
    fn names_and_selector() {
        let key = |namespace: &str, name: &str| Some((namespace.to_owned(), name.to_owned()));
        let recorded = r#"{"metadata":{"name":"web","namespace":"shop"},"spec":{"ports":[{"port":80}],
            "selector":{"app":"web","version":"3"},"clusterIP":"10.96.0.110","type":"ClusterIP"}}"#;
        let pairs = [("app", "web"), ("version", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(said(recorded), (key("shop", "web"), Some(pairs.to_vec())));
        assert_eq!(said(&recorded.replace("ClusterIP", "ExternalName")), (key("shop", "web"), None));
        for spec in ["{}", r#"{"selector":null}"#, r#"{"selector":{}}"#] {
            let text =
                format!(r#"{{"metadata":{{"name":"kubernetes","namespace":"default"}},"spec":{spec}}}"#);
            assert_eq!(said(&text), (key("default", "kubernetes"), None), "{spec}");
        }
        for names in [r#""name":"web""#, r#""namespace":"shop""#, r#""name":"a b","namespace":"shop""#] {
            assert_eq!(said(&format!(r#"{{"metadata":{{{names}}}}}"#)), (None, None), "{names}");
        }
    }
}
