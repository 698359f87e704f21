use super::*;
use crate::identity::{PodNews, classify};

fn uid(at: usize) -> String {
    format!("{at:08x}-f706-4fd4-9803-5e685daae049")
}

fn pod(at: usize, namespace: &str, labels: &[(&str, &str)]) -> PodNews {
    let mut pod = Pod { uid: uid(at), namespace: namespace.to_owned(), ..Pod::default() };
    pod.metadata.extend(Origin::PodLabel, labels.iter().copied());
    PodNews { pod: Arc::new(pod), config_hash: None, containers: Vec::new(), gone: false }
}

fn key(namespace: &str, name: &str) -> ServiceKey {
    (namespace.to_owned(), name.to_owned())
}

fn selector(pairs: &[(&str, &str)]) -> Option<Selector> {
    Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn shown(pods: &Pods, at: usize) -> String {
    pods.services(&classify(&format!("/kubepods/burstable/pod{}", uid(at)), 4)).join(" ")
}

#[test]
fn all_of_a_selector_in_the_same_namespace() {
    let mut pods = Pods::default();
    let web = [("app", "web"), ("tier", "front")];
    pods.tell(pod(1, "shop", &web));
    let tell = |pods: &mut Pods, name: &str, wanted: &[(&str, &str)]| {
        assert!(pods.tell_service(&key("shop", name), selector(wanted)));
    };
    tell(&mut pods, "web", &[("app", "web")]);
    tell(&mut pods, "front", &[("app", "web"), ("tier", "front")]);
    tell(&mut pods, "back", &[("app", "web"), ("tier", "back")]);
    tell(&mut pods, "all", &[]);
    assert!(pods.tell_service(&key("bank", "web"), selector(&[("app", "web")])));
    assert!(pods.tell_service(&key("shop", "away"), None));
    pods.tell(pod(2, "bank", &web));
    pods.tell(pod(3, "shop", &[("app", "db")]));
    assert_eq!([1, 2, 3].map(|at| shown(&pods, at)), ["front web", "web", ""]);
    let container = format!("/kubepods/burstable/pod{}/{:064x}", uid(1), 7);
    assert!(pods.services(&classify(&container, 4)).is_empty(), "on the pod's row alone");
}

#[test]
fn whichever_of_the_two_changes() {
    let mut pods = Pods::default();
    pods.tell_service(&key("shop", "web"), selector(&[("app", "web"), ("version", "1")]));
    pods.tell(pod(1, "shop", &[("app", "web"), ("version", "1")]));
    pods.tell(pod(2, "shop", &[("app", "web"), ("version", "2")]));
    assert_eq!([1, 2].map(|at| shown(&pods, at)), ["web", ""]);
    pods.tell_service(&key("shop", "web"), selector(&[("app", "web"), ("version", "2")]));
    assert_eq!([1, 2].map(|at| shown(&pods, at)), ["", "web"], "as a release is switched over");
    pods.tell(pod(1, "shop", &[("app", "web"), ("version", "2")]));
    assert_eq!(shown(&pods, 1), "web", "its labels changed");
    pods.tell_service(&key("shop", "web"), None);
    assert_eq!([1, 2].map(|at| shown(&pods, at)), ["", ""], "of another kind now");
    for name in ["a", "b"] {
        pods.tell_service(&key("shop", name), selector(&[("app", "web")]));
    }
    pods.only_services(&HashSet::from([key("shop", "b"), key("shop", "c")]));
    assert_eq!([1, 2].map(|at| shown(&pods, at)), ["b", "b"]);
    pods.tell(PodNews { gone: true, ..pod(1, "shop", &[("app", "web")]) });
    pods.forget_service(&key("shop", "none"));
    assert_eq!([1, 2].map(|at| shown(&pods, at)), ["", "b"], "who is gone is nobody's");
    assert_eq!((pods.services.count, pods.services.by_namespace.len()), (1, 1));
}

#[test]
fn a_pod_has_so_many_and_the_others_are_counted() {
    let mut pods = Pods::default();
    pods.tell(pod(1, "shop", &[("app", "web")]));
    for at in (0..18).rev() {
        assert!(pods.tell_service(&key("shop", &format!("s{at:02}")), selector(&[("app", "web")])));
    }
    let first = |pods: &Pods| (shown(pods, 1).split(' ').count(), shown(pods, 1)[..3].to_owned());
    assert_eq!((first(&pods), pods.services_left_out()), ((16, "s02".to_owned()), 2));
    // One that is told once more, or a pod that is, is no new loss.
    pods.tell_service(&key("shop", "s00"), selector(&[("app", "web")]));
    pods.tell(pod(1, "shop", &[("app", "web")]));
    assert_eq!(pods.services_left_out(), 0);
    pods.forget_service(&key("shop", "s17"));
    assert_eq!(
        (first(&pods), pods.services_left_out()),
        ((16, "s00".to_owned()), 0),
        "others have its place"
    );
    pods.tell(pod(2, "shop", &[("app", "web")]));
    assert_eq!(pods.services_left_out(), 1, "of another pod");
}

#[test]
fn there_is_room_for_so_many_of_all() {
    let mut pods = Pods::default();
    for at in 0..MAX_SERVICES {
        assert!(pods.tell_service(&key("shop", &at.to_string()), selector(&[("app", "x")])));
    }
    assert!(!pods.tell_service(&key("shop", "late"), selector(&[("app", "x")])));
    assert!(pods.tell_service(&key("shop", "late"), None), "who selects nobody needs none");
    assert!(pods.tell_service(&key("shop", "7"), selector(&[("app", "y")])), "one that is known may change");
    let long = "v".repeat(MAX_SELECTOR);
    assert!(!pods.tell_service(&key("shop", "7"), selector(&[("app", &long)])));
    assert_eq!(pods.services.count, MAX_SERVICES - 1, "what it selects is not known any more");
    assert!(pods.tell_service(&key("shop", "late"), selector(&[("app", "x")])));
}
