//! `check_ping`: the loss and the mean time of echoes, without another program.

use std::net::SocketAddr;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net;
use crate::net::icmp::{self, Echoes, Plan, Unreachable};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;

mod config;

use config::{Config, Limits};

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
        eager: false,
        first: false,
        // What comes later than twice the limit changes nothing.
        wait: (critical * 2).max(Duration::from_secs(1)),
        payload: PAYLOAD,
        ttl: None,
        whole: false,
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

#[cfg(test)]
mod tests;
