//! How long to wait until the API server is asked again.

use std::time::Duration;

/// The pauses of one node, each twice the one before up to the longest, and then anywhere between half and one and a half of that:
/// not all nodes of a cluster come back at once.
#[derive(Clone, Debug)]
pub struct Pauses {
    shortest: Duration,
    longest: Duration,
    next: Duration,
}

/// The first pause after something went wrong.
const SHORTEST: Duration = Duration::from_secs(1);
/// What held so long was good.
const HELD: Duration = Duration::from_secs(60);

impl Pauses {
    /// None longer than one and a half of this.
    pub fn new(longest: Duration) -> Self {
        let shortest = SHORTEST.min(longest);
        Self { shortest, longest, next: shortest }
    }

    /// The pause after what went wrong having held for so long; `random` is a number from 0 to 1.
    pub fn after(&mut self, held: Duration, random: f64) -> Duration {
        let pause = if held >= HELD { self.shortest } else { self.next };
        self.next = (pause * 2).min(self.longest);
        pause.mul_f64(0.5 + random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_double_up_to_the_longest_until_something_held() {
        let mut pauses = Pauses::new(Duration::from_secs(5));
        let mut seconds = |held, random| pauses.after(Duration::from_secs(held), random).as_secs_f64();
        assert_eq!([0.0, 0.5, 0.25, 0.5, 0.5].map(|random| seconds(0, random)), [0.5, 2.0, 3.0, 5.0, 5.0]);
        assert_eq!([seconds(59, 0.5), seconds(60, 0.5), seconds(0, 0.5)], [5.0, 1.0, 2.0]);
        assert_eq!(Pauses::new(Duration::from_millis(10)).after(HELD, 0.5), Duration::from_millis(10));
    }
}
