//! Whose a cgroup is: pure rules from its path, names from the runtimes' state directories, the base labels.
//!
//! [`classify`] does no I/O and needs only the path, so it works for a container that is already gone. A path is
//! the one below its hierarchy's root, v1 or v2 alike. What the path cannot tell (a container's name and image,
//! and that a bare `/NAME` is a runc container at all) is read from state directories by [`state::StateDirs`].
//!
//! The innermost container on a path owns all cgroups below it, be they systemd's units inside a container or
//! the processes of `/init`; a container inside a container owns its own. A pod's cgroup owns what lies in it and
//! is no container. Everything else keeps its own path, and folds into its ancestor where it lies too deep.
//!
//! What somebody gave a container beside its names ([`Metadata`]) becomes labels by the user's [`tags::Rules`].

mod component;
mod directory;
mod labelling;
mod labels;
mod metadata;
mod pods;
mod rules;
pub mod state;
mod status;
pub mod tags;

use std::borrow::Cow;

pub use directory::Directory;
pub use labelling::{INFO_LABELS, Info, Labelling, Rendered};
pub use labels::Labels;
pub use metadata::{Given, Metadata, Origin};
pub use pods::{Pod, PodContainer, PodNews, Selector, ServiceKey, Workload};
pub use rules::{classify, classify_under};
pub use status::{Exit, Health, Status};

/// Who owns a cgroup. Everything here describes the owner, not the cgroup asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'p> {
    /// Path of the owning cgroup: the path asked about or one of its ancestors.
    pub owner: Cow<'p, str>,
    /// What the owner is.
    pub kind: Kind,
    /// Who runs the container; `None` where the path does not say (`/kubepods/…/<id>`, a custom cgroup parent).
    pub runtime: Option<Runtime>,
    /// The container's id as it stands in the path; for systemd-nspawn, LXC and Nomad this is its name there.
    pub container_id: Option<Cow<'p, str>>,
    /// UID of the Kubernetes pod around it, with dashes also where systemd's slices have underscores. A static
    /// pod's is the hash of its configuration, which the API server knows as `kubernetes.io/config.hash`.
    pub pod_uid: Option<Cow<'p, str>>,
    /// The pod's quality of service class, where the path says it.
    pub qos: Option<Qos>,
    /// The owner lies in another container, whose state directories the host does not have.
    pub nested: bool,
    /// The cgroup asked about holds a runtime's helper (conmon, LXC's monitor, nspawn's supervisor): a process
    /// in it lives in the host's namespaces and says nothing of the container's.
    pub helper: bool,
}

/// What a cgroup that owns itself is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The hierarchy's root.
    Root,
    /// A container, or a pod's pause container.
    Container,
    /// The cgroup of a Kubernetes pod, around its containers.
    Pod,
    /// A systemd service, scope, socket, mount or swap.
    Unit,
    /// A systemd slice.
    Slice,
    /// Any other cgroup.
    Plain,
}

/// What runs a container, as far as paths and state directories tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// Docker.
    Docker,
    /// containerd: by Kubernetes, nerdctl or `ctr`.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman.
    Podman,
    /// Nomad's own drivers (`exec`, `raw_exec`, `java`).
    Nomad,
    /// LXC, LXD, Incus and libvirt's LXC.
    Lxc,
    /// systemd-nspawn.
    Nspawn,
    /// Kata Containers: the sandbox's virtual machine.
    Kata,
    /// runc, crun or youki, called directly.
    Oci,
}

/// A pod's quality of service class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qos {
    /// Limits equal requests.
    Guaranteed,
    /// Some request or limit.
    Burstable,
    /// None at all.
    BestEffort,
}

impl Runtime {
    /// Whether it is followed by Kubernetes' interface of runtimes, CRI.
    pub fn speaks_cri(self) -> bool {
        matches!(self, Self::Containerd | Self::CriO)
    }

    /// The name it is known by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Nomad => "nomad",
            Self::Lxc => "lxc",
            Self::Nspawn => "systemd-nspawn",
            Self::Kata => "kata",
            Self::Oci => "oci",
        }
    }
}

impl Qos {
    /// The name Kubernetes gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

impl<'p> Identity<'p> {
    /// A cgroup whose path says nothing, but which the state directories know as a container's.
    pub fn claimed(path: &'p str, details: &state::Details) -> Self {
        Self {
            owner: Cow::Borrowed(path),
            kind: Kind::Container,
            runtime: details.runtime,
            container_id: Some(component::last(path).into()),
            pod_uid: None,
            qos: None,
            nested: false,
            helper: false,
        }
    }

    /// What a runtime said of the container with this id, as far as it is believed: whoever may make cgroups could
    /// otherwise borrow another container's name, and outside a pod Kubernetes' labels are whatever somebody wrote.
    pub fn believes(&self, said: &std::sync::Arc<state::Details>) -> Option<std::sync::Arc<state::Details>> {
        if !self.may_be(said.runtime) {
            return None;
        }
        if let (Some(uid), Some(pod)) = (self.pod_uid.as_deref(), &said.pod)
            && pod.uid != uid
        {
            return None;
        }
        if self.pod_uid.is_some() || (said.kubernetes.is_none() && !said.sandbox) {
            return Some(std::sync::Arc::clone(said));
        }
        let plain = state::Details { kubernetes: None, sandbox: false, pod: None, ..(**said).clone() };
        Some(std::sync::Arc::new(plain))
    }

    /// Whether this is a container that the runtime may speak of, by where it is.
    pub fn may_be(&self, runtime: Option<Runtime>) -> bool {
        let same = self.runtime.is_none() || runtime.is_none() || self.runtime == runtime;
        same && self.kind == Kind::Container && !self.nested && !self.owner.starts_with("/user.slice/")
    }

    /// The container's name by its path alone: its id, with systemd's `\x2d` escapes undone.
    pub fn path_name(&self) -> Option<Cow<'_, str>> {
        let id = self.container_id.as_deref()?;
        Some(if self.runtime == Some(Runtime::Nspawn) { component::unescape(id) } else { Cow::Borrowed(id) })
    }

    /// The same, independent of the path it was made from.
    pub fn into_owned(self) -> Identity<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Identity {
            owner: own(self.owner),
            container_id: self.container_id.map(own),
            pod_uid: self.pod_uid.map(own),
            kind: self.kind,
            runtime: self.runtime,
            qos: self.qos,
            nested: self.nested,
            helper: self.helper,
        }
    }
}

/// A path for [`classify`] from the kernel's bytes. The name of a cgroup may hold any byte but `/` and line feed:
/// those that are no UTF-8 become `\xNN`, so different cgroups keep different paths. Such a path no longer opens
/// files; the bytes do.
pub fn path_from_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(path) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(path);
    }
    let mut path = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        path.push_str(chunk.valid());
        for byte in chunk.invalid() {
            component::push_escaped(&mut path, *byte);
        }
    }
    Cow::Owned(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_utf8_stay_apart() {
        assert_eq!(path_from_bytes(b"/a/\xff\xc3"), r"/a/\xff\xc3");
        assert_eq!(path_from_bytes(b"/a/\xfe\xc3"), r"/a/\xfe\xc3");
        assert!(matches!(path_from_bytes("/é".as_bytes()), Cow::Borrowed("/é")));
    }

    #[test]
    fn a_machine_name_is_unescaped() {
        let identity = classify(r"/machine.slice/machine-web\x2d1.scope", 4);
        assert_eq!(identity.container_id.as_deref(), Some(r"web\x2d1"));
        assert_eq!(identity.path_name().as_deref(), Some("web-1"));
    }
}
