//! `check_rest`: values in a JSON document that a server answers with.

use serde_json::Value;

use crate::checks::http::client;
use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common, joined};
use crate::output::{Outcome, Output};
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;

mod config;
pub mod path;

pub use config::{Config, Query};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_rest",
    aliases: &[],
    summary: "Asks a server for JSON, and judges values in it.",
    usage: "-u url [-H host] [-p port] [-S] [-D] [--ca-cert file] [-J file -K file] [-a user:password]\n\
            [-k header]... [-j method] [-P data] [-T type] [-t seconds[:state]] [-4] [-6]\n\
            [-q path [-l label] [--unit unit] [-w range] [-c range] [-e text]]...\n\
            [--warning-time range] [--critical-time range]",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &joined::<{ client::OPTIONS.len() + OWN.len() }>(client::OPTIONS, OWN);

const OWN: &[Opt] = &[
    Opt::new("j", "method", Arg::Value("METHOD"), "The method (GET, or POST with -P)"),
    Opt::new("P", "post", Arg::Value("STRING"), "What to send"),
    Opt::new("T", "content-type", Arg::Value("TYPE"), "What that is (application/json)"),
    Opt::new(
        "q",
        "query",
        Arg::Value("PATH"),
        "A value to look at: a.b[0][\"c\"], or a pointer, /a/b/0/c. May be repeated; what follows is said of\n\
         the one before. true is 1 and false 0, a list is the number of its parts, a text that is a number is one",
    ),
    Opt::new("l", "label", Arg::Value("NAME"), "What it is called (its path)"),
    Opt::new(
        "unit",
        "unit",
        Arg::Value("UNIT"),
        "Its unit in perfdata: s, ms, us, %, B, KB, MB, KiB, MiB, c ...",
    ),
    common::WARNING,
    common::CRITICAL,
    Opt::new("e", "expect", Arg::Value("TEXT"), "Critical when it is another text"),
    Opt::new(
        "warning-time",
        "warning-time",
        Arg::Value("RANGE"),
        "Warn when the seconds are outside of RANGE",
    ),
    Opt::new(
        "critical-time",
        "critical-time",
        Arg::Value("RANGE"),
        "Critical when the seconds are outside of RANGE",
    ),
];

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let answer = client::ask(&config.client.probe, "REST", deadline)?;
    let output = judge(&config, answer.seconds, &answer.response);
    Ok(if call.verbose > 0 { output.line(String::from_utf8_lossy(&answer.response.body)) } else { output })
}

/// Each value by itself; the worst of them is the state.
fn judge(config: &Config, seconds: f64, response: &crate::http::Response) -> Output {
    let time = Perfdata::seconds("time", seconds)
        .warn(config.time.warning.as_ref())
        .crit(config.time.critical.as_ref())
        .min(Number::float(0.0));
    let end = |state: State, text: &str| Output::new(state, format!("REST {state} - {text}"));
    if !response.status().is_some_and(|status| (200..300).contains(&status)) {
        return end(State::Critical, &response.status_line()).perf(time);
    }
    let document: Value = match serde_json::from_slice(&response.body) {
        Ok(document) => document,
        Err(error) => return end(State::Critical, &format!("the answer is no JSON: {error}")).perf(time),
    };
    let mut state = config.time.judge(seconds);
    let (mut texts, mut data) = (Vec::new(), Vec::new());
    for query in &config.queries {
        let (worse, text, datum) = judge_one(query, query.path.find(&document));
        state = state.worst(worse);
        texts.push(text);
        data.extend(datum);
    }
    if texts.is_empty() {
        texts.push(format!("{} bytes of JSON", response.body.len()));
    }
    let text = format!("{} in {seconds:.3} seconds", texts.join(", "));
    end(state, &text).perfs(data).perf(time)
}

fn judge_one(query: &Query, found: Option<&Value>) -> (State, String, Option<Perfdata>) {
    let label = &query.label;
    let Some(value) = found.filter(|value| !value.is_null()) else {
        return (State::Unknown, format!("{label} is not there"), None);
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(map) => format!("an object of {}", map.len()),
        other => other.to_string(),
    };
    let number = number(value);
    let mut state = match (&number, &query.thresholds) {
        (Some(number), thresholds) => thresholds.judge(number.1),
        (None, thresholds) if thresholds.warning.is_some() || thresholds.critical.is_some() => {
            return (State::Unknown, format!("{label} is {text}, which is no number"), None);
        }
        (None, _) => State::Ok,
    };
    let mut said = format!("{label} is {text}{}", if number.is_some() { query.unit } else { "" });
    if let Some(expect) = query.expect.as_ref().filter(|expect| **expect != text) {
        state = State::Critical;
        said.push_str(&format!(", not {expect}"));
    }
    let datum = number.map(|(number, _)| {
        Perfdata::new(label.clone(), number)
            .unit(query.unit)
            .warn(query.thresholds.warning.as_ref())
            .crit(query.thresholds.critical.as_ref())
            .form(Form::Padded)
    });
    (state, said, datum)
}

/// A value as a number, if it is one in any way.
fn number(value: &Value) -> Option<(Number, f64)> {
    let count = |count: usize| i64::try_from(count).ok().map(|count| (Number::Integer(count), count as f64));
    match value {
        Value::Bool(value) => count(usize::from(*value)),
        Value::Array(list) => count(list.len()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some((Number::Integer(whole), whole as f64)),
            None => number.as_f64().map(fraction),
        },
        Value::String(text) => match text.parse::<i64>() {
            Ok(whole) => Some((Number::Integer(whole), whole as f64)),
            Err(_) => crate::range::decimal(text).map(fraction),
        },
        Value::Null | Value::Object(_) => None,
    }
}

fn fraction(value: f64) -> (Number, f64) {
    (Number::shortest(value), value)
}

#[cfg(test)]
mod tests;
