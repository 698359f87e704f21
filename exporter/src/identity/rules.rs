//! From a cgroup path to its owner. The rules read a path once from its root; each looks only at components it
//! has already passed, so an owner's own path always gives the same owner.

use std::borrow::Cow;

use super::component as shape;
use super::{Identity, Kind, Qos, Runtime};

/// Who owns the cgroup at `path`; what is no container's and lies deeper than `max_depth` components folds into
/// its ancestor at that depth.
pub fn classify(path: &str, max_depth: usize) -> Identity<'_> {
    classify_under(path, max_depth, |_| false)
}

/// As [`classify`], where `known` says which paths are containers though they do not look it: those that
/// [`super::state::StateDirs`] has claimed. It is asked of every ancestor, root first.
pub fn classify_under<'p>(
    path: &'p str,
    max_depth: usize,
    mut known: impl FnMut(&str) -> bool,
) -> Identity<'p> {
    let mut scan = Scan { path, ..Scan::default() };
    for component in path.split('/') {
        scan.end += component.len();
        if !component.is_empty() {
            scan.step(component, max_depth, &mut known);
        }
        scan.end += 1;
    }
    scan.finish()
}

/// What has been seen of a path up to one of its components.
#[derive(Default)]
struct Scan<'p> {
    path: &'p str,
    /// Where the component at hand ends.
    end: usize,
    depth: usize,
    parent: &'p str,
    grandparent: &'p str,
    owner: Option<Found<'p>>,
    pod: Option<(&'p str, Option<Qos>)>,
    nested: bool,
    helper: bool,
    below_nomad: bool,
    /// The ancestor at the greatest depth allowed: where it ends, and what it is.
    fold: Option<(usize, Kind)>,
}

/// The innermost container or pod so far.
struct Found<'p> {
    end: usize,
    /// `None` for a pod.
    container: Option<(Option<Runtime>, &'p str)>,
}

impl<'p> Scan<'p> {
    fn step(&mut self, component: &'p str, max_depth: usize, known: &mut impl FnMut(&str) -> bool) {
        self.depth += 1;
        if self.depth <= max_depth {
            self.fold = Some((self.end, shape::plain_kind(component)));
        }
        if let Some(container) = self.container(component, known) {
            return self.enter(Some(container));
        }
        if let Some(pod) = self.pod(component) {
            self.pod = Some(pod);
            return self.enter(None);
        }
        self.helper |= shape::is_helper(component) || self.is_supervisor(component);
        self.below_nomad |= component.starts_with("nomad");
        self.grandparent = self.parent;
        self.parent = component;
    }

    fn enter(&mut self, container: Option<(Option<Runtime>, &'p str)>) {
        self.nested |= self.owner.as_ref().is_some_and(|outer| outer.container.is_some());
        self.helper = false;
        self.below_nomad = false;
        // A container's name is no directory that a rule below it may go by.
        (self.grandparent, self.parent) = ("", "");
        self.owner = Some(Found { end: self.end, container });
    }

    /// The container that begins at this component.
    fn container(
        &mut self,
        component: &'p str,
        known: &mut impl FnMut(&str) -> bool,
    ) -> Option<(Option<Runtime>, &'p str)> {
        if let Some((runtime, id)) = shape::prefixed(component) {
            return Some((Some(runtime), id));
        }
        if let Some((slice, runtime, id)) = shape::unexpanded(component) {
            self.pod = shape::pod_slice(slice).map(|(uid, qos)| (uid, Some(qos))).or(self.pod);
            return Some((runtime, id));
        }
        if let Some((runtime, name)) = shape::machine(component).filter(|_| self.parent.ends_with(".slice")) {
            return Some((Some(runtime), name));
        }
        if let Some(name) = self.lxc(component) {
            return Some((Some(Runtime::Lxc), name));
        }
        if let Some(id) = shape::nomad_task(component).filter(|_| self.below_nomad) {
            return Some((Some(Runtime::Nomad), id));
        }
        // Podman's pods under cgroupfs are named by 64 digits too, and so is what Kata runs outside the pod.
        if shape::is_container_id(component) && !matches!(self.parent, "libpod_parent" | "kata_overhead") {
            return Some((self.runtime_by_parent(component), component));
        }
        // `ctr` puts containers of any name below its namespace. Only the default namespace is certain enough
        // by its name; the others are found in containerd's state directory.
        if self.depth == 2 && self.parent == "default" {
            return Some((Some(Runtime::Containerd), component));
        }
        known(&self.path[..self.end]).then_some((None, component))
    }

    fn lxc(&self, component: &'p str) -> Option<&'p str> {
        if matches!(self.parent, "lxc" | "lxc.payload") {
            return Some(component);
        }
        component.strip_prefix("lxc.payload.").filter(|name| !name.is_empty())
    }

    /// The runtime of a bare id, by the directory it is in.
    fn runtime_by_parent(&self, id: &str) -> Option<Runtime> {
        match (self.grandparent, self.parent) {
            (_, "docker" | "moby") => Some(Runtime::Docker),
            ("ecs", _) if id.len() == 64 => Some(Runtime::Docker),
            (_, "default" | "k8s.io") => Some(Runtime::Containerd),
            _ => None,
        }
    }

    /// The pod that begins at this component: its UID as written, and its class.
    fn pod(&self, component: &'p str) -> Option<(&'p str, Option<Qos>)> {
        if let Some((uid, qos)) = shape::pod_slice(component) {
            return Some((uid, Some(qos)));
        }
        let uid = component.strip_prefix("pod").filter(|uid| !uid.is_empty())?;
        let qos = match shape::qos_directory(self.parent) {
            Some(qos) if shape::is_kubepods(self.grandparent) => Some(qos),
            _ => shape::is_kubepods(self.parent).then_some(Qos::Guaranteed),
        };
        // A static pod may be given any UID; outside the kubelet's directories only a real one counts.
        (qos.is_some() || shape::is_pod_uid(uid)).then_some((uid, qos))
    }

    /// nspawn's own process, in the container's unit but not in the container.
    fn is_supervisor(&self, component: &str) -> bool {
        component == "supervisor"
            && self.owner.as_ref().is_some_and(|owner| {
                owner.end + "/supervisor".len() == self.end
                    && matches!(owner.container, Some((Some(Runtime::Nspawn), _)))
            })
    }

    fn finish(self) -> Identity<'p> {
        let (end, kind) = match (&self.owner, self.fold) {
            (Some(owner), _) if owner.container.is_some() => (owner.end, Kind::Container),
            (Some(pod), _) => (pod.end, Kind::Pod),
            (None, Some(fold)) => fold,
            (None, None) => (0, Kind::Root),
        };
        let container = self.owner.and_then(|owner| owner.container);
        Identity {
            owner: Cow::Borrowed(if kind == Kind::Root { "/" } else { &self.path[..end] }),
            kind,
            runtime: container.and_then(|(runtime, _)| runtime),
            container_id: container.map(|(_, id)| Cow::Borrowed(id)),
            pod_uid: self.pod.map(|(uid, _)| shape::normal_uid(uid)),
            qos: self.pod.and_then(|(_, qos)| qos),
            nested: self.nested,
            helper: self.helper,
        }
    }
}

#[cfg(test)]
mod tests;
