//! `check_ping`: the loss and the mean time of echoes, without another program.

use std::net::SocketAddr;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net::icmp::{self, Echoes, Plan, Unreachable};
use crate::net::{self, Family};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_ping",
    aliases: &[],
    summary: "Sends ICMP echo requests to a host: how long they take, and how many do not come back.",
    usage: "-H host_address -w wrta,wpl% -c crta,cpl% [-p packets] [-t seconds[:state]] [-4] [-6]",
    options: &[
        Opt::new(
            "H",
            "hostname",
            Arg::Value("ADDRESS"),
            "Name or address of the host; the first of several that answers is enough",
        ),
        common::TIMEOUT,
        Opt::new(
            "w",
            "warning",
            Arg::Value("MS,PERCENT%"),
            "Warn when the mean time or the loss reaches this",
        ),
        Opt::new(
            "c",
            "critical",
            Arg::Value("MS,PERCENT%"),
            "Critical when the mean time or the loss reaches this",
        ),
        Opt::new("p", "packets", Arg::Value("NUMBER"), "How many to send (5), five in a second"),
        Opt::new("n", "nohtml", Arg::No, "No link in the text; so it is without -L"),
        Opt::new("L", "link", Arg::No, "Put a link to a trace of the route round the text"),
        common::IPV4,
        common::IPV6,
        common::HELP,
        common::VERSION,
        common::VERBOSE,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// What is left of the time for the text itself.
const RESERVE: Duration = Duration::from_millis(100);
/// Bytes after the header, as ping sends them.
const PAYLOAD: usize = 56;

/// The time in milliseconds and the loss in percent, each if given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Limits {
    time: Option<f64>,
    loss: Option<u32>,
}

#[derive(Debug)]
struct Config {
    hosts: Vec<String>,
    family: Family,
    warning: Limits,
    critical: Limits,
    packets: u16,
    link: bool,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let mut targets = Vec::new();
    for host in &config.hosts {
        match net::resolve(host, 0, config.family, deadline) {
            Ok(addresses) => targets.extend(addresses.into_iter().take(1)),
            Err(net::resolve::Error::Expired) => return Err(Stop::Timeout),
            Err(_) => return Err(call.usage(&format!("Invalid hostname/address - {host}"))),
        }
    }
    let mut last = None;
    for (host, target) in config.hosts.iter().zip(&targets) {
        let echoes = measure(&config, *target, deadline)
            .map_err(|error| Stop::unknown(format!("PING UNKNOWN - {error}")))?;
        let state = judge(&config, &echoes);
        if config.hosts.len() > 1 && state != State::Unknown && !echoes.times.is_empty() {
            return Ok(Output::new(State::Ok, format!("{host} is alive")));
        }
        last = Some(print(&config, host, state, &echoes));
    }
    last.ok_or_else(|| call.usage("Could not parse arguments"))
}

fn measure(config: &Config, target: SocketAddr, deadline: Deadline) -> Result<Echoes, icmp::Error> {
    let critical = Duration::from_secs_f64(config.critical.time.unwrap_or_default().clamp(0.0, 3.6e6) / 1e3);
    let plan = Plan {
        packets: config.packets,
        interval: Duration::from_millis(200),
        target_interval: Duration::ZERO,
        // What comes later than twice the limit changes nothing.
        wait: (critical * 2).max(Duration::from_secs(1)),
        payload: PAYLOAD,
        ttl: None,
        source: None,
    };
    let left = deadline.remaining().unwrap_or_default().saturating_sub(RESERVE);
    let echoes = icmp::echo(&[target], &plan, deadline.within(left))?;
    Ok(echoes.into_iter().next().unwrap_or_default())
}

fn judge(config: &Config, echoes: &Echoes) -> State {
    let Some(time) = echoes.mean_ms() else { return State::Critical };
    let reached = |limits: Limits| {
        limits.time.is_some_and(|limit| time >= limit)
            || limits.loss.is_some_and(|limit| echoes.loss() >= limit)
    };
    if reached(config.critical) {
        State::Critical
    } else if reached(config.warning) {
        State::Warning
    } else {
        State::Ok
    }
}

fn print(config: &Config, host: &str, state: State, echoes: &Echoes) -> Output {
    let time = echoes.mean_ms();
    if let (None, Some((what, _))) = (time, echoes.unreachable) {
        return Output::new(State::Critical, format!("CRITICAL - {} ({host})", word(what)));
    }
    let mut text = format!("PING {state} - Packet loss = {}%", echoes.loss());
    if let Some(time) = time {
        text.push_str(&format!(", RTA = {time:.2} ms"));
    }
    if config.link {
        text = format!("<A HREF='/nagios/cgi-bin/traceroute.cgi?{host}'>{text}</A>");
    }
    let float = |limit: Option<f64>| limit.map(Number::float);
    let whole = |limit: Option<u32>| limit.map(|limit| Number::Integer(limit.into()));
    let rta = Perfdata::new("rta", Number::float(time.unwrap_or(f64::NAN)))
        .unit("ms")
        .warn(float(config.warning.time))
        .crit(float(config.critical.time))
        .min(Number::float(0.0));
    let pl = Perfdata::new("pl", Number::Integer(echoes.loss().into()))
        .unit("%")
        .warn(whole(config.warning.loss))
        .crit(whole(config.critical.loss))
        .min(Number::Integer(0))
        .form(Form::Padded);
    Output::new(state, text).perf(rta).perf(pl)
}

