use super::*;
use crate::identity::{Origin, classify};

const UID: &str = "c7ee4046-c890-41dc-ab99-f122526010d6";
const HASH: &str = "03e5f85044ae536ec08cdfacda26b077";

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 244, 0, 7));

fn id(end: usize) -> String {
    format!("{end:064x}")
}

fn news(uid: &str, name: &str, containers: &[(usize, &str, u32)]) -> PodNews {
    let mut metadata = Metadata::default();
    metadata.extend(Origin::PodLabel, [("app", "shop")]);
    let workload = Workload { kind: "Deployment".to_owned(), name: "web".to_owned() };
    let (uid, namespace, name) = (uid.to_owned(), "shop".to_owned(), name.to_owned());
    let container = |(end, name, restarts): &(usize, &str, u32)| {
        let container = PodContainer {
            name: (*name).to_owned(),
            image: Some("busybox:1".to_owned()),
            restarts: Some(*restarts),
            image_id: Some("busybox@sha256:1".to_owned()),
            status: Status { restarts: Some(*restarts), ..Status::default() },
            runtime: Some(Runtime::Containerd),
        };
        (id(*end), container)
    };
    PodNews {
        pod: Arc::new(Pod {
            uid,
            namespace,
            name,
            workload,
            metadata,
            addresses: vec![ADDRESS],
            of_namespace: None,
        }),
        config_hash: None,
        containers: containers.iter().map(container).collect(),
        gone: false,
    }
}

fn pods(all: impl IntoIterator<Item = PodNews>) -> Pods {
    let mut pods = Pods::default();
    for news in all {
        assert_eq!(pods.tell(news), (0, 0));
    }
    pods
}

/// Namespace, pod, container and restarts of a row by Kubernetes alone.
fn shown(pods: &Pods, path: &str, nameless: bool) -> Option<String> {
    let details = pods.alone(&classify(path, 4), nameless)?;
    let names = details.kubernetes.clone().expect("names");
    let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let restarts = details.restarts.map_or_else(|| "-".to_owned(), |restarts| restarts.to_string());
    Some(format!("{} {} {} {restarts}", text(names.namespace), text(names.pod), text(names.container)))
}

#[test]
fn a_pod_its_containers_and_what_is_none_of_them() {
    let pods = pods([news(UID, "web-1", &[(1, "main", 0), (2, "log", 3)])]);
    let pod = format!("/kubepods/burstable/pod{UID}");
    assert_eq!(shown(&pods, &pod, false).as_deref(), Some("shop web-1 - -"));
    assert_eq!(shown(&pods, &format!("{pod}/{}", id(2)), false).as_deref(), Some("shop web-1 log 3"));
    assert_eq!(shown(&pods, &format!("{pod}/{}", id(9)), false), None);
    assert_eq!(shown(&pods, &format!("{pod}/{}", id(9)), true).as_deref(), Some("shop web-1 - -"));
    // Where no path names the pod, the container's id does, unless somebody may have borrowed it.
    assert_eq!(shown(&pods, &format!("/docker/{}", id(1)), false).as_deref(), Some("shop web-1 main 0"));
    let user = format!("/user.slice/user-1000.slice/user@1000.service/docker-{}.scope", id(1));
    assert_eq!(shown(&pods, &user, true), None);
    assert_eq!(shown(&pods, &format!("{pod}/{}/docker/{}", id(1), id(2)), true), None, "one in another");
    let other = pod.replace("c7ee", "c7ef");
    assert_eq!(shown(&pods, &format!("{other}/{}", id(1)), true), None, "the pod that the path names counts");
}

#[test]
fn what_a_runtime_said_is_kept_and_completed() {
    let pods = pods([news(UID, "web-1", &[(1, "main", 2)])]);
    let path = format!("/kubepods/burstable/pod{UID}/{}", id(1));
    let identity = classify(&path, 4);
    let names = Kubernetes {
        container: Some("main".into()),
        pod: Some("web-1".into()),
        namespace: Some("shop".into()),
    };
    let said = Details {
        image: Some("by/runtime:1".into()),
        kubernetes: Some(names.clone()),
        init_pid: Some(7),
        ..Details::default()
    };
    let whole = pods.complete(&identity, &Arc::new(said));
    assert_eq!(
        (whole.image.as_deref(), whole.init_pid, whole.restarts),
        (Some("by/runtime:1"), Some(7), Some(2))
    );
    assert_eq!(whole.kubernetes, Some(names));
    assert_eq!(whole.pod.as_ref().map(|pod| pod.workload.name.as_str()), Some("web"));
    assert!(Arc::ptr_eq(&pods.complete(&identity, &whole), &whole), "nothing more to say");
    let bare = pods.complete(&identity, &Arc::default());
    assert_eq!(bare.image.as_deref(), Some("busybox:1"));
    let lacks = |path: &str, named| pods.lack(&classify(path, 4), named);
    let (late, other) = (path.replace(&id(1), &id(2)), path.replace("c7ee", "c7ef"));
    assert_eq!([lacks(&path, false), lacks(&late, true), lacks(&late, false)], [false, false, true]);
    assert_eq!([lacks(&other, true), lacks("/system.slice", false)], [true, false]);
    assert_eq!(bare.kubernetes.as_ref().and_then(|names| names.container.as_deref()), Some("main"));
}

