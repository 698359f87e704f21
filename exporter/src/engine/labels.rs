//! Labels of rows: made when a row's names are known, and again when the configuration changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::own::{LABEL_LEFT_OUT, Own};
use super::{Engine, Known, LOOKS, NAMELESS, State, WORD_OF_RUNTIME};
use crate::identity::state::Details;
use crate::identity::tags::Collision;
use crate::identity::{Directory, Identity, Kind, Labelling};

/// What went wrong while labels were made, until it is counted.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// At most [`MAX_COLLISIONS`].
    collisions: Vec<Collision>,
    left_out: u64,
    /// How long containers were served, or would have been, without their names.
    unnamed: Vec<Duration>,
}

/// Collisions told at a time: with bad rules every container has the same ones.
const MAX_COLLISIONS: usize = 256;

impl Engine {
    /// Gives every living row its labels anew. Those of the dead stay: their last values belong to the series that they
    /// were counted in.
    pub fn relabel(&self, labelling: Labelling) {
        let mut state = self.lock();
        let state = &mut *state;
        state.nobody = labelling.render_nobody(super::scrape::UNATTRIBUTED_PATH);
        state.labelling = labelling;
        let scrape = state.scrapers.last();
        for (path, known) in &mut state.known {
            let lives = state.ledger.owner(path).is_some_and(|owner| owner.death.is_none());
            if lives && known.last.is_none() {
                known.label(&state.labelling, scrape, &mut state.trouble);
            }
        }
        state.trouble.tell(&self.own);
    }
}

impl Known {
    /// What is shown until more is known.
    pub(super) fn new(
        identity: Identity<'static>,
        since: u64,
        labelling: &Labelling,
        trouble: &mut Trouble,
    ) -> Self {
        let mut known = Self {
            identity,
            details: None,
            labels: String::new(),
            info: None,
            since,
            renamed: false,
            looks_left: LOOKS,
            seen: Instant::now(),
            waiting: None,
            began: true,
            workload: None,
            restarts: None,
            last: None,
            missed: false,
        };
        known.label(labelling, since, trouble);
        known
    }

    /// It has no names yet, or those of an earlier life. Whether anybody still looks for them is another thing: Kubernetes may
    /// speak of it when its state directories are long gone.
    pub(super) fn is_unnamed(&self) -> bool {
        self.looks_left > 0 || self.details.is_none()
    }

    /// A container or a pod that may have its names in a moment is shown when it has them: the next scrape misses nothing, since
    /// counters go on, and finds one set of labels. State directories were asked of all that was there `asked`.
    pub(super) fn is_awaited(&self, directory: &Directory, asked: Instant) -> bool {
        self.details.is_none()
            && matches!(self.identity.kind, Kind::Container | Kind::Pod)
            && self.seen.elapsed() < WORD_OF_RUNTIME
            && (self.seen >= asked || directory.may_name(&self.identity))
    }

    /// What it is to be called, of those who were waited for: what its state directory says, once its pod is known or was
    /// waited for long enough; if that directory says nothing, what its runtime says by CRI, or else Kubernetes.
    pub(super) fn waited_for(&self, directory: &Directory) -> Option<Arc<Details>> {
        let waited = self.seen.elapsed();
        if let Some(details) = &self.waiting {
            let enough = waited >= WORD_OF_RUNTIME || !directory.has_more(&self.identity, details);
            return enough.then(|| Arc::clone(details));
        }
        let by_cri = (waited >= WORD_OF_RUNTIME).then(|| directory.by_cri(&self.identity)).flatten();
        if by_cri.is_some() {
            return by_cri;
        }
        let whole_pod = self.identity.kind == Kind::Pod && !directory.awaits_namespace(&self.identity);
        let soon = whole_pod || waited >= WORD_OF_RUNTIME;
        let of_pod = soon && (self.identity.pod_uid.is_some() || self.identity.container_id.is_some());
        of_pod.then(|| directory.by_kubernetes(&self.identity, waited >= NAMELESS)).flatten()
    }

    /// It has its names, but not all that Kubernetes may say of it.
    pub(super) fn lacks_its_pod(&self) -> bool {
        let Some(details) = self.details.as_ref().filter(|_| self.identity.pod_uid.is_some()) else {
            return false;
        };
        let counted = self.identity.kind != Kind::Container || details.sandbox || details.restarts.is_some();
        !details.has_whole_pod() || !counted
    }

