//! Cgroups come and go: events, what is due, and catching up when events were lost or never come.

use std::collections::HashSet;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::worker::{Finding, Worker};
use super::{
    Dying, GRACE, Known, LOOK_AFTER, LOOKS, Options, SETTLE, State, WORD_OF_RUNTIME, unix_now, unix_of_boot,
    walk_bounds,
};
use crate::host::{Found, Hierarchies, Scope};
use crate::identity::state::Details;
use crate::identity::{Identity, Kind, Runtime, classify_under, path_from_bytes};
use crate::kernel::layout::WORDS;
use crate::kernel::{Counted, Event, Kernel, UNATTRIBUTED};
use crate::ledger::Owner;
use crate::signals::Keyed;

impl State {
    /// Takes in everything the kernel has to tell.
    pub(super) fn drain_events(&mut self, options: &Options, hierarchies: &Hierarchies, worker: &Worker) {
        while let Some(event) = self.kernel.as_mut().and_then(Kernel::next_event) {
            match event {
                Event::Made { cgroup_id, slot, boot_ns, path } => {
                    let created = unix_of_boot(boot_ns);
                    let path = path_from_bytes(&path);
                    alias_io(self.kernel.as_mut(), hierarchies, &path, slot);
                    self.made(cgroup_id, slot, &path, Some(created), options, worker);
                }
                Event::MadeIo { path } => self.made_io(&path_from_bytes(&path), hierarchies),
                Event::Emptied { cgroup_id } => self.emptied(cgroup_id, worker),
                Event::Removed { cgroup_id, .. } => self.removed(cgroup_id, worker),
            }
        }
    }

    /// Gives every cgroup that exists a place, and a slot if there is a kernel side.
    pub(super) fn adopt_all(
        &mut self,
        hierarchies: &Hierarchies,
        mut kernel: Option<&mut Kernel>,
        options: &Options,
        worker: &Worker,
    ) {
        for found in self.walk(hierarchies, options) {
            let id = id_of(&found);
            let slot = kernel.as_mut().and_then(|kernel| kernel.adopt(id)).unwrap_or(UNATTRIBUTED);
            self.slotless_at_start += u64::from(kernel.is_some() && slot == UNATTRIBUTED);
            alias_io(kernel.as_deref_mut(), hierarchies, &found.path, slot);
            self.made(id, slot, &found.path, None, options, worker);
        }
        self.known.values_mut().for_each(|known| known.began = false);
    }

    /// The cgroups there are, within the bounds.
    fn walk(&mut self, hierarchies: &Hierarchies, options: &Options) -> Vec<Found> {
        let mut walk = hierarchies.walk(walk_bounds(options.slots));
        let found = walk.by_ref().collect();
        self.not_walked += walk.skipped();
        self.not_readable += walk.unreadable();
        found
    }

    /// Compares the ledger with the hierarchy: for hosts without events, and when some were lost. What a walk did not come by may be
    /// beyond its bounds, and is gone only if it is not where it was.
    pub(super) fn reconcile(&mut self, hierarchies: &Hierarchies, options: &Options, worker: &Worker) {
        let mut kernel = self.kernel.take();
        let found = self.walk(hierarchies, options);
        let there: HashSet<u64> = found.iter().map(id_of).collect();
        let gone = |(id, path): &(u64, &str)| !there.contains(id) && !hierarchies.has(path, *id);
        let gone: Vec<u64> = self.ledger.cgroups().filter(gone).map(|(id, _)| id).collect();
        for id in gone {
            self.removed(id, worker);
        }
        for found in &found {
            let id = id_of(found);
            let mut slot = self.ledger.member(id).map_or(UNATTRIBUTED, |member| member.slot);
            if slot == UNATTRIBUTED {
                slot = kernel.as_mut().and_then(|kernel| kernel.adopt(id)).unwrap_or(UNATTRIBUTED);
                self.made(id, slot, &found.path, None, options, worker);
            }
            alias_io(kernel.as_mut(), hierarchies, &found.path, slot);
        }
        self.kernel = kernel;
    }

    /// Counts the DNS questions that nobody answered; for every scrape, and before a slot is read for the last time.
    pub(super) fn expire_questions(&mut self, now: Instant) {
        const AT_MOST_EVERY: Duration = Duration::from_millis(100);
        if self.questions_at.is_some_and(|at| now.saturating_duration_since(at) < AT_MOST_EVERY) {
            return;
        }
        self.questions_at = Some(now);
        if let Some(Err(error)) = self.kernel.as_mut().map(Kernel::expire_questions) {
            tracing::warn!(%error, "DNS questions without an answer are not counted");
        }
    }

