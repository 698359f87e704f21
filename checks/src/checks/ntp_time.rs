//! `check_ntp_time`: how far this host's clock is from a server's.

use std::time::Duration;

use crate::frame::{Call, Check};
use crate::host::Host;
use crate::net::{Family, ntp};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Limit, Perfdata};
use crate::range::{Range, Thresholds};
use crate::state::State;

mod samples;

pub use samples::{Error, Measured, measure};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_ntp_time",
    aliases: &[],
    summary: "Asks a server for the time, and compares it with this host's clock.",
    usage: "-H host [-4] [-6] [-p port] [-w range] [-c range] [-o seconds] [-q] [-t seconds[:state]] [-v]",
    options: &[
        common::HOSTNAME,
        Opt::new("p", "port", Arg::Value("NUMBER"), "Port (123)"),
        common::IPV4,
        common::IPV6,
        Opt::new("q", "quiet", Arg::No, "Critical instead of UNKNOWN when the offset cannot be found"),
        Opt::new(
            "w",
            "warning",
            Arg::Value("RANGE"),
            "Warn when the seconds of offset are outside of RANGE (60)",
        ),
        Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when they are outside of RANGE (120)"),
        Opt::new(
            "o",
            "time-offset",
            Arg::Value("SECONDS"),
            "Seconds to add to the offset of a server that is known to be off",
        ),
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
    add: f64,
    thresholds: Thresholds,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let addresses = config.host.addresses(call, deadline)?;
    // As in 2.x half of the time is for servers that do not answer, where others do.
    let patience = Duration::from_secs(call.timeout().into()) / 2;
    match measure(&addresses, deadline.within(patience)) {
        Ok(measured) => Ok(print(&config, judge(&config, &measured), &measured)),
        Err(Error::Silent) => Ok(Output::new(State::Critical, "NTP CRITICAL: No response from NTP server")),
        Err(Error::NoTime) => {
            let state = if config.quiet { State::Critical } else { State::Unknown };
            Ok(Output::new(state, format!("NTP {state}: Offset unknown")))
        }
    }
}

fn judge(config: &Config, measured: &Measured) -> State {
    config.thresholds.judge((measured.offset + config.add).abs())
}

fn print(config: &Config, state: State, measured: &Measured) -> Output {
    let offset = measured.offset + config.add;
    let limit = |range: &Option<Range>| range.as_ref().map(Limit::decimal);
    let Thresholds { warning, critical } = &config.thresholds;
    let datum = Perfdata::seconds("offset", offset).warn(limit(warning)).crit(limit(critical));
    Output::new(state, format!("NTP {state}: Offset {} secs", ntp::general(offset))).perf(datum)
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let host = Host { name: String::new(), port: 123, family: Family::Any };
        let mut config = Self { host, quiet: false, add: 0.0, thresholds: Thresholds::default() };
        let (mut warning, mut critical) = ("60".to_owned(), "120".to_owned());
        let (mut options, mut named) = (call.options(), false);
        while let Some(found) = options.next()? {
            match found.key {
                "w" => warning = found.text(),
                "c" => critical = found.text(),
                _ => config.take(call, &found)?,
            }
            named |= found.key == "H";
        }
        if !named {
            return Err(call.usage("Hostname was not supplied"));
        }
        config.thresholds = Thresholds::parse(Some(&warning), Some(&critical))?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => self.host.name = text,
            "p" => {
                self.host.port =
                    value::port(&text).ok_or_else(|| call.usage("Port must be a positive integer"))?;
            }
            "q" => self.quiet = true,
            "o" => {
                self.add = value::number(&text)
                    .ok_or_else(|| call.usage("Time offset must be a number of seconds"))?;
            }
            _ => {
                self.host.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
