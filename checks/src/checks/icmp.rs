//! `check_icmp`: echoes of one host or of several, with the longest and the shortest; and `check_host`, for which one echo
//! is enough.

use std::net::SocketAddr;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net;
use crate::net::icmp::{self, Echoes, Unreachable};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;

mod config;

use config::{Config, Limits};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_icmp",
    aliases: &["check_host", "check_rta_multi"],
    summary: "Sends ICMP echo requests to hosts: how long they take, and how many do not come back.",
    usage: "[options] [-H] host [host]...",
    options: &[
        Opt::new("H", "", Arg::Value("HOST"), "A host; may be repeated, and without -H it is one too"),
        Opt::new(
            "w",
            "",
            Arg::Value("TIME,PERCENT%"),
            "Warn when the mean time or the loss reaches this (200ms,40%)",
        ),
        Opt::new(
            "c",
            "",
            Arg::Value("TIME,PERCENT%"),
            "Critical when the mean time or the loss reaches this (500ms,80%)",
        ),
        Opt::new("s", "", Arg::Value("ADDRESS"), "Send from this address"),
        Opt::new("n", "", Arg::Value("NUMBER"), "Packets to each host (5)"),
        Opt::new("p", "", Arg::Value("NUMBER"), "The same"),
        Opt::new("i", "", Arg::Value("TIME"), "Between two packets to a host (80ms)"),
        Opt::new("I", "", Arg::Value("TIME"), "Between two hosts (0)"),
        Opt::new("m", "", Arg::Value("NUMBER"), "So many hosts that answer are enough"),
        Opt::new("l", "", Arg::Value("NUMBER"), "Time to live (64)"),
        Opt::new("t", "", Arg::Value("SECONDS[:STATE]"), "When to give up (10)"),
        Opt::new("b", "", Arg::Value("NUMBER"), "Bytes of a packet after its header (56)"),
        Opt::new("4", "", Arg::No, "Only IPv4"),
        Opt::new("6", "", Arg::No, "Only IPv6"),
        common::VERBOSE,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// What is left of the time for the text itself.
const RESERVE: Duration = Duration::from_millis(100);

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let mut targets = Vec::new();
    for host in &config.hosts {
        match net::resolve(host, 0, config.family, deadline) {
            Ok(addresses) => targets.extend(addresses.into_iter().take(1)),
            Err(net::resolve::Error::Expired) => return Err(Stop::Timeout),
            Err(_) => {
                let why = "Name or service not known";
                return Err(Stop::unknown(format!("{}: Failed to resolve {host}: {why}", call.name)));
            }
        }
    }
    let echoes = measure(&config, &targets, deadline)
        .map_err(|error| Stop::unknown(format!("{}: {error}", call.name)))?;
    if let Some(answered) = config.hosts.iter().zip(&echoes).find(|(_, echoes)| !echoes.times.is_empty())
        && config.plan.first
    {
        return Ok(print_first(&config, answered.0, answered.1));
    }
    Ok(print(&config, judge(&config, &echoes), &echoes))
}

fn measure(config: &Config, targets: &[SocketAddr], deadline: Deadline) -> Result<Vec<Echoes>, icmp::Error> {
    let left = deadline.remaining().unwrap_or_default().saturating_sub(RESERVE);
    icmp::echo(targets, &config.plan, deadline.within(left))
}

fn judge_one(config: &Config, echoes: &Echoes) -> State {
    // Without an echo there is no time, and the loss decides.
    let time = echoes.mean_ms().unwrap_or_default();
    let reached = |limits: Limits| time >= limits.ms || echoes.loss() >= limits.loss;
    match (reached(config.critical), reached(config.warning)) {
        (true, _) => State::Critical,
        (false, true) => State::Warning,
        (false, false) => State::Ok,
    }
}

