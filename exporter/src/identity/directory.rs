//! What runtimes said of containers, by the containers' ids, until somebody wants to know.
//!
//! Runtimes speak of a container before its cgroup is there and after it is gone, so what was said stays for a while.

mod recent;
mod wanted;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use self::recent::Recent;
use self::wanted::Wanted;
use super::pods::{Pod, PodNews, Pods, Selector, ServiceKey};
use super::state::Details;
use super::{Identity, Kind, Metadata, Runtime, Status};

/// The table; one for all runtimes.
#[derive(Debug, Default)]
pub struct Directory {
    inner: Mutex<Inner>,
    /// Changes when something is wanted that was not.
    asked: watch::Sender<()>,
    /// Whether a rule names a label or an annotation of namespaces.
    needs_namespaces: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Inner {
    known: Recent<Arc<Details>>,
    /// How they are, and who says so.
    statuses: Recent<(Runtime, Status)>,
    /// Ids of which something new was said.
    fresh: Vec<String>,
    /// What followers are to ask their runtimes for.
    wanted: Wanted,
    /// Runtimes that are followed just now, each by one of its sockets.
    followed: HashSet<(Runtime, PathBuf)>,
    pods: Pods,
    /// Something new was said of pods.
    fresh_pods: bool,
    /// The API server is followed just now.
    follows_kubernetes: bool,
    /// Something was said of the namespace of pods that lacked it.
    fresh_namespaces: bool,
    /// Namespaces are followed just now.
    follows_namespaces: bool,
}

impl Directory {
    /// A runtime says this of a container.
    pub fn tell(&self, id: String, details: Details) {
        let mut inner = self.lock();
        inner.known.insert(&id, Arc::new(details));
        if inner.fresh.len() < recent::MAX {
            inner.fresh.push(id);
        }
    }

    /// A runtime says that a container is so; what it does not say of it is as before.
    pub fn tell_status(&self, id: &str, runtime: Runtime, status: Status) {
        let mut inner = self.lock();
        let before = inner.statuses.get(id).filter(|(teller, _)| *teller == runtime);
        let before = before.map(|(_, before)| before.clone()).unwrap_or_default();
        inner.statuses.insert(id, (runtime, status.or(before)));
    }

    /// How a container is: by its runtime, and what that does not say by Kubernetes.
    pub fn status(&self, identity: &Identity<'_>) -> Option<Status> {
        let id = identity.container_id.as_deref().filter(|_| identity.kind == Kind::Container)?;
        let inner = self.lock();
        let told = inner.statuses.get(id).filter(|(runtime, _)| identity.may_be(Some(*runtime)));
        let told = told.map(|(_, status)| status.clone());
        let of_pod = inner.pods.status(identity);
        match (told, of_pod) {
            (Some(told), Some(of_pod)) => Some(told.or(of_pod)),
            (told, of_pod) => told.or(of_pod),
        }
    }

    /// Somebody who is followed by CRI is to be asked for a container that he did not speak of yet, or with `ended` for how it
    /// ended.
    pub fn want(&self, identity: &Identity<'_>, ended: bool) {
        let Some(id) = identity.container_id.as_deref() else { return };
        let mut inner = self.lock();
        let runtimes = inner.followed.iter().map(|(runtime, _)| *runtime);
        let mut runtimes = runtimes.filter(|runtime| runtime.speaks_cri());
        let may_know = identity.pod_uid.is_some() && runtimes.any(|runtime| identity.may_be(Some(runtime)));
        if may_know && !inner.has(id, ended) && inner.wanted.add(id, ended) {
            drop(inner);
            self.asked.send_replace(());
        }
    }

    /// Whether anything is still wanted, for one more try to get it.
    pub fn still_wants(&self) -> bool {
        let mut inner = self.lock();
        let mut wanted = std::mem::take(&mut inner.wanted);
        let still = wanted.take_try(|id, ended| inner.has(id, ended));
        inner.wanted = wanted;
        still
    }

    /// What changes whenever something is wanted.
    pub fn asked(&self) -> watch::Receiver<()> {
        self.asked.subscribe()
    }

    /// A runtime is followed by this socket from now on, or no longer.
    pub fn follows(&self, runtime: Runtime, socket: &Path, followed: bool) {
        let mut inner = self.lock();
        let by = (runtime, socket.to_owned());
        if followed {
            inner.followed.insert(by);
        } else {
            inner.followed.remove(&by);
        }
    }

    /// Whether a runtime's word is to be waited for.
    pub fn is_followed(&self, runtime: Runtime) -> bool {
        self.lock().is_followed(runtime)
    }

    /// What is known of a container.
    pub fn get(&self, id: &str) -> Option<Arc<Details>> {
        self.lock().known.get(id).cloned()
    }

