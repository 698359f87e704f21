//! `check_prometheus`: what a query of PromQL answers with, each of its series against the same ranges.

use crate::checks::http::client::{self, Answer};
use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, joined};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::Thresholds;
use crate::state::State;

pub mod answer;
mod config;

use answer::{Answered, Series};
use config::Config;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_prometheus",
    aliases: &[],
    summary: "Asks Prometheus a query, and judges the value of each series it answers with.",
    usage: "[-u url] [-H host] [-p port] [-S] [-D] [--ca-cert file] [-J file -K file] [-a user:password]\n\
            [-k header]... -q query [-w range] [-c range] [-l label] [--unit unit]\n\
            [--warning-series range] [--critical-series range] [--no-data state]\n\
            [--max-age seconds [--stale state] [--age-query query]] [-t seconds[:state]] [-4] [-6]",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &joined::<{ client::OPTIONS.len() + OWN.len() }>(client::OPTIONS, OWN);

const OWN: &[Opt] = &[
    Opt::new("q", "query", Arg::Value("PROMQL"), "The query, which is one of a moment"),
    Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when the value of a series is outside of RANGE"),
    Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when the value of a series is outside of RANGE"),
    Opt::new(
        "l",
        "label",
        Arg::Value("TEXT"),
        "What a series is called in the line and in the perfdata: {name} stands for the value of its label\n\
         (the values of all its labels, or 'value' if it has none)",
    ),
    Opt::new("unit", "unit", Arg::Value("UNIT"), "The unit of the values in perfdata: s, ms, %, B, c ..."),
    Opt::new(
        "warning-series",
        "warning-series",
        Arg::Value("RANGE"),
        "Warn when the number of series is outside of RANGE",
    ),
    Opt::new(
        "critical-series",
        "critical-series",
        Arg::Value("RANGE"),
        "Critical when the number of series is outside of RANGE",
    ),
    Opt::new(
        "no-data",
        "no-data",
        Arg::Value("STATE"),
        "The state when there is no series, or one without a number (UNKNOWN)",
    ),
    Opt::new(
        "max-age",
        "max-age",
        Arg::Value("SECONDS"),
        "Data are stale when the last sample of a series is older",
    ),
    Opt::new("stale", "stale", Arg::Value("STATE"), "The state when data are stale (UNKNOWN)"),
    Opt::new(
        "age-query",
        "age-query",
        Arg::Value("PROMQL"),
        "The series whose age it is: what a query calculates is always new (that of -q)",
    ),
];

/// So many series have perfdata, and so many that are not fine stand in the line.
const SHOWN: usize = 100;
const NAMED: usize = 10;

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let (seconds, answered) = ask(&config, &config.query, deadline)?;
    let oldest = match &config.max_age {
        Some(_) => {
            ask(&config, &config.age_query(), deadline)?.1.series.iter().map(|age| age.value).reduce(f64::max)
        }
        None => None,
    };
    Ok(judge(&config, seconds, &answered, oldest))
}

fn ask(config: &Config, query: &str, deadline: Deadline) -> Result<(f64, Answered), Stop> {
    let mut probe = config.client.probe.clone();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
    probe.place.path = format!("{}/api/v1/query?{query}", probe.place.path.trim_end_matches('/'));
    let Answer { seconds, response } = client::ask(&probe, "PROMETHEUS", deadline)?;
    match Answered::parse(&response.body) {
        Ok(answered) => Ok((seconds, answered)),
        Err(answer::Error::Refused { kind, error }) => {
            // A query that is none stays so; what the server cannot do now is its fault.
            let state = if kind == "bad_data" { State::Unknown } else { State::Critical };
            Err(Stop::with(state, format!("PROMETHEUS {state} - {kind}: {error}")))
        }
        Err(error @ answer::Error::NotASample(_)) => {
            Err(Stop::unknown(format!("PROMETHEUS UNKNOWN - {error}")))
        }
        Err(error) => {
            let status = response.status_line();
            let line = if response.status() == Some(200) { error.to_string() } else { status };
            Err(Stop::with(State::Critical, format!("PROMETHEUS CRITICAL - {line}")))
        }
    }
}

/// Each series by itself, then how many there are and how old they are; the worst of it is the state.
fn judge(config: &Config, seconds: f64, answered: &Answered, oldest: Option<f64>) -> Output {
    let series = &answered.series;
    let mut state = config.series.judge(series.len() as f64);
    let mut texts = Vec::new();
    if state != State::Ok {
        texts.push(format!("{} series", series.len()));
    }
    if series.is_empty() {
        state = state.worst(config.no_data);
        texts.push("no data".to_owned());
    }
    if let (Some(most), Some(age)) = (config.max_age, oldest.filter(|age| Some(*age) > config.max_age)) {
        state = state.worst(config.stale);
        texts.push(format!("stale: the last sample is {age:.0} seconds old, more than {most}"));
    }
    let judged: Vec<(State, &Series)> = series.iter().map(|one| (state_of(config, one), one)).collect();
    state = judged.iter().fold(state, |worst, (state, _)| worst.worst(*state));
    texts.extend(said(config, &judged));
    let line = format!("PROMETHEUS {state} - {} in {seconds:.3} seconds", texts.join(", "));
    let output = Output::new(state, line).perfs(perfdata(config, series));
    let output = output
        .perf(count(config, series.len()))
        .perf(Perfdata::seconds("time", seconds).min(Number::float(0.0)));
    answered.warnings.iter().fold(output, Output::line)
}

fn state_of(config: &Config, series: &Series) -> State {
    if series.value.is_nan() { config.no_data } else { config.thresholds.judge(series.value) }
}

/// The series that are not fine, the worst first; or all of them, if they are few.
fn said(config: &Config, judged: &[(State, &Series)]) -> Vec<String> {
    let text = |(state, series): &(State, &Series)| {
        let said = format!("{} is {}{}", config.name(series), series.value, config.unit);
        if *state == State::Ok || judged.len() == 1 { said } else { format!("{said} ({state})") }
    };
    let mut bad: Vec<_> = judged.iter().filter(|(state, _)| *state != State::Ok).copied().collect();
    if bad.is_empty() && judged.len() > NAMED {
        return vec![format!("{} series are fine", judged.len())];
    }
    if bad.is_empty() {
        bad = judged.to_vec();
    }
    for state in [State::Unknown, State::Warning, State::Critical] {
        bad.sort_by_key(|(found, _)| *found != state);
    }
    let mut texts: Vec<String> = bad.iter().take(NAMED).map(text).collect();
    if bad.len() > NAMED {
        texts.push(format!("and {} more", bad.len() - NAMED));
    }
    texts
}

fn perfdata<'a>(config: &'a Config, series: &'a [Series]) -> impl Iterator<Item = Perfdata> + 'a {
    let Thresholds { warning, critical } = &config.thresholds;
    series.iter().take(SHOWN).map(move |series| {
        Perfdata::new(config.name(series), Number::shortest(series.value))
            .unit(config.unit)
            .warn(warning.as_ref())
            .crit(critical.as_ref())
            .form(Form::Padded)
    })
}

fn count(config: &Config, count: usize) -> Perfdata {
    let Thresholds { warning, critical } = &config.series;
    let number = Number::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    Perfdata::new("series", number).warn(warning.as_ref()).crit(critical.as_ref()).form(Form::Padded)
}

#[cfg(test)]
mod tests;
