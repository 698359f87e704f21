//! `check_time`: whether this host's clock is synchronized, as its kernel knows; with `-H`, as 2.x, what time a server of RFC 868
//! has.

mod server;

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_time",
    aliases: &[],
    summary: "Judges whether this host's clock is synchronized, or with -H the time of a server by the protocol of that name.",
    usage: "[-w max_error] [-c max_error] [-s state]\n-H <host_address> [-p port] [-u] [-w variance] [-c variance]\n\
            [-W connect_time] [-C connect_time] [-t timeout]",
    options: &[
        Opt::new(
            "w",
            "warning-variance",
            Arg::Value("LIMIT"),
            "Warn when the clock may be further off, a range of seconds; of a server, whole seconds",
        ),
        Opt::new("c", "critical-variance", Arg::Value("LIMIT"), "Critical when the clock may be further off"),
        Opt::new(
            "s",
            "unsynchronized",
            Arg::Value("STATE"),
            "The state when nothing synchronizes the clock (CRITICAL)",
        ),
        common::HOSTNAME,
        Opt::new("p", "port", Arg::Value("NUMBER"), "Port of the server (37)"),
        Opt::new("u", "udp", Arg::No, "Ask the server by UDP, not by TCP"),
        Opt::new("W", "warning-connect", Arg::Value("SECONDS"), "Warn when the server takes longer"),
        Opt::new("C", "critical-connect", Arg::Value("SECONDS"), "Critical when the server takes longer"),
        common::VERBOSE,
        common::TIMEOUT,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

/// What was given.
#[derive(Clone, Debug, Default, PartialEq)]
struct Given {
    warning: Option<String>,
    critical: Option<String>,
    unsynchronized: Option<State>,
    host: Option<String>,
    port: Option<u16>,
    udp: bool,
    warning_time: Option<u32>,
    critical_time: Option<u32>,
}

/// What the kernel knows of its clock, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Clock {
    synchronized: bool,
    /// What is still to be added to it.
    offset: f64,
    /// How far off it is likely to be, and how far at most.
    errors: [f64; 2],
    /// Parts of a million by which it is made faster.
    frequency: f64,
}

fn run(call: &mut Call) -> Outcome {
    let given = configure(call)?;
    if let Some(host) = &given.host {
        return server::run(call, &given, host);
    }
    let thresholds = Thresholds::parse(given.warning.as_deref(), given.critical.as_deref())?;
    let _deadline = call.deadline();
    let clock =
        measure().map_err(|error| Stop::unknown(format!("TIME UNKNOWN - {}", crate::words(&error))))?;
    Ok(print(judge(&thresholds, given.unsynchronized, &clock), &thresholds, &clock))
}

fn configure(call: &mut Call) -> Result<Given, Stop> {
    use crate::options::value;
    let mut given = Given::default();
    let mut options = call.options();
    while let Some(found) = options.next()? {
        let text = found.text();
        let whole = |name: &str| {
            let words = format!("{name} threshold must be a positive integer");
            value::not_negative(&text).map(Some).ok_or_else(|| call.usage(&words))
        };
        match found.key {
            "w" => given.warning = Some(text),
            "c" => given.critical = Some(text),
            "s" => {
                let wrong = || call.usage(&format!("No state: {text}"));
                given.unsynchronized = Some(State::parse(&text).ok_or_else(wrong)?);
            }
            "H" => given.host = Some(text),
            "p" => {
                let port = value::port(&text);
                given.port = Some(port.ok_or_else(|| call.usage("Port must be a positive integer"))?);
            }
            "u" => given.udp = true,
            "W" => given.warning_time = whole("Warning")?,
            "C" => given.critical_time = whole("Critical")?,
            "t" if !call.take_timeout(&text) => {
                return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}")));
            }
            "t" => {}
            _ => call.common(&found)?,
        }
    }
    let word = options.words().first().map(|word| word.to_string_lossy().into_owned());
    given.host = given.host.or(word);
    Ok(given)
}

fn measure() -> Result<Clock, std::io::Error> {
    // SAFETY: zeroes are a valid timex, one that asks and changes nothing; the kernel writes no further than it.
    let (result, time) = unsafe {
        let mut time: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut time), time)
    };
    if result < 0 {
        return Err(std::io::Error::last_os_error());
    }
    let unit = if time.status & libc::STA_NANO == 0 { 1e-6 } else { 1e-9 };
    Ok(Clock {
        synchronized: time.status & libc::STA_UNSYNC == 0,
        offset: time.offset as f64 * unit,
        errors: [time.esterror as f64 * 1e-6, time.maxerror as f64 * 1e-6],
        frequency: time.freq as f64 / 65536.0,
    })
}

fn judge(thresholds: &Thresholds, unsynchronized: Option<State>, clock: &Clock) -> State {
    if clock.synchronized {
        thresholds.judge(clock.errors[1])
    } else {
        unsynchronized.unwrap_or(State::Critical)
    }
}

fn print(state: State, thresholds: &Thresholds, clock: &Clock) -> Output {
    let Clock { synchronized, offset, errors: [likely, most], frequency } = clock;
    let text = if *synchronized {
        format!("TIME {state} - the clock is synchronized, and off by no more than {most:.6} s")
    } else {
        format!("TIME {state} - nothing synchronizes the clock")
    };
    let seconds = |label: &'static str, seconds: f64| Perfdata::seconds(label, seconds).form(Form::Trimmed);
    let output = Output::new(state, text).perf(seconds("offset", *offset));
    // What nobody tells the kernel it makes up.
    let errors = synchronized.then(|| {
        let most =
            seconds("maxerror", *most).warn(thresholds.warning.as_ref()).crit(thresholds.critical.as_ref());
        [most.min(Number::Integer(0)), seconds("esterror", *likely).min(Number::Integer(0))]
    });
    output
        .perfs(errors.into_iter().flatten())
        .perf(Perfdata::new("frequency", Number::Fixed(*frequency, 3)).form(Form::Trimmed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { synchronized: true, offset: -0.25, errors: [0.001, 0.5], frequency: 12.5 };

    fn line(warning: &str, critical: &str, clock: &Clock) -> String {
        let thresholds = Thresholds::parse(Some(warning), Some(critical)).expect("ranges");
        print(judge(&thresholds, None, clock), &thresholds, clock).render()
    }

    #[test]
    fn how_far_off_the_clock_may_be_is_judged() {
        assert_eq!(
            line("0.5", "1", &CLOCK),
            "TIME OK - the clock is synchronized, and off by no more than 0.500000 s|offset=-0.250000s \
             maxerror=0.500000s;0.5;1;0 esterror=0.001000s;;;0 frequency=12.500\n"
        );
        assert!(line("0.4", "1", &CLOCK).starts_with("TIME WARNING - "));
        assert!(line("0.1", "0.4", &CLOCK).starts_with("TIME CRITICAL - "));
    }

    #[test]
    fn a_clock_that_runs_free_has_a_state_of_its_own() {
        let free = Clock { synchronized: false, ..CLOCK };
        let text = "TIME CRITICAL - nothing synchronizes the clock|offset=-0.250000s frequency=12.500\n";
        assert_eq!(line("5", "9", &free), text);
        assert_eq!(judge(&Thresholds::default(), Some(State::Warning), &free), State::Warning);
        assert_eq!(judge(&Thresholds::default(), Some(State::Warning), &CLOCK), State::Ok);
    }

    #[test]
    fn this_kernel_tells() {
        let clock = measure().expect("adjtimex");
        assert!(clock.errors.iter().all(|error| *error >= 0.0), "{clock:?}");
    }
}
