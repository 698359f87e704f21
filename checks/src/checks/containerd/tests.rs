use super::*;
use crate::checks::containerd::wire::{Containers, Used};

/// A field of a message: bytes of a known length.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2, u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

fn container(id: &str, labels: &[(&str, &str)]) -> Vec<u8> {
    let labels = labels.iter().map(|(key, value)| {
        let pair = [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
        field(2, &pair)
    });
    let made = field(8, &[0x08, 0x80, 0x80, 1, 0x10, 5]);
    field(1, &[field(1, id.as_bytes()), labels.collect::<Vec<_>>().concat(), made].concat())
}

#[test]
fn a_container_is_called_as_people_call_it() {
    let pod = [
        ("io.kubernetes.pod.namespace", "shop"),
        ("io.kubernetes.pod.name", "api-1"),
        ("io.kubernetes.container.name", "api"),
    ];
    let bytes = [
        container("1", &pod),
        container("2", &[("nerdctl/name", "web")]),
        container("3", &[("io.cri-containerd.kind", "sandbox")]),
    ]
    .concat();
    let all = Containers::decode(bytes.as_slice()).unwrap().containers;
    assert_eq!(all.iter().map(Listed::name).collect::<Vec<_>>(), ["shop/api-1/api", "web", "3"]);
    assert_eq!(all.iter().map(Listed::is_sandbox).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(all[0].created(), Some(16384.0));
}

#[test]
fn what_is_used_is_told_by_either_kind_of_cgroup() {
    let metric = |kind: &str, value: &[u8]| {
        let any = [field(1, kind.as_bytes()), field(2, value)].concat();
        field(1, &[field(2, b"a"), field(3, &any)].concat())
    };
    let used = |bytes: &[u8]| Metrics::decode(bytes).unwrap().used().map(|(_, used)| used).next();
    // 2 s of CPU; 5 bytes of 9, of which one can be taken back.
    let cpu = field(3, &field(1, &[0x08, 0x80, 0xa8, 0xd6, 0xb9, 0x07]));
    let memory = field(4, &[&[0xf0, 1, 1][..], &[0x8a, 2, 4, 0x08, 9, 0x10, 5]].concat());
    let expected = Used { cpu_seconds: Some(2.0), memory: Some(4.0), memory_limit: Some(9.0) };
    let value = [cpu, memory].concat();
    assert_eq!(used(&metric("io.containerd.cgroups.v1.Metrics", &value)), Some(expected));
    let cpu = field(2, &[0x08, 0x80, 0x89, 0x7a]);
    let memory = field(4, &[0x68, 1, 0x80, 2, 5, 0x88, 2, 9]);
    let value = [cpu, memory].concat();
    assert_eq!(used(&metric("io.containerd.cgroups.v2.Metrics", &value)), Some(expected));
    assert_eq!(used(&metric("windows", &value)), None);
    assert_eq!(used(&metric("io.containerd.cgroups.v2.Metrics", &[])), Some(Used::default()));
}

#[test]
fn states_faults_and_attempts_are_told() {
    let task = |id: &str, status: u8| field(1, &[field(2, id.as_bytes()), vec![0x20, status]].concat());
    let tasks = [task("a", 2), task("b", 3), task("c", 9)].concat();
    let states = Tasks::decode(tasks.as_slice()).unwrap().states();
    assert_eq!(
        states.into_iter().map(|(id, state)| format!("{id} {state}")).collect::<Vec<_>>(),
        ["a running", "b stopped", "c unknown"]
    );
    let condition = |kind: &str, so: &[u8]| {
        field(1, &[field(1, kind.as_bytes()), so.to_vec(), field(3, b"why")].concat())
    };
    let conditions =
        field(1, &[condition("RuntimeReady", &[0x10, 1]), condition("NetworkReady", &[])].concat());
    assert_eq!(Conditions::decode(conditions.as_slice()).unwrap().faults(), ["NetworkReady is false: why"]);
    let listed =
        field(1, &[field(1, b"a"), field(3, &[&field(1, b"api")[..], &[0x10, 3]].concat())].concat());
    let attempts = Sandboxed::decode(listed.as_slice()).unwrap().attempts();
    assert_eq!(attempts.get("a"), Some(&3));
}
