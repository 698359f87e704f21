//! `check_tcp`, and by the name it is called: `check_udp`, `check_ftp`, `check_imap` and the other services that greet.

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net::{self, Family, Protocol};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::state::State;

mod probe;
mod services;

pub use probe::{Error, Expect, Matched, Measured, Probe, Target, measure};
pub use services::Service;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_tcp",
    aliases: &[
        "check_udp",
        "check_clamd",
        "check_ftp",
        "check_imap",
        "check_jabber",
        "check_nntp",
        "check_nntps",
        "check_pop",
        "check_simap",
        "check_spop",
        "check_ssmtp",
    ],
    summary: "Connects to a host or a socket, says something if asked to, and looks at the answer.",
    usage: "-H host -p port [-w seconds] [-c seconds] [-s send] [-e expect]... [-A] [-q quit]\n\
            [-m bytes] [-d seconds] [-t seconds[:state]] [-r state] [-M state] [-E] [-j] [-v] [-4] [-6]\n\
            [-S] [--sni name] [-D warn days[,critical days]]",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &[
    Opt::new("H", "hostname", Arg::Value("ADDRESS"), "Name or address of the host, or the path of a socket"),
    common::PORT,
    common::IPV4,
    common::IPV6,
    Opt::new(
        "E",
        "escape",
        Arg::No,
        "\\n, \\r, \\t and \\\\ have their meaning in the -s and -q after this;\nwithout it -q ends with \\r\\n",
    ),
    Opt::new("s", "send", Arg::Value("STRING"), "What to say to the server"),
    Opt::new("e", "expect", Arg::Value("STRING"), "What is to be in its answer; may be repeated"),
    Opt::new("A", "all", Arg::No, "Every -e has to be there, not only one of them"),
    Opt::new("q", "quit", Arg::Value("STRING"), "What to say at the end"),
    Opt::new("r", "refuse", Arg::Value("ok/warn/crit"), "The state when the connection fails (crit)"),
    Opt::new("M", "mismatch", Arg::Value("ok/warn/crit"), "The state when the answer is another (warn)"),
    Opt::new("j", "jail", Arg::No, "Do not show the answer"),
    Opt::new("m", "maxbytes", Arg::Value("NUMBER"), "Read no further after so many bytes"),
    Opt::new(
        "d",
        "delay",
        Arg::Value("SECONDS"),
        "Wait so long before reading; not counted as response time",
    ),
    Opt::new(
        "D",
        "certificate",
        Arg::Value("DAYS[,DAYS]"),
        "Warn, or be critical, when the certificate has fewer days left",
    ),
    Opt::new("S", "ssl", Arg::No, "Speak TLS"),
    Opt::new("sni", "sni", Arg::Value("NAME"), "Ask for the certificate of this name"),
    Opt::new("w", "warning", Arg::Value("SECONDS"), "Warn when the response takes longer"),
    Opt::new("c", "critical", Arg::Value("SECONDS"), "Critical when the response takes longer"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
    // 2.x takes these, and does nothing with them.
    Opt::new("C", "critical-codes", Arg::Value("LIST"), ""),
    Opt::new("W", "warning-codes", Arg::Value("LIST"), ""),
    Opt::new("protocol", "protocol", Arg::Value("NAME"), ""),
];

#[derive(Debug)]
struct Config {
    service: Service,
    host: String,
    host_given: bool,
    port: u32,
    family: Family,
    warning: Option<f64>,
    critical: Option<f64>,
    refuse: State,
    mismatch: State,
    hide: bool,
    escape: bool,
    probe: Probe,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    if config.service.protocol == Protocol::Udp
        && (config.probe.send.is_none() || config.probe.expect.strings.is_empty())
    {
        return Err(Stop::usage("With UDP checks, a send/expect string must be specified."));
    }
    let deadline = call.deadline();
    let target = config.target(deadline)?;
    match measure(&config.probe, &target, deadline) {
        Ok(measured) => {
            let state = judge(&config, &measured);
            let output = print(&config, call.timeout(), state, &measured);
            Ok(if call.verbose > 0 { output.line(verbose(&config.probe, &measured)) } else { output })
        }
        Err(Error::Connect(error)) => {
            let whom = match &target {
                Target::Socket(path) => format!("file socket {path}"),
                Target::Host { .. } => format!("address {} and port {}", config.host, config.port),
            };
            Ok(Output::new(config.refuse, format!("connect to {whom}: {error}")))
        }
        Err(Error::Silent) => Ok(Output::new(State::Critical, "No data received from host")),
        Err(Error::Expired) => Err(Stop::Timeout),
        Err(Error::Tls(error)) => Err(error.into()),
        Err(Error::Days(judged)) => Ok(judged.output()),
    }
}

fn judge(config: &Config, measured: &Measured) -> State {
    let beyond = |limit: Option<f64>| limit.is_some_and(|limit| measured.seconds > limit);
    if beyond(config.critical) {
        State::Critical
    } else if measured.matched == Matched::No {
        config.mismatch
    } else if beyond(config.warning) {
        State::Warning
    } else {
        State::Ok
    }
}

fn print(config: &Config, timeout: u32, state: State, measured: &Measured) -> Output {
    let mismatch = measured.matched == Matched::No;
    let answer = shown(&measured.answer).filter(|_| !config.hide);
    let place = match (config.host.starts_with('/'), config.host_given) {
        (true, _) => format!("socket {}", config.host),
        (false, true) => format!("{} port {}", config.host, config.port),
        (false, false) => format!("port {}", config.port),
    };
    let what = match (mismatch, &answer) {
        (true, Some(answer)) => format!("Unexpected response from host/socket: {answer}"),
        (true, None) => format!("Unexpected response from host/socket on {place}"),
        (false, Some(answer)) => {
            format!("{:.3} second response time on {place} [{answer}]", measured.seconds)
        }
        (false, None) => format!("{:.3} second response time on {place}", measured.seconds),
    };
    // As in 2.x the limits of a time that means nothing are zero.
    let limit = |limit: Option<f64>| limit.map(|limit| Number::float(if mismatch { 0.0 } else { limit }));
    let time = Perfdata::seconds("time", measured.seconds)
        .warn(limit(config.warning))
        .crit(limit(config.critical))
        .min(Number::float(0.0))
        .max(Number::float(timeout.into()));
    let line = format!("{} {state} - {what}", config.service.label);
    match &measured.certificate {
        None => Output::new(state, line).perf(time),
        // As in 2.x the certificate comes first; Icinga takes perfdata from either line.
        Some(judged) => {
            Output::new(state, judged.text.clone()).perf(time).perf(judged.perfdata.clone()).line(line)
        }
    }
}

/// What went over the wire, for a person who looks for a fault.
fn verbose(probe: &Probe, measured: &Measured) -> String {
    let sent = String::from_utf8_lossy(probe.send.as_deref().unwrap_or_default());
    format!(
        "sent {sent:?}, heard {} bytes: {:?}",
        measured.answer.len(),
        String::from_utf8_lossy(&measured.answer)
    )
}

/// The answer without the space at its end; nothing to show of less than two characters, as 2.x has it.
fn shown(answer: &[u8]) -> Option<String> {
    let answer = answer.trim_ascii_end();
    (answer.len() > 1).then(|| String::from_utf8_lossy(answer).into_owned())
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("No arguments found"));
        }
        let mut config = Self::of(Service::by_name(&call.name));
        for arg in &mut call.args {
            // As older versions wrote them.
            for (old, new) in [("-to", "-t"), ("-wt", "-w"), ("-ct", "-c")] {
                if arg == old {
                    *arg = new.into();
                }
            }
        }
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        if let Some(word) = options.words().first().filter(|_| !config.host_given) {
            config.host = word.to_string_lossy().into_owned();
        }
        Ok(config)
    }

    fn of(service: Service) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            host_given: false,
            port: service.port.into(),
            family: Family::Any,
            warning: None,
            critical: None,
            refuse: State::Critical,
            mismatch: State::Warning,
            hide: service.hide,
            escape: false,
            probe: Probe::of(&service),
            service,
        }
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let wrong = |what: &str| call.usage(what);
        match found.key {
            "H" => (self.host, self.host_given) = (text, true),
            "p" => {
                self.port = value::port(&text).ok_or_else(|| wrong("Port must be a positive integer"))?.into()
            }
            "w" => {
                self.warning = Some(
                    value::seconds(&text).ok_or_else(|| wrong("Warning time must be a number of seconds"))?,
                )
            }
            "c" => {
                self.critical = Some(
                    value::seconds(&text)
                        .ok_or_else(|| wrong("Critical time must be a number of seconds"))?,
                )
            }
            "r" => {
                self.refuse = outcome(&text).ok_or_else(|| wrong("Refuse must be one of ok, warn, crit"))?
            }
            "M" => {
                self.mismatch =
                    outcome(&text).ok_or_else(|| wrong("Mismatch must be one of ok, warn, crit"))?
            }
            "j" => self.hide = true,
            "E" => self.escape = true,
            "s" => {
                let bytes = found.bytes();
                self.probe.send = Some(if self.escape { unescape(bytes) } else { bytes.to_vec() });
            }
            "q" if self.escape => self.probe.quit = unescape(found.bytes()),
            "q" => self.probe.quit = [found.bytes(), b"\r\n"].concat(),
            "e" => self.probe.expect.add(found.bytes()),
            "A" => self.probe.expect.all = true,
            "m" => {
                self.probe.most = value::positive(&text)
                    .ok_or_else(|| wrong("Maxbytes must be a positive integer"))?
                    as usize
            }
            "d" => {
                self.probe.delay =
                    value::positive(&text).ok_or_else(|| wrong("Delay must be a positive integer"))?
            }
            "S" | "sni" | "D" => self.take_tls(call, found)?,
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    fn take_tls(&mut self, call: &Call, found: &Found) -> Result<(), Stop> {
        // As in 2.x each of the three asks for TLS.
        let tls = self.probe.tls.get_or_insert_default();
        if found.key == "sni" {
            tls.sni = Some(found.text());
        }
        if found.key == "D" {
            let text = found.text();
            let (warning, critical) = text.split_once(',').unwrap_or((&text, "0"));
            let days = |text: &str| {
                let wrong = || call.usage(&format!("Invalid certificate expiration period - {text}"));
                value::not_negative(text).ok_or_else(wrong)
            };
            tls.days = Some((days(warning)?, days(critical)?));
        }
        Ok(())
    }

    fn target(&self, deadline: Deadline) -> Result<Target, Stop> {
        if self.host.starts_with('/') {
            return Ok(Target::Socket(self.host.clone()));
        }
        let port = u16::try_from(self.port).unwrap_or_default();
        match net::resolve(&self.host, port, self.family, deadline) {
            Ok(addresses) => {
                Ok(Target::Host { name: self.host.clone(), addresses, protocol: self.service.protocol })
            }
            Err(net::resolve::Error::Expired) => Err(Stop::Timeout),
            Err(_) => {
                let what = format!("Invalid hostname, address or socket: {}", self.host);
                Err(Stop::with(State::Critical, format!("{} CRITICAL - {what}", self.service.label)))
            }
        }
    }
}

/// `ok`, `warn…` or `crit…`, as 2.x takes them.
fn outcome(text: &str) -> Option<State> {
    let states = [("ok", State::Ok), ("warn", State::Warning), ("crit", State::Critical)];
    states.into_iter().find(|(name, _)| text.starts_with(name)).map(|(_, state)| state)
}

/// A letter after a backslash is itself, save the three that are not.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(other) => other,
                None => break,
            },
            byte => byte,
        });
    }
    out
}

#[cfg(test)]
mod tests;
