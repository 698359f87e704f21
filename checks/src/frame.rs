//! What surrounds every check: finds it by name, gives it its command line, prints what it says and hands back the exit
//! code. Besides the alarm of `deadline`, nothing else prints.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd as _;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::checks;
use crate::deadline::{self, Deadline, Limit};
use crate::options::{Found, Opt, Options, Order, value};
use crate::output::{Outcome, Output, Stop};
use crate::state::State;
use crate::{extra_opts, help};

/// One check: a row of `checks::ALL`.
#[derive(Debug)]
pub struct Check {
    /// The program it is called by.
    pub name: &'static str,
    /// More names it is called by.
    pub aliases: &'static [&'static str],
    /// What it checks, in a line.
    pub summary: &'static str,
    /// Its arguments, in lines.
    pub usage: &'static str,
    /// All its options.
    pub options: &'static [Opt],
    /// Whether `--extra-opts` is looked up before the options: not for what runs another command.
    pub extra_opts: bool,
    /// What it says when its time is over: `Socket timeout` or `Plugin timed out`, or all of the line with `{}` for the state.
    pub timed_out: &'static str,
    /// Does it.
    pub run: fn(&mut Call) -> Outcome,
}

/// One call of a check.
#[derive(Debug)]
pub struct Call {
    /// The check.
    pub check: &'static Check,
    /// The name it was called by, without directories: `check_ftp` of `check_tcp`.
    pub name: String,
    /// The program as the caller named it, as getopt's messages begin.
    pub program: String,
    /// Its arguments, those of `--extra-opts` first.
    pub args: Vec<OsString>,
    /// How often `-v` was given: see `Call::common`.
    pub verbose: u32,
    started: Instant,
    timeout: u32,
    timeout_state: State,
    limit: Option<Limit>,
}

/// The seconds a check is given by default.
pub const TIMEOUT: u32 = 10;

impl Call {
    /// The call of a check by one of its names.
    pub fn new(check: &'static Check, program: &str, args: Vec<OsString>) -> Self {
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        Self {
            check,
            name,
            program: program.to_owned(),
            args,
            verbose: 0,
            started: Instant::now(),
            timeout: TIMEOUT,
            timeout_state: State::Critical,
            limit: None,
        }
    }

    /// The options of this call, in any order with its words.
    pub fn options(&self) -> Options<'static> {
        self.options_in(Order::Any)
    }

    /// The options of this call.
    pub fn options_in(&self, order: Order) -> Options<'static> {
        Options::new(&self.program, self.check.options, order, &self.args)
    }

    /// Takes an option that means the same in every check, `-t` and `-v`; any other is left alone.
    pub fn common(&mut self, found: &Found) -> Result<(), Stop> {
        match found.key {
            "t" if self.take_timeout(&found.text()) => {}
            "t" => return Err(self.usage("Timeout interval must be a positive integer")),
            "v" => self.verbose += 1,
            _ => {}
        }
        Ok(())
    }

    /// Takes the value of `-t`; false if it is none, for checks whose 2.x has another text for that.
    pub fn take_timeout(&mut self, text: &str) -> bool {
        let taken = value::timeout(text);
        if let Some((seconds, state)) = taken {
            self.timeout = seconds;
            self.timeout_state = state.unwrap_or(self.timeout_state);
        }
        taken.is_some()
    }

    /// A fault of the command line, told as 2.x does.
    pub fn usage(&self, what: &str) -> Stop {
        Stop::Usage(format!("{}: {what}", self.name))
    }

    /// Sets another state than CRITICAL for the end of the time, for checks whose 2.x has one.
    pub const fn set_timeout_state(&mut self, state: State) {
        self.timeout_state = state;
    }

    /// Sets another time than 10 seconds, for checks whose 2.x has one.
    pub const fn set_timeout(&mut self, seconds: u32) {
        self.timeout = seconds;
    }

    /// The seconds of `-t`.
    pub const fn timeout(&self) -> u32 {
        self.timeout
    }

    /// The state of the end of the time.
    pub const fn timeout_state(&self) -> State {
        self.timeout_state
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Begins the time of `-t`, counted from the start of the process: call it when the options are read.
    pub fn deadline(&mut self) -> Deadline {
        let (state, what, seconds) = (self.timeout_state, self.check.timed_out, self.timeout);
        let line = match what.split_once("{}") {
            None => format!("{state} - {what} after {seconds} seconds"),
            Some((before, after)) => format!("{before}{state}{after} after {seconds} seconds."),
        };
        let limit = Limit { seconds, state, line };
        let deadline = limit.arm(self.started);
        self.limit = Some(limit);
        deadline
    }

    fn render(&self, outcome: Outcome) -> (State, String) {
        match outcome {
            Ok(output) => (output.state(), output.render()),
            Err(Stop::Done(output)) => (output.state(), output.render()),
            Err(Stop::Help) => (State::Unknown, help::help(self)),
            Err(Stop::Version) => (State::Unknown, help::version(self)),
            Err(Stop::Usage(what)) => (State::Unknown, format!("{what}\n{}", help::usage(self))),
            Err(Stop::Timeout) => {
                let limit = self.limit.as_ref();
                let line = limit.map_or("CRITICAL - timed out", |limit| &limit.line);
                (self.timeout_state, format!("{line}\n"))
            }
        }
    }
}

