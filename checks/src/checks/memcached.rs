//! `check_memcached`: what a memcached server counts.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::findings::{Findings, Limits};
use crate::frame::{Call, Check};
use crate::history::History;
use crate::host::Host;
use crate::net::Family;
use crate::net::talk::{Error, Taken, Talk};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_memcached",
    aliases: &[],
    summary: "Asks a memcached server how it is: time, hit rate, evictions, memory, connections.",
    usage: "-H host [-p port] [-4] [-6] [--warning-VALUE range]... [--critical-VALUE range]...\n\
            [--state-file file] [-t seconds[:state]]\n\
            where VALUE is time, hits, evictions, memory or connections",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &[
    common::HOSTNAME,
    Opt::new("p", "port", Arg::Value("NUMBER"), "Port (11211)"),
    common::IPV4,
    common::IPV6,
    range("warning-time", "Warn when the seconds until the answer are outside of RANGE"),
    range("critical-time", "Critical when they are"),
    range(
        "warning-hits",
        "Warn when the percentage of keys that were found since the last run is outside of RANGE",
    ),
    range("critical-hits", "Critical when it is"),
    range("warning-evictions", "Warn when the number of evictions a second is outside of RANGE"),
    range("critical-evictions", "Critical when it is"),
    range("warning-memory", "Warn when the percentage of memory used is outside of RANGE"),
    range("critical-memory", "Critical when it is"),
    range("warning-connections", "Warn when the percentage of connections used is outside of RANGE"),
    range("critical-connections", "Critical when it is"),
    Opt::new("state-file", "state-file", Arg::Value("FILE"), "Where to keep what was seen, for the next run"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

const fn range(name: &'static str, help: &'static str) -> Opt {
    Opt::new(name, name, Arg::Value("RANGE"), help)
}

#[derive(Debug)]
struct Config {
    host: Host,
    limits: Limits,
    state_file: Option<String>,
}

/// The answer to `stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats(BTreeMap<String, String>);

/// What came since the last run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Since {
    seconds: f64,
    hits: f64,
    misses: f64,
    evictions: f64,
}

/// An answer that is longer is none.
const LONGEST: usize = 1 << 20;

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let start = Instant::now();
    let mut talk = Talk::new(config.host.connect(call, deadline)?);
    let stats = talk.say(b"stats\r\n").and_then(|()| talk.hear(Stats::take));
    let stats = stats.map_err(|error| match error {
        Error::Expired => Stop::Timeout,
        error => Stop::with(State::Critical, format!("MEMCACHED CRITICAL - {error}")),
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let about = format!("{}:{}", config.host.name, config.host.port);
    let history = History::of(config.state_file.as_deref(), CHECK.name, &about)?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
    let since = history.read().and_then(|before| stats.since(&before, now));
    history.write(&stats.to_json(now))?;
    Ok(judge(&config, &stats, since, seconds))
}

fn judge(config: &Config, stats: &Stats, since: Option<Since>, seconds: f64) -> Output {
    let mut findings = Findings::default();
    let version = stats.text("version").unwrap_or("of no version");
    let items = stats.text("curr_items").unwrap_or("no");
    let text = format!("memcached {version} with {items} items answers in {seconds:.3} seconds");
    findings.value(("time", "s"), seconds, &config.limits.of("time"), text);
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    if let Some(since) = since {
        let rate = since.hits / (since.hits + since.misses) * 100.0;
        if rate.is_finite() {
            let rate = rounded(rate);
            findings.value(("hits", "%"), rate, &config.limits.of("hits"), format!("hit rate {rate}%"));
        }
        let evictions = rounded(since.evictions / since.seconds);
        let text = format!("{evictions} evictions a second");
        findings.value(("evictions", ""), evictions, &config.limits.of("evictions"), text);
    }
    for (name, used, most, what) in [
        ("memory", "bytes", "limit_maxbytes", "of the memory used"),
        ("connections", "curr_connections", "max_connections", "of the connections used"),
    ] {
        let limits = config.limits.of(name);
        let share = stats.number(used).zip(stats.number(most).filter(|most| *most > 0.0));
        match share.map(|(used, most)| rounded(used / most * 100.0)) {
            Some(share) => findings.value((name, "%"), share, &limits, format!("{share}% {what}")),
            None if limits != Thresholds::default() => {
                findings.note(State::Unknown, format!("no {name} is told"))
            }
            None => {}
        }
    }
    findings.output("MEMCACHED")
}

impl Stats {
    /// The lines up to `END`, and their length.
    pub fn take(bytes: &[u8]) -> Taken<Self> {
        let (mut stats, mut at) = (BTreeMap::new(), 0);
        while let Some(end) = memchr::memchr(b'\n', &bytes[at..]) {
            let line = String::from_utf8_lossy(bytes[at..at + end].trim_ascii_end()).into_owned();
            at += end + 1;
            if line == "END" {
                return Ok(Some((Self(stats), at)));
            }
            let pair = line.strip_prefix("STAT ").and_then(|pair| pair.split_once(' '));
            let (name, value) = pair.ok_or(Error::Unreadable)?;
            stats.insert(name.to_owned(), value.to_owned());
        }
        let rest = &bytes[at..];
        let begun = |word: &[u8]| rest.starts_with(word) || word.starts_with(rest);
        let is_one = bytes.len() <= LONGEST && (begun(b"STAT ") || begun(b"END\r"));
        if is_one { Ok(None) } else { Err(Error::Unreadable) }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.text(name).and_then(value::number)
    }

    fn to_json(&self, now: f64) -> Value {
        let [hits, misses, evictions] = COUNTERS.map(|name| self.number(name));
        json!([now, hits, misses, evictions])
    }

    /// None if there is nothing to compare with, as when the server was started since.
    fn since(&self, before: &Value, now: f64) -> Option<Since> {
        let grown = |at: usize| {
            let grown = self.number(COUNTERS[at])? - before[at + 1].as_f64()?;
            (grown >= 0.0).then_some(grown)
        };
        let seconds = Some(now - before[0].as_f64()?).filter(|seconds| *seconds > 0.0)?;
        Some(Since { seconds, hits: grown(0)?, misses: grown(1)?, evictions: grown(2)? })
    }
}

const COUNTERS: [&str; 3] = ["get_hits", "get_misses", "evictions"];

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let host = Host { name: String::new(), port: 11211, family: Family::Any };
        let mut config = Self { host, limits: Limits::default(), state_file: None };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            if !config.limits.take(&found)? {
                config.take(call, &found)?;
            }
        }
        if config.host.name.is_empty() {
            return Err(call.usage("You must specify a server address or host name"));
        }
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => self.host.name = text,
            "p" => {
                let wrong = || call.usage(&format!("Invalid port number - {text}"));
                self.host.port = value::port(&text).ok_or_else(wrong)?;
            }
            "state-file" => self.state_file = Some(text),
            _ => {
                self.host.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "STAT version 1.6.18\r\nSTAT curr_items 2\r\nSTAT get_hits 30\r\nSTAT get_misses 20\r\n\
        STAT evictions 5\r\nSTAT bytes 50\r\nSTAT limit_maxbytes 100\r\nSTAT curr_connections 1\r\n\
        STAT max_connections 3\r\nEND\r\n";

    fn stats() -> Stats {
        Stats::take(TEXT.as_bytes()).unwrap().unwrap().0
    }

    fn said(args: &[&str], since: Option<Since>) -> (State, String) {
        let args = [&["-H", "h"], args].concat();
        let mut call = Call::new(&CHECK, "check_memcached", args.iter().map(Into::into).collect());
        let output = judge(&Config::read(&mut call).unwrap(), &stats(), since, 0.5);
        (output.state(), output.render())
    }

    #[test]
    fn what_it_counts_is_judged() {
        let since = Some(Since { seconds: 10.0, hits: 3.0, misses: 1.0, evictions: 5.0 });
        assert_eq!(
            said(&["--warning-hits", "80:", "--critical-memory", "40", "--warning-evictions", "1"], since),
            (
                State::Critical,
                "MEMCACHED CRITICAL - 50% of the memory used (CRITICAL), hit rate 75% (WARNING), memcached 1.6.18 with \
                 2 items answers in 0.500 seconds, 0.5 evictions a second, 33.33% of the connections \
                 used|time=0.5s;;;; hits=75%;80:;;; evictions=0.5;1;;; memory=50%;;40;; connections=33.33%;;;;\n"
                    .to_owned()
            )
        );
        assert_eq!(said(&[], None).0, State::Ok);
    }

    #[test]
    fn stats_are_lines_until_an_end() {
        assert!(Stats::take(TEXT.as_bytes()).unwrap().is_some_and(|(_, length)| length == TEXT.len()));
        for part in ["", "ST", "STAT a 1\r\n", "STAT a 1\r\nEND", "STAT a 1\r\nE"] {
            assert!(matches!(Stats::take(part.as_bytes()), Ok(None)), "{part}");
        }
        for text in ["ERROR\r\n", "HTTP/1.1 400 Bad", "STAT a\r\n"] {
            assert!(Stats::take(text.as_bytes()).is_err(), "{text}");
        }
        let before = stats().to_json(100.0);
        assert_eq!(
            stats().since(&before, 110.0),
            Some(Since { seconds: 10.0, hits: 0.0, misses: 0.0, evictions: 0.0 })
        );
        assert_eq!(stats().since(&json!([100.0, 31.0, 1.0, 1.0]), 110.0), None);
        assert_eq!(stats().since(&before, 100.0), None);
    }
}
