//! DNS questions that wait for their answers: who has waited too long is counted here, since no packet says it.

use aya::maps::{HashMap, MapData};
use plimsoll_abi::dns::{Asked, Question, TIMEOUT_NS};

/// The table the programs of `dns` fill.
pub(super) struct Questions(HashMap<MapData, Question, Asked>);

impl Questions {
    pub(super) fn new(pending: HashMap<MapData, Question, Asked>) -> Self {
        Self(pending)
    }

    /// Removes those that are too old at `now`, and says by which cgroup and from which slot they were asked.
    pub(super) fn expire(&mut self, now_ns: u64) -> Vec<(u64, u32)> {
        let old = |asked: &Asked| now_ns.saturating_sub(asked[0]) > TIMEOUT_NS;
        let expired: Vec<_> = self.0.iter().flatten().filter(|(_, asked)| old(asked)).collect();
        let mine = expired.into_iter().filter_map(|(question, [_, cgroup, slot, _])| {
            // If a late answer was first, it has been counted with that.
            self.0.remove(&question).ok().map(|()| (cgroup, (slot >> 32) as u32))
        });
        mine.collect()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        let all: Vec<_> = self.0.keys().flatten().collect();
        for question in all {
            // It may have been answered meanwhile.
            let _ = self.0.remove(&question);
        }
    }
}