fn judge(config: &Config, all: &[Echoes]) -> State {
    let states = all.iter().map(|echoes| judge_one(config, echoes));
    let fine = states.clone().filter(|state| *state == State::Ok).count();
    let not_critical = states.clone().filter(|state| *state != State::Critical).count();
    let enough = |count: usize, of: u32| u32::try_from(count).is_ok_and(|count| count >= of);
    match config.enough {
        Some(enough_of) if enough(fine, enough_of) => State::Ok,
        Some(enough_of) if enough(not_critical, enough_of) => State::Warning,
        _ => states.fold(State::Ok, State::worst),
    }
}

fn print(config: &Config, state: State, all: &[Echoes]) -> Output {
    let mut texts = Vec::new();
    let mut perfdata = Vec::new();
    for (host, echoes) in config.hosts.iter().zip(all) {
        texts.push(text_of(host, echoes));
        let prefix = if all.len() > 1 { host.as_str() } else { "" };
        perfdata.extend(perfdata_of(config, prefix, echoes));
    }
    Output::new(state, format!("{state} - {}", texts.join(" :: "))).perfs(perfdata)
}

/// As 2.x has it, a host that answers is OK, however long that took.
fn print_first(config: &Config, host: &str, echoes: &Echoes) -> Output {
    let ms = |ms: f64| Number::Fixed(ms, 3);
    let time = echoes.mean_ms().unwrap_or_default();
    let rta = Perfdata::new("rta", ms(time)).warn(ms(config.warning.ms)).crit(ms(config.critical.ms));
    let pkt = Perfdata::new("pkt", Number::Integer(1)).min(Number::Integer(0));
    let pkt = pkt.max(Number::Integer(config.plan.packets.into()));
    Output::new(State::Ok, format!("OK - {host} responds to ICMP. Packet 1, rta {time:.3}ms"))
        .perf(pkt)
        .perf(rta.form(Form::Padded))
}

fn text_of(host: &str, echoes: &Echoes) -> String {
    match (echoes.mean_ms(), echoes.unreachable) {
        (Some(time), _) => format!("{host}: rta {time:.3}ms, lost {}%", echoes.loss()),
        (None, None) => format!("{host}: rta nan, lost {}%", echoes.loss()),
        (None, Some((what, from))) => {
            let from = from.map_or_else(|| "this host".to_owned(), |from| from.to_string());
            format!("{host}: {} @ {from}. rta nan, lost {}%", word(what), echoes.loss())
        }
    }
}

fn perfdata_of(config: &Config, prefix: &str, echoes: &Echoes) -> [Perfdata; 4] {
    let ms = |ms: f64| Number::Fixed(ms, 3);
    let whole = |number: u32| Number::Integer(number.into());
    let extreme = |time: Option<&Duration>| ms(time.map_or(0.0, |time| time.as_secs_f64() * 1e3));
    let datum = |label: &str, value| Perfdata::new(format!("{prefix}{label}"), value).form(Form::Padded);
    // As in 2.x a host without an echo has times of zero, so that its graphs go on.
    [
        datum("rta", ms(echoes.mean_ms().unwrap_or_default()))
            .unit("ms")
            .warn(ms(config.warning.ms))
            .crit(ms(config.critical.ms))
            .min(Number::Integer(0)),
        datum("pl", whole(echoes.loss()))
            .unit("%")
            .warn(whole(config.warning.loss))
            .crit(whole(config.critical.loss)),
        datum("rtmax", extreme(echoes.times.iter().max())).unit("ms"),
        datum("rtmin", extreme(echoes.times.iter().min())).unit("ms"),
    ]
}

fn word(what: Unreachable) -> String {
    match what {
        Unreachable::Network => "Net unreachable".to_owned(),
        Unreachable::Host => "Host unreachable".to_owned(),
        Unreachable::Protocol => "Protocol unreachable (firewall?)".to_owned(),
        Unreachable::Port => "Port unreachable (firewall?)".to_owned(),
        Unreachable::NetworkProhibited => "Net prohibited".to_owned(),
        Unreachable::HostProhibited => "Host prohibited".to_owned(),
        Unreachable::Filtered => "Packet filtered (firewall)".to_owned(),
        Unreachable::TimeExceeded => "Time to live exceeded in transit".to_owned(),
        Unreachable::Other(code) => format!("Invalid code: {code}"),
    }
}

#[cfg(test)]
mod tests;
