//! Who scrapes: a tombstone must have been seen by everyone who comes, and a new series shown at zero to each.

use std::collections::{HashMap, VecDeque};

/// Everyone who scraped lately.
#[derive(Debug)]
pub struct Scrapers {
    known: HashMap<String, Scraper>,
    scrape: u64,
    scrapes_kept: usize,
}

#[derive(Debug)]
struct Scraper {
    /// Its last scrapes, newest last.
    scrapes: VecDeque<u64>,
    at: f64,
}

/// One scrape, as the ledger sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Its number; they only grow.
    pub scrape: u64,
    /// The number of this scraper's scrape before it. For a newcomer this one: all it is shown is old to it.
    pub previous: u64,
}

/// A scraper silent for this many seconds is gone: no tombstone waits for it.
const GONE_AFTER: f64 = 600.0;
/// More at once are not told apart.
const MOST: usize = 64;

impl Scrapers {
    /// Remembers `scrapes_kept` scrapes of everyone.
    pub fn new(scrapes_kept: usize) -> Self {
        Self { known: HashMap::new(), scrape: 0, scrapes_kept: scrapes_kept.max(1) }
    }

    /// `key` scrapes now.
    pub fn visit(&mut self, key: &str, now: f64) -> Visit {
        self.scrape += 1;
        let scrape = self.scrape;
        self.known.retain(|_, scraper| now - scraper.at < GONE_AFTER);
        if !self.known.contains_key(key) && self.known.len() >= MOST {
            return Visit { scrape, previous: scrape };
        }
        let scraper = self
            .known
            .entry(key.to_owned())
            .or_insert_with(|| Scraper { scrapes: VecDeque::with_capacity(self.scrapes_kept), at: now });
        let previous = scraper.scrapes.back().copied().unwrap_or(scrape);
        while scraper.scrapes.len() >= self.scrapes_kept {
            scraper.scrapes.pop_front();
        }
        scraper.scrapes.push_back(scrape);
        scraper.at = now;
        Visit { scrape, previous }
    }

    /// `key`'s last scrape did not reach it.
    pub fn forget(&mut self, key: &str) {
        if let Some(scraper) = self.known.get_mut(key) {
            scraper.scrapes.pop_back();
        }
    }

    /// The number of the last scrape.
    pub fn last(&self) -> u64 {
        self.scrape
    }

    /// Whether there is someone, and everyone came often enough after scrape `since`.
    pub fn all_saw(&self, since: u64) -> bool {
        let enough = |scraper: &Scraper| {
            scraper.scrapes.len() == self.scrapes_kept
                && scraper.scrapes.front().is_some_and(|first| *first > since)
        };
        !self.known.is_empty() && self.known.values().all(enough)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_must_have_come_twice() {
        let mut scrapers = Scrapers::new(2);
        assert!(!scrapers.all_saw(0), "nobody came");
        scrapers.visit("a", 0.0);
        let died_after = scrapers.visit("b", 1.0).scrape;
        scrapers.visit("a", 2.0);
        scrapers.visit("a", 3.0);
        assert!(!scrapers.all_saw(died_after), "b has not been back");
        scrapers.visit("b", 4.0);
        assert!(!scrapers.all_saw(died_after), "once only");
        scrapers.visit("b", 5.0);
        assert!(scrapers.all_saw(died_after));
    }

    #[test]
    fn nothing_waits_for_who_stays_away() {
        let mut scrapers = Scrapers::new(1);
        scrapers.visit("gone", 0.0);
        let since = scrapers.last();
        scrapers.visit("here", GONE_AFTER + 1.0);
        assert!(scrapers.all_saw(since));
    }

    #[test]
    fn a_newcomer_has_no_past_and_beyond_the_bound_nobody_has() {
        let mut scrapers = Scrapers::new(2);
        assert_eq!(scrapers.visit("a", 0.0), Visit { scrape: 1, previous: 1 });
        assert_eq!(scrapers.visit("b", 0.0), Visit { scrape: 2, previous: 2 });
        assert_eq!(scrapers.visit("a", 0.0), Visit { scrape: 3, previous: 1 });
        for i in 0..MOST {
            scrapers.visit(&format!("x{i}"), 0.0);
        }
        let over = scrapers.visit("over", 0.0);
        assert_eq!(over.previous, over.scrape);
        let over = scrapers.visit("over", 0.0);
        assert_eq!(over.previous, over.scrape, "not remembered");
        assert_eq!(scrapers.known.len(), MOST);
    }
}
