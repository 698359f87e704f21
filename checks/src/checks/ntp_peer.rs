//! `check_ntp_peer`: whom a time server takes its time from, and how well.

use crate::frame::{Call, Check};
use crate::host::Host;
use crate::net::{Family, connect_udp, ntp};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Limit, Number, Perfdata};
use crate::range::{Range, Thresholds};
use crate::state::State;

mod query;

pub use query::{Error, Measured, Source, Sources, measure, sources};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_ntp_peer",
    aliases: &[],
    summary: "Asks a time server for the source of its time: its offset, jitter and stratum.",
    usage: "-H host [-4] [-6] [-p port] [-w range] [-c range] [-W range] [-C range] [-j range] [-k range]\n\
            [-m range] [-n range] [-q] [-t seconds[:state]] [-v]",
    options: &[
        common::HOSTNAME,
        Opt::new("p", "port", Arg::Value("NUMBER"), "Port (123)"),
        common::IPV4,
        common::IPV6,
        Opt::new(
            "q",
            "quiet",
            Arg::No,
            "UNKNOWN instead of critical or warning when the server has no source",
        ),
        Opt::new(
            "w",
            "warning",
            Arg::Value("RANGE"),
            "Warn when the seconds of offset are outside of RANGE (60)",
        ),
        Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when they are outside of RANGE (120)"),
        Opt::new(
            "W",
            "swarn",
            Arg::Value("RANGE"),
            "Warn when the stratum of the source is outside of RANGE",
        ),
        Opt::new("C", "scrit", Arg::Value("RANGE"), "Critical when it is outside of RANGE"),
        Opt::new("j", "jwarn", Arg::Value("RANGE"), "Warn when the jitter is outside of RANGE"),
        Opt::new(
            "k",
            "jcrit",
            Arg::Value("RANGE"),
            "Critical when it is outside of RANGE;\na value nobody gives is -1",
        ),
        Opt::new(
            "m",
            "twarn",
            Arg::Value("RANGE"),
            "Warn when the number of sources that agree is outside of RANGE",
        ),
        Opt::new("n", "tcrit", Arg::Value("RANGE"), "Critical when it is outside of RANGE"),
        common::TIMEOUT,
        common::VERBOSE,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

#[derive(Debug)]
struct Config {
    host: Host,
    quiet: bool,
    offset: Thresholds,
    jitter: Option<Thresholds>,
    stratum: Option<Thresholds>,
    truechimers: Option<Thresholds>,
}

/// The state of each value, and of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judged {
    all: State,
    offset: State,
    jitter: State,
    stratum: State,
    truechimers: State,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let addresses = config.host.addresses(call, deadline)?;
    let critical = |what: &str| Ok(Output::new(State::Critical, format!("NTP CRITICAL: {what}")));
    let Ok(stream) = connect_udp(&addresses, deadline) else {
        return critical("No response from NTP server");
    };
    match measure(stream) {
        Ok(measured) => Ok(print(&config, judge(&config, &measured), &measured)),
        Err(Error::Expired) => Err(Stop::Timeout),
        Err(Error::Silent) => critical("No response from NTP server"),
        Err(Error::Invalid) => critical("Invalid packet received from NTP server"),
    }
}

/// What thresholds are held against where a server does not give a value, as 2.x's users know.
const NOT_GIVEN: f64 = -1.0;

fn judge(config: &Config, measured: &Measured) -> Judged {
    let unsynchronised = !measured.synchronised || measured.alarm;
    let offset = match measured.source.offset {
        None if config.quiet => State::Unknown,
        None => State::Critical,
        Some(offset) => {
            let source = match (unsynchronised, config.quiet) {
                (false, _) => State::Ok,
                (true, false) => State::Warning,
                (true, true) => State::Unknown,
            };
            source.worst(config.offset.judge(offset.abs()))
        }
    };
    let of = |thresholds: &Option<Thresholds>, value: Option<f64>| {
        thresholds.as_ref().map(|thresholds| thresholds.judge(value.unwrap_or(NOT_GIVEN)))
    };
    let jitter = of(&config.jitter, measured.source.jitter);
    let stratum = of(&config.stratum, measured.source.stratum);
    let truechimers = of(&config.truechimers, Some(f64::from(measured.truechimers)));
    let all = [jitter, stratum, truechimers].into_iter().flatten().fold(offset, State::worst);
    let shown = |state: Option<State>| state.unwrap_or(State::Ok);
    Judged { all, offset, jitter: shown(jitter), stratum: shown(stratum), truechimers: shown(truechimers) }
}

