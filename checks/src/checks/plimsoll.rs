//! `check_plimsoll`: whether the exporter is there, loses nothing, and has all its programs at work.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::checks::container::URL;
use crate::checks::http::client::{self, Client};
use crate::exposition::samples;
use crate::findings::{Findings, Limits};
use crate::frame::{Call, Check};
use crate::history::History;
use crate::options::{Arg, Found, Opt, joined};
use crate::output::{Outcome, Output, Stop};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_plimsoll",
    aliases: &[],
    summary: "Judges the exporter by what it says of itself: losses, refused programs, signals at rest, its cost.",
    usage: "-u url/-H host [-p port] [-S] [-D] [--ca-cert file] [-J file -K file] [-a user:password]\n\
            [-k header]... [--warning-VALUE range]... [--critical-VALUE range]... [--ignore reason]...\n\
            [--state-file file] [-t seconds[:state]] [-4] [-6]\n\
            where VALUE is losses, refused, resting, failing or overhead",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &joined::<{ client::OPTIONS.len() + OWN.len() }>(client::OPTIONS, OWN);

const OWN: &[Opt] = &[
    range("warning-losses", "Warn when what was lost since the last run is outside of RANGE (0)"),
    range("critical-losses", "Critical when it is"),
    range(
        "warning-refused",
        "Warn when the number of programs that the kernel refused is outside of RANGE (0)",
    ),
    range("critical-refused", "Critical when it is"),
    range(
        "warning-resting",
        "Warn when the number of signals that the governor lets rest is outside of RANGE (0)",
    ),
    range("critical-resting", "Critical when it is"),
    range("warning-failing", "Warn when the number of collectors that fail is outside of RANGE (0)"),
    range("critical-failing", "Critical when it is"),
    range("warning-overhead", "Warn when the percentage of all CPUs that it costs is outside of RANGE"),
    range("critical-overhead", "Critical when it is"),
    Opt::new("ignore", "ignore", Arg::Value("REASON"), "A reason of losses not to count; may be repeated"),
    Opt::new("state-file", "state-file", Arg::Value("FILE"), "Where to keep what was seen, for the next run"),
];

const fn range(name: &'static str, help: &'static str) -> Opt {
    Opt::new(name, name, Arg::Value("RANGE"), help)
}

/// The reasons of losses that are remembered: there are no more than a few dozen.
const REASONS: usize = 256;

#[derive(Debug)]
struct Config {
    client: Client,
    limits: Limits,
    ignored: Vec<String>,
    state_file: Option<String>,
}

/// What the exporter says.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    version: Option<String>,
    losses: BTreeMap<String, f64>,
    /// Each with the reason.
    refused: Vec<String>,
    resting: Vec<String>,
    failing: Vec<String>,
    overhead: Option<f64>,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let (seconds, page) = client::ask(&config.client.probe, "PLIMSOLL", deadline)?.page("PLIMSOLL")?;
    let told = Told::read(&String::from_utf8_lossy(&page));
    let history = History::of(config.state_file.as_deref(), CHECK.name, &config.client.probe.place.shown())?;
    let before = history.read().and_then(|value| losses_of(&value));
    if told.version.is_some() {
        history.write(&json!({ "losses": told.losses }))?;
    }
    Ok(judge(&config, &told, before.as_ref(), seconds))
}

fn judge(config: &Config, told: &Told, before: Option<&BTreeMap<String, f64>>, seconds: f64) -> Output {
    let Some(version) = &told.version else {
        let text = "PLIMSOLL CRITICAL - the page is none of Plimsoll's".to_owned();
        return Output::new(State::Critical, text);
    };
    let mut findings = Findings::default();
    findings.note(State::Ok, format!("version {version} answers in {seconds:.3} seconds"));
    let lost: Vec<(&str, f64)> = told
        .losses
        .iter()
        .filter(|(reason, _)| !config.ignored.contains(reason))
        .map(|(reason, now)| (reason.as_str(), more(*now, before.and_then(|before| before.get(reason)))))
        .filter(|(_, more)| *more > 0.0)
        .collect();
    match before {
        Some(_) => {
            let all = lost.iter().map(|(_, more)| more).sum();
            let by: Vec<String> = lost.iter().map(|(reason, more)| format!("{reason} {more}")).collect();
            findings.value(("losses", ""), all, &config.limits.of("losses"), named(all, "lost", &by));
        }
        None => findings.note(State::Ok, "losses seen for the first time"),
    }
    let counts = [
        ("refused", &told.refused, "programs refused"),
        ("resting", &told.resting, "signals at rest"),
        ("failing", &told.failing, "collectors fail"),
    ];
    for (name, list, what) in counts {
        let count = list.len() as f64;
        findings.value((name, ""), count, &config.limits.of(name), named(count, what, list));
    }
    let limits = config.limits.of("overhead");
    match told.overhead {
        Some(ratio) => {
            let percent = (ratio * 10_000.0).round() / 100.0;
            findings.value(("overhead", "%"), percent, &limits, format!("overhead {percent}%"));
        }
        None if limits != Thresholds::default() => findings.note(State::Unknown, "no overhead is told"),
        None => {}
    }
    findings.output("PLIMSOLL")
}