/// As 2.x puts what ping says.
fn word(what: Unreachable) -> String {
    match what {
        Unreachable::Network => "Network Unreachable".to_owned(),
        Unreachable::Host => "Host Unreachable".to_owned(),
        Unreachable::Port => "Bogus ICMP: Port Unreachable".to_owned(),
        Unreachable::Protocol => "Bogus ICMP: Protocol Unreachable".to_owned(),
        Unreachable::NetworkProhibited => "Network Prohibited".to_owned(),
        Unreachable::HostProhibited => "Host Prohibited".to_owned(),
        Unreachable::Filtered => "Packet Filtered".to_owned(),
        Unreachable::TimeExceeded => "Time to live exceeded".to_owned(),
        Unreachable::Other(code) => format!("Unreachable, code {code}"),
    }
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        let mut config = Self {
            hosts: Vec::new(),
            family: Family::Any,
            warning: Limits::default(),
            critical: Limits::default(),
            packets: 5,
            link: false,
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        let words = options.words();
        config.take_words(call, words.iter().map(|word| word.to_string_lossy().into_owned()))?;
        config.validate(call)?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => self.hosts.extend(text.split(',').map(str::to_owned)),
            "w" => self.warning = limits(&text).ok_or_else(|| wrong_limits(call, "Warning", &text))?,
            "c" => self.critical = limits(&text).ok_or_else(|| wrong_limits(call, "Critical", &text))?,
            "p" => self.packets = packets(call, &text)?,
            "n" => self.link = false,
            "L" => self.link = true,
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    /// The old way: host, loss to warn, loss of critical, time to warn, time of critical, packets.
    fn take_words(&mut self, call: &Call, mut words: impl Iterator<Item = String>) -> Result<(), Stop> {
        if self.hosts.is_empty() {
            self.hosts.extend(words.next());
        }
        for (which, name) in [(&mut self.warning.loss, "wpl"), (&mut self.critical.loss, "cpl")] {
            if which.is_none()
                && let Some(word) = words.next()
            {
                let loss = value::not_negative(&word).filter(|loss| *loss <= 100);
                *which = Some(loss.ok_or_else(|| {
                    not_parsed(call, format!("<{name}> ({word}) must be an integer percentage"))
                })?);
            }
        }
        for (which, name) in [(&mut self.warning.time, "wrta"), (&mut self.critical.time, "crta")] {
            if which.is_none()
                && let Some(word) = words.next()
            {
                let time = value::number(&word).filter(|time| *time >= 0.0);
                *which = Some(time.ok_or_else(|| {
                    not_parsed(call, format!("<{name}> ({word}) must be a number of milliseconds"))
                })?);
            }
        }
        if let Some(word) = words.next() {
            self.packets = packets(call, &word)?;
        }
        Ok(())
    }

    fn validate(&self, call: &Call) -> Result<(), Stop> {
        let wrong = |what: String| Err(not_parsed(call, what));
        let unset = |name: &str| Err(not_parsed(call, format!("<{name}> was not set")));
        let Some(wrta) = self.warning.time else { return unset("wrta") };
        let Some(crta) = self.critical.time else { return unset("crta") };
        let Some(wpl) = self.warning.loss else { return unset("wpl") };
        let Some(cpl) = self.critical.loss else { return unset("cpl") };
        if wrta > crta {
            return wrong(format!("<wrta> ({wrta:.6}) cannot be larger than <crta> ({crta:.6})"));
        }
        if wpl > cpl {
            return wrong(format!("<wpl> ({wpl}) cannot be larger than <cpl> ({cpl})"));
        }
        if self.hosts.is_empty() {
            return wrong("You must specify a server address or host name".to_owned());
        }
        Ok(())
    }
}

/// As 2.x: what is wrong, then that it was.
fn not_parsed(call: &Call, what: String) -> Stop {
    Stop::Usage(format!("{what}\n{}: Could not parse arguments", call.name))
}

fn wrong_limits(call: &Call, which: &str, text: &str) -> Stop {
    call.usage(&format!("{which} threshold must be integer or percentage! - {text}"))
}

fn packets(call: &Call, text: &str) -> Result<u16, Stop> {
    let number = value::positive(text).and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| call.usage(&format!("<max_packets> must be a positive number - {text}")))
}

/// `TIME,LOSS%`, `TIME` or `LOSS%`.
fn limits(text: &str) -> Option<Limits> {
    let mut limits = Limits::default();
    let loss =
        |text: &str| value::number(text).filter(|loss| (0.0..1e9).contains(loss)).map(|loss| loss as u32);
    for part in text.split(',') {
        match part.strip_suffix('%') {
            Some(percent) => limits.loss = Some(loss(percent)?),
            None => limits.time = Some(value::number(part).filter(|time| *time >= 0.0)?),
        }
    }
    Some(limits)
}

#[cfg(test)]
mod tests;
