//! `check_dig`: one type of record of a name, at one server, without `dig`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::host::Host;
use crate::net::Family;
use crate::net::ask::{self, Plan};
use crate::net::dns::{Question, Record, kind};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::state::State;

mod arguments;
mod line;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_dig",
    aliases: &[],
    summary: "Asks a name server for the records of one type of a name.",
    usage: "-l query_address [-H host] [-p port] [-T record_type] [-a expected_address] [-A arguments]\n\
            [-w seconds] [-c seconds] [-t seconds[:state]] [-4] [-6] [-v]",
    options: &[
        Opt::new("H", "hostname", Arg::Value("ADDRESS"), "The name server (127.0.0.1, with -6 ::1)"),
        Opt::new("p", "port", Arg::Value("NUMBER"), "Its port (53)"),
        common::IPV4,
        common::IPV6,
        Opt::new("l", "query_address", Arg::Value("NAME"), "The name to ask for"),
        Opt::new("T", "record_type", Arg::Value("TYPE"), "The type of its records (A)"),
        Opt::new(
            "a",
            "expected_address",
            Arg::Value("STRING"),
            "What is to be in a record of the answer; without it the name itself",
        ),
        Opt::new(
            "A",
            "dig-arguments",
            Arg::Value("STRING"),
            "What else dig would be told: +tcp, +norecurse, +dnssec, +cdflag, +noedns, +tries=N, +time=N;\n\
             what only changes how dig prints is taken, and does nothing",
        ),
        Opt::new("w", "warning", Arg::Value("SECONDS"), "Warn when the answer takes longer"),
        Opt::new("c", "critical", Arg::Value("SECONDS"), "Critical when it takes longer"),
        common::TIMEOUT,
        common::VERBOSE,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

#[derive(Debug)]
struct Config {
    host: Host,
    question: Question,
    plan: Plan,
    expected: Option<String>,
    warning: f64,
    critical: f64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// From the question to the answer.
    pub seconds: f64,
    /// The records of the answer, or why there is none.
    pub records: Result<Vec<Record>, String>,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let servers = config.host.addresses(call, deadline)?;
    let measured = measure(&servers, &config.question, &config.plan, deadline)?;
    let output = print(&config, judge(&config, &measured), &measured);
    Ok(match &measured.records {
        Ok(records) if call.verbose > 0 => {
            records.iter().fold(output, |output, record| output.line(line::of(record)))
        }
        _ => output,
    })
}

/// Asks; the end of the time is the only thing that leaves nothing to say.
pub fn measure(
    servers: &[SocketAddr],
    question: &Question,
    plan: &Plan,
    deadline: Deadline,
) -> Result<Measured, Stop> {
    let start = Instant::now();
    let records = match ask::ask(servers, std::slice::from_ref(question), plan, deadline) {
        Ok(answers) => Ok(answers.into_iter().flat_map(|answer| answer.answers).collect()),
        Err(ask::Error::Expired) => return Err(Stop::Timeout),
        Err(error) => Err(error.to_string()),
    };
    Ok(Measured { seconds: start.elapsed().as_secs_f64(), records })
}

/// The line of the first record that has what is expected, as `dig` writes it.
fn found(config: &Config, records: &[Record]) -> Option<String> {
    let wanted = config.expected.as_ref().unwrap_or(&config.question.name).to_lowercase();
    records.iter().map(line::of).find(|line| line.to_lowercase().contains(&wanted))
}

fn judge(config: &Config, measured: &Measured) -> State {
    let state = match &measured.records {
        Err(_) => State::Warning,
        Ok(records) if records.is_empty() => State::Critical,
        Ok(records) if found(config, records).is_none() => State::Warning,
        Ok(_) => State::Ok,
    };
    // As in 2.x a limit of 0 is none, and the time alone decides where it is beyond one.
    let beyond = |limit: f64| limit > 0.0 && measured.seconds > limit;
    match (beyond(config.critical), beyond(config.warning)) {
        (true, _) => State::Critical,
        (false, true) => State::Warning,
        (false, false) => state,
    }
}

fn print(config: &Config, state: State, measured: &Measured) -> Output {
    let what = match &measured.records {
        Err(error) => error.clone(),
        Ok(records) if records.is_empty() => "No ANSWER SECTION found".to_owned(),
        Ok(records) => {
            found(config, records).unwrap_or_else(|| "Server not found in ANSWER SECTION".to_owned())
        }
    };
    let limit = |limit: f64| (limit > 0.0).then_some(Number::float(limit));
    let time = Perfdata::seconds("time", measured.seconds)
        .warn(limit(config.warning))
        .crit(limit(config.critical))
        .min(Number::float(0.0));
    let text = format!("DNS {state} - {:.3} seconds response time ({what})", measured.seconds);
    Output::new(state, text).perf(time)
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut question = Question::new("", kind::A);
        question.extended = true;
        let mut config = Self {
            host: Host { name: String::new(), port: 53, family: Family::Any },
            question,
            plan: Plan { tcp: false, tries: u32::MAX, wait: Some(Duration::from_secs(2)) },
            expected: None,
            warning: 0.0,
            critical: 0.0,
        };
        let mut options = call.options();
        let mut named = false;
        while let Some(found) = options.next()? {
            named |= found.key == "H";
            config.take(call, &found)?;
        }
        if !named {
            let own = if config.host.family == Family::V6 { "::1" } else { "127.0.0.1" };
            let word = options.words().first().map(|word| word.to_string_lossy().into_owned());
            config.host.name = word.unwrap_or_else(|| own.to_owned());
        }
        if config.question.name.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        // As dig does, since the answer to that is long.
        config.plan.tcp |= config.question.kind == kind::ANY;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let wrong = |what: &str| call.usage(&format!("{what} - {text}"));
        let seconds = |what: &str| value::number(&text).filter(|s| *s >= 0.0).ok_or_else(|| wrong(what));
        match found.key {
            "H" => self.host.name = text,
            "p" => {
                self.host.port =
                    value::port(&text).ok_or_else(|| wrong("Port must be a positive integer"))?;
            }
            "l" => self.question.name = text,
            "T" => {
                let kind = kind::parse(&text).ok_or_else(|| wrong("No such type of record"))?;
                self.question.kind = kind;
            }
            "a" => self.expected = Some(text),
            "A" => {
                let taken = arguments::take(&text, &mut self.question, &mut self.plan);
                taken.map_err(|word| {
                    call.usage(&format!("Not an argument of dig that can be followed - {word}"))
                })?;
            }
            "w" => self.warning = seconds("Warning interval must be a positive integer")?,
            "c" => self.critical = seconds("Critical interval must be a positive integer")?,
            "t" if !call.take_timeout(&text) => {
                return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}")));
            }
            "t" => {}
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
