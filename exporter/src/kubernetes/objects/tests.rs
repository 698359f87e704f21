use super::*;

const POD: &str = r#"{"metadata":{"name":"web-1","namespace":"shop","uid":"u-1","labels":{"app":"web"},
    "annotations":{"note":"x"}},
    "spec":{"nodeName":"n","containers":[{"name":"main","image":"busybox:1"}],"initContainers":[{"name":"side"}],
        "ephemeralContainers":null},
    "status":{"phase":"Running",
        "containerStatuses":[{"name":"main","image":"sha256:aa","imageID":"x","containerID":"containerd://c2",
            "restartCount":2,"state":{"running":{"startedAt":"2026-11-21T06:22:05Z"}},
            "lastState":{"terminated":{"exitCode":1,"containerID":"containerd://c1"}}}],
        "initContainerStatuses":[{"name":"side","image":"side:1","containerID":"cri-o://s1","restartCount":0}],
        "ephemeralContainerStatuses":[{"name":"debug","image":"dbg:1","containerID":"other://e1"},
            {"name":"late","image":"dbg:1","containerID":"","state":{"waiting":{"reason":"x"}}}]}}"#;

fn pod(text: &str) -> PodObject {
    serde_json::from_str(text).expect("valid")
}

#[test]
fn all_kinds_of_containers_with_those_before_them() {
    let news = pod(POD).said(false).expect("a pod").of(Workload::default());
    let shown: Vec<_> = news
        .containers
        .iter()
        .map(|(id, container)| {
            let image = container.image.as_deref().unwrap_or("-");
            let runtime = container.runtime.map_or("-", Runtime::as_str);
            format!("{id} {} {image} {:?} {runtime}", container.name, container.restarts)
        })
        .collect();
    let expected = [
        "s1 side side:1 Some(0) cri-o",
        "c1 main busybox:1 Some(1) containerd",
        "c2 main busybox:1 Some(2) containerd",
        "e1 debug dbg:1 None -",
    ];
    assert_eq!(shown, expected);
    assert_eq!((news.pod.namespace.as_str(), news.pod.name.as_str(), news.gone), ("shop", "web-1", false));
    assert_eq!(news.pod.metadata.get(Origin::PodLabel, "app"), Some("web"));
    assert_eq!(news.pod.metadata.get(Origin::PodAnnotation, "note"), Some("x"));
}

#[test]
fn one_that_ended_is_gone_as_one_that_is_deleted() {
    let ended = |phase: &str, deleted| {
        pod(&POD.replace("Running", phase)).said(deleted).expect("a pod").of(Workload::default()).gone
    };
    let expected = [("Running", false, false), ("Failed", false, true), ("Succeeded", false, true)];
    assert_eq!(expected.map(|(phase, deleted, _)| ended(phase, deleted)), expected.map(|(.., gone)| gone));
    assert!(ended("Running", true));
}

#[test]
fn what_says_little_is_still_a_pod_and_what_has_no_uid_is_none() {
    let news = pod(r#"{"metadata":{"uid":"u"}}"#).said(false).expect("a pod").of(Workload::default());
    assert_eq!((news.pod.uid.as_str(), news.containers.len()), ("u", 0));
    assert_eq!(pod(r#"{"metadata":{"name":"x"},"status":{"containerStatuses":null}}"#).said(false), None);
}

#[test]
fn addresses_of_its_own() {
    let addresses = |host: &str, ips: &str| {
        let text = format!(r#"{{"metadata":{{"uid":"u"}},"spec":{{{host}}},"status":{{"podIPs":{ips}}}}}"#);
        let news = pod(&text).said(false).expect("a pod").of(Workload::default());
        news.pod.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let both = r#"[{"ip":"10.244.0.7"},{"ip":"fd00:0:0::7"},{"ip":"none"}]"#;
    assert_eq!(addresses("", both), ["10.244.0.7", "fd00::7"]);
    assert_eq!(addresses(r#""hostNetwork":true"#, both), Vec::<String>::new(), "the node's");
    assert_eq!(addresses(r#""hostNetwork":false"#, "null"), Vec::<String>::new());
}
