//! `check_systemd`: units that have failed, or whether those that are named are active.

pub mod bus;

use std::path::Path;

use self::bus::{Bus, Given, Unit};
use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::Thresholds;
use crate::regex::{Flags, Regex};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_systemd",
    aliases: &[],
    summary: "Counts the units of systemd that have failed, or sees that some are active.",
    usage: "[-w range] [-c range] [-x regex] [-u unit]",
    options: &[
        Opt::new(
            "w",
            "warning",
            Arg::Value("RANGE"),
            "Warn when the number of failed units is outside of RANGE",
        ),
        Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when it is (0, unless -w is given)"),
        Opt::new("x", "exclude", Arg::Value("REGEX"), "Units that may fail; may be repeated"),
        Opt::new(
            "u",
            "unit",
            Arg::Value("NAME"),
            "A unit that has to be active; may be repeated. Others are then not looked at",
        ),
        Opt::new(
            "s",
            "socket",
            Arg::Value("PATH"),
            "The bus to ask on (/run/dbus/system_bus_socket, or systemd's own socket)",
        ),
        common::VERBOSE,
        common::TIMEOUT,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// Where the bus is, and where systemd itself listens to root.
const SOCKETS: [&str; 2] = ["/run/dbus/system_bus_socket", "/run/systemd/private"];
/// What is there where systemd has started the host.
const BOOTED: &str = "/run/systemd/system";

#[derive(Debug, Default)]
struct Config {
    thresholds: Thresholds,
    exclude: Vec<Regex>,
    units: Vec<String>,
    socket: Option<String>,
}

fn run(call: &mut Call) -> Outcome {
    let config = configure(call)?;
    let deadline = call.deadline();
    let mut bus = connect(&config, deadline)?;
    let failed = |error: bus::Error| match error {
        bus::Error::Expired => Stop::Timeout,
        error => Stop::unknown(format!("SYSTEMD UNKNOWN - {error}")),
    };
    let units = if config.units.is_empty() {
        bus.list("ListUnitsFiltered", Given::List(&["failed".to_owned()]))
    } else {
        bus.list("ListUnitsByNames", Given::List(&config.units))
    };
    let units = units.map_err(failed)?;
    Ok(if config.units.is_empty() { count(&config, &units) } else { named(&config, &units) })
}

fn configure(call: &mut Call) -> Result<Config, Stop> {
    let mut config = Config::default();
    let (mut warning, mut critical) = (None, None);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        let text = found.text();
        match found.key {
            "w" => warning = Some(text),
            "c" => critical = Some(text),
            "x" => {
                let regex = Regex::new(text.as_bytes(), Flags::default());
                config.exclude.push(regex.map_err(|error| call.usage(&format!("{error}")))?);
            }
            "u" if text.contains('.') => config.units.push(text),
            // As systemctl takes names.
            "u" => config.units.push(format!("{text}.service")),
            "s" => config.socket = Some(text),
            _ => call.common(&found)?,
        }
    }
    let critical = critical.or_else(|| warning.is_none().then(|| "0".to_owned()));
    config.thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    Ok(config)
}

fn connect(config: &Config, deadline: crate::deadline::Deadline) -> Result<Bus, Stop> {
    let mut last = String::new();
    let sockets = config.socket.as_deref().map_or(SOCKETS.to_vec(), |socket| vec![socket]);
    if config.socket.is_none() && !Path::new(BOOTED).exists() {
        return Err(Stop::unknown("SYSTEMD UNKNOWN - this host was not started by systemd"));
    }
    for socket in sockets {
        match Bus::connect(socket, deadline) {
            Ok(bus) => return Ok(bus),
            Err(bus::Error::Expired) => return Err(Stop::Timeout),
            Err(error) => last = format!("{socket}: {error}"),
        }
    }
    Err(Stop::unknown(format!("SYSTEMD UNKNOWN - {last}")))
}

/// How many have failed, but for those that may.
fn count(config: &Config, units: &[Unit]) -> Output {
    let may = |unit: &&Unit| config.exclude.iter().any(|regex| regex.is_match(unit.name.as_bytes()));
    let failed: Vec<&Unit> = units.iter().filter(|unit| unit.active == "failed" && !may(unit)).collect();
    let state = config.thresholds.judge(failed.len() as f64);
    let names: Vec<&str> = failed.iter().map(|unit| unit.name.as_str()).collect();
    let text = match names.as_slice() {
        [] => "no unit has failed".to_owned(),
        [name] => format!("1 unit has failed: {name}"),
        names => format!("{} units have failed: {}", names.len(), names.join(", ")),
    };
    let datum = Perfdata::new("failed", Number::Integer(failed.len() as i64))
        .warn(config.thresholds.warning.as_ref())
        .crit(config.thresholds.critical.as_ref())
        .min(Number::Integer(0))
        .form(Form::Trimmed);
    Output::new(state, format!("SYSTEMD {state} - {text}")).perf(datum)
}

/// Whether each is active.
fn named(config: &Config, units: &[Unit]) -> Output {
    let (mut state, mut told) = (State::Ok, Vec::new());
    for name in &config.units {
        // By another of its names it is told by its first.
        let unit = units.iter().find(|unit| unit.name == *name);
        let (of, text) = match unit {
            Some(unit) if unit.load == "not-found" => (State::Critical, format!("{name} is not there")),
            Some(unit) => {
                let state = match unit.active.as_str() {
                    "active" => State::Ok,
                    "activating" | "reloading" | "deactivating" | "refreshing" => State::Warning,
                    _ => State::Critical,
                };
                (state, format!("{name} is {} ({})", unit.active, unit.sub))
            }
            None => (State::Unknown, format!("nothing is told of {name}")),
        };
        state = state.worst(of);
        told.push(text);
    }
    Output::new(state, format!("SYSTEMD {state} - {}", told.join(", ")))
}

#[cfg(test)]
mod tests;
