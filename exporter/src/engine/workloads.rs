//! What rows counted becomes their workloads': in each scrape, and before a tombstone goes that was in none.

use super::{Engine, Known, State};
use crate::identity::{Directory, Identity, Kind};
use crate::kernel::layout::WORDS;
use crate::ledger::{Owner, WorkloadKey};
use crate::signals::{self, Keyed, workloads};

impl Engine {
    /// Whether a workload without kills of the OOM killer had none.
    pub(super) fn kills_are_counted(&self) -> bool {
        let mut oom = signals::ALL.iter().filter(|signal| signal.name == "oom");
        self.options.signals.contains(&"oom") && oom.any(|signal| self.runs(signal))
    }
}

impl State {
    /// Adds what is new of every row; the buffers have the rows' numbers.
    pub(super) fn count_for_workloads(&mut self, oom: bool) {
        let oom = oom && self.kernel.is_some();
        let Self { scratch, known, ledger, workloads, directory, .. } = self;
        workloads.look();
        for (at, row) in scratch.rows.iter().enumerate() {
            let Some(known) = known.get_mut(&row.path) else { continue };
            let cells = &scratch.cells[at * WORDS..(at + 1) * WORDS];
            let Some((key, events)) = known.events(directory, cells, &scratch.keyed[row.keyed.clone()], oom)
            else {
                continue;
            };
            if let Some(told) = ledger.told(&row.path) {
                workloads.add(key, row.created, told.grow(&events));
            }
        }
    }

    /// Adds what is new of tombstones that went without a scrape.
    pub(super) fn count_evicted(&mut self, evicted: Vec<(String, Owner)>) {
        let mut cells = vec![0; WORDS];
        for (path, mut owner) in evicted {
            cells.fill(0);
            owner.retired.fill(&mut cells);
            if let Some(known) = self.known.get_mut(&path)
                && let Some((key, events)) =
                    known.events(&self.directory, &cells, owner.retired.keyed(), false)
            {
                self.workloads.add(key, owner.created, owner.told.grow(&events));
            }
        }
    }
}

impl Known {
    /// Its workload, and all that it has counted so far; `None` while nobody has said which container of which pod it is. What
    /// is not known when it goes was counted for itself alone.
    fn events(
        &mut self,
        directory: &Directory,
        cells: &[u64],
        keyed: &[Keyed],
        oom: bool,
    ) -> Option<(&WorkloadKey, Vec<Keyed>)> {
        if self.identity.kind == Kind::Container && (self.workload.is_none() || self.restarts.is_none()) {
            self.ask(directory);
        }
        let restarted = self.restarts.map(|restarts| restarts > 0);
        let key = self.workload.as_ref()?;
        Some((key, workloads::events(cells, keyed, self.began, restarted, oom)))
    }

    /// A pause container is no container of its pod.
    fn ask(&mut self, directory: &Directory) {
        let details = self.details.as_deref();
        let named = details.is_some_and(|details| {
            !details.sandbox && details.kubernetes.as_ref().is_some_and(|names| names.container.is_some())
        });
        let identity: &Identity<'_> = &self.identity;
        let Some((pod, restarts)) = directory.pod_of(identity, named) else { return };
        self.restarts = restarts;
        let workload = &pod.workload;
        if self.workload.is_none() && !workload.name.is_empty() {
            self.workload = Some(WorkloadKey {
                namespace: pod.namespace.clone(),
                kind: workload.kind.clone(),
                name: workload.name.clone(),
            });
        }
    }
}
