//! `check_redis`: what a Redis server says of itself, with the main options of the contributed plugin of that name.

use std::time::Instant;

use crate::findings::Findings;
use crate::frame::{Call, Check};
use crate::net::talk::{Error, Talk};
use crate::output::{Outcome, Output, Stop};
use crate::range::Thresholds;
use crate::state::State;
use crate::tls::{self, Transport};

mod config;
pub mod info;
pub mod reply;
mod rule;

use config::Config;
use info::Info;
use reply::{Reply, command};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_redis",
    aliases: &[],
    summary: "Asks a Redis server how it is: time, hit rate, memory, replication, and any number that INFO has.",
    usage: "-H host [-p port] [-4] [-6] [-x password/-C file] [-D database] [-S] [--verify-cert] [--ca-cert file]\n\
            [-T warn,crit] [-R warn,crit] [-m warn,crit [-M bytes]] [-r warn,crit]\n\
            [-a name,... -w threshold,... -c threshold,...] [-A name,...] [-t seconds[:state]]",
    options: config::OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let start = Instant::now();
    let stream = config.host.connect(call, deadline)?;
    let info = match &config.tls {
        None => measure(stream, &config),
        Some(wanted) => measure(tls::connect(stream, &config.host.name, wanted)?, &config),
    };
    let info = info.map_err(|fault| match fault {
        Fault::Talk(Error::Expired) => Stop::Timeout,
        fault => Stop::with(State::Critical, format!("REDIS CRITICAL - {fault}")),
    })?;
    Ok(judge(&config, &info, start.elapsed().as_secs_f64()))
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Talk(#[from] Error),
    #[error("{0}")]
    Refused(String),
}

fn measure(transport: impl Transport, config: &Config) -> Result<Info, Fault> {
    let mut talk = Talk::new(transport);
    let mut ask = |words: &[&str]| -> Result<Reply, Fault> {
        talk.say(&command(words))?;
        match talk.hear(Reply::take)? {
            Reply::Error(text) => Err(Fault::Refused(text)),
            reply => Ok(reply),
        }
    };
    if let Some(password) = &config.password {
        match &config.user {
            Some(user) => ask(&["AUTH", user, password])?,
            None => ask(&["AUTH", password])?,
        };
    }
    if let Some(database) = &config.database {
        ask(&["SELECT", database])?;
    }
    match ask(&["INFO"])? {
        Reply::Text(bytes) => Ok(Info::parse(&String::from_utf8_lossy(&bytes))),
        _ => Err(Error::Unreadable.into()),
    }
}

fn judge(config: &Config, info: &Info, seconds: f64) -> Output {
    let mut findings = Findings::default();
    let (version, keys) = (info.text("redis_version").unwrap_or("of no version"), info.keys());
    findings.note(State::Ok, format!("Redis {version} with {keys} keys answers in {seconds:.3} seconds"));
    if let Some(rules) = &config.time {
        findings.judged(("response_time", "s"), seconds, rules.judge(seconds), None);
    } else {
        findings.datum(("response_time", "s"), seconds, &Thresholds::default());
    }
    let percent = |value: f64| (value * 100.0).round() / 100.0;
    let values = [
        ("hitrate", "%", &config.hit_rate, info.hit_rate().map(percent), "hit rate"),
        ("memory_utilization", "%", &config.memory, info.memory(config.total).map(percent), "memory"),
        ("replication_delay", "s", &config.replication, info.replication_delay(), "replication delay"),
    ];
    for (label, unit, rules, value, what) in values {
        match (rules, value) {
            (Some(rules), Some(value)) => {
                findings.judged(
                    (label, unit),
                    value,
                    rules.judge(value),
                    Some(format!("{what} {value}{unit}")),
                );
            }
            (Some(_), None) if label == "hitrate" => findings.note(State::Ok, "no hit rate yet"),
            (Some(_), None) if label == "replication_delay" => findings.note(State::Ok, "no replica"),
            (Some(_), None) => findings.note(State::Unknown, format!("no {what} is told")),
            (None, _) => {}
        }
    }
    if info.text("role") == Some("slave") && info.text("master_link_status") != Some("up") {
        findings.note(State::Critical, "the link to the master is down");
    }
    for (name, rules) in &config.variables {
        match info.text(name) {
            None => findings.note(State::Unknown, format!("{name} is not there")),
            Some(text) => match crate::options::value::number(text) {
                Some(value) => {
                    findings.judged(
                        (name.clone(), ""),
                        value,
                        rules.judge(value),
                        Some(format!("{name} is {text}")),
                    );
                }
                None => findings.note(rules.judge_text(text), format!("{name} is {text}")),
            },
        }
    }
    for name in &config.shown {
        if let Some(value) = info.text(name).and_then(crate::options::value::number) {
            findings.judged((name.clone(), ""), value, State::Ok, None);
        }
    }
    findings.output("REDIS")
}

#[cfg(test)]
mod tests;