fn print(config: &Config, judged: Judged, measured: &Measured) -> Output {
    let mark = |state: State| match state {
        State::Warning | State::Critical => format!(" ({state})"),
        State::Ok | State::Unknown => String::new(),
    };
    let Source { offset, jitter, stratum } = measured.source;
    let mut text = format!("NTP {}:", judged.all);
    if !measured.synchronised {
        text.push_str(" Server not synchronized,");
    } else if measured.alarm {
        text.push_str(" Server has the LI_ALARM bit set,");
    }
    let mut perfdata = Vec::new();
    match offset {
        None => text.push_str(" Offset unknown"),
        Some(offset) => {
            text.push_str(&format!(" Offset {} secs{}", ntp::general(offset), mark(judged.offset)));
            let limit = |range: &Option<Range>| range.as_ref().map(Limit::decimal);
            let datum = Perfdata::seconds("offset", offset);
            perfdata.push(datum.warn(limit(&config.offset.warning)).crit(limit(&config.offset.critical)));
        }
    }
    if let Some(thresholds) = &config.jitter {
        let value = jitter.unwrap_or(NOT_GIVEN);
        text.push_str(&format!(", jitter={value:.6}{}", mark(judged.jitter)));
        let limit = |range: &Option<Range>| range.as_ref().map(Limit::decimal);
        let datum = jitter.map(|jitter| Perfdata::new("jitter", Number::float(jitter)));
        perfdata.extend(datum.map(|datum| {
            datum.warn(limit(&thresholds.warning)).crit(limit(&thresholds.critical)).min(Number::float(0.0))
        }));
    }
    if let Some(thresholds) = &config.stratum {
        text.push_str(&format!(", stratum={:.0}{}", stratum.unwrap_or(NOT_GIVEN), mark(judged.stratum)));
        let datum = stratum.map(|stratum| whole("stratum", stratum as i64, thresholds));
        perfdata.extend(datum.map(|datum| datum.max(Number::Integer(16))));
    }
    if let Some(thresholds) = &config.truechimers {
        text.push_str(&format!(", truechimers={}{}", measured.truechimers, mark(judged.truechimers)));
        perfdata.push(whole("truechimers", measured.truechimers.into(), thresholds));
    }
    Output::new(judged.all, text).perfs(perfdata)
}

fn whole(label: &'static str, value: i64, thresholds: &Thresholds) -> Perfdata {
    let limit = |range: &Option<Range>| range.as_ref().map(Limit::whole);
    let datum = Perfdata::new(label, Number::Integer(value)).form(Form::Padded);
    datum.warn(limit(&thresholds.warning)).crit(limit(&thresholds.critical)).min(Number::Integer(0))
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut host = Host { name: String::new(), port: 123, family: Family::Any };
        let (mut quiet, mut named, mut limits) = (false, false, [const { None::<String> }; 8]);
        let mut options = call.options();
        while let Some(found) = options.next()? {
            named |= found.key == "H";
            match found.key {
                "H" => host.name = found.text(),
                "q" => quiet = true,
                "p" => {
                    let wrong = || call.usage("Port must be a positive integer");
                    host.port = value::port(&found.text()).ok_or_else(wrong)?;
                }
                key => match KEYS.iter().position(|known| *known == key) {
                    Some(at) => limits[at] = Some(found.text()),
                    None => {
                        host.family.take(&found);
                        call.common(&found)?;
                    }
                },
            }
        }
        if !named {
            return Err(call.usage("Hostname was not supplied"));
        }
        Self::of(host, quiet, &limits)
    }

    /// One limit of a pair calls for the value; the other one is then 2.x's.
    fn of(host: Host, quiet: bool, limits: &[Option<String>; 8]) -> Result<Self, Stop> {
        let pair = |at: usize, warning, critical| -> Result<Thresholds, Stop> {
            let given = |at: usize, or| limits[at].as_deref().unwrap_or(or);
            Ok(Thresholds::parse(Some(given(at, warning)), Some(given(at + 1, critical)))?)
        };
        let asked = |at: usize| limits[at].is_some() || limits[at + 1].is_some();
        let perhaps =
            |at: usize, warning, critical| asked(at).then(|| pair(at, warning, critical)).transpose();
        Ok(Self {
            host,
            quiet,
            offset: pair(0, "60", "120")?,
            stratum: perhaps(2, "-1:16", "-1:16")?,
            jitter: perhaps(4, "-1:5000", "-1:10000")?,
            truechimers: perhaps(6, "0:", "0:")?,
        })
    }
}

/// Warning and critical of offset, stratum, jitter and truechimers.
const KEYS: [&str; 8] = ["w", "c", "W", "C", "j", "k", "m", "n"];

#[cfg(test)]
mod tests;
