//! `check_mysql_query`: whether the number that a query gives is within its ranges.

use crate::checks::mysql::config::{Client, OPTIONS};
use crate::checks::mysql::connection::{Connection, Fault, Rows};
use crate::frame::{Call, Check};
use crate::net::talk::Error;
use crate::options::{Arg, Opt, common, joined, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Limit, Number, Perfdata};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_mysql_query",
    aliases: &[],
    summary: "Asks a MySQL or MariaDB server, and judges the number that a query gives.",
    usage: "-q SQL_query [-w warn] [-c crit] [-H host] [-P port] [-s socket]\n\
            [-d database] [-u user] [-p password] [-f optfile] [-g group]\n\
            [-l] [-a cert] [-k key] [-C ca-cert] [-D ca-dir] [-t timeout[:state]]",
    options: &joined::<21>(OWN, &OPTIONS),
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OWN: &[Opt] = &[
    Opt::new(
        "q",
        "query",
        Arg::Value("STRING"),
        "A query; its first column of its first row has to be a number",
    ),
    common::WARNING,
    common::CRITICAL,
];

/// 2.x waits as long as the query takes; nobody waits longer than this for a check.
const TIMEOUT: u32 = 60;

struct Config {
    query: String,
    thresholds: Thresholds,
}

fn run(call: &mut Call) -> Outcome {
    let (client, config) = read(call)?;
    let deadline = call.deadline();
    let place = client.place(call, deadline)?;
    let asked = Connection::open(&place, deadline).map_err(|fault| (String::new(), fault)).and_then(
        |mut connection| {
            connection.query(&config.query).map_err(|fault| ("Error with query - ".to_owned(), fault))
        },
    );
    match asked {
        Ok(rows) => Ok(judge(&config, &rows)),
        Err((_, Fault::Talk(Error::Expired))) => Err(Stop::Timeout),
        Err((what, fault)) => {
            let state = fault.state();
            Ok(Output::new(state, format!("QUERY {state}: {what}{fault}")))
        }
    }
}

fn read(call: &mut Call) -> Result<(Client, Config), Stop> {
    call.set_timeout(TIMEOUT);
    let (mut client, mut query) = (Client::default(), None);
    let (mut warning, mut critical) = (None, None);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "q" => query = Some(found.text()),
            "w" => warning = Some(found.text()),
            "c" => critical = Some(found.text()),
            _ => client.take(call, &found)?,
        }
    }
    let thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    let query = query.ok_or_else(|| Stop::usage("Must specify a SQL query to run"))?;
    Ok((client, Config { query, thresholds }))
}

fn judge(config: &Config, rows: &Rows) -> Output {
    if rows.columns.is_none() {
        return Output::new(
            State::Critical,
            "QUERY CRITICAL: Error with store_result - not a query that gives rows",
        );
    }
    let Some(row) = rows.kept.first() else {
        return Output::new(State::Warning, "QUERY WARNING: No rows returned");
    };
    let text = match row.first() {
        Some(Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => "NULL".to_owned(),
    };
    let Some(value) = value::number(&text) else {
        return Output::new(State::Critical, format!("QUERY CRITICAL: Is not a numeric - '{text}'"));
    };
    let Thresholds { warning, critical } = &config.thresholds;
    let state = config.thresholds.judge(value);
    Output::new(state, format!("QUERY {state}: '{}' returned {value:.6} ", config.query)).perf(
        Perfdata::new("result", Number::float(value))
            .warn(warning.as_ref().map(Limit::decimal))
            .crit(critical.as_ref().map(Limit::decimal)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(args: &[&str], rows: Rows) -> (State, String) {
        let args = args.iter().map(Into::into).collect();
        let (_, config) = read(&mut Call::new(&CHECK, CHECK.name, args)).unwrap();
        let output = judge(&config, &rows);
        (output.state(), output.render())
    }

    fn row(text: Option<&str>) -> Rows {
        let value = text.map(|text| text.as_bytes().to_vec());
        Rows { columns: Some(vec!["x".to_owned()]), kept: vec![vec![value]] }
    }

    #[test]
    fn the_lines_are_those_of_2x() {
        let query = ["-q", "select 5"];
        assert_eq!(
            said(&["-q", "select 5", "-w", "3", "-c", "10"], row(Some("5"))),
            (
                State::Warning,
                "QUERY WARNING: 'select 5' returned 5.000000 |result=5.000000;3.000000;10.000000;\n"
                    .to_owned()
            )
        );
        let said = |rows| said(&query, rows);
        assert_eq!(said(row(Some("x|y"))).1, "QUERY CRITICAL: Is not a numeric - 'x¦y'\n");
        assert_eq!(
            said(row(None)),
            (State::Critical, "QUERY CRITICAL: Is not a numeric - 'NULL'\n".to_owned())
        );
        let none = Rows { columns: Some(vec!["x".to_owned()]), kept: Vec::new() };
        assert_eq!(said(none), (State::Warning, "QUERY WARNING: No rows returned\n".to_owned()));
        assert_eq!(said(Rows::default()).0, State::Critical);
    }

    #[test]
    fn a_query_is_needed() {
        let none = read(&mut Call::new(&CHECK, CHECK.name, Vec::new()));
        assert!(matches!(none, Err(Stop::Usage(text)) if text == "Must specify a SQL query to run"));
    }
}
