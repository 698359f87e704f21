//! What there is to say of it. Pure.

use super::pair::Pair;
use super::{Container, Engine, Wanted};
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

pub(super) fn judge(wanted: &Wanted, engine: &Engine, title: &str, now: f64) -> Output {
    let mut judged = Judged::default();
    let alive = format!("{} answers in {:.3} seconds", engine.name, engine.seconds);
    judged.note(wanted.time.judge(engine.seconds), alive);
    for fault in &engine.faults {
        judged.note(State::Critical, fault.clone());
    }
    if !wanted.asks_of_containers() {
        if let Some((all, running)) = engine.counts {
            judged.note(State::Ok, format!("{running} of {all} containers running"));
            judged.data.push(Perfdata::new("containers", Number::Integer(all as i64)));
            judged.data.push(Perfdata::new("running", Number::Integer(running as i64)));
        }
    } else if engine.containers.is_empty() && engine.unmatched.is_empty() {
        judged.note(State::Unknown, "no container to look at".to_owned());
    }
    for pattern in &engine.unmatched {
        let state = match (wanted.selection.present, engine.containers.is_empty()) {
            (true, _) => State::Critical,
            (false, true) => State::Unknown,
            (false, false) => continue,
        };
        judged.note(state, format!("no container matches {pattern}"));
    }
    for container in &engine.containers {
        of_container(wanted, container, now, &mut judged);
        judged.containers += 1;
    }
    let new = |container: &Container| container.is_running() && container.cpu.is_none();
    if wanted.cpu.is_some() && engine.containers.iter().any(new) {
        judged.note(State::Ok, "CPU seen for the first time".to_owned());
    }
    let time = Perfdata::seconds("time", engine.seconds)
        .warn(wanted.time.warning.as_ref())
        .crit(wanted.time.critical.as_ref())
        .min(Number::float(0.0));
    judged.output(wanted, title, time)
}

fn of_container(wanted: &Wanted, container: &Container, now: f64, judged: &mut Judged) {
    let Container { name, state, .. } = container;
    match &wanted.status {
        Some(word) if word.eq_ignore_ascii_case(state) => judged.fine.push(format!("{name} is {state}")),
        Some(word) => judged.note(State::Critical, format!("{name} is {state}, not {word}")),
        // Who only wants to know that it is there does not say what it does.
        None => judged.fine.push(format!("{name} is {state}")),
    }
    let running = container.is_running();
    let of_running =
        wanted.health || wanted.uptime.is_some() || wanted.cpu.is_some() || wanted.memory.is_some();
    if !running && of_running && wanted.status.is_none() {
        judged.note(State::Critical, format!("{name} is {state}, not running"));
    }
    if wanted.health && running {
        match container.health.as_deref() {
            Some("healthy") => judged.fine.push(format!("{name} is healthy")),
            Some("unhealthy") => judged.note(State::Critical, format!("{name} is unhealthy")),
            Some(health) => judged.note(State::Unknown, format!("{name} is {health}")),
            None => judged.note(State::Unknown, format!("{name} has no health check")),
        }
    }
    let value =
        |names, value: f64, unit, shown, max| Value { container: name, names, value, unit, shown, max };
    if let (Some(pair), Some(cpu)) = (&wanted.cpu, container.cpu) {
        judged.value(pair, value(("CPU", "cpu"), cpu.round(), "%", format!("{cpu:.0}%"), Some(100.0)));
    }
    if let (Some((pair, unit)), true) = (&wanted.memory, running) {
        let limit = container.memory_limit;
        let used = match unit.bytes {
            None => container.memory.zip(limit).map(|(used, limit)| (used / limit * 100.0).floor()),
            Some(bytes) => container.memory.map(|used| (used / bytes as f64 * 100.0).round() / 100.0),
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
    if let (Some(pair), Some(started), true) = (&wanted.uptime, container.started, running) {
        let age = (now - started).max(0.0).floor();
        judged.value(pair, value(("uptime", "up"), age, "s", duration(age), None));
    }
    if let Some(pair) = &wanted.restarts {
        match container.restarts {
            Some(count) => judged.value(pair, value(("restarts", "re"), count, "", format!("{count}"), None)),
            None => judged.note(State::Unknown, format!("the restarts of {name} are not told")),
        }
    }
    if let Some(pair) = &wanted.image_age {
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

    fn output(mut self, wanted: &Wanted, title: &str, time: Perfdata) -> Output {
        let fine = self.fine;
        if self.findings.state() == State::Ok || !wanted.terse {
            let told = if wanted.terse { 1 } else { TOLD };
            fine.iter().take(told).for_each(|text| self.findings.note(State::Ok, text.as_str()));
            if fine.len() > TOLD && !wanted.terse {
                self.findings.note(State::Ok, format!("{} more that are fine", fine.len() - TOLD));
            }
        }
        if !wanted.without_perfdata {
            self.findings.perf(time);
            self.data.into_iter().for_each(|datum| self.findings.perf(datum));
        }
        self.findings.output(title)
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
