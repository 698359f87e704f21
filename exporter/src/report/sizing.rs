//! What would fit, by what was used. Pure.

use serde::Serialize;

/// What was used, and what was given. What is not known is `None`: what has no limit, too.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names and units are those of the report")]
pub struct Usage {
    /// How many containers it was.
    pub containers: u64,
    pub cpu_request_cores: Option<f64>,
    pub cpu_limit_cores: Option<f64>,
    pub cpu_average_cores: Option<f64>,
    /// What 95 of 100 moments stayed below.
    pub cpu_p95_cores: Option<f64>,
    pub cpu_peak_cores: Option<f64>,
    /// Of the periods in which it ran, those in which it was held back.
    pub cpu_throttled_ratio: Option<f64>,
    pub memory_request_bytes: Option<f64>,
    pub memory_limit_bytes: Option<f64>,
    pub memory_average_bytes: Option<f64>,
    pub memory_peak_bytes: Option<f64>,
    pub oom_kills: Option<f64>,
    pub threads_peak: Option<f64>,
    pub threads_limit: Option<f64>,
}

/// What would fit. `None`: nothing is known to say so, or none is needed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names and units are those of the report")]
pub struct Suggestion {
    pub cpu_request_cores: Option<f64>,
    pub cpu_limit_cores: Option<f64>,
    pub memory_request_bytes: Option<f64>,
    pub memory_limit_bytes: Option<f64>,
    pub threads_limit: Option<f64>,
    /// Why, for each that differs from what there is.
    pub reasons: Vec<String>,
}

/// A container that is held back more often than in one of so many periods needs more.
const THROTTLED: f64 = 0.05;
/// Room above the most that was seen.
const CPU_ROOM: f64 = 1.2;
const MEMORY_ROOM: f64 = 1.3;
const REQUEST_ROOM: f64 = 1.1;
/// What was killed for want of memory would have used more than was seen.
const AFTER_OOM: f64 = 1.5;
/// A limit of which less than this share was ever used is too high.
const IDLE: f64 = 0.5;
const THREADS_ROOM: f64 = 2.0;
/// A limit of which more than this share was used is too low.
const THREADS_NEAR: f64 = 0.8;

const HUNDREDTH: f64 = 0.01;
const TENTH: f64 = 0.1;
const SIXTEEN_MIB: f64 = (16 << 20) as f64;
const HUNDRED: f64 = 100.0;

impl Usage {
    /// What would fit.
    pub fn suggest(&self) -> Suggestion {
        let mut fit = Suggestion::default();
        self.cpu(&mut fit);
        self.memory(&mut fit);
        self.threads(&mut fit);
        fit
    }

    fn cpu(&self, fit: &mut Suggestion) {
        let (Some(p95), Some(peak)) = (self.cpu_p95_cores, self.cpu_peak_cores) else { return };
        let request = up(p95, HUNDREDTH).max(HUNDREDTH);
        fit.cpu_request_cores = Some(request);
        if let Some(now) = self.cpu_request_cores
            && differs(now, request)
        {
            fit.reasons.push(format!("CPU request: 95% of moments stayed below {p95:.2} cores"));
        }
        // What has none needs none: a request is enough to share a CPU fairly.
        let Some(limit) = self.cpu_limit_cores else { return };
        let throttled = self.cpu_throttled_ratio.unwrap_or(0.0);
        let enough = up(peak * CPU_ROOM, TENTH).max(request);
        fit.cpu_limit_cores = Some(if throttled > THROTTLED {
            fit.reasons.push(format!("CPU limit: held back in {:.0}% of periods", throttled * HUNDRED));
            up(limit * AFTER_OOM, TENTH).max(enough)
        } else if peak < limit * IDLE && enough < limit {
            fit.reasons.push(format!("CPU limit: never used more than {peak:.2} cores"));
            enough
        } else {
            limit
        });
    }

    fn memory(&self, fit: &mut Suggestion) {
        let Some(peak) = self.memory_peak_bytes else { return };
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let request = up(peak * REQUEST_ROOM, SIXTEEN_MIB);
        let mut limit = up(peak * MEMORY_ROOM, SIXTEEN_MIB);
        let kills = self.oom_kills.unwrap_or(0.0);
        if kills > 0.0 {
            limit = limit.max(up(self.memory_limit_bytes.unwrap_or(peak) * AFTER_OOM, SIXTEEN_MIB));
        }
        (fit.memory_request_bytes, fit.memory_limit_bytes) = (Some(request), Some(limit));
        if let Some(now) = self.memory_request_bytes
            && differs(now, request)
        {
            fit.reasons.push(format!("memory request: {:.0} MiB at most", mib(peak)));
        }
        match self.memory_limit_bytes {
            _ if kills > 0.0 => {
                fit.reasons.push(format!("memory limit: {kills:.0} killed for want of memory"))
            }
            None => fit.reasons.push("memory limit: it has none".to_owned()),
            Some(now) if peak > now / MEMORY_ROOM => {
                fit.reasons.push(format!("memory limit: {:.0}% of it was used", peak / now * HUNDRED))
            }
            Some(now) if peak < now * IDLE => {
                fit.reasons.push(format!("memory limit: {:.0}% of it at most was used", peak / now * HUNDRED))
            }
            now => fit.memory_limit_bytes = now,
        }
    }