/// A count, and what it is of.
fn named(count: f64, what: &str, names: &[String]) -> String {
    let names = if names.is_empty() { String::new() } else { format!(": {}", names.join("; ")) };
    format!("{count} {what}{names}")
}

/// A counter that has begun again began at zero.
fn more(now: f64, before: Option<&f64>) -> f64 {
    match before {
        Some(before) if *before <= now => now - before,
        _ => now,
    }
}

fn losses_of(value: &Value) -> Option<BTreeMap<String, f64>> {
    let losses = value["losses"].as_object()?;
    losses.iter().map(|(reason, count)| Some((reason.clone(), count.as_f64()?))).collect()
}

impl Told {
    fn read(page: &str) -> Self {
        let mut told = Self::default();
        for sample in samples(page).filter(|sample| sample.name.starts_with("plimsoll_")) {
            let label = |name: &str| sample.label(name).into_owned();
            match sample.name {
                "plimsoll_build_info" => told.version = Some(label("version")),
                "plimsoll_losses_total" if told.losses.len() < REASONS => {
                    told.losses.insert(label("reason"), sample.value);
                }
                "plimsoll_program_info" if !label("reason").is_empty() => {
                    told.refused.push(format!("{} ({})", label("program"), label("reason")));
                }
                "plimsoll_governor_signal_working" if sample.value == 0.0 => {
                    told.resting.push(label("signal"))
                }
                "plimsoll_scrape_collector_success" if sample.value == 0.0 => {
                    told.failing.push(label("collector"));
                }
                "plimsoll_overhead_ratio" => told.overhead = Some(sample.value),
                _ => {}
            }
        }
        // A collector that rests has nothing to tell, which is no fault of its own.
        told.failing.retain(|name| !told.resting.contains(name));
        told
    }
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("You must specify a server address or host name"));
        }
        let client = Client::new(&call.name, URL);
        let mut config = Self { client, limits: Limits::default(), ignored: Vec::new(), state_file: None };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            if !config.limits.take(&found)? {
                config.take(call, &found)?;
            }
        }
        for name in ["losses", "refused", "resting", "failing"] {
            config.limits.warn_by_default(name, "0")?;
        }
        config.client.place(call)?;
        config.client.probe.method = "GET".to_owned();
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        match found.key {
            "ignore" => self.ignored.push(found.text()),
            "state-file" => self.state_file = Some(found.text()),
            _ => self.client.take(call, found)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "plimsoll_build_info{version=\"0.1.0\"} 1\nplimsoll_losses_total{reason=\"a\"} 5\n\
        plimsoll_losses_total{reason=\"b\"} 2\nplimsoll_program_info{program=\"p\",reason=\"no such hook\"} 1\n\
        plimsoll_program_info{program=\"q\",reason=\"\"} 1\nplimsoll_governor_signal_working{signal=\"s\"} 0\n\
        plimsoll_governor_signal_working{signal=\"t\"} 1\nplimsoll_scrape_collector_success{collector=\"s\"} 0\n\
        plimsoll_scrape_collector_success{collector=\"u\"} 1\nplimsoll_overhead_ratio 0.01234\n";

    fn said(args: &[&str], page: &str, before: Option<&[(&str, f64)]>) -> (State, String) {
        let mut call = Call::new(&CHECK, "check_plimsoll", args.iter().map(Into::into).collect());
        let config = Config::read(&mut call).unwrap();
        let before = before.map(|all| all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect());
        let output = judge(&config, &Told::read(page), before.as_ref(), 0.5);
        (output.state(), output.render())
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told() {
        assert_eq!(
            said(&["--critical-resting", "0"], PAGE, Some(&[("a", 4.0), ("b", 2.0)])),
            (
                State::Critical,
                "PLIMSOLL CRITICAL - 1 signals at rest: s (CRITICAL), 1 lost: a 1 (WARNING), 1 programs refused: p \
                 (no such hook) (WARNING), version 0.1.0 answers in 0.500 seconds, 0 collectors fail, overhead \
                 1.23%|losses=1;0;;; refused=1;0;;; resting=1;;0;; failing=0;0;;; overhead=1.23%;;;;\n"
                    .to_owned()
            )
        );
        let fine = &["--warning-refused", "1", "--warning-resting", "1", "--ignore", "a"];
        assert_eq!(said(fine, PAGE, Some(&[("a", 4.0), ("b", 2.0)])).0, State::Ok);
        assert_eq!(said(fine, PAGE, Some(&[("b", 1.0)])).0, State::Warning);
        assert_eq!(said(fine, PAGE, None).0, State::Ok);
    }

    #[test]
    fn a_counter_may_begin_again_and_a_page_may_be_anothers() {
        let (_, text) = said(&["-4"], PAGE, Some(&[("a", 9.0), ("b", 2.0)]));
        assert!(text.contains("5 lost: a 5 (WARNING)"), "{text}");
        let other = said(&["-4"], "up 1\n", None);
        assert_eq!(
            other,
            (State::Critical, "PLIMSOLL CRITICAL - the page is none of Plimsoll's\n".to_owned())
        );
        let (state, text) =
            said(&["--warning-overhead", "5"], "plimsoll_build_info{version=\"1\"} 1\n", None);
        assert!(state == State::Unknown && text.contains("no overhead is told (UNKNOWN)"), "{text}");
    }
}
