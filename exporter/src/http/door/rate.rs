//! How often all clients together may ask: a bucket of tokens, as exporter-toolkit has it.

use std::time::{Duration, Instant};

/// A bound on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time after which one more may come.
    pub interval: Duration,
    /// How many may come at once.
    pub burst: u32,
}

/// Tokens that come back with time.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: rate.burst.into(), at: now }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed / self.rate.interval.as_secs_f64()).min(self.rate.burst.into());
        self.at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_an_interval() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate { interval: Duration::from_secs(2), burst: 3 }, start);
        let mut at = |seconds: u64| bucket.take(start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(0), at(0), at(0), at(1)], [true, true, true, false, false]);
        assert_eq!([at(2), at(2), at(4), at(5)], [true, false, true, false]);
        assert_eq!(
            [at(1000), at(1000), at(1000), at(1000)],
            [true, true, true, false],
            "no more than the burst"
        );
    }
}