    /// What was said since the last call.
    pub fn fresh(&self) -> HashMap<String, Arc<Details>> {
        let mut inner = self.lock();
        let fresh = std::mem::take(&mut inner.fresh);
        fresh
            .into_iter()
            .filter_map(|id| inner.known.get(&id).cloned().map(|details| (id, details)))
            .collect()
    }

    /// Kubernetes says this of a pod; how many pods and containers there was no room for.
    pub fn tell_pod(&self, news: PodNews) -> (u64, u64) {
        let mut inner = self.lock();
        inner.fresh_pods = true;
        inner.pods.tell(news)
    }

    /// There are no pods but these.
    pub fn only_pods(&self, uids: &HashSet<String>) {
        self.lock().pods.only(uids);
    }

    /// How many pods live.
    pub fn living_pods(&self) -> usize {
        self.lock().pods.living()
    }

    /// Rules name labels or annotations of namespaces from now on, or no longer: else nobody asks for them.
    pub fn need_namespaces(&self, needed: bool) {
        self.needs_namespaces.send_if_modified(|before| std::mem::replace(before, needed) != needed);
    }

    /// Whether namespaces are needed, and what changes when that does.
    pub fn needs_namespaces(&self) -> watch::Receiver<bool> {
        self.needs_namespaces.subscribe()
    }

    /// Namespaces are followed from now on, or no longer.
    pub fn follows_namespaces(&self, followed: bool) {
        self.lock().follows_namespaces = followed;
    }

    /// Kubernetes says this of a namespace; whether there was room for it.
    pub fn tell_namespace(&self, name: &str, metadata: Metadata) -> bool {
        let mut inner = self.lock();
        let (taken, lacked) = inner.pods.tell_namespace(name, metadata);
        inner.fresh_namespaces |= lacked;
        taken
    }

    /// A namespace is no more.
    pub fn forget_namespace(&self, name: &str) {
        self.lock().pods.forget_namespace(name);
    }

    /// There are no namespaces but these.
    pub fn only_namespaces(&self, names: &HashSet<String>) {
        self.lock().pods.only_namespaces(names);
    }

    /// Whether something was said of namespaces since the last call that pods lacked.
    pub fn fresh_namespaces(&self) -> bool {
        std::mem::take(&mut self.lock().fresh_namespaces)
    }

    /// Kubernetes says this of a service; without a selector it selects nobody. Whether there was room for it.
    pub fn tell_service(&self, key: &ServiceKey, selector: Option<Selector>) -> bool {
        self.lock().pods.tell_service(key, selector)
    }

    /// A service is no more.
    pub fn forget_service(&self, key: &ServiceKey) {
        self.lock().pods.forget_service(key);
    }

    /// There are no services but these.
    pub fn only_services(&self, keys: &HashSet<ServiceKey>) {
        self.lock().pods.only_services(keys);
    }

    /// The services that select the pod whose cgroup this is, while it lives.
    pub fn services(&self, identity: &Identity<'_>) -> Vec<Arc<str>> {
        self.lock().pods.services(identity)
    }

    /// How many services of pods there was no room for since the last call.
    pub fn services_left_out(&self) -> u64 {
        self.lock().pods.services_left_out()
    }

    /// Whether the labels of a pod's namespace are to be waited for.
    pub fn awaits_namespace(&self, identity: &Identity<'_>) -> bool {
        self.lock().awaits_namespace(identity)
    }

    /// Whether anybody who is followed may yet say what a container or a pod is called.
    pub fn may_name(&self, identity: &Identity<'_>) -> bool {
        let (inner, in_pod) = (self.lock(), identity.pod_uid.is_some());
        let mut runtimes = inner.followed.iter().map(|(runtime, _)| *runtime);
        (in_pod && inner.follows_kubernetes)
            || runtimes.any(|runtime| identity.may_be(Some(runtime)) && (in_pod || !runtime.speaks_cri()))
    }

    /// The API server is followed from now on, or no longer.
    pub fn follows_kubernetes(&self, followed: bool) {
        self.lock().follows_kubernetes = followed;
    }

    /// Whether something was said of pods since the last call.
    pub fn fresh_pods(&self) -> bool {
        std::mem::take(&mut self.lock().fresh_pods)
    }

    /// Whether more than a state directory said is to be waited for: of its runtime, or of Kubernetes.
    pub fn has_more(&self, identity: &Identity<'_>, said: &Details) -> bool {
        let inner = self.lock();
        let of_pod = inner.follows_kubernetes && inner.pods.lack(identity, said.kubernetes.is_some());
        of_pod
            || inner.awaits_namespace(identity)
            || said.runtime.is_some_and(|runtime| inner.may_tell(runtime, identity))
    }