    fn threads(&self, fit: &mut Suggestion) {
        let Some(peak) = self.threads_peak else { return };
        let enough = up(peak * THREADS_ROOM, HUNDRED);
        fit.threads_limit = match self.threads_limit {
            Some(limit) if peak <= limit * THREADS_NEAR => Some(limit),
            Some(limit) => {
                fit.reasons.push(format!("pids limit: {peak:.0} of {limit:.0} threads were there"));
                Some(enough.max(limit))
            }
            None => {
                fit.reasons.push("pids limit: it has none".to_owned());
                Some(enough)
            }
        };
    }
}

/// The next multiple, but for what comes of calculating.
fn up(value: f64, step: f64) -> f64 {
    let steps = (value / step - 1e-9).ceil().max(0.0);
    // 0.1 is none of the numbers a computer has: 3 × 0.1 is not 0.3, and 3 / 10 is.
    if step < 1.0 { steps / (1.0 / step).round() } else { steps * step }
}

/// By so much that it is worth a word.
fn differs(now: f64, then: f64) -> bool {
    (now - then).abs() > now * 0.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = (1 << 20) as f64;

    fn reasons(usage: &Usage) -> Vec<String> {
        usage.suggest().reasons
    }

    #[test]
    fn requests_are_what_is_used() {
        let usage = Usage {
            cpu_p95_cores: Some(0.232),
            cpu_peak_cores: Some(0.8),
            cpu_request_cores: Some(1.0),
            memory_peak_bytes: Some(100.0 * MIB),
            memory_request_bytes: Some(112.0 * MIB),
            memory_limit_bytes: Some(144.0 * MIB),
            ..Usage::default()
        };
        let fit = usage.suggest();
        assert_eq!((fit.cpu_request_cores, fit.cpu_limit_cores), (Some(0.24), None));
        assert_eq!(fit.memory_request_bytes, Some(112.0 * MIB));
        assert_eq!(fit.memory_limit_bytes, Some(144.0 * MIB));
        assert_eq!(fit.reasons, ["CPU request: 95% of moments stayed below 0.23 cores"]);
    }

    #[test]
    fn cpu_limits_follow_throttling_and_idleness() {
        let usage = |limit, throttled, peak| Usage {
            cpu_p95_cores: Some(peak / 2.0),
            cpu_peak_cores: Some(peak),
            cpu_limit_cores: Some(limit),
            cpu_throttled_ratio: Some(throttled),
            ..Usage::default()
        };
        let limit = |usage: &Usage| usage.suggest().cpu_limit_cores;
        assert_eq!(limit(&usage(0.2, 0.4, 0.2)), Some(0.3));
        assert_eq!(reasons(&usage(0.2, 0.4, 0.2)), ["CPU limit: held back in 40% of periods"]);
        assert_eq!(limit(&usage(4.0, 0.0, 0.5)), Some(0.6));
        assert_eq!(reasons(&usage(4.0, 0.0, 0.5)), ["CPU limit: never used more than 0.50 cores"]);
        assert_eq!(limit(&usage(1.0, 0.05, 0.9)), Some(1.0), "as it is");
        assert_eq!(reasons(&usage(1.0, 0.05, 0.9)), Vec::<String>::new());
    }

    #[test]
    fn memory_limits_have_room_and_more_after_a_kill() {
        let usage = |limit: f64, kills, peak: f64| Usage {
            memory_peak_bytes: Some(peak * MIB),
            memory_limit_bytes: (limit > 0.0).then_some(limit * MIB),
            oom_kills: Some(kills),
            ..Usage::default()
        };
        for (limit, kills, peak, wanted, why) in [
            (64.0, 0.0, 60.0, 80.0, "memory limit: 94% of it was used"),
            (64.0, 2.0, 60.0, 96.0, "memory limit: 2 killed for want of memory"),
            (1024.0, 0.0, 60.0, 80.0, "memory limit: 6% of it at most was used"),
            (0.0, 0.0, 60.0, 80.0, "memory limit: it has none"),
        ] {
            let usage = usage(limit, kills, peak);
            assert_eq!(usage.suggest().memory_limit_bytes, Some(wanted * MIB), "{why}");
            assert_eq!(reasons(&usage), [why]);
        }
        assert_eq!(usage(100.0, 0.0, 60.0).suggest().memory_limit_bytes, Some(100.0 * MIB));
    }

    #[test]
    fn threads() {
        let usage =
            |peak, limit| Usage { threads_peak: Some(peak), threads_limit: limit, ..Usage::default() };
        let limit = |usage: &Usage| usage.suggest().threads_limit;
        assert_eq!(limit(&usage(10.0, Some(100.0))), Some(100.0));
        assert_eq!(limit(&usage(90.0, Some(100.0))), Some(200.0));
        assert_eq!(reasons(&usage(90.0, Some(100.0))), ["pids limit: 90 of 100 threads were there"]);
        assert_eq!(limit(&usage(120.0, None)), Some(300.0));
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        assert_eq!(Usage::default().suggest(), Suggestion::default());
    }

    #[test]
    fn steps() {
        assert_eq!(up(0.3, TENTH), 0.3);
        assert_eq!(up(0.301, TENTH), 0.4);
        assert_eq!(up(0.0, SIXTEEN_MIB), 0.0);
        assert_eq!(up(200.0, HUNDRED), 200.0);
    }
}
