//! From what is known of a row to its labels as they are served: the base labels, the user's own, and what
//! `container_info` has beside them.

use std::collections::BTreeMap;

use super::labels::{MAX_VALUE, bounded};
use super::metadata::{Given, Metadata, Origin};
use super::state::Details;
use super::tags::{Collision, Rules, mend};
use super::{Identity, Kind, Labels};
use crate::exposition::render_labels;

/// What the configuration says of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelling {
    /// Labels of every series of a row.
    pub rules: Rules,
    /// What `container_info` has.
    pub info: Info,
}

/// What `container_info` has of a container's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Labels made of metadata, at most.
    pub max_labels: usize,
    /// Annotations too.
    pub annotations: bool,
}

/// A row's labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Of all its series, as they stand between the braces.
    pub labels: String,
    /// What its `container_info` has beside them; `None` for what is neither a container nor a pod.
    pub info: Option<String>,
    /// Keys that came out as one name.
    pub collisions: Vec<Collision>,
    /// How many labels there was no room for.
    pub left_out: u64,
}

/// The labels of `container_info` that are always meant the same.
pub const INFO_LABELS: [&str; 6] = ["container_id", "image_id", "pod_uid", "qos", "restart_count", "runtime"];

impl Default for Info {
    fn default() -> Self {
        Self { max_labels: 32, annotations: false }
    }
}

impl Labelling {
    /// The labels of an owner.
    pub fn render(&self, identity: &Identity<'_>, details: Option<&Details>) -> Rendered {
        let none = Metadata::default();
        // A pod is named by one of its containers, whose own labels are none of the pod's.
        let own = match identity.kind {
            Kind::Container => details.map_or(&none, |details| &details.metadata),
            _ => &none,
        };
        let pod = match identity.kind {
            Kind::Container | Kind::Pod => details.and_then(|details| details.pod.as_deref()),
            _ => None,
        };
        let given = Given {
            own,
            pod: pod.map_or(&none, |pod| &pod.metadata),
            namespace: pod.and_then(|pod| pod.of_namespace.as_deref()).unwrap_or(&none),
        };
        let base = Labels::new(identity, details);
        let tags = self.rules.apply(&base, given);
        let mut rendered = Rendered {
            labels: base.render(),
            info: None,
            collisions: tags.collisions,
            left_out: tags.left_out + own.left_out(),
        };
        if !tags.labels.is_empty() {
            rendered.labels.push(',');
            rendered.labels.push_str(&render(&tags.labels));
        }
        if matches!(identity.kind, Kind::Container | Kind::Pod) {
            let mut info = facts(identity, details);
            info.retain(|name, _| !tags.labels.contains_key(name));
            let room = info.len() + self.info.max_labels;
            for origin in Origin::ALL.into_iter().filter(|origin| !origin.is_of_namespace()) {
                if self.info.annotations || !origin.is_annotation() {
                    add(&mut info, origin, given, &tags.labels, room, &mut rendered);
                }
            }
            rendered.info = Some(render(&info));
        }
        rendered
    }

    /// The labels of what has no owner; a rule's scope can only hold for its `id`.
    pub fn render_nobody(&self, id: &str) -> String {
        let identity = Identity {
            owner: id.into(),
            kind: Kind::Plain,
            runtime: None,
            container_id: None,
            pod_uid: None,
            qos: None,
            nested: false,
            helper: false,
        };
        self.render(&identity, None).labels
    }
}

