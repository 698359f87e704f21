//! Asks systemd over D-Bus, within a time, by the client of `check_systemd`.

use std::path::Path;
use std::time::Duration;

use plimsoll_checks::checks::systemd::bus::{Bus, Error, Given, MANAGER, Unit as Listed, Value};
use plimsoll_checks::deadline::Deadline;

use super::{Answer, MAX_UNITS, Unit, admits, place};
use crate::node::{NodeError, Options};

/// A number of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    StartTime,
    Tasks,
    TasksMax,
    Restarts,
    LastTrigger,
    Accepted,
    Connections,
    Refused,
}

impl Asked {
    /// Which interface has it, and under what name.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::StartTime => ("Unit", "ActiveEnterTimestamp"),
            Self::Tasks => ("Service", "TasksCurrent"),
            Self::TasksMax => ("Service", "TasksMax"),
            Self::Restarts => ("Service", "NRestarts"),
            Self::LastTrigger => ("Timer", "LastTriggerUSec"),
            Self::Accepted => ("Socket", "NAccepted"),
            Self::Connections => ("Socket", "NConnections"),
            Self::Refused => ("Socket", "NRefused"),
        }
    }
}

/// Connects, asks, and is gone again: nothing is kept that could fill with signals.
pub(super) fn ask(rootfs: &Path, options: &Options, patience: Duration) -> Result<Answer, NodeError> {
    let environment = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").ok();
    let place = place(rootfs, options.systemd_private, environment);
    let failed = |why: String| NodeError::Bus { place: place.clone(), why };
    let Some(path) = place.to_str().filter(|path| path.starts_with('/')) else {
        return Err(failed("of the addresses of D-Bus only unix:path= is understood".to_owned()));
    };
    let answer = Bus::connect(path, Deadline::after(patience)).and_then(|mut bus| answer(&mut bus, options));
    answer.map_err(|error| failed(error.to_string()))
}

fn answer(bus: &mut Bus, options: &Options) -> Result<Answer, Error> {
    let mut of_manager = |name| bus.property(MANAGER, "Manager", name).map(text);
    let version = of_manager("Version")?.ok_or(Error::Garbled("no version"))?;
    // Older ones than 212 have none.
    let system_state = of_manager("SystemState")?;
    let mut answer = Answer { version, system_state, ..Answer::default() };
    let mut listed = bus.list("ListUnits", Given::Nothing)?;
    for unit in &listed {
        *answer.states.entry(unit.active.clone()).or_default() += 1;
    }
    listed.retain(|unit| unit.load == "loaded" && admits(options, &unit.name));
    listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    answer.left_out = listed.len().saturating_sub(MAX_UNITS);
    listed.truncate(MAX_UNITS);
    for listed in listed {
        answer.units.push(unit(bus, listed, options)?);
    }
    Ok(answer)
}

fn unit(bus: &mut Bus, listed: Listed, options: &Options) -> Result<Unit, Error> {
    let Listed { name, active: state, path, .. } = listed;
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_owned()).unwrap_or_default();
    let kind = match &*suffix {
        "service" => text(bus.property(&path, "Service", "Type")?),
        "mount" => text(bus.property(&path, "Mount", "Type")?),
        _ => None,
    };
    let mut unit = Unit { name, state, kind: kind.unwrap_or_default(), ..Unit::default() };
    for asked in asked(&suffix, options) {
        // What is not active has not begun.
        if asked == Asked::StartTime && unit.state != "active" {
            unit.numbers.insert(asked, 0);
            continue;
        }
        let (interface, name) = asked.place();
        if let Some(Value::Number(number)) = bus.property(&path, interface, name)? {
            unit.numbers.insert(asked, number);
        }
    }
    Ok(unit)
}

fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::Text(text) => Some(text),
        Value::Number(_) => None,
    }
}

/// What is asked of a unit of this kind.
fn asked(suffix: &str, options: &Options) -> Vec<Asked> {
    let mut asked = Vec::new();
    if options.systemd_start_time {
        asked.push(Asked::StartTime);
    }
    match suffix {
        "service" => {
            if options.systemd_tasks {
                asked.extend([Asked::Tasks, Asked::TasksMax]);
            }
            if options.systemd_restarts {
                asked.push(Asked::Restarts);
            }
        }
        "timer" => asked.push(Asked::LastTrigger),
        "socket" => asked.extend([Asked::Accepted, Asked::Connections, Asked::Refused]),
        _ => {}
    }
    asked
}
