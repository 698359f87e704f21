//! Units of systemd, as systemd itself tells them over D-Bus. Off by default, as in node_exporter: each unit is asked for by
//! itself.

mod bus;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::bus::Asked;
use super::page::Of;
use super::{Collector, Host, NodeError, Options, Page};
use crate::exposition::Family;

pub(super) static COLLECTOR: Collector = Collector {
    name: "systemd",
    summary: "units of systemd and their state, by D-Bus",
    default: false,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of { labels: &[], source: "systemd, by D-Bus", bound: "1" };
const VERSION: Of = Of { labels: &["version"], ..OF };
const SUMMARY: Of = Of { labels: &["state"], bound: "one for each state there is", ..OF };
const STATE: Of =
    Of { labels: &["name", "state", "type"], bound: "five a unit, of 3,000 units at most", ..OF };
const UNIT: Of = Of { labels: &["name"], bound: "one a unit, of 3,000 units at most", ..OF };

static FAMILIES: [Family; 12] = [
    VERSION.gauge("node_systemd_version", "Detected systemd version.", "version"),
    OF.gauge(
        "node_systemd_system_running",
        "Whether the system is operational (see 'systemctl is-system-running').",
        "0 or 1",
    ),
    SUMMARY.gauge("node_systemd_units", "Summary of systemd unit states.", "units"),
    STATE.gauge("node_systemd_unit_state", "Systemd unit.", "0 or 1"),
    UNIT.gauge(
        "node_systemd_unit_start_time_seconds",
        "Start time of the unit since unix epoch in seconds.",
        "seconds",
    ),
    UNIT.gauge("node_systemd_unit_tasks_current", "Current number of tasks per Systemd unit.", "tasks"),
    UNIT.gauge("node_systemd_unit_tasks_max", "Maximum number of tasks per Systemd unit.", "tasks"),
    UNIT.counter("node_systemd_service_restart_total", "Service unit count of Restart triggers.", "restarts"),
    UNIT.gauge("node_systemd_timer_last_trigger_seconds", "Seconds since epoch of last trigger.", "seconds"),
    UNIT.counter(
        "node_systemd_socket_accepted_connections_total",
        "Total number of accepted socket connections.",
        "connections",
    ),
    UNIT.gauge(
        "node_systemd_socket_current_connections",
        "Current number of socket connections.",
        "connections",
    ),
    UNIT.gauge(
        "node_systemd_socket_refused_connections_total",
        "Total number of refused socket connections.",
        "connections",
    ),
];

/// The states that each unit has a series for.
const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];
/// The most units that are asked for: a family has no more series.
const MAX_UNITS: usize = 3000;
/// The longest that systemd is waited for, and the share of what the scrape has left.
const PATIENCE: Duration = Duration::from_secs(2);
const SHARE: u32 = 2;
/// Of a limit that there is none.
const NO_LIMIT: u64 = u64::MAX;

/// What systemd says.
#[derive(Debug, Default)]
struct Answer {
    version: String,
    system_state: Option<String>,
    /// How many units are in each state, of all that there are.
    states: BTreeMap<String, u64>,
    /// Those that are let through, in the order of their names.
    units: Vec<Unit>,
    left_out: usize,
}

/// A unit, and what was asked of it.
#[derive(Debug, Default)]
struct Unit {
    name: String,
    state: String,
    /// `Type` of a service or a mount.
    kind: String,
    numbers: BTreeMap<Asked, u64>,
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let patience = PATIENCE.min(host.until.saturating_duration_since(Instant::now()) / SHARE);
    let answer = bus::ask(&host.paths.rootfs, &host.options, patience)?;
    host.leave_out(answer.left_out);
    write(&answer, page);
    Ok(())
}

fn write(answer: &Answer, page: &mut Page<'_>) {
    if let Some((number, version)) = version(&answer.version) {
        page.family(&FAMILIES[0]);
        page.put(&[("version", version)], number);
    }
    page.one(&FAMILIES[1], answer.system_state.as_ref().map(|state| state == "running"));
    page.family(&FAMILIES[2]);
    for state in STATES.into_iter().filter(|state| !answer.states.contains_key(*state)) {
        page.put(&[("state", state)], 0u64);
    }
    for (state, count) in &answer.states {
        page.put(&[("state", state)], *count);
    }
    page.family(&FAMILIES[3]);
    for unit in &answer.units {
        for state in STATES {
            let labels = [("name", &*unit.name), ("state", state), ("type", &*unit.kind)];
            page.put(&labels, unit.state == state);
        }
    }
    let micros: fn(u64) -> f64 = |micros| micros as f64 / 1e6;
    let plain: fn(u64) -> f64 = |number| number as f64;
    for (family, asked, value) in [
        (4, Asked::StartTime, micros),
        (5, Asked::Tasks, plain),
        (6, Asked::TasksMax, plain),
        (7, Asked::Restarts, plain),
        (8, Asked::LastTrigger, micros),
        (9, Asked::Accepted, plain),
        (10, Asked::Connections, plain),
        (11, Asked::Refused, plain),
    ] {
        let found = answer.units.iter().filter_map(|unit| Some((&unit.name, *unit.numbers.get(&asked)?)));
        let mut found = found.filter(|(_, number)| *number != NO_LIMIT).peekable();
        if found.peek().is_none() {
            continue;
        }
        page.family(&FAMILIES[family]);
        for (name, number) in found {
            page.put(&[("name", name)], value(number));
        }
    }
}

