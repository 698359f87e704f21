use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::identity::classify;

const ID: &str = "77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";

/// A root of its own, removed at the end.
struct Root(PathBuf);

impl Root {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("plimsoll-state-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory in the temporary one");
        Self(path)
    }

    fn with(self, path: &str, text: &str) -> Self {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("directories");
        fs::write(path, text).expect("a file");
        self
    }

    fn lookup(&self, path: &str) -> Result<Option<Details>, StateError> {
        StateDirs::open(&self.0).expect("the root").lookup(path, &classify(path, 4))
    }

    fn found(&self, path: &str) -> Details {
        self.lookup(path).expect("readable").expect("known")
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn runc_state(id: &str, path: &str) -> String {
    format!(r#"{{"id":"{id}","init_process_pid":7,"cgroup_paths":{{"":"/sys/fs/cgroup{path}"}}}}"#)
}

#[test]
fn a_bare_name_is_claimed_by_runc_or_crun() {
    let root = Root::new()
        .with("run/runc/web/state.json", &runc_state("web", "/web"))
        .with("run/runc/deep/state.json", &runc_state("deep", "/a/b/c/d/e/deep"))
        .with("run/crun/box/status", r#"{"pid":8,"cgroup-path":"/box"}"#);
    let details = root.found("/web");
    assert_eq!((details.runtime, details.init_pid), (Some(Runtime::Oci), Some(7)));
    let claimed = Identity::claimed("/web", &details);
    assert_eq!((claimed.kind, claimed.path_name().as_deref()), (Kind::Container, Some("web")));
    assert_eq!(root.found("/a/b/c/d/e/deep").init_pid, Some(7), "however deep");
    assert_eq!(root.found("/box").init_pid, Some(8));
    for other in ["/x/web", "/web/web", "/x/box", "/other", "/", "/.."] {
        assert_eq!(root.lookup(other).expect("readable"), None, "{other}");
    }
}

#[test]
fn containerd_in_any_namespace_and_distribution() {
    let task = "io.containerd.runtime.v2.task";
    let pod = format!("/kubepods/burstable/podc7ee4046-c890-41dc-ab99-f122526010d6/{ID}");
    let config = |path: &str| {
        format!(
            r#"{{"annotations":{{"io.kubernetes.cri.container-name":"main","io.kubernetes.cri.sandbox-name":"p"}},
                "linux":{{"cgroupsPath":"{path}"}}}}"#
        )
    };
    let root = Root::new()
        .with(&format!("run/k3s/containerd/{task}/k8s.io/{ID}/config.json"), &config(&pod))
        .with(&format!("run/containerd/runc/k8s.io/{ID}/state.json"), &runc_state(ID, &pod))
        .with(&format!("run/containerd/{task}/default/redis/config.json"), &config("/default/redis"))
        .with(&format!("run/containerd/{task}/to/redis/config.json"), &config("/to/redis"));
    let details = root.found(&pod);
    assert_eq!(details.kubernetes.and_then(|k| k.container).as_deref(), Some("main"));
    assert_eq!(details.init_pid, Some(7));
    assert_eq!(root.found("/default/redis").kubernetes, None, "no pod: anyone's annotations");
    assert_eq!(root.found("/to/redis").runtime, Some(Runtime::Containerd));
    assert_eq!(root.lookup("/from/redis").expect("readable"), None);
    let borrowed = format!("/user.slice{pod}");
    assert_eq!(root.lookup(&borrowed).expect("readable"), None, "another's id in a path of one's own");
    let nested = format!("/docker/{ID}{pod}");
    assert_eq!(root.lookup(&nested).expect("readable"), None);
}

#[test]
fn docker_by_name() {
    let path = format!("/system.slice/docker-{ID}.scope");
    let config = r#"{"Name":"/web","Config":{"Image":"nginx"},"State":{"Pid":0}}"#;
    let root = Root::new().with(&format!("var/lib/docker/containers/{ID}/config.v2.json"), config);
    let details = root.found(&path);
    assert_eq!((details.name.as_deref(), details.image.as_deref()), (Some("web"), Some("nginx")));
    let user = format!("/user.slice/user-1000.slice/user@1000.service/docker-{ID}.scope");
    assert_eq!(root.lookup(&user).expect("readable"), None, "a user may have made it");
    let state = format!("run/docker/runtime-runc/moby/{ID}/state.json");
    let root = root.with(&state, &runc_state(ID, &path));
    assert_eq!(root.found(&path).init_pid, Some(7));
    assert_eq!(root.found(&path).name.as_deref(), Some("web"));
    assert_eq!(root.lookup(&format!("/docker/{ID}")).expect("readable"), None, "it is elsewhere");
}

#[test]
fn podman_names_come_from_the_list() {
    let path = format!("/machine.slice/libpod-{ID}.scope");
    let config = format!(r#"{{"linux":{{"cgroupsPath":"machine.slice:libpod:{ID}"}}}}"#);
    let list = format!(r#"[{{"id":"{ID}","names":["web"],"metadata":"{{\"image-name\":\"httpd:1\"}}"}}]"#);
    let root = Root::new()
        .with(&format!("var/lib/containers/storage/overlay-containers/{ID}/userdata/config.json"), &config)
        .with("var/lib/containers/storage/overlay-containers/containers.json", "[]")
        .with("run/containers/storage/overlay-containers/volatile-containers.json", &list);
    let details = root.found(&path);
    assert_eq!((details.name.as_deref(), details.image.as_deref()), (Some("web"), Some("httpd:1")));
}

#[test]
fn what_is_no_good_file_is_an_error_and_no_hang() {
    let root = Root::new()
        .with("run/runc/broken/state.json", "{")
        .with("run/runc/large/state.json", &" ".repeat(MAX_FILE as usize + 1));
    let at = |name: &str| root.0.join("run/runc").join(name);
    for name in ["fifo", "link", "loop"] {
        fs::create_dir(at(name)).expect("a directory");
    }
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(CWD, at("fifo/state.json"), FileType::Fifo, mode, 0).expect("a FIFO");
    std::os::unix::fs::symlink("../broken/state.json", at("link/state.json")).expect("a link");
    fs::create_dir(at("directory")).expect("a directory");
    fs::create_dir(at("directory/state.json")).expect("a directory");
    let error = |name: &str| root.lookup(&format!("/{name}")).expect_err(name).to_string();
    assert!(error("broken").starts_with("run/runc/broken/state.json: EOF while parsing"));
    assert_eq!(error("large"), "run/runc/large/state.json: more than 1048576 bytes");
    assert_eq!(error("fifo"), "run/runc/fifo/state.json: not a regular file");
    assert_eq!(error("directory"), "run/runc/directory/state.json: not a regular file");
    assert!(error("link").starts_with("run/runc/link/state.json: Too many levels of symbolic links"));
}

#[test]
fn links_stay_below_the_root() {
    let outside = Root::new().with("state.json", &runc_state("web", "/web"));
    let root = Root::new().with("run/runc/x", "").with("elsewhere/state.json", &runc_state("box", "/box"));
    std::os::unix::fs::symlink(&outside.0, root.0.join("run/runc/web")).expect("a link");
    std::os::unix::fs::symlink("/elsewhere", root.0.join("run/runc/box")).expect("a link");
    assert_eq!(root.lookup("/web").expect("readable"), None);
    assert_eq!(root.found("/box").init_pid, Some(7), "absolute links count from the root");
}

#[test]
fn a_root_that_is_not_there() {
    let error = StateDirs::open(Path::new("/nonexistent/root")).expect_err("not there").to_string();
    assert!(error.starts_with("/nonexistent/root: No such file"), "{error}");
}