/// Runs what a command line calls for, and gives the exit code of it.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    silence_stderr();
    let mut args = args.into_iter();
    let program = args.next().unwrap_or_default();
    let (state, text) = match find(&program, &mut args) {
        Ok((check, program)) => outcome(&mut Call::new(check, &program, args.collect())),
        Err(text) => (State::Unknown, text),
    };
    deadline::printing(state);
    print(text.as_bytes());
    ExitCode::from(state.code())
}

/// The state and the text that a call comes to, be it by a panic. From here on panics of the process say nothing.
pub fn outcome(call: &mut Call) -> (State, String) {
    catch_panics();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| perform(call)));
    call.render(outcome.unwrap_or_else(|_| Err(Stop::unknown(panicked(&call.name)))))
}

fn perform(call: &mut Call) -> Outcome {
    if call.check.extra_opts && extra_opts::asked_for(&call.args) {
        // The file may be one that does not answer.
        call.deadline();
        call.args = extra_opts::expand(std::mem::take(&mut call.args), &call.name)?;
    }
    (call.check.run)(call)
}

/// The check a program's name stands for; called by its own name, the first argument is that.
fn find(
    program: &OsStr,
    args: &mut impl Iterator<Item = OsString>,
) -> Result<(&'static Check, String), String> {
    let program = program.to_string_lossy();
    if let Some(check) = checks::find(program.rsplit('/').next().unwrap_or_default()) {
        return Ok((check, program.into_owned()));
    }
    let name = args.next().unwrap_or_default();
    let name = name.to_string_lossy();
    match checks::find(&name) {
        Some(check) => Ok((check, name.into_owned())),
        None => Err(help::list(&name)),
    }
}

/// Whatever a library or the run-time system has to say there would end up in Icinga's first line.
fn silence_stderr() {
    let null = rustix::fs::open("/dev/null", rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty());
    if let Ok(null) = null {
        // Without it only a message nobody should see is lost to nobody.
        let _ = rustix::stdio::dup2_stderr(null.as_fd());
    }
}

static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn catch_panics() {
    panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("no message");
        let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        if let Ok(mut message) = PANIC.lock() {
            *message = Some(format!("{what}{}", place.unwrap_or_default()).replace('\n', " "));
        }
    }));
}

fn panicked(name: &str) -> String {
    let message = PANIC.lock().ok().and_then(|mut message| message.take()).unwrap_or_default();
    format!("{name} UNKNOWN - a fault of the check itself: {message}")
}

/// A reader that is gone is no one to tell.
fn print(mut text: &[u8]) {
    let stdout = rustix::stdio::stdout();
    while !text.is_empty() {
        match rustix::io::write(stdout, text) {
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
    }
}

/// An output of a state and a text, when that is all.
pub fn done(state: State, text: impl Into<String>) -> Outcome {
    Ok(Output::new(state, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(check: &str, args: &[&str]) -> (State, String) {
        let check = checks::find(check).unwrap();
        let mut call = Call::new(check, check.name, args.iter().map(OsString::from).collect());
        let outcome = perform(&mut call);
        call.render(outcome)
    }

    #[test]
    fn misuse_help_and_version_are_unknown() {
        let (state, text) = shown("check_tcp", &["--foo"]);
        assert_eq!(state, State::Unknown);
        assert!(text.starts_with("check_tcp: unrecognized option '--foo'\nUsage:\n check_tcp -H"), "{text}");
        assert_eq!(shown("check_tcp", &["-V"]), (State::Unknown, help::version_line("check_tcp") + "\n"));
        let (state, text) = shown("check_tcp", &["-h"]);
        assert_eq!(state, State::Unknown);
        assert!(text.contains("\n -H, --hostname=ADDRESS\n"), "{text}");
    }

    #[test]
    fn a_check_is_found_by_its_program_or_by_the_first_argument() {
        let found = |program: &str, args: &[&str]| {
            let mut args = args.iter().map(OsString::from);
            find(OsStr::new(program), &mut args).map(|(check, name)| (check.name, name))
        };
        assert_eq!(found("/x/check_tcp", &["y"]), Ok(("check_tcp", "/x/check_tcp".to_owned())));
        assert_eq!(found("check_ftp", &[]), Ok(("check_tcp", "check_ftp".to_owned())));
        assert_eq!(found("plimsoll-checks", &["check_dummy"]), Ok(("check_dummy", "check_dummy".to_owned())));
        assert!(found("plimsoll-checks", &["x"]).is_err_and(|text| text.starts_with("no check called 'x'")));
        assert!(found("plimsoll-checks", &[]).is_err());
    }
}