    /// Has what connections counted added to their rows: for every scrape, and before a slot is taken from its cgroup.
    pub(super) fn look_at_connections(&mut self) {
        if let Some(Err(error)) = self.kernel.as_mut().map(Kernel::look_at_connections) {
            tracing::warn!(error, "what open connections have counted is not known yet");
        }
    }

    /// Unmaps and reads for the last time what is due, and gives its slots back.
    pub(super) fn release_due(&mut self, now: Instant) {
        if self.dying.front().is_some_and(|dying| dying.due <= now) {
            self.look_at_connections();
        }
        while let Some(dying) = self.dying.pop_front_if(|dying| dying.due <= now) {
            if let Some(kernel) = &mut self.kernel {
                kernel.unmap(dying.cgroup_id, dying.slot);
            }
            self.settling.push_back(Dying { due: now + SETTLE, ..dying });
        }
        let mut settled = Vec::new();
        while let Some(dying) = self.settling.pop_front_if(|dying| dying.due <= now) {
            settled.push(dying);
        }
        if !settled.is_empty() {
            self.retire(&settled);
        }
    }

    /// Asks about young cgroups whose time has come.
    pub(super) fn look_due(&mut self, now: Instant, worker: &Worker) {
        for queue in &mut self.looks {
            while let Some((_, path)) = queue.pop_front_if(|(due, _)| *due <= now) {
                let Some(known) = self.known.get(&path).filter(|known| known.looks_left > 0) else {
                    continue;
                };
                worker.look(&path, known.identity.clone());
            }
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Duration {
        const IDLE: Duration = Duration::from_secs(60);
        let next = [self.dying.front(), self.settling.front()].into_iter().flatten().map(|d| d.due);
        let looks = self.looks.iter().filter_map(|queue| queue.front().map(|(due, _)| *due));
        next.chain(looks).min().map_or(IDLE, |due| due.saturating_duration_since(Instant::now()))
    }

    /// Takes in what the worker has found out.
    pub(super) fn take_findings(&mut self, worker: &Worker) {
        for finding in worker.findings() {
            match finding {
                Finding::Details { path, details } => self.found(&path, details, worker),
                Finding::Gone { path, stats, missed } => {
                    if let Some(known) = self.known.get_mut(&path) {
                        known.last = stats.map(|stats| Box::new(stats.into_last()));
                        known.missed = missed;
                        self.note_miss(&path);
                    }
                }
            }
        }
    }

    /// Takes in what runtimes and Kubernetes said meanwhile, and ends waiting for those that say nothing.
    pub(super) fn take_word_of_others(&mut self, worker: &Worker) {
        let (fresh, fresh_pods) = (self.directory.fresh(), self.directory.fresh_pods());
        let fresh_namespaces = self.directory.fresh_namespaces();
        let (mut named, mut completed) = (Vec::new(), Vec::new());
        for (path, known) in &self.known {
            let said = known.identity.container_id.as_deref().and_then(|id| fresh.get(id));
            let said = said.and_then(|said| known.identity.believes(said));
            if known.is_unnamed() {
                let said = said.filter(|said| names_alone(said));
                let details = said.or_else(|| known.waited_for(&self.directory));
                named.extend(details.map(|details| (path.clone(), details)));
            } else if (fresh_pods && known.lacks_its_pod())
                || (fresh_namespaces && known.lacks_its_namespace())
                || said.is_some_and(|said| known.lacks_some_of(&said))
            {
                completed.push(path.clone());
            }
        }
        for (path, details) in named {
            self.named(&path, details, worker);
        }
        for path in completed {
            self.complete(&path);
        }
    }

    /// A state directory knows a container; its runtime and Kubernetes may know more, and have said so already.
    fn found(&mut self, path: &str, details: Arc<Details>, worker: &Worker) {
        let Some(known) = self.known.get_mut(path).filter(|known| known.looks_left > 0) else { return };
        let young = known.identity.kind == Kind::Container && known.seen.elapsed() < WORD_OF_RUNTIME;
        if young && self.directory.has_more(&known.identity, &details) {
            known.waiting = Some(details);
        } else {
            self.named(path, details, worker);
        }
    }

    /// Asks for names that are still missing.
    pub(super) fn look_again(&mut self, worker: &Worker) {
        for (path, known) in &mut self.known {
            if known.looks_left > 0 && matches!(known.identity.kind, Kind::Container | Kind::Plain) {
                known.looks_left -= 1;
                worker.look(path, known.identity.clone());
            }
        }
    }

    fn made(
        &mut self,
        cgroup_id: u64,
        slot: u32,
        path: &str,
        created: Option<f64>,
        options: &Options,
        worker: &Worker,
    ) {
        let claimed = &self.claimed;
        let identity = classify_under(path, options.max_depth, |path| claimed.contains(path));
        let owner = identity.owner.as_ref();
        let made = self.ledger.made(cgroup_id, slot, path, owner, created.unwrap_or_else(unix_now));
        if !made || owner != path {
            return;
        }
        let scope = if identity.kind == Kind::Container { Scope::Subtree } else { Scope::Own };
        worker.open(path, scope, created);
        let known = self.known.entry(path.to_owned());
        // One that comes back keeps its names, so that its series go on; whether they still hold is asked again.
        let since = self.scrapers.last();
        let known = match known {
            Entry::Vacant(entry) => {
                let identity = identity.clone().into_owned();
                entry.insert(Known::new(identity, since, &self.labelling, &mut self.trouble))
            }
            Entry::Occupied(entry) => {
                let known = entry.into_mut();
                // The configuration may have changed while it was dead.
                known.label(&self.labelling, since, &mut self.trouble);
                known
            }
        };
        (known.last, known.missed, known.looks_left) = (None, false, LOOKS);
        let told = known.identity.container_id.as_deref().and_then(|id| self.directory.get(id));
        let told = told.and_then(|said| known.identity.believes(&said)).filter(|said| names_alone(said));
        self.directory.want(&known.identity, false);
        if matches!(known.identity.kind, Kind::Container | Kind::Plain) {
            worker.look(path, known.identity.clone());
            if created.is_some() {
                let now = Instant::now();
                for (queue, after) in self.looks.iter_mut().zip(LOOK_AFTER) {
                    queue.push_back((now + after, path.to_owned()));
                }
            }
        }
        // A pod's own row needs no runtime.
        let told = told.or_else(|| {
            let of_pod = known.identity.kind == Kind::Pod;
            let of_pod = of_pod && !self.directory.awaits_namespace(&known.identity);
            of_pod.then(|| self.directory.by_kubernetes(&known.identity, false)).flatten()
        });
        if let Some(details) = told {
            self.named(path, details, worker);
        }
    }

    /// The v1 cgroup of block I/O may come before or after the v2 cgroup of the same path: whichever is second joins them.
    fn made_io(&mut self, path: &str, hierarchies: &Hierarchies) {
        let Some(id) = hierarchies.unified().and_then(|unified| unified.id(path)) else { return };
        let Some(slot) = self.ledger.member(id).filter(|member| !member.leaving).map(|member| member.slot)
        else {
            return;
        };
        alias_io(self.kernel.as_mut(), hierarchies, path, slot);
    }

    /// The last moment its files can be read and its runtime may still know it.
    fn emptied(&mut self, cgroup_id: u64, worker: &Worker) {
        let Some(owner) = self.ledger.member(cgroup_id).map(|member| member.owner.as_str()) else { return };
        let Some(known) = self.known.get(owner) else { return };
        worker.last(owner);
        self.directory.want(&known.identity, true);
        if known.looks_left > 0 && matches!(known.identity.kind, Kind::Container | Kind::Plain) {
            worker.look(owner, known.identity.clone());
        }
    }

    fn removed(&mut self, cgroup_id: u64, worker: &Worker) {
        let Some((slot, last_of)) = self.ledger.leaves(cgroup_id) else { return };
        self.dying.push_back(Dying { cgroup_id, slot, due: Instant::now() + GRACE });
        if let Some(owner) = last_of {
            worker.close(&owner, true);
        }
    }

    fn retire(&mut self, settled: &[Dying]) {
        if let Some(kernel) = &mut self.kernel
            && let Err(error) = kernel.keyed(&mut self.counted)
        {
            return self.retire_later(settled, &error);
        }
        self.senders.note(&self.counted, &self.ledger);
        let scrape = self.scrapers.last();
        let mut row = vec![0; WORDS];
        let (mut slots, mut recycled, mut dead) = (Vec::new(), Vec::new(), Vec::new());
        for dying in settled {
            row.fill(0);
            let mut counted = &[][..];
            if let Some(kernel) = self.kernel.as_ref().filter(|_| dying.slot != UNATTRIBUTED) {
                if let Err(error) = kernel.add_cells(dying.slot, &mut row) {
                    self.retire_later(std::slice::from_ref(dying), &error);
                    continue;
                }
                counted = of_slot(&self.counted, dying.slot);
                slots.push(dying.slot);
            }
            let died = self.ledger.removed(dying.cgroup_id, unix_now(), scrape, |retired| {
                retired.add_cells(&row);
                retired.add_keyed(counted.iter().map(keyed));
            });
            dead.extend(died);
            recycled.extend_from_slice(counted);
        }
        for path in dead {
            self.note_miss(&path);
        }
        if let Some(kernel) = &mut self.kernel {
            kernel.recycle(&slots, &recycled);
        }
    }

    /// Counts a tombstone in which something ran and whose files nobody could read after that, once.
    fn note_miss(&mut self, path: &str) {
        let ran = |owner: &Owner| owner.death.is_some() && !owner.retired.is_empty();
        if self.ledger.owner(path).is_some_and(ran)
            && let Some(known) = self.known.get_mut(path)
        {
            self.last_reads_missed += u64::from(std::mem::take(&mut known.missed));
        }
    }

    /// A slot that cannot be read is kept until it can.
    fn retire_later(&mut self, settled: &[Dying], error: &std::io::Error) {
        tracing::warn!(%error, slots = settled.len(), "cannot read the slots of removed cgroups yet");
        let due = Instant::now() + GRACE;
        self.settling.extend(settled.iter().map(|dying| Dying { due, ..*dying }));
    }

    /// A cgroup's runtime is known: its labels change, this once.
    fn named(&mut self, path: &str, details: Arc<Details>, worker: &Worker) {
        let Some(known) = self.known.get_mut(path).filter(|known| known.is_unnamed()) else { return };
        known.looks_left = 0;
        let plain = known.identity.kind == Kind::Plain;
        if plain {
            known.identity = Identity::claimed(path, &details).into_owned();
        }
        let details = self.directory.complete(&known.identity, &details);
        known.rename(Arc::clone(&details), &self.labelling, self.scrapers.last(), &mut self.trouble);
        if details.sandbox {
            worker.sandbox(path);
        }
        if plain {
            self.claim(path, worker);
        } else if details.kubernetes.is_some() {
            self.name_pod(path, &details);
        }
    }

    /// Its runtime or Kubernetes has said more of a row that was named without it. The last values of one that is dead belong to the
    /// series that they were counted in, if they were seen, and it was known there which pod it is.
    fn complete(&mut self, path: &str) {
        let Some(known) = self.known.get_mut(path) else { return };
        let lives = self.ledger.owner(path).is_some_and(|owner| owner.death.is_none());
        let unseen = self.scrapers.last() <= known.since;
        let Some(details) = &known.details else { return };
        if !lives && !unseen && details.kubernetes.is_some() {
            return;
        }
        let completed = self.directory.complete(&known.identity, details);
        if !Arc::ptr_eq(&completed, details) {
            known.details = Some(Arc::clone(&completed));
            known.label(&self.labelling, self.scrapers.last(), &mut self.trouble);
            self.name_pod(path, &completed);
        }
    }

    /// What lies below a cgroup that turned out to be a container has no rows of its own any more.
    fn claim(&mut self, path: &str, worker: &Worker) {
        self.claimed.insert(path.to_owned());
        self.ledger.claim(path);
        let ledger = &self.ledger;
        self.known.retain(|path, _| {
            let stays = ledger.owner(path).is_some();
            if !stays {
                worker.close(path, false);
            }
            stays
        });
    }

    /// A pod's own cgroup is named by the first of its containers that is, and by the first of which more is said of the pod.
    fn name_pod(&mut self, container: &str, details: &Arc<Details>) {
        let mut path = container;
        while let Some((parent, _)) = path.rsplit_once('/') {
            if let Some(pod) = self.known.get_mut(parent).filter(|known| known.identity.kind == Kind::Pod) {
                let more =
                    details.pod.is_some() && pod.details.as_ref().is_some_and(|known| known.pod.is_none());
                if pod.looks_left > 0 || more {
                    pod.looks_left = 0;
                    pod.rename(Arc::clone(details), &self.labelling, self.scrapers.last(), &mut self.trouble);
                }
                return;
            }
            path = parent;
        }
    }
}

/// What is told by CRI completes what state directories say, and is waited with until they had their time.
fn names_alone(said: &Details) -> bool {
    !said.runtime.is_some_and(Runtime::speaks_cri)
}

/// Where v1 has the controller of block I/O, a request names a cgroup of that hierarchy: it belongs to the slot of the v2
/// cgroup of the same path, as runtimes make them. What has no such twin is not attributed.
fn alias_io(kernel: Option<&mut Kernel>, hierarchies: &Hierarchies, path: &str, slot: u32) {
    if let Some(kernel) = kernel.filter(|kernel| kernel.io_is_v1())
        && let Some(io_id) = hierarchies.io_v1_id(path)
    {
        kernel.alias_io(io_id, slot);
    }
}

/// The counters of a slot among those of all, which are sorted by slot.
pub(super) fn of_slot(counted: &[Counted], slot: u32) -> &[Counted] {
    let first = counted.partition_point(|counter| counter.slot < slot);
    let rest = &counted[first..];
    &rest[..rest.partition_point(|counter| counter.slot == slot)]
}

/// A counter without its slot.
pub(super) fn keyed(counter: &Counted) -> Keyed {
    Keyed { map: counter.map, key: counter.key, count: counter.count }
}

/// The cgroup's id. v1 has none: then its path stands for it.
fn id_of(found: &Found) -> u64 {
    found.id.unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        found.path.hash(&mut hasher);
        hasher.finish()
    })
}
