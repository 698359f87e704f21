//! `check_ntp`: the older name of both `check_ntp_time` and `check_ntp_peer`, of whose values it has the offset and the jitter.

use std::time::Duration;

use super::ntp_peer;
use super::ntp_time::{self, Error};
use crate::frame::{Call, Check};
use crate::host::Host;
use crate::net::{Family, connect_udp, ntp};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Limit, Number, Perfdata};
use crate::range::{Range, Thresholds};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_ntp",
    aliases: &[],
    summary: "Asks a server for the time, and with -j or -k for the jitter of its source. Superseded by the other two.",
    usage: "-H host [-4] [-6] [-p port] [-w range] [-c range] [-j range] [-k range] [-t seconds[:state]] [-v]",
    options: &[
        common::HOSTNAME,
        Opt::new("p", "port", Arg::Value("NUMBER"), "Port (123)"),
        common::IPV4,
        common::IPV6,
        Opt::new(
            "w",
            "warning",
            Arg::Value("RANGE"),
            "Warn when the seconds of offset are outside of RANGE (60)",
        ),
        Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when they are outside of RANGE (120)"),
        Opt::new("j", "jwarn", Arg::Value("RANGE"), "Warn when the jitter is outside of RANGE (5000)"),
        Opt::new("k", "jcrit", Arg::Value("RANGE"), "Critical when it is outside of RANGE (10000)"),
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
    offset: Thresholds,
    /// Whether an offset that cannot be found is a fault: it is where a limit was given for it.
    needs_offset: bool,
    jitter: Option<Thresholds>,
}

/// What came of both questions.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    /// Seconds that the server's clock is ahead of ours.
    offset: Option<f64>,
    /// Of the source, where it was asked for.
    jitter: Option<Jitter>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Jitter {
    /// Whether the server has chosen a source.
    synchronised: bool,
    /// The mean of those asked.
    mean: Option<f64>,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let addresses = config.host.addresses(call, deadline)?;
    let silent = || Stop::with(State::Critical, "NTP CRITICAL: No response from NTP server");
    // As in 2.x half of the time is for servers that do not answer, where others do.
    let patience = Duration::from_secs(call.timeout().into()) / 2;
    let offset = match ntp_time::measure(&addresses, deadline.within(patience)) {
        Ok(measured) => Some(measured.offset),
        Err(Error::NoTime) => None,
        Err(Error::Silent) => return Err(silent()),
    };
    let mut measured = Measured { offset, jitter: None };
    if config.jitter.is_some() {
        let stream = connect_udp(&addresses, deadline).map_err(|_| silent())?;
        let sources = ntp_peer::sources(stream).map_err(|error| match error {
            ntp_peer::Error::Expired => Stop::Timeout,
            ntp_peer::Error::Silent => silent(),
            ntp_peer::Error::Invalid => {
                Stop::with(State::Critical, "NTP CRITICAL: Invalid packet received from NTP server")
            }
        })?;
        let known: Vec<f64> = sources.chosen.iter().filter_map(|source| source.jitter).collect();
        let mean = (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64);
        measured.jitter = Some(Jitter { synchronised: sources.synchronised, mean });
    }
    Ok(print(&config, judge(&config, &measured), &measured))
}

/// What thresholds are held against where a server does not give a value, as 2.x's users know.
const NOT_GIVEN: f64 = -1.0;

fn judge(config: &Config, measured: &Measured) -> State {
    let offset = match measured.offset {
        None if config.needs_offset => State::Critical,
        offset => config.offset.judge(offset.unwrap_or_default().abs()),
    };
    let (Some(thresholds), Some(jitter)) = (&config.jitter, measured.jitter) else { return offset };
    let state = offset.worst(thresholds.judge(jitter.mean.unwrap_or(NOT_GIVEN)));
    let known = jitter.synchronised && jitter.mean.is_some();
    if known { state } else { state.worst(State::Unknown) }
}

