//! What happened in the containers of each workload, which goes on when containers do not.
//!
//! A row says what it has counted so far; what is new of it is added to its workload, and the row remembers that it said so
//! ([`Told`]). So a sum never steps back, nothing is in it twice, and a row whose workload becomes known late brings all it has.

use std::collections::BTreeMap;

use super::sum_keyed;
use crate::exposition::render_labels;
use crate::names::OTHER;
use crate::signals::Keyed;

/// All workloads that were seen, by name.
#[derive(Debug, Default)]
pub struct Workloads {
    known: BTreeMap<WorkloadKey, Counts>,
    /// How often all rows were looked at.
    look: u64,
    folded: u64,
}

/// Which workload it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadKey {
    /// Its namespace.
    pub namespace: String,
    /// What kind of thing it is, as Kubernetes writes it.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What a workload has counted.
#[derive(Debug)]
pub struct Counts {
    /// Its labels, rendered.
    pub labels: String,
    /// Unix time at which the counters of its first row were zero.
    pub created: f64,
    /// Sorted.
    events: Vec<Keyed>,
    /// The last look that found a row of it.
    seen: u64,
}

/// What a row has said of itself so far. Sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(Vec<Keyed>);

/// Workloads. Beyond it the one whose last row went first is folded into `other`; while all have rows, the new one is.
const MOST: usize = 512;
/// Kinds of one event of a workload, such as exit codes; beyond it they are [`FOLDED`].
const MOST_KEYS: usize = 64;
/// The key of what there was no room for: no exit, errno or result has it.
pub(crate) const FOLDED: [u32; 2] = [u32::MAX, 0];

impl WorkloadKey {
    /// Of those that there was no room for.
    fn other() -> Self {
        Self { namespace: String::new(), kind: OTHER.to_owned(), name: OTHER.to_owned() }
    }

    fn labels(&self) -> String {
        let Self { namespace, kind, name } = self;
        render_labels([("namespace", namespace.as_str()), ("workload", name), ("workload_kind", kind)])
    }
}

impl Told {
    /// What of these, which are sorted and only grow, was not said yet; from now on it was.
    pub fn grow(&mut self, events: &[Keyed]) -> Vec<Keyed> {
        let place = |event: &Keyed| (event.map, event.key);
        let new = |event: &Keyed| match self.0.binary_search_by_key(&place(event), place) {
            Ok(at) => {
                let count = event.count.saturating_sub(self.0[at].count);
                (count > 0).then_some(Keyed { count, ..*event })
            }
            // Nothing of a kind is news, too: a counter begins at zero.
            Err(_) => Some(*event),
        };
        let grown: Vec<Keyed> = events.iter().filter_map(new).collect();
        self.merge(Self(grown.clone()));
        grown
    }

    /// Adds another row's, whose counts are this one's from now on.
    pub fn merge(&mut self, other: Self) {
        if !other.0.is_empty() {
            self.0.extend(other.0);
            sum_keyed(&mut self.0);
        }
    }
}

impl Workloads {
    /// All rows are looked at once more.
    pub fn look(&mut self) {
        self.look += 1;
    }

    /// A row of this workload is there, and this is new of it.
    pub fn add(&mut self, key: &WorkloadKey, created: f64, grown: Vec<Keyed>) {
        let fits = self.known.contains_key(key) || self.make_room();
        if !fits {
            self.folded += sum(&grown);
        }
        let other = (!fits).then(WorkloadKey::other);
        let folded = self.at(other.as_ref().unwrap_or(key), created).add(grown);
        self.folded += folded;
    }

    /// Events whose workload or kind there was no room for, since the last call.
    pub fn take_folded(&mut self) -> u64 {
        std::mem::take(&mut self.folded)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Counts> {
        self.known.values()
    }

    fn at(&mut self, key: &WorkloadKey, created: f64) -> &mut Counts {
        let new = || Counts { labels: key.labels(), created, events: Vec::new(), seen: 0 };
        let counts = self.known.entry(key.clone()).or_insert_with(new);
        counts.seen = self.look;
        counts
    }

    /// Whether there is room for one more, now.
    fn make_room(&mut self) -> bool {
        let other = WorkloadKey::other();
        if self.known.len() - usize::from(self.known.contains_key(&other)) < MOST {
            return true;
        }
        // One that this look has not come to yet was seen in the last.
        let idle = self.known.iter().filter(|(key, counts)| **key != other && counts.seen + 1 < self.look);
        let Some(oldest) = idle.min_by_key(|(_, counts)| counts.seen).map(|(key, _)| key.clone()) else {
            return false;
        };
        if let Some(gone) = self.known.remove(&oldest) {
            self.folded += sum(&gone.events);
            let folded = self.at(&other, gone.created).add(gone.events);
            self.folded += folded;
        }
        true
    }
}

impl Counts {
    /// What it has counted, sorted.
    pub fn events(&self) -> &[Keyed] {
        &self.events
    }

    /// Returns how many there was no room for by their kind.
    fn add(&mut self, grown: Vec<Keyed>) -> u64 {
        let mut folded = 0;
        for mut event in grown {
            let place = |event: &Keyed| (event.map, event.key);
            if event.key != FOLDED && self.events.binary_search_by_key(&place(&event), place).is_err() {
                let keys = self.events.iter().filter(|known| known.map == event.map && known.key != FOLDED);
                if keys.count() >= MOST_KEYS {
                    event.key = FOLDED;
                    folded += event.count;
                }
            }
            match self.events.binary_search_by_key(&place(&event), place) {
                Ok(at) => self.events[at].count += event.count,
                Err(at) => self.events.insert(at, event),
            }
        }
        folded
    }
}

fn sum(events: &[Keyed]) -> u64 {
    events.iter().map(|event| event.count).sum()
}

#[cfg(test)]
mod tests;
