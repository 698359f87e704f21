//! `check_dns`: what a name server has for a name, or for an address.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::host::Host;
use crate::net::Family;
use crate::net::ask::{self, Plan};
use crate::net::dns::{Data, Message, Question, kind};
use crate::net::resolve::{self, ResolvConf};
use crate::options::{Arg, Found, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Limit, Number, Perfdata};
use crate::range::{Range, Thresholds};
use crate::state::State;

pub mod expected;

pub use expected::Expected;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_dns",
    aliases: &[],
    summary: "Asks a name server for the addresses of a name, or for the names of an address.",
    usage: "-H host [-s server] [-a expected-address]... [-n] [-A] [-L] [-t seconds[:state]] [-w warn] [-c crit]",
    options: &[
        Opt::new("H", "hostname", Arg::Value("HOST"), "The name or the address to ask for"),
        Opt::new(
            "s",
            "server",
            Arg::Value("HOST"),
            "The name server to ask; without it those of /etc/resolv.conf",
        ),
        Opt::new(
            "a",
            "expected-address",
            Arg::Value("ADDRESS, NETWORK or NAME"),
            "What is to be in the answer: an address, a network (10.0.0.0/8) or a name that ends with a dot.\n\
             May be repeated, or a list with commas: one of them is enough",
        ),
        Opt::new("L", "all", Arg::No, "Every -a has to be there, and nothing else"),
        Opt::new("n", "expect-nxdomain", Arg::No, "The name is not to be found; not together with -a"),
        Opt::new("A", "expect-authority", Arg::No, "The server is to have the say over the name"),
        Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when the seconds it takes are outside of RANGE"),
        Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when they are outside of RANGE"),
        common::TIMEOUT,
        common::VERBOSE,
        common::HELP,
        common::VERSION,
        // 2.x takes it, and does nothing with it.
        Opt::new("r", "reverse-server", Arg::Value("HOST"), ""),
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// How long one server is waited for at a time.
const WAIT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Config {
    name: String,
    server: Option<String>,
    expected: Vec<Expected>,
    all: bool,
    none: bool,
    authority: bool,
    thresholds: Thresholds,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// From the first question to the last answer.
    pub seconds: f64,
    /// Addresses, or names with a dot at their end, sorted; none if there is no such name, or nothing of the kind.
    pub found: Vec<String>,
    /// Whether all of it comes from a server that has the say.
    pub authoritative: bool,
}

/// Why there is no measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// Nobody answers.
    #[error("no answer")]
    Silent,
    /// The server will not tell.
    #[error("refused")]
    Refused,
    /// The server cannot tell.
    #[error("failed")]
    Failed,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let mut conf = resolve::configuration();
    if let Some(server) = &config.server {
        let host = Host { name: server.clone(), port: 53, family: Family::Any };
        conf.servers = host.addresses(call, deadline)?;
        conf.timeout = WAIT;
        conf.attempts = u32::MAX;
    }
    let server = config.server.as_deref().unwrap_or_default();
    let critical = |text: String| Ok(Output::new(State::Critical, text));
    match measure(&config.name, &conf, deadline) {
        Ok(measured) => Ok(report(&config, &measured)),
        Err(Error::Expired) => Err(Stop::Timeout),
        Err(Error::Silent) => critical(format!("No response from DNS {server}")),
        Err(Error::Refused) => critical(format!("Connection to DNS {server} was refused")),
        Err(Error::Failed) => critical(format!("DNS failure for {server}")),
    }
}

/// Asks for a name, and for it in each domain that is searched; for an address by its own name.
pub fn measure(name: &str, conf: &ResolvConf, deadline: Deadline) -> Result<Measured, Error> {
    let start = Instant::now();
    let (names, kinds) = match name.parse::<IpAddr>() {
        Ok(address) => (vec![reverse(address)], &[kind::PTR][..]),
        Err(_) => (conf.candidates(name), &[kind::A, kind::AAAA][..]),
    };
    let mut outcome = Ok((Vec::new(), true));
    for name in &names {
        outcome = ask_all(name, kinds, conf, deadline);
        // As the C library does, a name that one domain has not is looked for in the next.
        if !matches!(&outcome, Ok((found, _)) if found.is_empty()) {
            break;
        }
    }
    let (mut found, authoritative) = outcome?;
    found.sort();
    Ok(Measured { seconds: start.elapsed().as_secs_f64(), found, authoritative })
}