    /// What a runtime said, with what else was said of the container by its id, and what Kubernetes said of the pod.
    pub fn complete(&self, identity: &Identity<'_>, said: &Arc<Details>) -> Arc<Details> {
        let inner = self.lock();
        let told = identity.container_id.as_deref().and_then(|id| inner.known.get(id));
        let told = told.filter(|told| !Arc::ptr_eq(told, said)).and_then(|told| identity.believes(told));
        let whole = told.and_then(|told| said.completed_by(&told)).map(Arc::new);
        inner.pods.complete(identity, whole.as_ref().unwrap_or(said))
    }

    /// What somebody who is followed by CRI said of a container that no state directory names.
    pub fn by_cri(&self, identity: &Identity<'_>) -> Option<Arc<Details>> {
        identity.believes(&self.get(identity.container_id.as_deref()?)?)
    }

    /// What Kubernetes alone says of a pod or a container. With `nameless`, while it is followed, its pod at least, if the
    /// container is none of those it speaks of.
    pub fn by_kubernetes(&self, identity: &Identity<'_>, nameless: bool) -> Option<Arc<Details>> {
        let inner = self.lock();
        inner.pods.alone(identity, nameless && inner.follows_kubernetes)
    }

    /// The pod that a container is one of, by what it is called (`named`) or by its id; and how often containers of its name
    /// ended there before it.
    pub fn pod_of(&self, identity: &Identity<'_>, named: bool) -> Option<(Arc<Pod>, Option<u32>)> {
        self.lock().pods.pod_of(identity, named)
    }

