//! Sums of what removed cgroups counted: only what is not zero is kept, for there can be thousands.

use crate::kernel::layout::FATAL_SIGNALS;
use crate::signals::Keyed;

/// Retired counts of one owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Words of a row that are not zero, by their place.
    cells: Vec<(u16, u64)>,
    /// Counters with a second key, sorted.
    keyed: Vec<Keyed>,
}

/// Fatal signals by number and sender of one owner. Other keys end by themselves, senders come ever new.
const MOST_FATAL_SIGNALS: usize = 64;
/// The key of those beyond it: no signal has this number.
pub(crate) const FATAL_SIGNALS_FOLDED: [u32; 2] = [u32::MAX, 0];

impl Retired {
    /// Nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.keyed.is_empty()
    }

    /// Adds a row of cells.
    pub fn add_cells(&mut self, row: &[u64]) {
        let words = row.iter().enumerate().filter(|(_, count)| **count > 0);
        self.add_words(words.map(|(at, count)| (at as u16, *count)));
    }

    /// Adds counters with a second key.
    pub fn add_keyed(&mut self, counters: impl IntoIterator<Item = Keyed>) {
        self.keyed.extend(counters);
        sum_keyed(&mut self.keyed);
        self.fold_fatal_signals();
    }

    /// Adds another owner's.
    pub fn merge(&mut self, other: Self) {
        self.add_words(other.cells.into_iter());
        self.add_keyed(other.keyed);
    }

    /// Adds the cells to a row.
    pub fn fill(&self, row: &mut [u64]) {
        for (at, count) in &self.cells {
            row[usize::from(*at)] += count;
        }
    }

    /// The counters with a second key, sorted.
    pub fn keyed(&self) -> &[Keyed] {
        &self.keyed
    }

    /// The oldest senders, which have the lowest ids, stay.
    fn fold_fatal_signals(&mut self) {
        let mut seen = 0;
        for counter in self.keyed.iter_mut().filter(|k| k.map == FATAL_SIGNALS) {
            seen += 1;
            if seen > MOST_FATAL_SIGNALS {
                counter.key = FATAL_SIGNALS_FOLDED;
            }
        }
        if seen > MOST_FATAL_SIGNALS {
            sum_keyed(&mut self.keyed);
        }
    }

    fn add_words(&mut self, words: impl Iterator<Item = (u16, u64)>) {
        for (at, count) in words {
            match self.cells.binary_search_by_key(&at, |(at, _)| *at) {
                Ok(i) => self.cells[i].1 += count,
                Err(i) => self.cells.insert(i, (at, count)),
            }
        }
    }
}

/// Sorts counters and adds up those with the same key.
pub(crate) fn sum_keyed(counters: &mut Vec<Keyed>) {
    counters.sort_unstable();
    counters.dedup_by(|next, kept| {
        let same = (next.map, next.key) == (kept.map, kept.key);
        if same {
            kept.count += next.count;
        }
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_that_come_ever_new_are_folded_and_their_sum_stays() {
        let mut retired = Retired::default();
        for sender in 0..1000 {
            retired.add_keyed([Keyed { map: FATAL_SIGNALS, key: [9 << 24, sender], count: 1 }]);
            retired.add_keyed([Keyed { map: FATAL_SIGNALS - 1, key: [9, sender], count: 1 }]);
        }
        let fatal = || retired.keyed().iter().filter(|k| k.map == FATAL_SIGNALS);
        assert_eq!(fatal().count(), MOST_FATAL_SIGNALS + 1);
        assert_eq!(fatal().map(|k| k.count).sum::<u64>(), 1000);
        let folded = fatal().find(|k| k.key == FATAL_SIGNALS_FOLDED);
        assert_eq!(folded.map(|k| k.count), Some(1000 - MOST_FATAL_SIGNALS as u64));
        assert_eq!(retired.keyed().len() - fatal().count(), 1000, "nothing else is");
    }

    #[test]
    fn sums_are_exact() {
        let keyed = |key, count| Keyed { map: 0, key: [key, 0], count };
        let mut retired = Retired::default();
        retired.add_cells(&[0, 3, 0, 5]);
        retired.add_keyed([keyed(2, 1), keyed(1, 4)]);
        let mut other = Retired::default();
        other.add_cells(&[1, 0, 0, 5]);
        other.add_keyed([keyed(2, 10)]);
        retired.merge(other);
        let mut row = [100; 4];
        retired.fill(&mut row);
        assert_eq!(row, [101, 103, 100, 110]);
        assert_eq!(retired.keyed(), [keyed(1, 4), keyed(2, 11)]);
    }
}
