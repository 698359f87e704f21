//! `check_pgsql`: whether PostgreSQL takes a connection, how long that takes, and what a query gives.

use std::time::Instant;

use crate::frame::{Call, Check};
use crate::net::talk::Error;
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;

mod config;
mod connection;
pub mod message;
pub mod scram;

use config::Config;
use connection::{Connection, Fault, Rows};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_pgsql",
    aliases: &[],
    summary: "Connects to a PostgreSQL server, and judges the time that takes and what a query gives.",
    usage: "[-H <host>] [-P <port>] [-c <critical time>] [-w <warning time>]\n\
            [-t <timeout>[:state]] [-d <database>] [-l <logname>] [-p <password>] [-o <parameters>]\n\
            [-q <query>] [-C <critical query range>] [-W <warning query range>] [--queryname=<name>]",
    options: config::OPTIONS,
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    config.resolve(call, deadline)?;
    let start = Instant::now();
    let connected = Connection::open(&config.place, deadline);
    let seconds = start.elapsed().as_secs_f64();
    let mut connection = connected.map_err(|fault| match fault {
        Fault::Talk(Error::Expired) => Stop::Timeout,
        fault => {
            let place = fault.place(&config.place);
            let text = format!("CRITICAL - no connection to '{}' ({place}{fault}\n).", config.place.database);
            Stop::with(State::Critical, text)
        }
    })?;
    let output = time(&config, seconds);
    let Some(query) = &config.query else { return Ok(output) };
    match connection.query(query) {
        Err(Fault::Talk(Error::Expired)) => Err(Stop::Timeout),
        answer => Ok(judge(&config, query, output, answer)),
    }
}

/// The first line, which is of the connection.
fn time(config: &Config, seconds: f64) -> Output {
    let state = if seconds > config.critical {
        State::Critical
    } else if seconds > config.warning {
        State::Warning
    } else {
        State::Ok
    };
    line(config, state, seconds)
}

fn line(config: &Config, state: State, seconds: f64) -> Output {
    let limit = |limit: f64| (limit > 0.0).then(|| Number::float(limit));
    let time = Perfdata::seconds("time", seconds).warn(limit(config.warning)).crit(limit(config.critical));
    Output::new(state, format!(" {state} - database {} ({seconds:.6} sec.)", config.place.database))
        .perf(time.min(Number::float(0.0)))
}

/// What follows it, which is of the query; the worse of the two is the state.
fn judge(config: &Config, query: &str, output: Output, answer: Result<Rows, Fault>) -> Output {
    let (state, text, value) = match answer {
        Err(fault) => (State::Critical, format!("Error with query: {fault}."), None),
        Ok(Rows { columns: None, .. }) => (State::Critical, "Error with query: .".to_owned(), None),
        Ok(Rows { count: 0, .. }) => (State::Warning, "No rows returned.".to_owned(), None),
        Ok(Rows { columns: Some(0), .. }) => (State::Warning, "No columns returned.".to_owned(), None),
        Ok(Rows { first, .. }) => {
            let text = first.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
            match leading_number(&text) {
                None => (State::Critical, format!("Is not a numeric: {text}"), None),
                Some(value) => {
                    let named = config.query_name.clone().unwrap_or_else(|| format!("'{query}'"));
                    (config.thresholds.judge(value), format!("{named} returned {value:.6}"), Some(value))
                }
            }
        }
    };
    let output = output.at_least(state).line(format!("QUERY {state} - {text}"));
    match value {
        None => output,
        Some(value) => output.perf(
            Perfdata::new("query", Number::float(value))
                .warn(config.thresholds.warning.as_ref())
                .crit(config.thresholds.critical.as_ref())
                .form(Form::Padded),
        ),
    }
}

/// As C's `strtod` takes it: what follows the number is left out.
fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(text.len());
    (1..=end).rev().find_map(|end| crate::range::decimal(&text[..end]))
}

#[cfg(test)]
mod tests;