    /// The addresses that are a row's own: of a pod by its cgroup, for all its containers; of a container outside pods, as its
    /// runtime says.
    pub fn addresses(&self, identity: &Identity<'_>) -> Vec<IpAddr> {
        let inner = self.lock();
        if let Some(pod) = inner.pods.addresses(identity) {
            return pod.addresses.clone();
        }
        let id = identity.container_id.as_deref().filter(|_| identity.pod_uid.is_none());
        let said = id.and_then(|id| inner.known.get(id)).and_then(|said| identity.believes(said));
        said.map(|said| said.addresses.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_followed(&self, runtime: Runtime) -> bool {
        self.followed.iter().any(|(followed, _)| *followed == runtime)
    }

    fn awaits_namespace(&self, identity: &Identity<'_>) -> bool {
        self.follows_namespaces && self.pods.lack_namespace(identity)
    }

    /// Whether a runtime that is followed may say more than its state directory. CRI is Kubernetes' alone, and completes what
    /// the directory says.
    fn may_tell(&self, runtime: Runtime, identity: &Identity<'_>) -> bool {
        let unknown = || identity.container_id.as_deref().is_some_and(|id| self.known.get(id).is_none());
        let of_cri = !runtime.speaks_cri() || (identity.pod_uid.is_some() && unknown());
        of_cri && self.is_followed(runtime)
    }

    /// Whether this is known already.
    fn has(&self, id: &str, ended: bool) -> bool {
        match ended {
            true => self.statuses.get(id).is_some_and(|(_, status)| status.exit.is_some()),
            false => self.known.get(id).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Exit, Health, classify};

    const ID: &str = "77d06f573c36b428176d2e2a5c018effaf864f0fb63e27bc41c1c258e248ba71";
    const POD: &str = "/kubepods/burstable/podc7ee4046-c890-41dc-ab99-f122526010d6";

    fn named(name: &str) -> Details {
        Details { name: Some(name.to_owned()), ..Details::default() }
    }

    #[test]
    fn what_is_new_is_told_once_and_stays_known() {
        let directory = Directory::default();
        directory.tell("a".into(), named("first"));
        directory.tell("a".into(), named("second"));
        assert_eq!(directory.fresh(), HashMap::from([("a".into(), Arc::new(named("second")))]));
        assert_eq!(directory.fresh(), HashMap::new());
        assert_eq!(directory.get("a"), Some(Arc::new(named("second"))));
        assert_eq!(directory.get("b"), None);
    }

    #[test]
    fn the_first_told_go_first() {
        let directory = Directory::default();
        for at in 0..=recent::MAX {
            directory.tell(at.to_string(), named("x"));
        }
        assert_eq!((directory.get("0"), directory.get("1").is_some()), (None, true));
        assert_eq!(directory.fresh().len(), recent::MAX - 1, "of those still known");
    }

    #[test]
    fn who_is_followed() {
        let directory = Directory::default();
        let (one, other) = (Path::new("/run/one"), Path::new("/run/other"));
        directory.follows(Runtime::Podman, one, true);
        assert_eq!([Runtime::Podman, Runtime::Docker].map(|r| directory.is_followed(r)), [true, false]);
        directory.follows(Runtime::Podman, other, false);
        assert!(directory.is_followed(Runtime::Podman), "another socket of it");
        directory.follows(Runtime::Podman, one, false);
        assert!(!directory.is_followed(Runtime::Podman));
    }

    #[test]
    fn a_status_is_of_who_the_path_says_and_keeps_what_is_not_said_again() {
        let directory = Directory::default();
        let healthy = Status { health: Some(Health::Healthy), restarts: Some(1), ..Status::default() };
        directory.tell_status(ID, Runtime::Docker, healthy.clone());
        let ended = Status { exit: Some(Exit::new(1, false)), ..Status::default() };
        directory.tell_status(ID, Runtime::Docker, ended.clone());
        let of = |path: &str| directory.status(&classify(path, 4));
        assert_eq!(of(&format!("/docker/{ID}")), Some(ended.or(healthy)));
        assert_eq!(of(&format!("/machine.slice/libpod-{ID}.scope")), None, "another runtime's");
        assert_eq!(of(&format!("/user.slice/docker-{ID}.scope")), None, "anybody's");
    }

    #[test]
    fn only_who_speaks_cri_is_asked_and_not_for_ever() {
        let directory = Directory::default();
        let (path, asked) = (format!("{POD}/{ID}"), directory.asked());
        let container = classify(&path, 4);
        directory.want(&container, false);
        assert!(!directory.still_wants() && !asked.has_changed().expect("it is there"), "nobody is followed");
        directory.follows(Runtime::Containerd, Path::new("/run/c"), true);
        directory.want(&classify(&format!("/docker/{ID}"), 4), false);
        assert!(!directory.still_wants(), "Docker's");
        directory.want(&container, false);
        assert!(directory.still_wants() && asked.has_changed().expect("it is there"));
        directory.tell(ID.into(), named("x"));
        assert!(!directory.still_wants(), "it was told of");
        directory.want(&container, false);
        assert!(!directory.still_wants(), "it is known");
        directory.want(&container, true);
        let tries = std::iter::from_fn(|| directory.still_wants().then_some(())).take(100).count();
        assert_eq!(tries, usize::from(wanted::TRIES));
    }

    #[test]
    fn a_namespace_is_waited_for_while_it_is_followed() {
        let directory = Directory::default();
        let uid = "c7ee4046-c890-41dc-ab99-f122526010d6".to_owned();
        let pod = Arc::new(Pod { uid, namespace: "shop".to_owned(), ..Pod::default() });
        directory.tell_pod(PodNews { pod, config_hash: None, containers: Vec::new(), gone: false });
        let (pod, path) = (classify(POD, 4), format!("{POD}/{ID}"));
        let more = || directory.has_more(&classify(&path, 4), &named("main"));
        assert!(!directory.awaits_namespace(&pod) && !more());
        directory.follows_namespaces(true);
        assert!(directory.awaits_namespace(&pod) && more());
        assert!(directory.tell_namespace("bank", Metadata::default()) && !directory.fresh_namespaces());
        assert!(directory.tell_namespace("shop", Metadata::default()));
        assert!(!directory.awaits_namespace(&pod) && !more(), "it has no labels, and that is known");
        assert_eq!([(); 2].map(|()| directory.fresh_namespaces()), [true, false], "once");
    }

    #[test]
    fn who_follows_namespaces_is_told_when_that_changes() {
        let directory = Directory::default();
        let mut needs = directory.needs_namespaces();
        for (needed, changes) in [(false, false), (true, true), (true, false), (false, true)] {
            directory.need_namespaces(needed);
            assert_eq!(needs.has_changed().expect("it is there"), changes);
            assert_eq!(*needs.borrow_and_update(), needed);
        }
    }

    #[test]
    fn what_cri_says_completes_what_the_state_directory_says() {
        let directory = Directory::default();
        let path = format!("{POD}/{ID}");
        let container = classify(&path, 4);
        let said = Arc::new(Details { runtime: Some(Runtime::Containerd), ..named("main") });
        assert!(!directory.has_more(&container, &said));
        directory.follows(Runtime::Containerd, Path::new("/run/c"), true);
        assert!(directory.has_more(&container, &said));
        assert!(!directory.has_more(&classify(&format!("/k8s.io/{ID}"), 4), &said), "in no pod");
        let told = Details { image_id: Some("sha256:1".into()), runtime: said.runtime, ..Details::default() };
        directory.tell(ID.into(), told.clone());
        assert!(!directory.has_more(&container, &said));
        let whole = directory.complete(&container, &said);
        assert_eq!((whole.name.as_deref(), whole.image_id.as_deref()), (Some("main"), Some("sha256:1")));
        assert_eq!(directory.by_cri(&container), Some(Arc::new(told)));
        let other = Details { runtime: Some(Runtime::CriO), ..Details::default() };
        directory.tell(ID.into(), other);
        let path = format!("/kubepods.slice/cri-containerd-{ID}.scope");
        assert_eq!(directory.complete(&classify(&path, 4), &said), said, "another runtime's word");
    }
}
