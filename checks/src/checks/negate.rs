//! `negate`: another check's state, turned round or replaced.

use std::ffi::OsString;

use crate::frame::{Call, Check};
use crate::options::{Arg, Found, Opt, Order, common};
use crate::output::{Outcome, Output, Stop};
use crate::process::{self, Finished};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "negate",
    aliases: &[],
    summary: "Runs a check and returns OK for its CRITICAL and CRITICAL for its OK, or what is asked for instead of each.",
    usage: "[-t seconds[:state]] [-T state] [-o state] [-w state] [-c state] [-u state] [-s] /path/to/check [arguments]",
    options: &[
        common::HELP,
        common::VERSION,
        Opt::new(
            "t",
            "timeout",
            Arg::Value("SECONDS[:STATE]"),
            "When to give up (11), and the state to give then (CRITICAL)",
        ),
        Opt::new("T", "timeout-result", Arg::Value("STATE"), "The state to give then"),
        Opt::new("o", "ok", Arg::Value("STATE"), "Instead of OK"),
        Opt::new("w", "warning", Arg::Value("STATE"), "Instead of WARNING"),
        Opt::new("c", "critical", Arg::Value("STATE"), "Instead of CRITICAL"),
        Opt::new("u", "unknown", Arg::Value("STATE"), "Instead of UNKNOWN"),
        Opt::new(
            "s",
            "substitute",
            Arg::No,
            "Also put the new state for the old one, in capitals, in the text",
        ),
    ],
    // They would be the other check's.
    extra_opts: false,
    timed_out: "Plugin timed out",
    run,
};

/// The state to give for each.
type Instead = [State; 4];

const TURNED: Instead = [State::Critical, State::Warning, State::Ok, State::Unknown];

#[derive(Debug, Default)]
struct Config {
    instead: Option<Instead>,
    substitute: bool,
}

fn run(call: &mut Call) -> Outcome {
    call.set_timeout(11);
    let mut config = Config::default();
    let mut options = call.options_in(Order::WordsLast);
    while let Some(found) = options.next()? {
        config.take(call, &found)?;
    }
    let command = options.words();
    let command = match command.as_slice() {
        [] => return Err(call.usage("Could not parse arguments")),
        // The whole of it in one word, as some write it.
        [line] => words(&line.to_string_lossy()),
        words => words.to_vec(),
    };
    let path = command.first().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    if !path.starts_with('/') && !path.starts_with("./") {
        return Err(call.usage("Require path to command"));
    }
    let deadline = call.deadline();
    match process::run(&command, deadline) {
        Ok(finished) => Ok(print(&config, &finished)),
        Err(process::Error::Expired) => Err(Stop::Timeout),
        // Why is not told, as by 2.x: scripts compare the whole of it.
        Err(process::Error::System(_)) => Ok(Output::new(State::Unknown, "No data returned from command")),
    }
}

fn judge(config: &Config, state: State) -> State {
    config.instead.unwrap_or(TURNED)[usize::from(state.code())]
}

fn print(config: &Config, finished: &Finished) -> Output {
    // Above 3, or a signal: Icinga would make UNKNOWN of it.
    let state = finished.code.and_then(State::from_code).unwrap_or(State::Unknown);
    let text = String::from_utf8_lossy(&finished.stdout);
    let text = text.trim_end_matches('\n');
    if text.is_empty() {
        return with_errors(
            Output::new(state.worst(State::Unknown), "No data returned from command"),
            finished,
        );
    }
    let instead = judge(config, state);
    let text = if config.substitute { text.replace(state.name(), instead.name()) } else { text.to_owned() };
    with_errors(Output::raw(instead, text), finished)
}

/// What the other check had to complain of comes after what it said.
fn with_errors(output: Output, finished: &Finished) -> Output {
    let errors = String::from_utf8_lossy(&finished.stderr).replace('|', "¦");
    errors.lines().fold(output, |output, line| output.line(line))
}

impl Config {
    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let named = |name: &str| {
            State::parse(&found.text()).ok_or_else(|| {
                let states = "(OK, WARNING, CRITICAL, UNKNOWN) or integer (0-3).";
                call.usage(&format!("{name} must be a valid state name {states}"))
            })
        };
        let (which, state) = match found.key {
            "o" => (State::Ok, named("Ok")?),
            "w" => (State::Warning, named("Warning")?),
            "c" => (State::Critical, named("Critical")?),
            "u" => (State::Unknown, named("Unknown")?),
            "T" => {
                let state = named("Timeout result")?;
                call.set_timeout_state(state);
                return Ok(());
            }
            "s" => {
                self.substitute = true;
                return Ok(());
            }
            _ if call.take_timeout(&found.text()) => return Ok(()),
            _ => {
                let text = found.text();
                return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}")));
            }
        };
        self.instead.get_or_insert(State::ALL)[usize::from(which.code())] = state;
        Ok(())
    }
}

/// The words of a line, in which quotes keep spaces.
fn words(line: &str) -> Vec<OsString> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_ascii_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(config: &Config, code: Option<i32>, stdout: &str, stderr: &str) -> (State, String) {
        let finished = Finished { code, stdout: stdout.into(), stderr: stderr.into() };
        let output = print(config, &finished);
        (output.state(), output.render())
    }

    #[test]
    fn ok_and_critical_change_places_and_the_text_stays() {
        let config = Config::default();
        assert_eq!(
            shown(&config, Some(0), "OK: a|b=1\nmore\n", ""),
            (State::Critical, "OK: a|b=1\nmore\n".into())
        );
        assert_eq!(shown(&config, Some(2), "x\n", ""), (State::Ok, "x\n".into()));
        assert_eq!(shown(&config, Some(1), "x\n", ""), (State::Warning, "x\n".into()));
        assert_eq!(shown(&config, Some(9), "x\n", "e|f=1\n"), (State::Unknown, "x\ne¦f=1\n".into()));
        assert_eq!(shown(&config, None, "", ""), (State::Unknown, "No data returned from command\n".into()));
        assert_eq!(shown(&config, Some(2), "\n", "").0, State::Critical);
    }

    #[test]
    fn a_state_named_for_one_leaves_the_others() {
        let config = Config {
            instead: Some([State::Warning, State::Ok, State::Critical, State::Unknown]),
            substitute: true,
        };
        assert_eq!(
            shown(&config, Some(0), "OK: OK, not CRITICAL\n", "").1,
            "WARNING: WARNING, not CRITICAL\n"
        );
        assert_eq!(shown(&config, Some(1), "WARNING\n", ""), (State::Ok, "OK\n".into()));
        assert_eq!(shown(&config, Some(2), "x\n", "").0, State::Critical);
    }

    #[test]
    fn a_line_is_split_as_a_shell_would_for_quotes() {
        assert_eq!(words(r#" /x  'a b'c "" "d'e" "#), ["/x", "a bc", "", "d'e"].map(OsString::from));
    }
}
