//! `check_mysql`: whether MySQL or MariaDB takes a connection, what it counts, and whether it follows its primary.

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net::talk::Error;
use crate::options::{Arg, Opt, joined};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Limit, Number, Perfdata};
use crate::range::Thresholds;
use crate::state::State;

pub(super) mod config;
pub(super) mod connection;
pub mod login;
pub mod option_file;
pub mod packet;
mod replica;

use config::Client;
use connection::{Connection, Fault, Place, Rows};
use replica::Replica;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_mysql",
    aliases: &[],
    summary: "Logs in to a MySQL or MariaDB server, shows what it counts, and judges how far behind a replica is.",
    usage: "[-d database] [-H host] [-P port] [-s socket]\n\
            [-u user] [-p password] [-S] [-w warn] [-c crit] [-l] [-a cert] [-k key]\n\
            [-C ca-cert] [-D ca-dir] [-L ciphers] [-f optfile] [-g group] [-n] [-t timeout[:state]]",
    options: &joined::<22>(OWN, &config::OPTIONS),
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OWN: &[Opt] = &[
    Opt::new("n", "ignore-auth", Arg::No, "OK where the server does not know who logs in, but is one"),
    Opt::new("S", "check-slave", Arg::No, "See that it is a replica that runs"),
    Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when it is that many seconds behind its primary"),
    Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when it is that many seconds behind"),
];

/// What of the server's status is perfdata, and whether it only ever grows.
const COUNTED: [(&str, bool); 15] = [
    ("Connections", true),
    ("Open_files", false),
    ("Open_tables", false),
    ("Qcache_free_memory", false),
    ("Qcache_hits", true),
    ("Qcache_inserts", true),
    ("Qcache_lowmem_prunes", true),
    ("Qcache_not_cached", true),
    ("Qcache_queries_in_cache", false),
    ("Queries", true),
    ("Questions", true),
    ("Table_locks_waited", true),
    ("Threads_connected", false),
    ("Threads_running", false),
    ("Uptime", true),
];

#[derive(Debug, Default)]
struct Config {
    replica: bool,
    ignore_login: bool,
    thresholds: Thresholds,
}

/// What a server says of itself.
#[derive(Debug, Default)]
struct Measured {
    text: String,
    /// Rows of its status that are counted, in its order.
    status: Vec<Perfdata>,
    replica: Option<Result<Replica, Fault>>,
}

fn run(call: &mut Call) -> Outcome {
    let (client, config) = read(call)?;
    let deadline = call.deadline();
    let place = client.place(call, deadline)?;
    match measure(&place, config.replica, deadline) {
        Ok(Measured { replica: Some(Err(Fault::Talk(Error::Expired))), .. })
        | Err(Fault::Talk(Error::Expired)) => Err(Stop::Timeout),
        Err(Fault::Denied { version, .. }) if config.ignore_login => {
            Ok(Output::new(State::Ok, format!("MySQL OK - Version: {version} (protocol 10)")))
        }
        Err(fault) => Ok(Output::new(fault.state(), fault.to_string())),
        Ok(measured) => Ok(judge(&config, measured)),
    }
}

fn measure(place: &Place, replica: bool, deadline: Deadline) -> Result<Measured, Fault> {
    let mut connection = Connection::open(place, deadline)?;
    let text = connection.statistics()?;
    let status = match connection.query("show global status") {
        Ok(rows) => counted(&rows),
        // Who may not see it has none.
        Err(Fault::Refused { .. }) => Vec::new(),
        Err(fault) => return Err(fault),
    };
    let replica = replica.then(|| Replica::ask(&mut connection));
    Ok(Measured { text, status, replica })
}

fn counted(rows: &Rows) -> Vec<Perfdata> {
    let text =
        |value: &Option<Vec<u8>>| value.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let datum = |row: &Vec<Option<Vec<u8>>>| {
        let (name, value) = (text(row.first()?)?, text(row.get(1)?)?);
        let (name, grows) = COUNTED.iter().find(|(known, _)| *known == name)?;
        let datum = Perfdata::new(*name, Number::Integer(value.parse().ok()?)).form(Form::Padded);
        Some(datum.unit(if *grows { "c" } else { "" }))
    };
    rows.kept.iter().filter_map(datum).collect()
}

fn judge(config: &Config, measured: Measured) -> Output {
    let Measured { text, status, replica } = measured;
    let replica = match replica {
        None => return Output::new(State::Ok, text).perfs(status),
        Some(Err(fault)) => return Output::new(State::Critical, format!("slave query error: {fault}")),
        Some(Ok(Replica::None)) => return Output::new(State::Warning, "No slaves defined"),
        Some(Ok(Replica::Unknown)) => return Output::new(State::Critical, "Slave status unavailable"),
        Some(Ok(replica @ Replica::Runs(_))) => replica,
        Some(Ok(replica)) => return Output::new(State::Critical, replica.to_string()),
    };
    let behind = replica.behind();
    let state = behind.map_or(State::Ok, |seconds| config.thresholds.judge(seconds));
    let text = match state {
        State::Ok => format!("{text} {replica}"),
        state => format!("SLOW_SLAVE {state}: {replica}"),
    };
    let Thresholds { warning, critical } = &config.thresholds;
    let behind = behind.map(|seconds| {
        Perfdata::seconds("seconds behind master", seconds)
            .warn(warning.as_ref().map(Limit::decimal))
            .crit(critical.as_ref().map(Limit::decimal))
    });
    Output::new(state, text).perfs(status).perfs(behind)
}

impl Fault {
    /// What it means to 2.x.
    pub(super) fn state(&self) -> State {
        if let Self::Protocol(_) = self { State::Warning } else { State::Critical }
    }
}

fn read(call: &mut Call) -> Result<(Client, Config), Stop> {
    let (mut client, mut config) = (Client::default(), Config::default());
    let (mut warning, mut critical) = (None, None);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "S" => config.replica = true,
            "n" => config.ignore_login = true,
            "w" => warning = Some(found.text()),
            "c" => critical = Some(found.text()),
            _ => client.take(call, &found)?,
        }
    }
    client.take_words(options.words().into_iter().map(|word| word.to_string_lossy().into_owned()));
    config.thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    Ok((client, config))
}

#[cfg(test)]
mod tests;
