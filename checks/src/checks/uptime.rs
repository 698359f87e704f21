//! `check_uptime`: how long ago this host was started.

use std::fs;

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_uptime",
    aliases: &[],
    summary: "Judges how long ago this host was started.",
    usage: "-w <range> -c <range> [-u <unit>]",
    options: &[
        Opt::new(
            "w",
            "warning",
            Arg::Value("RANGE"),
            "Warn when the uptime is outside of RANGE: `10:` warns below 10",
        ),
        Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when the uptime is outside of RANGE"),
        Opt::new(
            "u",
            "uptime_unit",
            Arg::Value("UNIT"),
            "What the ranges are in: seconds, minutes (the default), hours, days",
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

const UPTIME: &str = "/proc/uptime";

/// What the ranges and the value are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unit {
    name: &'static str,
    seconds: u64,
}

const UNITS: [Unit; 4] = [
    Unit { name: "minutes", seconds: 60 },
    Unit { name: "seconds", seconds: 1 },
    Unit { name: "hours", seconds: 3600 },
    Unit { name: "days", seconds: 86400 },
];

fn run(call: &mut Call) -> Outcome {
    let (mut warning, mut critical, mut unit) = (None, None, UNITS[0]);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "w" => warning = Some(found.text()),
            "c" => critical = Some(found.text()),
            "u" => {
                let text = found.text();
                let known = UNITS.into_iter().find(|unit| unit.name == text);
                let wrong =
                    || call.usage(&format!("Unit must be seconds, minutes, hours or days, not {text}"));
                unit = known.ok_or_else(wrong)?;
            }
            _ => call.common(&found)?,
        }
    }
    if warning.is_none() && critical.is_none() {
        return Err(call.usage("Could not parse arguments"));
    }
    let thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    let _deadline = call.deadline();
    let text = fs::read_to_string(UPTIME).map_err(|error| Stop::unknown(format!("{UPTIME}: {error}")))?;
    let seconds =
        parse(&text).ok_or_else(|| Stop::unknown(format!("{UPTIME}: no number of seconds: {text}")))?;
    // As by `uptime`: what is begun is not over.
    let state = thresholds.judge((seconds / unit.seconds) as f64);
    Ok(print(&thresholds, state, unit, seconds))
}

/// The first number, whole.
fn parse(text: &str) -> Option<u64> {
    let number = value::number(text.split_ascii_whitespace().next()?)?;
    (number >= 0.0).then_some(number as u64)
}

fn print(thresholds: &Thresholds, state: State, unit: Unit, seconds: u64) -> Output {
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let datum = Perfdata::new("uptime", Number::Integer((seconds / unit.seconds) as i64))
        // Icinga knows no unit for minutes and more that would not change the value.
        .unit(if unit.seconds == 1 { "s" } else { "" })
        .warn(thresholds.warning.as_ref())
        .crit(thresholds.critical.as_ref())
        .min(Number::Integer(0))
        .form(Form::Trimmed);
    Output::new(state, format!("UPTIME {state} - {days} days {hours} hours {minutes} minutes")).perf(datum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_kernel() {
        assert_eq!(parse("350735.47 234388.90\n"), Some(350_735));
        for wrong in ["", "x 1", "-1 2", "inf 1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_value_is_in_the_unit_of_the_ranges() {
        let thresholds = Thresholds::parse(Some("10:"), Some("5:")).expect("ranges");
        let line = |unit, seconds: u64| {
            print(&thresholds, thresholds.judge((seconds / 60) as f64), unit, seconds).render()
        };
        assert_eq!(line(UNITS[0], 350_735), "UPTIME OK - 4 days 1 hours 25 minutes|uptime=5845;10:;5:;0\n");
        assert_eq!(line(UNITS[0], 599), "UPTIME WARNING - 0 days 0 hours 9 minutes|uptime=9;10:;5:;0\n");
        assert_eq!(line(UNITS[1], 299), "UPTIME CRITICAL - 0 days 0 hours 4 minutes|uptime=299s;10:;5:;0\n");
    }
}