/// The number that a version begins with, as `252.39` of `252.39-1~deb12u1`, and the whole.
fn version(text: &str) -> Option<(f64, &str)> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let number = text[start..].split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = number.splitn(3, '.').filter(|part| !part.is_empty());
    let (whole, rest) = (parts.next()?, parts.next());
    let number = rest.map_or_else(|| whole.to_owned(), |rest| format!("{whole}.{rest}"));
    Some((number.parse().ok()?, text))
}

/// Whether a unit is let through: it matches what is included, in whole, and not what is excluded.
fn admits(options: &Options, name: &str) -> bool {
    options.unit_include.matches(name) && !options.unit_exclude.matches(name)
}

/// Where systemd is spoken to: where the environment says, as every client of D-Bus does it, or within the host's root.
fn place(rootfs: &Path, private: bool, environment: Option<String>) -> PathBuf {
    match (private, environment) {
        (true, _) => rootfs.join("run/systemd/private"),
        (false, Some(address)) => path_of(&address).unwrap_or(&address).into(),
        (false, None) => rootfs.join("run/dbus/system_bus_socket"),
    }
}

/// The path in the first address of a list that has one: `unix:path=/run/dbus/system_bus_socket,guid=...;tcp:...`.
fn path_of(addresses: &str) -> Option<&str> {
    let keys = addresses.split(';').filter_map(|address| address.strip_prefix("unix:"));
    keys.flat_map(|keys| keys.split(',')).find_map(|key| key.strip_prefix("path="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Encoder, Format};

    fn samples(answer: &Answer) -> Vec<String> {
        let mut out = Vec::new();
        write(answer, &mut Page::new(Encoder::new(&mut out, Format::Text)));
        let text = String::from_utf8(out).expect("valid UTF-8");
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn what_was_asked_is_written() {
        let unit = |name: &str, state: &str, kind: &str, numbers: &[(Asked, u64)]| Unit {
            name: name.to_owned(),
            state: state.to_owned(),
            kind: kind.to_owned(),
            numbers: numbers.iter().copied().collect(),
        };
        let answer = Answer {
            version: "252.39-1~deb12u1".to_owned(),
            system_state: Some("degraded".to_owned()),
            states: BTreeMap::from([("failed".to_owned(), 1), ("reloading".to_owned(), 2)]),
            units: vec![
                unit(
                    "a.service",
                    "failed",
                    "oneshot",
                    &[
                        (Asked::StartTime, 1_500_000),
                        (Asked::Tasks, 3),
                        (Asked::TasksMax, NO_LIMIT),
                        (Asked::Restarts, 2),
                    ],
                ),
                unit("b.timer", "active", "", &[(Asked::LastTrigger, 2_000_000)]),
            ],
            left_out: 0,
        };
        let of = |name: &str, kind: &str, state: &str| {
            STATES.map(|one| {
                let is = u8::from(one == state);
                format!(r#"node_systemd_unit_state{{name="{name}",state="{one}",type="{kind}"}} {is}"#)
            })
        };
        let mut wanted = vec![
            r#"node_systemd_version{version="252.39-1~deb12u1"} 252.39"#.to_owned(),
            "node_systemd_system_running 0".to_owned(),
        ];
        for (state, count) in [
            ("active", 0),
            ("activating", 0),
            ("deactivating", 0),
            ("inactive", 0),
            ("failed", 1),
            ("reloading", 2),
        ] {
            wanted.push(format!(r#"node_systemd_units{{state="{state}"}} {count}"#));
        }
        wanted.extend(of("a.service", "oneshot", "failed"));
        wanted.extend(of("b.timer", "", "active"));
        for line in [
            r#"node_systemd_unit_start_time_seconds{name="a.service"} 1.5"#,
            r#"node_systemd_unit_tasks_current{name="a.service"} 3"#,
            r#"node_systemd_service_restart_total{name="a.service"} 2"#,
            r#"node_systemd_timer_last_trigger_seconds{name="b.timer"} 2"#,
        ] {
            wanted.push(line.to_owned());
        }
        assert_eq!(samples(&answer), wanted);
    }

    #[test]
    fn versions() {
        for (text, wanted) in [
            ("252.39-1~deb12u1", Some(252.39)),
            ("249", Some(249.0)),
            ("v255.4.1", Some(255.4)),
            ("257~rc2", Some(257.0)),
            ("new", None),
        ] {
            assert_eq!(version(text), wanted.map(|number| (number, text)));
        }
    }

    #[test]
    fn units_match_in_whole() {
        let mut options = Options::default();
        let admitted = |options: &Options| {
            ["ssh.service", "a.mount", "b.slice", "c.mount.service"].map(|name| admits(options, name))
        };
        assert_eq!(admitted(&options), [true, false, false, true]);
        options.unit_include = "ssh".parse::<super::super::Whole>().expect("a pattern");
        assert_eq!(admitted(&options), [false; 4]);
    }

    #[test]
    fn where_systemd_is() {
        let at = |private, environment: Option<&str>| {
            place(Path::new("/host"), private, environment.map(str::to_owned)).display().to_string()
        };
        assert_eq!(at(false, None), "/host/run/dbus/system_bus_socket");
        assert_eq!(at(false, Some("tcp:host=x;unix:guid=7,path=/x;unix:path=/y")), "/x");
        assert_eq!(at(false, Some("tcp:host=x")), "tcp:host=x", "and nobody there");
        assert_eq!(at(true, Some("unix:path=/x")), "/host/run/systemd/private");
    }
}
