//! Who sent the signals that killed: from a cgroup's id, which the kernel keeps, to the row it belongs to.

use std::collections::{HashMap, HashSet};

use plimsoll_abi::faults::{KERNEL, UNKNOWN, sender_of, signal_of};

use crate::kernel::Counted;
use crate::kernel::layout::FATAL_SIGNALS;
use crate::ledger::{FATAL_SIGNALS_FOLDED, Ledger};
use crate::signals::{Keyed, Sender};

/// Paths of the senders that are still in a counter: a cgroup that killed may be gone before its victim's row is.
#[derive(Debug, Default)]
pub(super) struct Senders {
    paths: HashMap<u64, String>,
}

/// Paths of senders in one scrape, each once.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) paths: Vec<String>,
    places: HashMap<String, u32>,
}

impl Senders {
    /// Remembers who is who, while the ledger knows.
    pub(super) fn note(&mut self, counted: &[Counted], ledger: &Ledger) {
        for id in counted.iter().filter(|c| c.map == FATAL_SIGNALS).map(|c| sender_of(c.key)) {
            if let Some(member) = ledger.member(id)
                && self.paths.get(&id) != Some(&member.owner)
            {
                self.paths.insert(id, member.owner.clone());
            }
        }
    }

    /// Puts paths in place of ids in the counters of the row at `path`.
    pub(super) fn resolve(&self, path: &str, keyed: &mut [Keyed], shown: &mut Shown) {
        for counter in keyed.iter_mut().filter(|k| k.map == FATAL_SIGNALS) {
            let sender = match (counter.key, sender_of(counter.key)) {
                (FATAL_SIGNALS_FOLDED, _) => Sender::Other,
                (_, KERNEL) => Sender::Kernel,
                (_, UNKNOWN) => Sender::Unknown,
                (_, id) => match self.paths.get(&id) {
                    Some(sender) if sender == path => Sender::Own,
                    Some(sender) => Sender::Outside(shown.place(sender)),
                    None => Sender::Unknown,
                },
            };
            counter.key = sender.key(signal_of(counter.key));
        }
    }

    /// Forgets those that are in no counter any more.
    pub(super) fn forget(&mut self, counted: &[Counted], ledger: &Ledger) {
        if self.paths.is_empty() {
            return;
        }
        let live = counted.iter().filter(|c| c.map == FATAL_SIGNALS).map(|c| c.key);
        let retired = ledger.owners().flat_map(|(_, owner)| owner.retired.keyed());
        let retired = retired.filter(|k| k.map == FATAL_SIGNALS).map(|k| k.key);
        let named: HashSet<u64> = live.chain(retired).map(sender_of).collect();
        self.paths.retain(|id, _| named.contains(id));
    }
}

impl Shown {
    pub(super) fn clear(&mut self) {
        self.paths.clear();
        self.places.clear();
    }

    fn place(&mut self, path: &str) -> u32 {
        if let Some(place) = self.places.get(path) {
            return *place;
        }
        let place = self.paths.len() as u32;
        self.paths.push(path.to_owned());
        self.places.insert(path.to_owned(), place);
        place
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_abi::faults::fatal_key;

    use super::*;

    fn counted(sender: u64) -> Counted {
        Counted { slot: 5, map: FATAL_SIGNALS, key: fatal_key(9, sender), count: 1 }
    }

    fn resolved(senders: &Senders, path: &str, sender: u64) -> (Keyed, Vec<String>) {
        let Counted { map, key, count, .. } = counted(sender);
        let (mut keyed, mut shown) = ([Keyed { map, key, count }], Shown::default());
        senders.resolve(path, &mut keyed, &mut shown);
        (keyed[0], shown.paths)
    }

    #[test]
    fn a_sender_is_known_by_its_row_even_when_it_is_gone() {
        let (mut ledger, mut senders) = (Ledger::default(), Senders::default());
        ledger.made(7, 5, "/victim", "/victim", 0.0);
        ledger.made(8, 6, "/killer", "/killer", 0.0);
        let all = [counted(8), counted(7), counted(KERNEL), counted(99)];
        senders.note(&all, &ledger);
        ledger.removed(8, 1.0, 0, |_| ());
        senders.note(&all, &ledger);
        let key = |id| resolved(&senders, "/victim", id).0.key;
        assert_eq!(key(7), Sender::Own.key(9));
        assert_eq!(key(KERNEL), Sender::Kernel.key(9));
        assert_eq!(key(UNKNOWN), Sender::Unknown.key(9));
        assert_eq!(key(99), Sender::Unknown.key(9));
        let (killer, paths) = resolved(&senders, "/victim", 8);
        assert_eq!((killer.key, paths), (Sender::Outside(0).key(9), vec!["/killer".to_owned()]));
        senders.forget(&all[1..], &ledger);
        assert_eq!(senders.paths.keys().collect::<Vec<_>>(), [&7]);
    }
}
