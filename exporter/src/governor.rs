//! Keeps what Plimsoll costs under a ceiling: decides, purely from what was measured, which signal rests.
//!
//! Over the ceiling for two intervals, the dearest signal that may rest does; one at a time. When it was calm for a
//! while, the one that rested last is tried again. A trial that fails makes the next wait twice as long.

/// What was used in one interval, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// The interval's length.
    pub elapsed: f64,
    /// CPU time of this process.
    pub user: f64,
    /// CPU time that programs added to their events, by signal, of those that are at work.
    pub kernel: Vec<(&'static str, f64)>,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stay,
    /// Let a signal rest.
    Rest(&'static str),
    /// Put it to work again.
    Work(&'static str),
    /// It is too much, and no signal is left that could rest. Said once each time it becomes so.
    Exhausted,
}

/// Its memory.
#[derive(Clone, Debug)]
pub struct Governor {
    /// CPU seconds a second.
    ceiling: f64,
    over: u32,
    calm: u32,
    /// Intervals in a row that were not calm.
    busy: u32,
    resting: Vec<&'static str>,
    /// Calm intervals before the next trial.
    patience: u32,
    /// Intervals since the last trial began.
    tried: Option<u32>,
    exhausted: bool,
}

/// Intervals over the ceiling before a signal rests, and that end a calm: one may be a scrape or a start.
const OVER: u32 = 2;
/// Calm intervals before the first trial.
const CALM: u32 = 6;
/// The longest wait for a trial, in intervals.
const MOST_CALM: u32 = 360;
/// A signal that costs less than this share of the ceiling does not rest: that would change nothing.
const WORTH_SHARE: f64 = 0.1;
/// Calm is below this share of the ceiling: what comes back must fit as well.
const CALM_SHARE: f64 = 0.5;

impl Governor {
    /// `ceiling` is in CPU seconds a second; 0 lets everything work whatever it costs.
    pub fn new(ceiling: f64) -> Self {
        Self {
            ceiling,
            over: 0,
            calm: 0,
            busy: 0,
            resting: Vec::new(),
            patience: CALM,
            tried: None,
            exhausted: false,
        }
    }

    /// The signals that rest.
    pub fn resting(&self) -> &[&'static str] {
        &self.resting
    }

    /// Takes an interval's usage and says what to do; that is then taken for done.
    pub fn step(&mut self, usage: &Usage) -> Step {
        if self.ceiling <= 0.0 || usage.elapsed <= 0.0 {
            return Step::Stay;
        }
        let used =
            (usage.user + usage.kernel.iter().map(|(_, seconds)| seconds).sum::<f64>()) / usage.elapsed;
        self.over = if used > self.ceiling { self.over + 1 } else { 0 };
        (self.calm, self.busy) = match used < self.ceiling * CALM_SHARE {
            true => (self.calm + 1, 0),
            false if self.busy + 1 < OVER => (self.calm, self.busy + 1),
            false => (0, OVER),
        };
        self.tried = self.tried.map(|intervals| intervals + 1).filter(|intervals| *intervals <= CALM);
        if self.over >= OVER {
            return self.rest(usage);
        }
        self.exhausted &= self.over > 0;
        if self.calm >= self.patience
            && let Some(signal) = self.resting.pop()
        {
            (self.calm, self.tried) = (0, Some(0));
            return Step::Work(signal);
        }
        if self.calm >= CALM && self.resting.is_empty() && self.tried.is_none() {
            self.patience = CALM;
        }
        Step::Stay
    }

    fn rest(&mut self, usage: &Usage) -> Step {
        let worth = self.ceiling * WORTH_SHARE * usage.elapsed;
        let dear = usage.kernel.iter().filter(|(_, seconds)| *seconds >= worth);
        let Some((signal, _)) = dear.max_by(|a, b| a.1.total_cmp(&b.1)) else {
            return if std::mem::replace(&mut self.exhausted, true) { Step::Stay } else { Step::Exhausted };
        };
        if self.tried.take().is_some() {
            self.patience = (self.patience * 2).min(MOST_CALM);
        }
        (self.over, self.calm) = (0, 0);
        self.resting.push(signal);
        Step::Rest(signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(user: f64, kernel: &[(&'static str, f64)]) -> Usage {
        Usage { elapsed: 10.0, user, kernel: kernel.to_vec() }
    }

    /// Steps until something is done, and how many it took.
    fn until(governor: &mut Governor, usage: &Usage) -> (u32, Step) {
        let mut steps = (1..1000).map(|n| (n, governor.step(usage)));
        steps.find(|(_, step)| *step != Step::Stay).unwrap_or((1000, Step::Stay))
    }

    #[test]
    fn one_interval_over_the_ceiling_is_borne() {
        let mut governor = Governor::new(0.04);
        let (storm, calm) = (usage(0.1, &[("syscalls", 0.9)]), usage(0.0, &[("syscalls", 0.0)]));
        for _ in 0..20 {
            assert_eq!(governor.step(&storm), Step::Stay);
            assert_eq!(governor.step(&calm), Step::Stay);
        }
    }

    #[test]
    fn the_dearest_rests_first_and_one_at_a_time() {
        let mut governor = Governor::new(0.04);
        let all = usage(0.1, &[("sched", 0.5), ("syscalls", 0.9)]);
        assert_eq!(until(&mut governor, &all), (2, Step::Rest("syscalls")));
        let less = usage(0.1, &[("sched", 0.5)]);
        assert_eq!(until(&mut governor, &less), (2, Step::Rest("sched")));
        let scraped = usage(0.5, &[("files", 0.001)]);
        assert_eq!(until(&mut governor, &scraped), (2, Step::Exhausted), "that would change nothing");
        assert_eq!(until(&mut governor, &scraped), (1000, Step::Stay), "said once");
        assert_eq!(governor.resting(), ["syscalls", "sched"]);
    }

    #[test]
    fn a_scrape_now_and_then_ends_no_calm() {
        let mut governor = Governor::new(0.04);
        let storm = usage(0.1, &[("syscalls", 0.9)]);
        assert_eq!(until(&mut governor, &storm), (OVER, Step::Rest("syscalls")));
        let (scrape, calm) = (usage(0.3, &[]), usage(0.1, &[]));
        let mut steps = 0;
        while governor.step(&scrape) == Step::Stay && governor.step(&calm) == Step::Stay {
            steps += 1;
            assert!(steps <= CALM, "it rests for ever");
        }
        assert_eq!(steps, CALM - 1);
    }

    #[test]
    fn what_rested_last_comes_back_first_when_it_is_calm() {
        let mut governor = Governor::new(0.04);
        let _ = until(&mut governor, &usage(0.0, &[("sched", 0.5), ("syscalls", 0.9)]));
        let _ = until(&mut governor, &usage(0.0, &[("sched", 0.5)]));
        let calm = usage(0.1, &[]);
        assert_eq!(until(&mut governor, &calm), (CALM, Step::Work("sched")));
        assert_eq!(until(&mut governor, &calm), (CALM, Step::Work("syscalls")));
        assert!(governor.resting().is_empty());
        assert_eq!(until(&mut governor, &calm), (1000, Step::Stay));
    }

    #[test]
    fn near_the_ceiling_nothing_comes_back() {
        let mut governor = Governor::new(0.04);
        let _ = until(&mut governor, &usage(0.0, &[("syscalls", 0.9)]));
        assert_eq!(until(&mut governor, &usage(0.3, &[])), (1000, Step::Stay));
    }

    #[test]
    fn a_trial_that_fails_makes_the_next_wait_longer_and_success_forgets_it() {
        let mut governor = Governor::new(0.04);
        let (storm, calm) = (usage(0.0, &[("syscalls", 0.9)]), usage(0.0, &[]));
        assert_eq!(until(&mut governor, &storm), (2, Step::Rest("syscalls")));
        for wait in [CALM, CALM * 2, CALM * 4, CALM * 8, CALM * 16, CALM * 32, MOST_CALM, MOST_CALM] {
            assert_eq!(until(&mut governor, &calm), (wait, Step::Work("syscalls")));
            assert_eq!(until(&mut governor, &storm), (2, Step::Rest("syscalls")));
        }
        assert_eq!(until(&mut governor, &calm), (MOST_CALM, Step::Work("syscalls")));
        assert_eq!(until(&mut governor, &usage(0.0, &[("syscalls", 0.01)])), (1000, Step::Stay));
        assert_eq!(until(&mut governor, &storm), (2, Step::Rest("syscalls")));
        assert_eq!(until(&mut governor, &calm), (CALM, Step::Work("syscalls")));
    }

    #[test]
    fn no_ceiling_no_rest() {
        assert_eq!(until(&mut Governor::new(0.0), &usage(9.0, &[("syscalls", 9.0)])), (1000, Step::Stay));
    }
}
