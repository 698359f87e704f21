use super::*;
use crate::identity::state::Details;
use crate::identity::{Origin, Pod, PodNews, Workload, classify};

const UID: &str = "c7ee4046-c890-41dc-ab99-f122526010d6";

fn news(uid: &str, namespace: &str) -> PodNews {
    let workload = Workload { kind: "Deployment".to_owned(), name: "web".to_owned() };
    let (uid, namespace) = (uid.to_owned(), namespace.to_owned());
    let pod = Arc::new(Pod { uid, namespace, workload, ..Pod::default() });
    PodNews { pod, config_hash: None, containers: Vec::new(), gone: false }
}

fn team(name: &str) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.extend(Origin::NamespaceLabel, [("team", name)]);
    metadata
}

/// What a pod's row has of its namespace, if something was said of that, when nobody had named it before or with what it was
/// called then.
fn shown(pods: &Pods, uid: &str, before: Option<&Arc<Details>>) -> Option<String> {
    let path = format!("/kubepods/burstable/pod{uid}");
    let identity = classify(&path, 4);
    let details = match before {
        Some(before) => pods.complete(&identity, before),
        None => pods.alone(&identity, false)?,
    };
    let metadata = details.pod.as_ref()?.of_namespace.clone()?;
    metadata.get(Origin::NamespaceLabel, "team").map(str::to_owned)
}

fn alone(pods: &Pods) -> Arc<Details> {
    pods.alone(&classify(&format!("/kubepods/burstable/pod{UID}"), 4), false).expect("a pod")
}

#[test]
fn told_before_its_pods_or_after_them() {
    let mut pods = Pods::default();
    assert_eq!(pods.tell_namespace("shop", team("a")), (true, false), "nobody lacked it");
    pods.tell(news(UID, "shop"));
    assert_eq!(shown(&pods, UID, None).as_deref(), Some("a"));
    let other = UID.replace("c7ee", "c7ef");
    pods.tell(news(&other, "bank"));
    let lacks = |pods: &Pods, path: &str| pods.lack_namespace(&classify(path, 4));
    let path = format!("/kubepods/burstable/pod{other}");
    assert_eq!((shown(&pods, &other, None), lacks(&pods, &path)), (None, true));
    assert!(!lacks(&pods, &path.replace("c7ef", "c7ee")) && !lacks(&pods, "/system.slice"));
    assert_eq!(pods.tell_namespace("bank", Metadata::default()), (true, true));
    assert_eq!(
        (shown(&pods, &other, None), lacks(&pods, &path)),
        (None, false),
        "it has none, and that is known"
    );
}

#[test]
fn what_a_row_was_called_stays_and_what_was_not_known_is_added() {
    let mut pods = Pods::default();
    pods.tell(news(UID, "shop"));
    let early = alone(&pods);
    pods.tell_namespace("shop", team("a"));
    assert_eq!(shown(&pods, UID, Some(&early)).as_deref(), Some("a"), "late");
    let named = alone(&pods);
    assert_eq!(pods.tell_namespace("shop", team("b")), (true, false));
    assert_eq!(shown(&pods, UID, Some(&named)).as_deref(), Some("a"), "as a pod's own labels stay");
    assert_eq!(shown(&pods, UID, None).as_deref(), Some("b"), "whose turn comes later");
    let labelled = |tier: &str| {
        let mut news = news(UID, "shop");
        Arc::make_mut(&mut news.pod).metadata.extend(Origin::PodLabel, [("tier", tier)]);
        news
    };
    pods.tell(labelled("later"));
    let identity = classify("/kubepods/burstable/podc7ee4046-c890-41dc-ab99-f122526010d6", 4);
    let whole = pods.complete(&identity, &early);
    let pod = whole.pod.as_ref().expect("a pod");
    assert_eq!(pod.metadata.get(Origin::PodLabel, "tier"), None, "only what was missing is added");
    assert!(pod.of_namespace.is_some());
}

#[test]
fn one_that_is_gone_leaves_its_pods_what_they_have() {
    let mut pods = Pods::default();
    for name in ["shop", "bank"] {
        pods.tell_namespace(name, team("a"));
    }
    pods.tell(news(UID, "shop"));
    pods.forget_namespace("shop");
    pods.tell(news(UID, "shop"));
    assert_eq!(shown(&pods, UID, None).as_deref(), Some("a"));
    pods.only_namespaces(&HashSet::from(["shop".to_owned()]));
    assert!(pods.namespaces.known.is_empty() && pods.namespaces.bytes == 0);
}

#[test]
fn there_is_room_for_so_many() {
    let mut pods = Pods::default();
    for at in 0..MAX_NAMESPACES {
        assert_eq!(pods.tell_namespace(&at.to_string(), Metadata::default()), (true, false));
    }
    assert_eq!(pods.tell_namespace("late", Metadata::default()), (false, false));
    assert_eq!(pods.tell_namespace("7", team("a")), (true, false), "one that is known may change");
    pods.forget_namespace("8");
    assert_eq!(pods.tell_namespace("late", Metadata::default()), (true, false));
    let long = || {
        let mut metadata = Metadata::default();
        let values = (0..60).map(|at| (format!("k{at:05}"), "v".repeat(256)));
        metadata.extend(Origin::NamespaceAnnotation, values);
        metadata
    };
    let mut pods = Pods::default();
    let room = MAX_BYTES / long().bytes();
    for at in 0..room {
        assert_eq!(pods.tell_namespace(&at.to_string(), long()), (true, false));
    }
    assert_eq!(pods.tell_namespace("late", long()), (false, false));
    assert_eq!(pods.tell_namespace("3", long()), (true, false));
}
