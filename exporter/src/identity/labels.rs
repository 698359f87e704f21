//! The six labels that cAdvisor gives every container family, with its conventions.
//!
//! They are always all present, empty where there is nothing to say: a missing one would be filled in from the
//! scrape target. A pod's cgroup has its pod and namespace, the pause container an image but no container name,
//! any other cgroup its path alone. `name` is what the runtime calls the container; containerd calls it by its id.
//!
//! Beside them stands what a pod belongs to, where Kubernetes said it.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::state::Details;
use super::{Identity, Kind, component};
use crate::exposition::render_labels;

/// The longest a value may be, in bytes.
pub(super) const MAX_VALUE: usize = 256;

/// The longest path under `id`: those of Kubernetes in Docker pass 300 bytes, and only their ends differ.
const MAX_ID: usize = 1024;

/// The base labels of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    /// The container's name in its pod.
    pub container: String,
    /// Path of the cgroup.
    pub id: String,
    /// The image, as it was asked for.
    pub image: String,
    /// The runtime's name for the container.
    pub name: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// What the pod belongs to in the end, such as a Deployment; no label where it is not known.
    pub workload: String,
    /// What kind of thing that is.
    pub workload_kind: String,
}

impl Labels {
    /// The labels of an owner, with what the state directories said of it. A pod's cgroup has none of its own:
    /// any of its containers' will do.
    pub fn new(identity: &Identity<'_>, details: Option<&Details>) -> Self {
        let value = |text: Option<&str>| bounded(text.unwrap_or(""), MAX_VALUE);
        let kubernetes = details.and_then(|details| details.kubernetes.as_ref());
        let mut labels = Self { id: path(&identity.owner), ..Self::default() };
        if matches!(identity.kind, Kind::Container | Kind::Pod) {
            labels.namespace = value(kubernetes.and_then(|k| k.namespace.as_deref()));
            labels.pod = value(kubernetes.and_then(|k| k.pod.as_deref()));
            let workload = details.and_then(|details| Some(&details.pod.as_ref()?.workload));
            labels.workload = value(workload.map(|workload| workload.name.as_str()));
            labels.workload_kind = value(workload.map(|workload| workload.kind.as_str()));
        }
        if identity.kind == Kind::Container {
            let sandbox = details.is_some_and(|details| details.sandbox);
            let by_path = identity.path_name();
            let name = details.and_then(|details| details.name.as_deref()).or(by_path.as_deref());
            labels.name = value(name);
            labels.image = value(details.and_then(|details| details.image.as_deref()));
            labels.container = value(kubernetes.and_then(|k| k.container.as_deref()).filter(|_| !sandbox));
        }
        labels
    }

    /// The labels as they stand between the braces of a sample, in cAdvisor's order.
    pub fn render(&self) -> String {
        let always = [
            ("container", self.container.as_str()),
            ("id", &self.id),
            ("image", &self.image),
            ("name", &self.name),
            ("namespace", &self.namespace),
            ("pod", &self.pod),
        ];
        let known = [("workload", self.workload.as_str()), ("workload_kind", &self.workload_kind)];
        render_labels(always.into_iter().chain(known.into_iter().filter(|(_, value)| !value.is_empty())))
    }
}

/// A path of at most [`MAX_ID`] bytes; a longer one keeps its head and a hash of the whole, so two stay two.
fn path(path: &str) -> String {
    let whole = bounded(path, usize::MAX);
    if whole.len() <= MAX_ID {
        return whole;
    }
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    let mut short = bounded(path, MAX_ID - 17);
    short.push_str(&format!("~{:016x}", hasher.finish()));
    short
}

