//! Which check is to run next. Each is run at once when the program starts, then once an interval, and never twice at a time.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When each check is due.
#[derive(Debug)]
pub(super) struct Schedule {
    due: Mutex<Vec<Turn>>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    due: Instant,
    running: bool,
}

impl Schedule {
    /// For so many checks.
    pub(super) fn new(checks: usize) -> Self {
        let turn = Turn { due: Instant::now(), running: false };
        Self { due: Mutex::new(vec![turn; checks]), changed: Condvar::new() }
    }

    /// Waits for the next that is due, and puts it off by its interval.
    pub(super) fn next(&self, interval: impl Fn(usize) -> Option<Duration>) -> usize {
        let mut turns = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            match earliest(&turns) {
                Some((number, due)) if due <= now => {
                    if let Some(turn) = turns.get_mut(number) {
                        *turn = Turn {
                            due: later(due, interval(number).unwrap_or_default(), now),
                            running: true,
                        };
                    }
                    return number;
                }
                Some((_, due)) => {
                    let waited = self.changed.wait_timeout(turns, due - now);
                    turns = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => turns = self.changed.wait(turns).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// It may run again.
    pub(super) fn ended(&self, number: usize) {
        let mut turns = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get_mut(number) {
            turn.running = false;
        }
        self.changed.notify_all();
    }
}

fn earliest(turns: &[Turn]) -> Option<(usize, Instant)> {
    let waiting = turns.iter().enumerate().filter(|(_, turn)| !turn.running);
    waiting.map(|(number, turn)| (number, turn.due)).min_by_key(|(_, due)| *due)
}

/// The first time after now that is a whole number of intervals later: what was missed is not made up for.
fn later(due: Instant, interval: Duration, now: Instant) -> Instant {
    let missed = (now - due).as_nanos() / interval.as_nanos().max(1);
    due + interval * u32::try_from(missed + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(later(start, second, start), start + second);
        assert_eq!(later(start, second, start + second * 5 / 2), start + second * 3);
    }

    #[test]
    fn what_runs_is_not_due() {
        let now = Instant::now();
        let turn = |seconds, running| Turn { due: now + Duration::from_secs(seconds), running };
        let turns = [turn(0, true), turn(2, false), turn(1, false)];
        assert_eq!(earliest(&turns), Some((2, now + Duration::from_secs(1))));
        assert_eq!(earliest(&turns[..1]), None);
    }

    #[test]
    fn each_has_its_turn_and_then_waits() {
        let schedule = Schedule::new(2);
        let hour = |_| Some(Duration::from_secs(3600));
        let mut first = [schedule.next(hour), schedule.next(hour)];
        first.sort_unstable();
        assert_eq!(first, [0, 1]);
        schedule.ended(0);
        let turns = schedule.due.lock().unwrap();
        assert_eq!(turns.iter().map(|turn| turn.running).collect::<Vec<_>>(), [false, true]);
        assert!(turns.iter().all(|turn| turn.due > Instant::now()));
    }
}
