//! `check_smtp`: a conversation with a mail server, be it over TLS, with commands and a login.

use std::time::Instant;

use crate::frame::{Call, Check};
use crate::host::Host;
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::regex::Regex;
use crate::state::State;

mod config;
mod dialogue;
pub mod reply;

use config::Config;
pub use dialogue::{Error, Login, LoginFault, Measured, Probe, Tls, measure};
pub use reply::Reply;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_smtp",
    aliases: &[],
    summary: "Talks to a mail server: its greeting, STARTTLS, commands, a login, its certificate.",
    usage: "-H host [-p port] [-4] [-6] [-e expect] [-C command]... [-R response]... [-f from addr]\n\
            [-A authtype -U authuser -P authpass] [-w warn] [-c crit] [-t seconds[:state]] [-q] [-r] [-F fqdn]\n\
            [-S] [-s] [--sni] [-L] [-D warn days[,critical days]] [-v]",
    options: config::OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

fn run(call: &mut Call) -> Outcome {
    let mut config = Config::read(call)?;
    let deadline = call.deadline();
    if config.probe.name.is_empty() {
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        config.probe.name = own.trim().to_owned();
    }
    let start = Instant::now();
    let stream = config.host.connect(call, deadline)?;
    match measure(stream, &config.host.name, &config.probe, start) {
        Ok(measured) => {
            let output = print(&config, judge(&config, &measured), &measured);
            let said = if call.verbose > 0 { measured.heard.as_slice() } else { &[] };
            Ok(said.iter().fold(output, |output, reply| output.line(reply.text())))
        }
        Err(error) => failed(&config.host, error),
    }
}

/// In the words of 2.x, each with the state that it has there.
fn failed(host: &Host, error: Error) -> Outcome {
    let (state, text) = match error {
        Error::Expired => return Err(Stop::Timeout),
        Error::Stop(stop) => return Err(stop),
        Error::Silent => (State::Warning, "recv() failed".to_owned()),
        Error::Unexpected(answer) => {
            let port = if host.port == 25 { String::new() } else { format!(" on port {}", host.port) };
            (State::Warning, format!("Invalid SMTP response received from host{port}: {answer}"))
        }
        Error::NoTls => (State::Warning, "WARNING - TLS not supported by server".to_owned()),
        Error::TlsRefused => (State::Unknown, "Server does not support STARTTLS".to_owned()),
        Error::SilentTls => (State::Unknown, "SMTP UNKNOWN - Cannot read EHLO response via TLS.".to_owned()),
        Error::Closed => {
            (State::Unknown, "Connection closed by server before sending QUIT command".to_owned())
        }
    };
    Ok(Output::new(state, text))
}

/// The commands whose answer is not the expected one, with that answer.
fn mismatches<'a>(config: &'a Config, measured: &'a Measured) -> Vec<(&'a str, String)> {
    let asked = config.responses.iter().zip(&config.probe.commands).zip(&measured.answers);
    let wrong = asked.filter(|((regex, _), answer)| !matches(regex, answer.as_ref()));
    wrong.map(|((_, command), answer)| (command.as_str(), text(answer.as_ref()))).collect()
}

fn matches(regex: &Regex, answer: Option<&Reply>) -> bool {
    regex.is_match(text(answer).as_bytes())
}

fn text(answer: Option<&Reply>) -> String {
    answer.map(Reply::text).unwrap_or_default()
}

fn judge(config: &Config, measured: &Measured) -> State {
    let commands = if mismatches(config, measured).is_empty() { State::Ok } else { State::Warning };
    let login = measured.login.map_or(State::Ok, |fault| match fault {
        LoginFault::Silent => State::Warning,
        _ => State::Critical,
    });
    let beyond = |limit: Option<f64>| limit.is_some_and(|limit| measured.seconds > limit);
    match (commands.worst(login), beyond(config.critical), beyond(config.warning)) {
        (State::Ok, true, _) => State::Critical,
        (State::Ok, false, true) => State::Warning,
        (state, _, _) => state,
    }
}

fn print(config: &Config, state: State, measured: &Measured) -> Output {
    let login = measured.login.map(|fault| format!("{fault}, ")).unwrap_or_default();
    let summary = format!("SMTP {state} - {login}{:.3} sec. response time", measured.seconds);
    let mut lines = mismatches(config, measured).into_iter().map(|(command, answer)| {
        format!("SMTP {} - Invalid response '{answer}' to command '{command}'", State::Warning)
    });
    let limit = |limit: Option<f64>| limit.map(Number::float);
    let time = Perfdata::seconds("time", measured.seconds)
        .warn(limit(config.warning))
        .crit(limit(config.critical))
        .min(Number::float(0.0));
    match lines.next() {
        None => Output::new(state, summary).perf(time),
        // As in 2.x the summary then comes last.
        Some(first) => {
            let output = lines.fold(Output::new(state, first).perf(time), Output::line);
            output.line(summary)
        }
    }
}

#[cfg(test)]
mod tests;