fn ask_all(
    name: &str,
    kinds: &[u16],
    conf: &ResolvConf,
    deadline: Deadline,
) -> Result<(Vec<String>, bool), Error> {
    let questions: Vec<Question> = kinds.iter().map(|kind| Question::new(name, *kind)).collect();
    let plan = Plan { tcp: false, tries: conf.attempts, wait: Some(conf.timeout) };
    let answers = match ask::ask(&conf.servers, &questions, &plan, deadline) {
        Ok(answers) => answers,
        Err(ask::Error::Question) => return Ok((Vec::new(), true)),
        Err(ask::Error::Expired) => return Err(Error::Expired),
        Err(ask::Error::Silent | ask::Error::Network(_)) => return Err(Error::Silent),
    };
    let authoritative = answers.iter().all(Message::is_authoritative);
    let codes: Vec<u16> = answers.iter().map(Message::code).collect();
    let records = answers.into_iter().flat_map(|answer| answer.answers);
    let found: Vec<String> = records
        .filter(|record| kinds.contains(&record.kind))
        .filter_map(|record| match record.data {
            Data::Address(_) | Data::Name(_) => Some(record.data.to_string()),
            Data::Text(_) | Data::Other(_) => None,
        })
        .collect();
    // One kind of address is enough, whatever the server has to say of the other.
    match codes.iter().find(|code| ![0, 3].contains(*code)) {
        Some(5) if found.is_empty() => Err(Error::Refused),
        Some(_) if found.is_empty() => Err(Error::Failed),
        _ => Ok((found, authoritative)),
    }
}

/// The name that an address has its names under.
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa."
        }
    }
}

/// What is wrong about the answer itself, whatever time it took.
fn fault(config: &Config, measured: &Measured) -> Option<String> {
    let (name, found) = (&config.name, measured.found.join(","));
    if measured.found.is_empty() && !config.none {
        return Some(format!("Domain '{name}' was not found by the server"));
    }
    if !config.expected.is_empty() && !expected::met(&config.expected, &measured.found, config.all) {
        let expected: Vec<String> = config.expected.iter().map(ToString::to_string).collect();
        return Some(format!("DNS CRITICAL - expected '{}' but got '{found}'", expected.join("; ")));
    }
    if config.none && !measured.found.is_empty() {
        return Some(format!("DNS CRITICAL - Domain '{name}' was found by the server: '{found}'"));
    }
    if config.authority && !measured.authoritative {
        let server = config.server.as_deref().unwrap_or_default();
        return Some(format!("DNS CRITICAL - server {server} is not authoritative for {name}"));
    }
    None
}

fn judge(config: &Config, measured: &Measured) -> State {
    match fault(config, measured) {
        Some(_) => State::Critical,
        None => config.thresholds.judge(measured.seconds),
    }
}

fn report(config: &Config, measured: &Measured) -> Output {
    let state = judge(config, measured);
    match fault(config, measured) {
        Some(fault) => Output::new(state, fault),
        None => print(config, state, measured),
    }
}

fn print(config: &Config, state: State, measured: &Measured) -> Output {
    let second = if (1.0..2.0).contains(&measured.seconds) { "second" } else { "seconds" };
    let found = if config.none { "NXDOMAIN".to_owned() } else { measured.found.join(",") };
    let text = format!(
        "DNS {state}: {:.3} {second} response time. {} returns {found}",
        measured.seconds, config.name
    );
    // Of a range from zero its end, with decimals as 2.x has them.
    let limit = |range: &Option<Range>| range.as_ref().map(Limit::decimal);
    let Thresholds { warning, critical } = &config.thresholds;
    let time = Perfdata::seconds("time", measured.seconds).warn(limit(warning)).crit(limit(critical));
    Output::new(state, text).perf(time.min(Number::float(0.0)))
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let wrong = "Could not parse arguments";
        if call.args.is_empty() {
            return Err(call.usage(wrong));
        }
        for arg in &mut call.args {
            // As older versions wrote it.
            if arg == "-to" {
                *arg = "-t".into();
            }
        }
        let (mut config, mut limits) = (Self::default(), [None, None]);
        let mut options = call.options();
        while let Some(found) = options.next()? {
            match found.key {
                "w" => limits[0] = Some(found.text()),
                "c" => limits[1] = Some(found.text()),
                _ => config.take(call, &found)?,
            }
        }
        let mut words = options.words().into_iter().map(|word| word.to_string_lossy().into_owned());
        if config.name.is_empty() {
            config.name = words.next().unwrap_or_default();
        }
        if config.server.is_none() {
            config.server = words.next();
        }
        config.thresholds = Thresholds::parse(limits[0].as_deref(), limits[1].as_deref())?;
        let first = |what: &str| Stop::usage(format!("{what}\n{}: {wrong}", call.name));
        if config.name.is_empty() {
            return Err(first("missing --host argument"));
        }
        if config.none && !config.expected.is_empty() {
            return Err(first("--expected-address and --expect-nxdomain cannot be combined"));
        }
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => self.name = text,
            "s" => self.server = Some(text),
            "a" => self.expected.extend(text.split(',').map(Expected::parse)),
            "L" => self.all = true,
            "n" => self.none = true,
            "A" => self.authority = true,
            _ => call.common(found)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
