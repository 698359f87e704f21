//! The ledger: which cgroups exist, whom they belong to, and what the dead have counted.
//!
//! An *owner* is what becomes a row: a container, or a cgroup that is none. Its *members* are the cgroups whose
//! counts are its own, each with a slot. What a removed member counted is added to the owner's *retired* sums; an
//! owner without members is a *tombstone* until it has been scraped enough. No I/O here, and no clock.

mod retired;
mod scrapers;
mod workloads;

use std::collections::{BTreeMap, HashMap};

pub(crate) use retired::FATAL_SIGNALS_FOLDED;
pub use retired::Retired;
pub(crate) use retired::sum_keyed;
pub use scrapers::{Scrapers, Visit};
pub(crate) use workloads::FOLDED as WORKLOAD_FOLDED;
pub use workloads::{Counts, Told, WorkloadKey, Workloads};

use crate::kernel::UNATTRIBUTED;

/// All owners, by path.
#[derive(Debug, Default)]
pub struct Ledger {
    owners: BTreeMap<String, Owner>,
    members: HashMap<u64, Member>,
    /// Members without a slot.
    slotless: usize,
    left_out: u64,
}

/// Cgroups without a slot that are kept. Those with one have the bound of the slots.
const MAX_SLOTLESS: usize = 16_384;

/// A row to be.
#[derive(Debug, Default)]
pub struct Owner {
    /// Unix time at which its counters were zero.
    pub created: f64,
    /// Cgroups that belong to it, by id.
    pub members: Vec<u64>,
    /// What removed members have counted.
    pub retired: Retired,
    /// What of its counts is its workload's already.
    pub told: Told,
    /// Set while it is a tombstone.
    pub death: Option<Death>,
}

/// When an owner lost its last member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Death {
    /// Unix time.
    pub at: f64,
    /// The last scrape before it.
    pub scrape: u64,
}

/// A cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path.
    pub path: String,
    /// The path of its owner.
    pub owner: String,
    /// Its slot; [`UNATTRIBUTED`] if it has none.
    pub slot: u32,
    /// It was removed, and its slot is to be read a last time.
    pub leaving: bool,
}

/// When a tombstone may go.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Scrapes by every scraper, at least.
    pub scrapes: usize,
    /// Seconds, at least.
    pub min_age: f64,
    /// Tombstones at the most; beyond it the oldest go.
    pub max: usize,
}

impl Ledger {
    /// A cgroup exists: `owner` owns it. Returns false if it was known, or there is no room for one more without a slot. A
    /// tombstone whose path comes to life again goes on counting from where it stood, so that the two are one rising series.
    pub fn made(&mut self, cgroup_id: u64, slot: u32, path: &str, owner: &str, now: f64) -> bool {
        if let Some(member) = self.members.get_mut(&cgroup_id) {
            if member.slot == UNATTRIBUTED && slot != UNATTRIBUTED {
                member.slot = slot;
                self.slotless -= 1;
            }
            return false;
        }
        if slot == UNATTRIBUTED {
            if self.slotless >= MAX_SLOTLESS {
                self.left_out += 1;
                return false;
            }
            self.slotless += 1;
        }
        let member = Member { path: path.to_owned(), owner: owner.to_owned(), slot, leaving: false };
        self.members.insert(cgroup_id, member);
        let entry = self.owners.entry(owner.to_owned());
        let owner = entry.or_insert_with(|| Owner { created: now, ..Owner::default() });
        owner.members.push(cgroup_id);
        owner.death = None;
        true
    }

    /// A cgroup was removed: its slot, and its owner's path if no other of the owner's cgroups stays. `None` if that was
    /// known: a walk and an event can both tell of it, and its slot is given back once.
    pub fn leaves(&mut self, cgroup_id: u64) -> Option<(u32, Option<String>)> {
        let member = self.members.get_mut(&cgroup_id).filter(|member| !member.leaving)?;
        member.leaving = true;
        let (slot, path) = (member.slot, member.owner.clone());
        let owner = self.owners.get(&path)?;
        let stays = |id| self.members.get(id).is_some_and(|member| !member.leaving);
        let last = !owner.members.iter().any(stays);
        Some((slot, last.then_some(path)))
    }

    /// A removed cgroup's slot was read for the last time: `retire` adds what it counted to its owner. Returns the
    /// owner's path if that made it a tombstone.
    pub fn removed(
        &mut self,
        cgroup_id: u64,
        now: f64,
        scrape: u64,
        retire: impl FnOnce(&mut Retired),
    ) -> Option<String> {
        let member = self.members.remove(&cgroup_id)?;
        self.slotless -= usize::from(member.slot == UNATTRIBUTED);
        let owner = self.owners.get_mut(&member.owner)?;
        retire(&mut owner.retired);
        owner.members.retain(|id| *id != cgroup_id);
        if !owner.members.is_empty() {
            return None;
        }
        owner.death = Some(Death { at: now, scrape });
        Some(member.owner)
    }