    /// It has its names and its pod, and nothing is known yet of that one's namespace.
    pub(super) fn lacks_its_namespace(&self) -> bool {
        let pod = self.details.as_ref().and_then(|details| details.pod.as_ref());
        pod.is_some_and(|pod| pod.of_namespace.is_none())
    }

    /// It has its names, but not all that its runtime says of it.
    pub(super) fn lacks_some_of(&self, said: &Details) -> bool {
        let lacks = |details: &Arc<Details>| {
            let image = details.image_id.is_none() && said.image_id.is_some();
            image || (details.pod.is_none() && said.pod.is_some())
        };
        self.details.as_ref().is_some_and(lacks)
    }

    /// This is known of it from now on.
    pub(super) fn rename(
        &mut self,
        details: Arc<Details>,
        labelling: &Labelling,
        scrape: u64,
        trouble: &mut Trouble,
    ) {
        self.details = Some(details);
        if self.identity.kind == Kind::Container {
            trouble.unnamed.push(self.seen.elapsed());
        }
        self.label(labelling, scrape, trouble);
    }

    /// Its labels are these from now on; `scrape` was the last.
    pub(super) fn label(&mut self, labelling: &Labelling, scrape: u64, trouble: &mut Trouble) {
        let rendered = labelling.render(&self.identity, self.details.as_deref());
        self.renamed |= rendered.labels != self.labels && scrape > self.since;
        (self.labels, self.info) = (rendered.labels, rendered.info);
        trouble.left_out += rendered.left_out;
        let room = MAX_COLLISIONS.saturating_sub(trouble.collisions.len());
        trouble.collisions.extend(rendered.collisions.into_iter().take(room));
    }
}

impl Trouble {
    /// Counts what there is, and says which keys it was.
    pub(super) fn tell(&mut self, own: &Own) {
        for unnamed in self.unnamed.drain(..) {
            own.named_after(unnamed);
        }
        own.lost(LABEL_LEFT_OUT, std::mem::take(&mut self.left_out));
        for collision in self.collisions.drain(..) {
            own.collided(&collision);
        }
    }
}

impl State {
    /// Containers that live and have no names yet.
    pub(super) fn unnamed(&self) -> usize {
        let unnamed = |(path, known): &(&String, &Known)| {
            known.identity.kind == Kind::Container
                && known.details.is_none()
                && self.ledger.owner(path).is_some_and(|owner| owner.death.is_none())
        };
        self.known.iter().filter(unnamed).count()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::identity::{Runtime, classify};

    #[test]
    fn who_may_be_named_in_a_moment_is_waited_for_and_nobody_else() {
        let (directory, labelling) = (Directory::default(), Labelling::default());
        let id = "8".repeat(64);
        let new = |path: &str| {
            let identity = classify(path, 8).into_owned();
            Known::new(identity, 0, &labelling, &mut Trouble::default())
        };
        let before = Instant::now();
        let (mut container, pod) = (
            new(&format!("/docker/{id}")),
            new("/kubepods/burstable/pod2e9a1b5c-9d0f-4f6e-8a51-7c3d5e6f7a8b"),
        );
        let (service, after) = (new("/system.slice/ssh.service"), Instant::now());
        let awaited = |known: &Known, asked| known.is_awaited(&directory, asked);
        assert!(awaited(&container, before) && awaited(&pod, before), "made after it was asked for");
        assert!(!awaited(&container, after) && !awaited(&pod, after), "nobody else knows");
        assert!(!awaited(&service, before));
        directory.follows(Runtime::Podman, Path::new("/p"), true);
        assert!(!awaited(&container, after), "another's");
        directory.follows(Runtime::Docker, Path::new("/d"), true);
        assert!(awaited(&container, after) && !awaited(&pod, after));
        directory.follows_kubernetes(true);
        assert!(awaited(&pod, after) && !awaited(&service, after));
        container.details = Some(Arc::default());
        assert!(!awaited(&container, before), "it has its names");
        container.details = None;
        container.seen = before.checked_sub(WORD_OF_RUNTIME).expect("a machine that is up for a second");
        assert!(!awaited(&container, before), "long enough");
    }
}