/// Text of at most `max` bytes, whole characters, control characters as `\xNN`: they would reach terminals.
pub(super) fn bounded(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let control = c.is_control();
        if out.len() + if control { 4 } else { c.len_utf8() } > max {
            break;
        }
        match u8::try_from(u32::from(c)) {
            Ok(byte) if control => component::push_escaped(&mut out, byte),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::state::Kubernetes;
    use crate::identity::{Pod, Workload, classify, path_from_bytes};

    const POD: &str = "/kubepods/burstable/podc7ee4046-c890-41dc-ab99-f122526010d6";
    const ID: &str = "77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";

    fn details(container: Option<&str>, image: &str) -> Details {
        let kubernetes = Kubernetes {
            container: container.map(str::to_owned),
            pod: Some("sidecar".into()),
            namespace: Some("shop".into()),
        };
        Details {
            image: Some(image.into()),
            kubernetes: Some(kubernetes),
            sandbox: container.is_none(),
            ..Details::default()
        }
    }

    fn render(path: &str, details: Option<&Details>) -> String {
        Labels::new(&classify(path, 4), details).render()
    }

    /// The lines are those that the kubelet's cAdvisor served for these cgroups.
    #[test]
    fn rows_are_cadvisors() {
        let path = format!("{POD}/{ID}");
        let rest = r#"namespace="shop",pod="sidecar""#;
        assert_eq!(
            render(&path, Some(&details(Some("main"), "localhost/rig/busybox:1"))),
            format!(r#"container="main",id="{path}",image="localhost/rig/busybox:1",name="{ID}",{rest}"#)
        );
        assert_eq!(
            render(&path, Some(&details(None, "localhost/rig/pause:1"))),
            format!(r#"container="",id="{path}",image="localhost/rig/pause:1",name="{ID}",{rest}"#)
        );
        assert_eq!(
            render(POD, Some(&details(Some("main"), "localhost/rig/busybox:1"))),
            format!(r#"container="",id="{POD}",image="",name="",{rest}"#)
        );
        assert_eq!(
            render("/kubepods/burstable", None),
            r#"container="",id="/kubepods/burstable",image="",name="",namespace="",pod="""#
        );
        assert_eq!(render("/", None), r#"container="",id="/",image="",name="",namespace="",pod="""#);
    }

    #[test]
    fn what_a_pod_belongs_to_stands_last_and_only_where_it_is_known() {
        let workload = Workload { kind: "CronJob".into(), name: "tick".into() };
        let pod = Some(Arc::new(Pod { workload, ..Pod::default() }));
        let details = Details { pod, ..details(Some("main"), "busybox:1") };
        let rest = r#"namespace="shop",pod="sidecar",workload="tick",workload_kind="CronJob""#;
        assert_eq!(
            render(POD, Some(&details)),
            format!(r#"container="",id="{POD}",image="",name="",{rest}"#)
        );
        assert!(render(&format!("{POD}/{ID}"), Some(&details)).ends_with(rest));
        assert!(render("/kubepods", Some(&details)).ends_with(r#"namespace="",pod="""#));
    }

    #[test]
    fn docker_has_a_name_and_no_container() {
        let path = format!("/system.slice/docker-{ID}.scope");
        let details = Details { name: Some("web".into()), image: Some("nginx".into()), ..Details::default() };
        assert_eq!(
            render(&path, Some(&details)),
            format!(r#"container="",id="{path}",image="nginx",name="web",namespace="",pod="""#)
        );
        assert_eq!(
            render(&path, None),
            format!(r#"container="",id="{path}",image="",name="{ID}",namespace="",pod="""#)
        );
    }

    #[test]
    fn hostile_names_are_escaped_and_bounded() {
        let path = path_from_bytes(b"/a\"b\\c\x1b[31m\xff");
        assert!(render(&path, None).starts_with(r#"container="",id="/a\"b\\c\\x1b[31m\\xff",image"#));
        let details = Details { name: Some("é".repeat(200) + "\n"), ..Details::default() };
        let labels = Labels::new(&classify(&format!("/docker/{ID}"), 4), Some(&details));
        assert_eq!(labels.name, "é".repeat(128));
        assert_eq!(bounded("ab\u{85}", 5), "ab", "an escape is not cut");
    }

    #[test]
    fn long_paths_stay_apart() {
        let ids =
            ["x", "y"].map(|end| Labels::new(&classify(&format!("/{}{end}", "a".repeat(2000)), 4), None).id);
        assert_eq!(ids.each_ref().map(String::len), [MAX_ID, MAX_ID]);
        assert_ne!(ids[0], ids[1]);
    }
}