    /// `path` turned out to be a container: what is below it is its own from now on, counts included.
    pub fn claim(&mut self, path: &str) -> bool {
        if !self.owners.contains_key(path) {
            return false;
        }
        let prefix = format!("{path}/");
        let below: Vec<String> = self
            .owners
            .range(prefix.clone()..)
            .map(|(path, _)| path.clone())
            .take_while(|path| path.starts_with(&prefix))
            .collect();
        for name in below {
            let Some(owned) = self.owners.remove(&name) else { continue };
            for id in &owned.members {
                if let Some(member) = self.members.get_mut(id) {
                    path.clone_into(&mut member.owner);
                }
            }
            if let Some(owner) = self.owners.get_mut(path) {
                owner.members.extend(owned.members);
                owner.retired.merge(owned.retired);
                owner.told.merge(owned.told);
            }
        }
        true
    }

    /// Lets tombstones go that `satisfied` says were scraped enough since the given scrape, and are old enough.
    pub fn expire(&mut self, keep: Keep, now: f64, satisfied: impl Fn(u64) -> bool) {
        self.owners.retain(|_, owner| {
            owner.death.is_none_or(|death| now - death.at < keep.min_age || !satisfied(death.scrape))
        });
    }

    /// Lets the oldest tombstones go until there are `max`, scraped or not. Returns those that went.
    pub fn evict(&mut self, max: usize) -> Vec<(String, Owner)> {
        let excess = self.counts().1.saturating_sub(max);
        if excess == 0 {
            return Vec::new();
        }
        let mut dead: Vec<_> =
            self.owners.iter().filter_map(|(path, owner)| Some((owner.death?.at, path.clone()))).collect();
        dead.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        dead.drain(..excess).filter_map(|(_, path)| self.owners.remove_entry(&path)).collect()
    }

    /// All owners, by path.
    pub fn owners(&self) -> impl Iterator<Item = (&str, &Owner)> {
        self.owners.iter().map(|(path, owner)| (path.as_str(), owner))
    }

    /// The owner at a path.
    pub fn owner(&self, path: &str) -> Option<&Owner> {
        self.owners.get(path)
    }

    /// What the owner at a path has told its workload.
    pub fn told(&mut self, path: &str) -> Option<&mut Told> {
        self.owners.get_mut(path).map(|owner| &mut owner.told)
    }

    /// A cgroup by its id.
    pub fn member(&self, cgroup_id: u64) -> Option<&Member> {
        self.members.get(&cgroup_id)
    }

    /// Ids and paths of all cgroups that were not removed.
    pub fn cgroups(&self) -> impl Iterator<Item = (u64, &str)> {
        let stays = self.members.iter().filter(|(_, member)| !member.leaving);
        stays.map(|(id, member)| (*id, member.path.as_str()))
    }

    /// Slots in use.
    pub fn slots_used(&self) -> usize {
        self.members.len() - self.slotless
    }

    /// Whether a cgroup has no slot.
    pub fn has_slotless(&self) -> bool {
        self.slotless > 0
    }