#[test]
fn a_static_pod_is_found_by_the_hash_of_its_configuration() {
    let real = "23429402-f706-4fd4-9803-5e685daae049";
    let path = format!("/kubepods/burstable/pod{HASH}/{}", id(1));
    let with = |uid: &str, name: &str, hash: &str| PodNews {
        config_hash: Some(hash.to_owned()),
        ..news(uid, name, &[])
    };
    let mut pods =
        pods([PodNews { config_hash: Some(HASH.into()), ..news(real, "static", &[(1, "main", 0)]) }]);
    assert_eq!(shown(&pods, &path, false).as_deref(), Some("shop static main 0"));
    // Others that claim it, or a UID that is another pod's, get nothing.
    pods.tell(with(UID, "thief", HASH));
    pods.tell(with("f683f965-5064-4f7d-a85a-a662d6e832d9", "thief", UID));
    assert_eq!(shown(&pods, &path, false).as_deref(), Some("shop static main 0"));
    assert_eq!(shown(&pods, &format!("/kubepods/pod{UID}"), false).as_deref(), Some("shop thief - -"));
    // Until the first is gone.
    pods.tell(PodNews { gone: true, ..with(real, "static", HASH) });
    pods.tell(with(UID, "next", HASH));
    assert_eq!(shown(&pods, &format!("/kubepods/pod{HASH}"), false).as_deref(), Some("shop next - -"));
}

#[test]
fn one_name_and_two_uids_are_two_pods() {
    let other = "eb37ef4f-ed32-4ccb-a069-060c3a26ea46";
    let mut pods = pods([news(UID, "db-0", &[(1, "main", 0)])]);
    pods.tell(PodNews { gone: true, ..news(UID, "db-0", &[]) });
    pods.tell(news(other, "db-0", &[(2, "main", 0)]));
    assert_eq!(pods.living(), 1);
    for (uid, end) in [(UID, 1), (other, 2)] {
        let path = format!("/kubepods/burstable/pod{uid}/{}", id(end));
        assert_eq!(shown(&pods, &path, false).as_deref(), Some("shop db-0 main 0"));
    }
}

#[test]
fn who_is_gone_stays_a_while_and_may_come_back() {
    let uid = |at: usize| format!("{at:08x}-f706-4fd4-9803-5e685daae049");
    let mut pods = pods((0..=MAX_GONE).map(|at| news(&uid(at), "x", &[(at, "main", 0)])));
    pods.only(&HashSet::from([uid(0)]));
    assert_eq!((pods.living(), pods.gone.len()), (1, MAX_GONE));
    pods.tell(news(&uid(5), "x", &[]));
    assert_eq!((pods.living(), pods.gone.len()), (2, MAX_GONE - 1), "a list was wrong");
    pods.only(&HashSet::new());
    assert_eq!((pods.living(), pods.by_uid.len(), pods.by_container.len()), (0, MAX_GONE, MAX_GONE));
}

#[test]
fn what_there_is_no_room_for_is_told() {
    let uid = |at: usize| format!("{at:08x}-f706-4fd4-9803-5e685daae049");
    let mut all = pods((0..MAX_LIVING).map(|at| news(&uid(at), "x", &[])));
    assert_eq!(all.tell(news(UID, "late", &[])), (1, 0));
    assert_eq!(all.tell(PodNews { gone: true, ..news(&uid(7), "x", &[]) }), (0, 0));
    assert_eq!(all.tell(news(UID, "late", &[])), (0, 0));
    for at in 0..MAX_CONTAINERS {
        assert_eq!(all.tell(news(UID, "late", &[(at, "main", 0)])), (0, 0));
    }
    assert_eq!(all.tell(news(UID, "late", &[(999, "main", 64)])), (0, 1));
    let path = |at| format!("/kubepods/pod{UID}/{}", id(at));
    assert_eq!(shown(&all, &path(0), false), None, "the oldest goes");
    assert_eq!(shown(&all, &path(999), false).as_deref(), Some("shop late main 64"));
    assert_eq!(all.by_container.len(), MAX_CONTAINERS);
}

#[test]
fn addresses_are_the_living_pods_own() {
    let mut pods = pods([news(UID, "db-0", &[(1, "main", 0)])]);
    let of = |pods: &Pods, path: &str| pods.addresses(&classify(path, 4)).map(|pod| pod.addresses.clone());
    let pod = format!("/kubepods/burstable/pod{UID}");
    assert_eq!(of(&pods, &pod), Some(vec![ADDRESS]));
    assert_eq!(of(&pods, &format!("{pod}/{}", id(1))), None, "its containers share it");
    pods.tell(PodNews { gone: true, ..news(UID, "db-0", &[]) });
    assert_eq!(of(&pods, &pod), None, "another may have it");
}

#[test]
fn a_container_is_of_a_pod_by_its_id_or_by_what_it_is_called() {
    let pods = pods([news(UID, "db-0", &[(1, "main", 3)])]);
    let of = |end: usize, named: bool| {
        let path = format!("/kubepods/burstable/pod{UID}/{}", id(end));
        pods.pod_of(&classify(&path, 4), named).map(|(pod, restarts)| (pod.name.clone(), restarts))
    };
    assert_eq!(of(1, false), Some(("db-0".to_owned(), Some(3))));
    assert_eq!(of(2, false), None, "the pause container, or one that is still to be told of");
    assert_eq!(of(2, true), Some(("db-0".to_owned(), None)));
}
