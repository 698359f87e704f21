//! `check_by_ssh`: has a check run on another host by `ssh`, and says what that said.

use std::ffi::OsString;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::frame::{Call, Check};
use crate::output::{Outcome, Output, Stop};
use crate::process::{self, Finished};
use crate::state::State;

mod config;

use config::{Config, Passive};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_by_ssh",
    aliases: &[],
    summary: "Has a check run on another host by SSH, and says what that said.",
    usage: "-H <host> -C <command> [-fqvU] [-1] [-2] [-4] [-6]\n\
            [-S [lines]] [-E [lines]] [-W] [-t timeout[:state]] [-i identity]\n\
            [-l user] [-n name] [-s servicelist] [-O outputfile]\n\
            [-p port] [-o ssh-option] [-F configfile]",
    options: config::OPTIONS,
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

const SSH: &str = "/usr/bin/ssh";
/// What `ssh` ends with when it is not the other host's word.
const NO_CONNECTION: i32 = 255;
/// What stands before the exit code of each of several commands.
const STATUS: &str = "STATUS CODE: ";

/// What one of several commands came to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answered {
    code: i32,
    text: String,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let command: Vec<OsString> = [SSH].into_iter().map(OsString::from).chain(config.words.clone()).collect();
    let finished = process::run(&command, deadline).map_err(|error| match error {
        process::Error::Expired => Stop::Timeout,
        error => Stop::unknown(format!("{SSH}: {error}")),
    })?;
    let output = judge(&config, &finished);
    let output = match (&config.passive, output) {
        (Some(passive), Ok(results)) => {
            hand_over(passive, &results, state(finished.code).unwrap_or(State::Unknown))?
        }
        (None, Ok(_)) => said(&config, &finished),
        (_, Err(output)) => output,
    };
    Ok(if call.verbose > 0 { told(output, &command, &finished) } else { output })
}

/// What was asked for passive results of; an error of the connection or of what the other host complains about.
fn judge(config: &Config, finished: &Finished) -> Result<Vec<Answered>, Output> {
    let complaints = lines(&finished.stderr);
    if finished.code == Some(NO_CONNECTION) && config.unknown {
        let first = complaints.first().map_or("(no error output)", |line| line);
        return Err(Output::new(State::Unknown, format!("SSH connection failed: {first}")));
    }
    if let Some(complaint) = config.skipped_errors.of(&complaints).first() {
        let base = if config.warn_on_errors { State::Warning } else { State::Unknown };
        let state = state(finished.code).map_or(base, |state| state.worst(base));
        return Err(Output::new(state, format!("Remote command execution failed: {complaint}")));
    }
    if config.passive.is_none() {
        return Ok(Vec::new());
    }
    let lines = lines(&finished.stdout);
    results(config.skipped.of(&lines))
        .ok_or_else(|| Output::new(State::Unknown, "check_by_ssh: Error parsing output"))
}

/// A line of each command, and its exit code in the next.
fn results(lines: &[String]) -> Option<Vec<Answered>> {
    let pair = |pair: &[String]| {
        let [text, status] = pair else { return None };
        let (_, code) = status.split_once(STATUS)?;
        Some(Answered { code: code.trim().parse().ok()?, text: text.clone() })
    };
    lines.chunks(2).map(pair).collect()
}

/// What the other host's check said, its perfdata with it.
fn said(config: &Config, finished: &Finished) -> Output {
    let state = state(finished.code).unwrap_or(State::Unknown);
    let lines = lines(&finished.stdout);
    match config.skipped.of(&lines) {
        [] => {
            let code = finished.code.unwrap_or(-1);
            let remote = &config.remote;
            Output::new(
                state,
                format!("{state} - check_by_ssh: Remote command '{remote}' returned status {code}"),
            )
        }
        lines => Output::raw(state, lines.join("\n")),
    }
}

/// Writes them to where Nagios takes external commands from.
fn hand_over(passive: &Passive, results: &[Answered], state: State) -> Result<Output, Stop> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut text = String::new();
    for (service, Answered { code, text: said }) in passive.services.iter().zip(results) {
        let host = &passive.host;
        text.push_str(&format!("[{now}] PROCESS_SERVICE_CHECK_RESULT;{host};{service};{code};{said}\n"));
    }
    let file = std::fs::OpenOptions::new().append(true).create(true).open(&passive.file);
    // At once: others write to it too.
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let text = format!("SSH WARNING: could not open {}: {}", passive.file, crate::words(&error));
        Stop::unknown(text)
    })?;
    let count = results.len().min(passive.services.len());
    Ok(Output::new(state, format!("{state} - check_by_ssh: {count} results handed over")))
}

fn told(output: Output, command: &[OsString], finished: &Finished) -> Output {
    let words: Vec<String> = command.iter().map(|word| word.to_string_lossy().replace('|', "¦")).collect();
    let mut output = output.line(format!("Command: {}", words.join(" ")));
    for line in lines(&finished.stderr) {
        output = output.line(format!("stderr: {}", line.replace('|', "¦")));
    }
    output
}

fn state(code: Option<i32>) -> Option<State> {
    code.and_then(State::from_code)
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
