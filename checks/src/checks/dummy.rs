//! `check_dummy STATE [TEXT]`: is what it is told to be.

use crate::frame::{Call, Check};
use crate::options::{Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_dummy",
    aliases: &[],
    summary: "Returns the state it is given, with a text if there is one.",
    usage: "<integer state> [optional text]",
    options: &[common::HELP, common::VERSION] as &[Opt],
    extra_opts: false,
    timed_out: "Plugin timed out",
    run,
};

/// As in 2.x only a first `-h` or `-V` is an option: all else may be part of the text.
fn run(call: &mut Call) -> Outcome {
    let words: Vec<String> = call.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Err(call.usage("Could not parse arguments")),
        ["-h" | "--help", ..] => Err(Stop::Help),
        ["-V" | "--version", ..] => Err(Stop::Version),
        [state, rest @ ..] => {
            let Some(code) = value::integer(state.trim_ascii()) else {
                return Err(call.usage("Arguments to check_dummy must be an integer"));
            };
            Ok(print(code, rest.first().copied()))
        }
    }
}

fn print(code: i64, text: Option<&str>) -> Output {
    let Some(state) = i32::try_from(code).ok().and_then(State::from_code) else {
        return Output::new(State::Unknown, format!("UNKNOWN: Status {code} is not a supported error state"));
    };
    match text {
        Some(text) => Output::raw(state, format!("{state}: {text}")),
        None => Output::new(state, state.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_may_have_perfdata_of_its_own() {
        assert_eq!(print(0, Some("a|b=1")).render(), "OK: a|b=1\n");
        assert_eq!(print(2, None).render(), "CRITICAL\n");
        assert_eq!(print(1, Some("")).render(), "WARNING: \n");
        let odd = print(7, Some("x"));
        assert_eq!(
            (odd.state(), odd.render().as_str()),
            (State::Unknown, "UNKNOWN: Status 7 is not a supported error state\n")
        );
    }
}