    /// Cgroups for which there was no room, as often as they were met.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Owners that live, and tombstones.
    pub fn counts(&self) -> (usize, usize) {
        let dead = self.owners.values().filter(|owner| owner.death.is_some()).count();
        (self.owners.len() - dead, dead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Keep = Keep { scrapes: 2, min_age: 120.0, max: 2 };

    fn add(word: u16, count: u64) -> impl FnOnce(&mut Retired) {
        move |retired| {
            retired.add_cells(&{
                let mut row = vec![0; usize::from(word) + 1];
                row[usize::from(word)] = count;
                row
            })
        }
    }

    fn cells(ledger: &Ledger, path: &str) -> Vec<u64> {
        let mut row = vec![0; 8];
        ledger.owner(path).expect("known").retired.fill(&mut row);
        row
    }

    #[test]
    fn a_container_with_cgroups_of_its_own_is_one_owner_until_the_last_goes() {
        let mut ledger = Ledger::default();
        assert!(ledger.made(1, 5, "/c", "/c", 10.0));
        assert!(ledger.made(2, 6, "/c/d", "/c", 11.0));
        assert!(!ledger.made(2, 6, "/c/d", "/c", 12.0), "known");
        ledger.removed(2, 20.0, 3, add(1, 7));
        assert_eq!(ledger.owner("/c").expect("known").death, None);
        ledger.removed(1, 21.0, 4, add(1, 1));
        assert_eq!(cells(&ledger, "/c")[1], 8);
        assert_eq!(ledger.owner("/c").expect("known").death, Some(Death { at: 21.0, scrape: 4 }));
        assert_eq!(ledger.owner("/c").expect("known").created, 10.0);
        assert_eq!(ledger.counts(), (0, 1));
    }

    #[test]
    fn a_cgroup_leaves_once_and_the_last_one_is_known() {
        let mut ledger = Ledger::default();
        for (id, owner) in [(1, "/c"), (2, "/c"), (3, "/d")] {
            ledger.made(id, id as u32 + 4, &format!("{owner}/{id}"), owner, 1.0);
        }
        assert_eq!(ledger.leaves(2), Some((6, None)));
        assert_eq!(ledger.leaves(2), None, "already said");
        assert_eq!(ledger.leaves(1), Some((5, Some("/c".to_owned()))), "while the other is still to be read");
        assert_eq!(ledger.leaves(9), None, "unknown");
        assert_eq!(ledger.cgroups().collect::<Vec<_>>(), [(3, "/d/3")]);
        ledger.removed(1, 2.0, 0, |_| ());
        assert_eq!(ledger.leaves(1), None, "gone");
    }

    #[test]
    fn those_without_a_slot_have_a_bound_of_their_own() {
        let most = MAX_SLOTLESS as u64;
        let mut ledger = Ledger::default();
        assert!((0..most).all(|id| ledger.made(id, UNATTRIBUTED, "/c/n", "/c", 1.0)));
        assert!(!ledger.made(most, UNATTRIBUTED, "/d", "/d", 1.0));
        assert!(ledger.owner("/d").is_none());
        assert_eq!((ledger.left_out(), ledger.slots_used(), ledger.has_slotless()), (1, 0, true));
        assert!(ledger.made(most, 7, "/d", "/d", 1.0), "one with a slot is within the bound of those");
        assert!(!ledger.made(0, 8, "/c/n", "/c", 1.0), "known, and has its slot now");
        assert!(!ledger.made(0, UNATTRIBUTED, "/c/n", "/c", 1.0));
        assert!(!ledger.made(0, 9, "/c/n", "/c", 1.0), "it keeps its slot");
        assert_eq!((ledger.slots_used(), ledger.member(0).expect("known").slot), (2, 8));
        ledger.removed(1, 2.0, 0, |_| ());
        assert!((most + 1..).take(2).all(|id| ledger.made(id, UNATTRIBUTED, "/e", "/e", 1.0)), "two places");
        assert!(!ledger.made(most + 3, UNATTRIBUTED, "/f", "/f", 1.0));
        for id in 0..most + 3 {
            ledger.removed(id, 3.0, 0, |_| ());
        }
        assert_eq!((ledger.slots_used(), ledger.has_slotless(), ledger.left_out()), (0, false, 2));
    }

    #[test]
    fn the_same_path_again_goes_on_counting() {
        let mut ledger = Ledger::default();
        ledger.made(1, 5, "/s", "/s", 10.0);
        ledger.removed(1, 20.0, 0, add(0, 7));
        ledger.made(9, 5, "/s", "/s", 30.0);
        let owner = ledger.owner("/s").expect("known");
        assert_eq!((owner.death, owner.created), (None, 10.0));
        assert_eq!(cells(&ledger, "/s")[0], 7);
    }

    #[test]
    fn what_is_below_a_container_is_claimed_and_nothing_else() {
        let mut ledger = Ledger::default();
        for (id, path) in [(1, "/run"), (2, "/run/a"), (3, "/run/a/b"), (4, "/running"), (5, "/run-x")] {
            ledger.made(id, id as u32, path, path, 1.0);
        }
        ledger.removed(3, 2.0, 0, add(2, 4));
        assert!(ledger.claim("/run"));
        assert_eq!(ledger.owners().map(|(p, _)| p).collect::<Vec<_>>(), ["/run", "/run-x", "/running"]);
        assert_eq!(cells(&ledger, "/run")[2], 4);
        ledger.removed(2, 3.0, 0, add(2, 1));
        assert_eq!(cells(&ledger, "/run")[2], 5);
        assert!(!ledger.claim("/none"));
    }

    #[test]
    fn tombstones_go_when_scraped_and_old() {
        let mut ledger = Ledger::default();
        ledger.made(1, 1, "/a", "/a", 0.0);
        ledger.removed(1, 100.0, 7, |_| ());
        ledger.expire(KEEP, 219.0, |_| true);
        assert_eq!(ledger.counts(), (0, 1), "too young");
        ledger.expire(KEEP, 500.0, |scrape| scrape < 7);
        assert_eq!(ledger.counts(), (0, 1), "not scraped enough");
        ledger.expire(KEEP, 220.0, |scrape| scrape <= 7);
        assert_eq!(ledger.counts(), (0, 0));
    }

    #[test]
    fn beyond_the_bound_the_oldest_tombstones_go_and_are_counted() {
        let mut ledger = Ledger::default();
        for id in 1..=4 {
            ledger.made(id, 1, "/", &format!("/{id}"), 0.0);
        }
        for (id, at) in [(2, 1.0), (4, 2.0), (1, 3.0)] {
            ledger.removed(id, at, 0, |_| ());
        }
        let evicted: Vec<_> = ledger.evict(KEEP.max).into_iter().map(|(path, _)| path).collect();
        assert_eq!(evicted, ["/2"]);
        assert_eq!(ledger.owners().map(|(p, _)| p).collect::<Vec<_>>(), ["/1", "/3", "/4"]);
    }
}
