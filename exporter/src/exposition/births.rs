//! Which scrape saw a series first, so that a server without created timestamps can be shown a zero.
//!
//! `rate()` and `increase()` see nothing of a counter whose first sample is already its last value. With
//! `--web.zero-first` each new series is served at 0 once to every scraper, and with its value from then on.

use std::collections::HashMap;

/// The first scrape of every series served, by a hash of the series' text.
#[derive(Debug, Default)]
pub struct Births {
    first: HashMap<u64, Seen>,
    scrape: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    first: u64,
    last: u64,
}

/// Scrapes after which a series that is no longer served is forgotten.
const FORGET_AFTER: u64 = 64;

impl Births {
    /// Starts scrape number `scrape` (they only grow) and forgets what has not been served for long.
    pub fn begin(&mut self, scrape: u64) {
        self.scrape = scrape;
        if scrape.is_multiple_of(FORGET_AFTER) {
            self.first.retain(|_, seen| seen.last + FORGET_AFTER > scrape);
        }
    }

    /// True if the series was not yet served when scrape `previous` was answered.
    pub fn is_new(&mut self, series: u64, previous: u64) -> bool {
        let scrape = self.scrape;
        let seen = self.first.entry(series).or_insert(Seen { first: scrape, last: scrape });
        seen.last = scrape;
        seen.first > previous
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scraper_sees_a_new_series_as_new_once() {
        let mut births = Births::default();
        births.begin(10);
        assert!(births.is_new(1, 9), "born in this scrape");
        births.begin(11);
        assert!(!births.is_new(1, 10), "the same scraper, once more");
        births.begin(12);
        assert!(births.is_new(1, 8), "another scraper whose last scrape was before the birth");
        births.begin(13);
        assert!(!births.is_new(1, 12));
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut births = Births::default();
        births.begin(1);
        births.is_new(7, 0);
        births.begin(FORGET_AFTER * 2);
        assert!(births.first.is_empty());
    }
}