fn print(config: &Config, state: State, measured: &Measured) -> Output {
    let limit = |range: &Option<Range>| range.as_ref().map(Limit::decimal);
    let limited = |datum: Perfdata, thresholds: &Thresholds| {
        datum.warn(limit(&thresholds.warning)).crit(limit(&thresholds.critical))
    };
    let (mut text, mut perfdata) = (format!("NTP {state}:"), Vec::new());
    match measured.offset {
        None => text.push_str(" Offset unknown"),
        Some(offset) => {
            text.push_str(&format!(" Offset {} secs", ntp::general(offset)));
            perfdata.push(limited(Perfdata::seconds("offset", offset), &config.offset));
        }
    }
    if let (Some(thresholds), Some(jitter)) = (&config.jitter, measured.jitter) {
        text.push_str(&format!(", jitter={:.6}", jitter.mean.unwrap_or(NOT_GIVEN)));
        let datum = jitter.mean.map(|mean| limited(Perfdata::seconds("jitter", mean), thresholds));
        perfdata.extend(datum.map(|datum| datum.min(Number::float(0.0))));
    }
    Output::new(state, text).perfs(perfdata)
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut host = Host { name: String::new(), port: 123, family: Family::Any };
        let (mut named, mut limits) = (false, [const { None::<String> }; 4]);
        let mut options = call.options();
        while let Some(found) = options.next()? {
            let text = found.text();
            match found.key {
                "H" => (host.name, named) = (text, true),
                "p" => {
                    let wrong = || call.usage("Port must be a positive integer");
                    host.port = value::port(&text).ok_or_else(wrong)?;
                }
                key => match ["w", "c", "j", "k"].iter().position(|known| *known == key) {
                    Some(at) => limits[at] = Some(text),
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
        let [warning, critical, jwarn, jcrit] = limits.each_ref().map(Option::as_deref);
        let pair = |warning: Option<&str>, critical: Option<&str>, usual: [&str; 2]| {
            Thresholds::parse(Some(warning.unwrap_or(usual[0])), Some(critical.unwrap_or(usual[1])))
        };
        let jitter = pair(jwarn, jcrit, ["5000", "10000"])?;
        Ok(Self {
            host,
            offset: pair(warning, critical, ["60", "120"])?,
            needs_offset: warning.or(critical).is_some(),
            jitter: jwarn.or(jcrit).is_some().then_some(jitter),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(args: &[&str], offset: Option<f64>, jitter: Option<(bool, Option<f64>)>) -> (State, String) {
        let args = [&["-H", "127.0.0.1"], args].concat();
        let mut call = Call::new(&CHECK, "check_ntp", args.iter().map(Into::into).collect());
        let config = Config::read(&mut call).unwrap();
        let jitter = jitter.map(|(synchronised, mean)| Jitter { synchronised, mean });
        let measured = Measured { offset, jitter };
        let output = print(&config, judge(&config, &measured), &measured);
        (output.state(), output.render())
    }

    #[test]
    fn an_offset_that_is_not_known_is_a_fault_where_a_limit_is_given() {
        assert_eq!(
            shown(&[], Some(-61.5), None),
            (
                State::Warning,
                "NTP WARNING: Offset -61.5 secs|offset=-61.500000s;60.000000;120.000000;\n".to_owned()
            )
        );
        assert_eq!(shown(&[], None, None), (State::Ok, "NTP OK: Offset unknown\n".to_owned()));
        assert_eq!(shown(&["-c", "9"], None, None).0, State::Critical);
    }

    #[test]
    fn jitter_is_judged_where_it_is_asked_for() {
        let source = |mean| Some((true, mean));
        assert_eq!(
            shown(&["-j", "1"], Some(0.0), source(Some(0.5))),
            (
                State::Ok,
                "NTP OK: Offset 0 secs, jitter=0.500000|offset=0.000000s;60.000000;120.000000; \
                 jitter=0.500000s;1.000000;10000.000000;0.000000\n"
                    .to_owned()
            )
        );
        assert_eq!(shown(&["-k", "1"], Some(0.0), source(Some(1.5))).0, State::Critical);
        // Candidates alone are no source.
        assert_eq!(shown(&["-j", "1"], Some(0.0), Some((false, Some(0.5)))).0, State::Unknown);
        let (state, text) = shown(&["-j", "1"], Some(0.0), source(None));
        assert_eq!(state, State::Critical);
        assert!(text.starts_with("NTP CRITICAL: Offset 0 secs, jitter=-1.000000|offset="), "{text}");
        assert_eq!(shown(&["-j", "-1:1", "-k", "-1:2"], Some(0.0), source(None)).0, State::Unknown);
    }
}
