use super::*;

/// As runc 1.1.5 wrote it on a host with v1 controllers beside `/sys/fs/cgroup/unified`, cut to what is read.
const RUNC: &[u8] = br#"{"id":"web","init_process_pid":12259,"init_process_start":160611,
    "created":"2026-11-21T07:54:34.5Z","config":{"no_pivot_root":false,"cgroups":{"name":"web","path":""},
    "labels":["org.example=x=y","bundle=/b"]},"rootless":false,
    "cgroup_paths":{"":"/sys/fs/cgroup/unified/web","blkio":"/sys/fs/cgroup/blkio/web",
    "cpu":"/sys/fs/cgroup/cpu,cpuacct/web","memory":"/sys/fs/cgroup/memory/jobs/7/web",
    "name=systemd":"/sys/fs/cgroup/systemd/web"},"namespace_paths":{"NEWNET":"/proc/12259/ns/net"},
    "external_descriptors":["/dev/null","/dev/null","/dev/null"],"intel_rdt_path":""}"#;

#[test]
fn runc_knows_the_paths_of_all_controllers() {
    let state = parse_runc_state(RUNC).expect("valid");
    assert_eq!((state.id.as_str(), state.init_pid), ("web", Some(12259)));
    assert_eq!(state.created, Some(1_795_247_674.5));
    assert_eq!(state.cgroups, ["/jobs/7/web", "/web"]);
    assert!(state.is_at("/web") && state.is_at("/jobs/7/web"));
    assert!(!state.is_at("/x/web") && !state.is_at("/unified/web"));
}

#[test]
fn runc_on_v2() {
    let state =
        parse_runc_state(br#"{"id":"a","cgroup_paths":{"":"/sys/fs/cgroup/system.slice/runc-a.scope"}}"#);
    assert_eq!(state.expect("valid").cgroups, ["/system.slice/runc-a.scope"]);
    for odd in ["/cgroup/a", "/sys/fs/cgroup", "/sys/fs/cgroupa/b"] {
        assert_eq!(below_mount("", odd), None, "{odd}");
    }
    assert_eq!(below_mount("", "/sys/fs/cgroup/unified"), Some("/unified"), "a cgroup of that name");
    assert_eq!(below_mount("memory", "/sys/fs/cgroup/memory"), None);
    assert!(parse_runc_state(br#"{"init_process_pid":1}"#).is_err());
    assert!(parse_runc_state(br#"{"id":"a","init_process_pid":-1}"#).is_err());
    assert!(parse_runc_state(&[b'['; 1000]).is_err(), "nesting is bounded");
}

#[test]
fn crun_knows_the_path() {
    let status = parse_crun_status(
        br#"{"pid":139179,"process-start-time":263473330,"cgroup-path":"/busybox1","scope":"","rootfs":"rootfs",
            "systemd-cgroup":false,"bundle":"/b","created":"2021-08-29T14:34:52.5Z","owner":"root","detached":true}"#,
    );
    let expected =
        CrunStatus { init_pid: Some(139_179), created: Some(1_630_247_692.5), cgroup: "/busybox1".into() };
    assert_eq!(status.expect("valid"), expected);
}

#[test]
fn annotations_of_containerd() {
    let config = parse_oci_config(
        br#"{"ociVersion":"1.0.2","process":{"args":["sleep"]},"annotations":{
            "io.kubernetes.cri.container-name":"main","io.kubernetes.cri.container-type":"container",
            "io.kubernetes.cri.image-name":"quay.io/x/y:1","io.kubernetes.cri.sandbox-id":"7a0d",
            "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop"},
            "linux":{"cgroupsPath":"/kubepods/burstable/podx/7a0d"}}"#,
    );
    let config = config.expect("valid");
    let kubernetes = Kubernetes {
        container: Some("main".into()),
        pod: Some("web-0".into()),
        namespace: Some("shop".into()),
    };
    assert_eq!(config.details.kubernetes, Some(kubernetes));
    assert_eq!((config.details.image.as_deref(), config.details.sandbox), (Some("quay.io/x/y:1"), false));
    assert!(config.is_at("/kubepods/burstable/podx/7a0d"));
    assert!(!config.is_at("/user.slice/kubepods/burstable/podx/7a0d"));
}

#[test]
fn the_pause_container_has_no_name() {
    let config = parse_oci_config(
        br#"{"annotations":{"io.kubernetes.cri-o.ContainerType":"sandbox","io.kubernetes.container.name":"POD",
            "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop",
            "io.kubernetes.cri-o.ContainerName":"k8s_POD_web-0","io.kubernetes.cri-o.ImageName":"pause:3.9"}}"#,
    );
    let details = config.expect("valid").details;
    assert!(details.sandbox);
    assert_eq!(details.kubernetes.and_then(|k| k.container), None);
    assert_eq!(
        (details.name.as_deref(), details.image.as_deref()),
        (Some("k8s_POD_web-0"), Some("pause:3.9"))
    );
}

#[test]
fn a_config_without_anything() {
    for text in [&b"{}"[..], br#"{"annotations":null,"linux":null}"#, br#"{"linux":{"cgroupsPath":""}}"#] {
        assert_eq!(parse_oci_config(text).expect("valid"), OciConfig::default());
    }
}

#[test]
fn systemds_notation_names_a_scope() {
    let at = |configured: &str, path: &str| {
        OciConfig { cgroups_path: Some(configured.into()), ..OciConfig::default() }.is_at(path)
    };
    assert!(at("machine.slice:libpod:0f", "/machine.slice/libpod-0f.scope"));
    assert!(at("a-b.slice:cri-containerd:0f", "/a.slice/a-b.slice/cri-containerd-0f.scope"));
    assert!(at(
        "a-b.slice:cri-containerd:0f",
        "/system.slice/containerd.service/a-b.slice:cri-containerd:0f"
    ));
    assert!(at(":runc:web", "/system.slice/runc-web.scope"));
    assert!(!at("machine.slice:libpod:0f", "/user.slice/libpod-0f.scope"));
    assert!(!at("machine.slice:libpod:0f", "/machine.slice/docker-0f.scope"));
    assert!(!at("machine.slice:libpod:0f", "/machine.slice/libpod-00f.scope"));
    assert!(!at("web", "/system.slice/web"), "relative to a cgroup that nobody wrote down");
}