fn render(labels: &BTreeMap<String, String>) -> String {
    render_labels(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// [`INFO_LABELS`], those that are known.
fn facts(identity: &Identity<'_>, details: Option<&Details>) -> BTreeMap<String, String> {
    let runtime = identity.runtime.or(details.and_then(|details| details.runtime));
    // A pod is named by one of its containers, which was restarted and it was not.
    let of_container = details.filter(|_| identity.kind == Kind::Container);
    let known = [
        identity.container_id.as_deref().map(str::to_owned),
        of_container.and_then(|details| details.image_id.as_deref()).map(|id| bounded(id, MAX_VALUE)),
        identity.pod_uid.as_deref().map(str::to_owned),
        identity.qos.map(|qos| qos.as_str().to_owned()),
        of_container.and_then(|details| details.restarts).map(|restarts| restarts.to_string()),
        runtime.map(|runtime| runtime.as_str().to_owned()),
    ];
    let pairs = INFO_LABELS.into_iter().zip(known);
    pairs.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Adds what one origin has, each under the origin's name and its own.
fn add(
    info: &mut BTreeMap<String, String>,
    origin: Origin,
    given: Given<'_>,
    tags: &BTreeMap<String, String>,
    room: usize,
    rendered: &mut Rendered,
) {
    let mut kept: BTreeMap<String, &str> = BTreeMap::new();
    for (key, value) in given.starting_with(origin, "").filter(|(_, value)| !value.is_empty()) {
        let label = mend(&format!("{}_{key}", origin.as_str()));
        if let Some(kept) = kept.get(&label) {
            let (kept, left) = ((*kept).to_owned(), key.to_owned());
            rendered.collisions.push(Collision { label, kept, left });
        } else if info.len() >= room {
            rendered.left_out += 1;
        } else if !tags.contains_key(&label) {
            kept.insert(label.clone(), key);
            info.insert(label, value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::tags::{Action, Rule, Scope};
    use crate::identity::{Pod, Runtime, classify};

    const ID: &str = "77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";

    fn details() -> Details {
        let mut details = Details { name: Some("web".to_owned()), ..Details::default() };
        let labels = [("a-b", "1"), ("a.b", "2"), ("app", "shop"), ("empty", "")];
        details.metadata.extend(Origin::ContainerLabel, labels);
        details.metadata.extend(Origin::ContainerAnnotation, [("note", "x")]);
        details
    }

    fn labelling() -> Labelling {
        let constant = Action::Constant { name: "env".to_owned(), value: "prod\"".to_owned() };
        let app = Action::Take { origin: Origin::ContainerLabel, key: "app".to_owned(), name: None };
        let rules = [constant, app].map(|action| Rule { action, scope: Scope::default() });
        Labelling { rules: Rules::new(rules.to_vec(), [""; 0]), ..Labelling::default() }
    }

    #[test]
    fn a_container_has_base_labels_its_own_and_info() {
        let path = format!("/system.slice/docker-{ID}.scope");
        let rendered = labelling().render(&classify(&path, 4), Some(&details()));
        assert_eq!(
            rendered.labels,
            format!(
                r#"container="",id="{path}",image="",name="web",namespace="",pod="",app="shop",env="prod\"""#
            )
        );
        assert_eq!(
            rendered.info,
            Some(format!(
                r#"container_id="{ID}",container_label_a_b="1",container_label_app="shop",runtime="docker""#
            ))
        );
        let collision =
            Collision { label: "container_label_a_b".into(), kept: "a-b".into(), left: "a.b".into() };
        assert_eq!((rendered.collisions, rendered.left_out), (vec![collision], 0));
    }

    #[test]
    fn a_pod_has_none_of_its_containers_labels_and_a_slice_no_info() {
        let uid = "c7ee4046-c890-41dc-ab99-f122526010d6";
        let pod =
            labelling().render(&classify(&format!("/kubepods/burstable/pod{uid}"), 4), Some(&details()));
        assert!(pod.labels.ends_with(r#",pod="",env="prod\"""#), "{}", pod.labels);
        assert_eq!(pod.info, Some(format!(r#"pod_uid="{uid}",qos="Burstable""#)));
        let slice = labelling().render(&classify("/system.slice", 4), None);
        assert_eq!(slice.info, None);
        let nobody = r#"container="",id="unattributed",image="",name="",namespace="",pod="",env="prod\"""#;
        assert_eq!(labelling().render_nobody("unattributed"), nobody);
    }

    #[test]
    fn the_labels_of_a_pod_are_on_its_own_row_and_on_those_of_its_containers() {
        let take = Action::Take { origin: Origin::PodLabel, key: "tier".to_owned(), name: None };
        let rules = vec![Rule { action: take, scope: Scope::default() }];
        let labelling = Labelling { rules: Rules::new(rules, [""; 0]), ..Labelling::default() };
        let mut pod = Pod::default();
        pod.metadata.extend(Origin::PodLabel, [("tier", "front"), ("version", "1")]);
        pod.metadata.extend(Origin::PodAnnotation, [("note", "x")]);
        let image_id = Some("web@sha256:1\n".to_owned());
        let details = Details { pod: Some(Arc::new(pod)), restarts: Some(2), image_id, ..details() };
        let uid = "c7ee4046-c890-41dc-ab99-f122526010d6";
        let path = format!("/kubepods/burstable/pod{uid}");
        let row = labelling.render(&classify(&path, 4), Some(&details));
        assert!(row.labels.ends_with(r#",pod="",tier="front""#), "{}", row.labels);
        let (pod, rest) = (r#"pod_label_tier="front",pod_label_version="1","#, r#"qos="Burstable","#);
        let info = format!(r#"{pod}pod_uid="{uid}",{rest}"#);
        assert_eq!(row.info.map(|info| format!("{info},")), Some(info));
        let container = labelling.render(&classify(&format!("{path}/{ID}"), 4), Some(&details));
        assert!(container.labels.ends_with(r#",pod="",tier="front""#), "{}", container.labels);
        assert!(
            container
                .info
                .as_ref()
                .is_some_and(|info| info.contains(pod) && info.contains(r#"restart_count="2""#))
        );
        let image = r#",image_id="web@sha256:1\\x0a",pod_label"#;
        assert!(container.info.is_some_and(|info| info.contains(image)));
    }

    #[test]
    fn the_labels_of_a_namespace_are_on_its_pods_and_their_containers_by_rules_alone() {
        let take = Action::Take { origin: Origin::NamespaceLabel, key: "team".to_owned(), name: None };
        let rules = vec![Rule { action: take, scope: Scope::default() }];
        let labelling = Labelling { rules: Rules::new(rules, [""; 0]), ..Labelling::default() };
        let mut metadata = Metadata::default();
        metadata.extend(Origin::NamespaceLabel, [("team", "a"), ("tier", "x")]);
        let pod = Pod { of_namespace: Some(Arc::new(metadata)), ..Pod::default() };
        let details = Details { pod: Some(Arc::new(pod)), ..Details::default() };
        let path = "/kubepods/burstable/podc7ee4046-c890-41dc-ab99-f122526010d6";
        for path in [path.to_owned(), format!("{path}/{ID}")] {
            let row = labelling.render(&classify(&path, 4), Some(&details));
            assert!(row.labels.ends_with(r#",pod="",team="a""#), "{}", row.labels);
            assert!(
                row.info.as_ref().is_some_and(|info| !info.contains("namespace_label")),
                "{:?}",
                row.info
            );
        }
        let slice = labelling.render(&classify("/system.slice", 4), Some(&details));
        assert!(slice.labels.ends_with(r#",pod="""#), "{}", slice.labels);
    }

    #[test]
    fn info_has_room_for_so_many_and_annotations_if_asked() {
        let path = format!("/docker/{ID}");
        let of = |max_labels, annotations| {
            let labelling = Labelling { info: Info { max_labels, annotations }, ..Labelling::default() };
            let rendered = labelling.render(&classify(&path, 4), Some(&details()));
            (rendered.info.expect("a container"), rendered.left_out)
        };
        let (ends, id) = (r#"runtime="docker""#, format!(r#"container_id="{ID}""#));
        assert_eq!(of(1, false), (format!(r#"{id},container_label_a_b="1",{ends}"#), 1));
        assert_eq!(of(0, true), (format!("{id},{ends}"), 4));
        let all = r#"container_annotation_note="x",container_id"#;
        assert!(of(32, true).0.starts_with(all), "{}", of(32, true).0);
        assert_eq!(Runtime::Docker.as_str(), "docker");
    }
}
