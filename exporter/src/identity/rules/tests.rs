use super::*;
use crate::identity::path_from_bytes;

const DEPTH: usize = 4;

/// One line of `paths.txt`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    owner: String,
    kind: Kind,
    flags: (bool, bool),
    runtime: String,
    id: Option<String>,
    pod: String,
    qos: String,
}

fn parse_row(line: &str) -> (String, Row, &str) {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let [marked, what, runtime, pod, qos, source] = columns.try_into().expect("six columns");
    let plain = |text: &str| text.replace(['{', '}', '^'], "");
    let mut what = what.split(' ');
    let kinds = [
        ("root", Kind::Root),
        ("container", Kind::Container),
        ("pod", Kind::Pod),
        ("unit", Kind::Unit),
        ("slice", Kind::Slice),
        ("plain", Kind::Plain),
    ];
    let word = what.next();
    let (_, kind) = kinds.into_iter().find(|(name, _)| Some(*name) == word).expect("a kind");
    let flag = what.next();
    let row = Row {
        owner: plain(marked.split('^').next().unwrap_or(marked)),
        kind,
        flags: (flag == Some("helper"), flag == Some("nested")),
        runtime: runtime.to_owned(),
        id: marked.split_once('{').and_then(|(_, rest)| Some(rest.split_once('}')?.0.to_owned())),
        pod: pod.to_owned(),
        qos: qos.to_owned(),
    };
    (plain(marked), row, source)
}

fn row_of(identity: &Identity<'_>) -> Row {
    Row {
        owner: identity.owner.to_string(),
        kind: identity.kind,
        flags: (identity.helper, identity.nested),
        runtime: identity.runtime.map_or("", Runtime::as_str).to_owned(),
        id: identity.container_id.as_deref().map(str::to_owned),
        pod: identity.pod_uid.as_deref().unwrap_or("").to_owned(),
        qos: identity.qos.map_or("", Qos::as_str).to_owned(),
    }
}

#[test]
fn paths_of_the_field() {
    let mut rows = 0;
    for line in include_str!("paths.txt").lines().filter(|line| line.starts_with('/')) {
        let (path, expected, source) = parse_row(line);
        let identity = classify(&path, DEPTH);
        assert_eq!(row_of(&identity), expected, "{path} ({source})");
        assert_eq!(classify(&identity.owner, DEPTH).owner, identity.owner, "an owner owns itself: {path}");
        rows += 1;
    }
    assert!(rows >= 100, "the table was read: {rows}");
}

/// Every cgroup directory of a recorded Kubernetes node: a static pod's hash among the UIDs.
#[test]
fn every_directory_of_a_recorded_node() {
    let (mut containers, mut pods, mut others, mut hashes) = (0, 0, 0, 0);
    for path in include_str!("kubelet.txt").lines() {
        let identity = classify(path, DEPTH);
        let parts: Vec<&str> = path.split('/').collect();
        assert_eq!(identity.owner, path);
        match parts[..] {
            ["", "kubepods", class, pod, id] => {
                assert_eq!(identity.container_id.as_deref(), Some(id));
                assert_eq!(identity.pod_uid.as_deref(), pod.strip_prefix("pod"));
                assert_eq!(identity.qos.map(|qos| qos.as_str().to_lowercase()), Some(class.to_owned()));
                containers += 1;
            }
            ["", "kubepods", _, pod] => {
                assert_eq!(
                    (identity.kind, identity.pod_uid.as_deref()),
                    (Kind::Pod, pod.strip_prefix("pod"))
                );
                hashes += usize::from(!pod.contains('-'));
                pods += 1;
            }
            _ => {
                assert_eq!(identity.kind, Kind::Plain);
                others += 1;
            }
        }
    }
    assert_eq!((containers, pods, others, hashes), (26, 12, 3, 1));
}

#[test]
fn depth_bounds_what_is_no_container() {
    let at = |path, depth| (classify(path, depth).owner.into_owned(), classify(path, depth).kind);
    assert_eq!(at("/a.slice/b.service/c", 0), ("/".into(), Kind::Root));
    assert_eq!(at("/a.slice/b.service/c", 1), ("/a.slice".into(), Kind::Slice));
    assert_eq!(at("/a.slice/b.service/c", 2), ("/a.slice/b.service".into(), Kind::Unit));
    assert_eq!(at("/a.slice/b.service/c", 3), ("/a.slice/b.service/c".into(), Kind::Plain));
    let deep = format!("/a/b/c/d/e/docker-{}.scope", "0".repeat(64));
    assert_eq!(at(&deep, 2), (deep.clone(), Kind::Container));
}

#[test]
fn what_the_state_directories_claimed_owns_what_is_below() {
    let known = |path: &str| path == "/a/web";
    let inner = classify_under("/a/web/x/y", 4, known);
    assert_eq!((inner.owner.as_ref(), inner.kind), ("/a/web", Kind::Container));
    assert_eq!(inner.container_id.as_deref(), Some("web"));
    assert_eq!(classify_under("/a/webs", 4, known).kind, Kind::Plain);
    let id = "0".repeat(64);
    let path = format!("/a/web/docker/{id}");
    let docker = classify_under(&path, 4, known);
    assert_eq!((docker.runtime, docker.nested), (Some(Runtime::Docker), true));
}

#[test]
fn odd_paths_are_plain() {
    for path in ["", "/", "//", "///"] {
        let identity = classify(path, DEPTH);
        assert_eq!((identity.owner.as_ref(), identity.kind), ("/", Kind::Root), "{path:?}");
    }
    assert_eq!(classify("/a//b/", DEPTH).owner, "/a//b");
    for path in
        ["supervisor", "a:b", ":::", "/pod", "/kubepods/pod", "/lxc.payload.", "/é/€.scope", "/docker-.scope"]
    {
        let identity = classify(path, DEPTH);
        assert_eq!((identity.owner.as_ref(), identity.container_id), (path, None));
    }
    let bytes = path_from_bytes(b"/lxc/\xff\xfe/x");
    assert_eq!(classify(&bytes, DEPTH).container_id.as_deref(), Some(r"\xff\xfe"));
}
