//! What there is to say of it. Pure.

use super::config::Config;
use super::pair::Pair;
use super::{Container, Measured};
use crate::findings::Findings;
use crate::output::Output;
use crate::perfdata::{Number, Perfdata};
use crate::state::State;

/// So many containers have perfdata.
const SHOWN: usize = 100;
/// So many things that are fine are told.
const TOLD: usize = 10;

/// What was found, with what is fine kept apart until it is known how much of it there is.
#[derive(Default)]
struct Judged {
    findings: Findings,
    fine: Vec<String>,
    data: Vec<Perfdata>,
    /// Of how many containers.
    containers: usize,
}

/// One value of a container.
struct Value<'a> {
    container: &'a str,
    /// In the line, and in the label.
    names: (&'static str, &'static str),
    value: f64,
    unit: &'static str,
    shown: String,
    max: Option<f64>,
}

pub(super) fn judge(config: &Config, measured: &Measured, now: f64) -> Output {
    let mut judged = Judged::default();
    let engine = format!("{} answers in {:.3} seconds", measured.version.words(), measured.seconds);
    judged.note(config.time.judge(measured.seconds), engine);
    if !config.asks_of_containers() {
        if let Some((all, running)) = measured.counts {
            judged.note(State::Ok, format!("{running} of {all} containers running"));
            judged.data.push(Perfdata::new("containers", Number::Integer(all as i64)));
            judged.data.push(Perfdata::new("running", Number::Integer(running as i64)));
        }
    } else if measured.containers.is_empty() && measured.unmatched.is_empty() {
        judged.note(State::Unknown, "no container to look at".to_owned());
    }
    for pattern in &measured.unmatched {
        let state = match (config.present, measured.containers.is_empty()) {
            (true, _) => State::Critical,
            (false, true) => State::Unknown,
            (false, false) => continue,
        };
        judged.note(state, format!("no container matches {pattern}"));
    }
    for container in &measured.containers {
        of_container(config, container, now, &mut judged);
        judged.containers += 1;
    }
    let new = |container: &Container| container.is_running() && container.cpu.is_none();
    if config.cpu.is_some() && measured.containers.iter().any(new) {
        judged.note(State::Ok, "CPU seen for the first time".to_owned());
    }
    let time = Perfdata::seconds("time", measured.seconds)
        .warn(config.time.warning.as_ref())
        .crit(config.time.critical.as_ref())
        .min(Number::float(0.0));
    judged.output(config, time)
}

fn of_container(config: &Config, container: &Container, now: f64, judged: &mut Judged) {
    let Container { name, state, inspected, stats, .. } = container;
    match &config.status {
        Some(wanted) if wanted.eq_ignore_ascii_case(state) => judged.fine.push(format!("{name} is {state}")),
        Some(wanted) => judged.note(State::Critical, format!("{name} is {state}, not {wanted}")),
        // Who only wants to know that it is there does not say what it does.
        None => judged.fine.push(format!("{name} is {state}")),
    }
    let running = container.is_running();
    let of_running =
        config.health || config.uptime.is_some() || config.cpu.is_some() || config.memory.is_some();
    if !running && of_running && config.status.is_none() {
        judged.note(State::Critical, format!("{name} is {state}, not running"));
    }
    if config.health && running {
        match inspected.health() {
            Some("healthy") => judged.fine.push(format!("{name} is healthy")),
            Some("unhealthy") => judged.note(State::Critical, format!("{name} is unhealthy")),
            Some(health) => judged.note(State::Unknown, format!("{name} is {health}")),
            None => judged.note(State::Unknown, format!("{name} has no health check")),
        }
    }
    let value =
        |names, value: f64, unit, shown, max| Value { container: name, names, value, unit, shown, max };
    if let (Some(pair), Some(cpu)) = (&config.cpu, container.cpu) {
        judged.value(pair, value(("CPU", "cpu"), cpu.round(), "%", format!("{cpu:.0}%"), Some(100.0)));
    }
    if let (Some((pair, unit)), Some(stats)) = (&config.memory, stats) {
        let limit = stats.memory_limit();
        let used = match unit.bytes {
            None => stats.memory().zip(limit).map(|(used, limit)| (used / limit * 100.0).floor()),
            Some(bytes) => stats.memory().map(|used| (used / bytes as f64 * 100.0).round() / 100.0),
        };
        let max = unit.bytes.map_or(Some(100.0), |bytes| limit.map(|limit| (limit / bytes as f64).ceil()));
        match used {
            Some(used) => {
                let shown = format!("{used}{}", unit.name);
                judged.value(pair, value(("memory", "mem"), used, unit.name, shown, max));
            }
            None => judged.note(State::Unknown, format!("{name} has no memory or no limit that is told")),
        }
    }
    if let (Some(pair), Some(started), true) = (&config.uptime, inspected.started(), running) {
        let age = (now - started).max(0.0).floor();
        judged.value(pair, value(("uptime", "up"), age, "s", duration(age), None));
    }
    if let (Some(pair), Some(restarts)) = (&config.restarts, inspected.restart_count) {
        judged.value(pair, value(("restarts", "re"), restarts, "", format!("{restarts}"), None));
    }
    if let Some(pair) = &config.image_age {
        match container.image_created {
            Some(created) => {
                let days = ((now - created) / 86_400.0).max(0.0).floor();
                judged.value(pair, value(("image age", "age"), days, "d", format!("{days}d"), None));
            }
            None => judged.note(State::Unknown, format!("the image of {name} has no age")),
        }
    }
}

impl Judged {
    fn note(&mut self, state: State, text: String) {
        if state == State::Ok { self.fine.push(text) } else { self.findings.note(state, text) }
    }

    fn value(&mut self, pair: &Pair, value: Value<'_>) {
        let Value { container, names: (name, short), value, unit, shown, max } = value;
        self.note(pair.judge(value), format!("{container} {name} is {shown}"));
        if self.containers >= SHOWN {
            return;
        }
        let [warning, critical] = pair.limits();
        let datum = Perfdata::new(format!("{container}_{short}"), Number::shortest(value)).unit(unit);
        let datum = datum.warn(warning).crit(critical).min(Number::Integer(0));
        self.data.push(match max {
            Some(max) => datum.max(Number::shortest(max)),
            None => datum,
        });
    }

    fn output(mut self, config: &Config, time: Perfdata) -> Output {
        let fine = self.fine;
        if self.findings.state() == State::Ok || !config.terse {
            let told = if config.terse { 1 } else { TOLD };
            fine.iter().take(told).for_each(|text| self.findings.note(State::Ok, text.as_str()));
            if fine.len() > TOLD && !config.terse {
                self.findings.note(State::Ok, format!("{} more that are fine", fine.len() - TOLD));
            }
        }
        if !config.without_perfdata {
            self.findings.perf(time);
            self.data.into_iter().for_each(|datum| self.findings.perf(datum));
        }
        self.findings.output("DOCKER")
    }
}

/// In the two largest units of it.
fn duration(seconds: f64) -> String {
    let mut left = seconds as u64;
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)] {
        if left >= length && parts.len() < 2 {
            parts.push(format!("{}{unit}", left / length));
            left %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}
