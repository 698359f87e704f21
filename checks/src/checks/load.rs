//! `check_load`: the load averages, and who is on the CPUs.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::processes::{self, Process, Wants};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_load",
    aliases: &[],
    summary: "Judges the load averages of this host, of all its CPUs or for each of them.",
    usage: "[-r] -w WLOAD1,WLOAD5,WLOAD15 -c CLOAD1,CLOAD5,CLOAD15 [-n NUMBER_OF_PROCS]",
    options: &[
        Opt::new("w", "warning", Arg::Value("LOADS"), "Warn above these averages of 1, 5 and 15 minutes"),
        Opt::new(
            "c",
            "critical",
            Arg::Value("LOADS"),
            "Critical above these averages of 1, 5 and 15 minutes",
        ),
        Opt::new("r", "percpu", Arg::No, "Judge the averages divided by the number of CPUs"),
        Opt::new(
            "n",
            "procs-to-show",
            Arg::Value("NUMBER"),
            "Show that many of the processes that use most CPU (0)",
        ),
        common::VERBOSE,
        common::TIMEOUT,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// Where the kernel says them.
const LOADAVG: &str = "/proc/loadavg";

/// Of 1, 5 and 15 minutes.
type Loads = [f64; 3];

const MINUTES: [u8; 3] = [1, 5, 15];

#[derive(Clone, Debug, Default, PartialEq)]
struct Config {
    warning: Loads,
    critical: Loads,
    per_cpu: bool,
    show: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Measured {
    loads: Loads,
    cpus: usize,
}

fn run(call: &mut Call) -> Outcome {
    let config = configure(call)?;
    let deadline = call.deadline();
    let text = fs::read_to_string(LOADAVG).map_err(|error| Stop::unknown(format!("{LOADAVG}: {error}")))?;
    let loads = parse(&text).ok_or_else(|| Stop::unknown(format!("{LOADAVG}: not three numbers: {text}")))?;
    let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let measured = Measured { loads, cpus: online().unwrap_or(cpus) };
    let output = print(&config, judge(&config, &measured), &measured);
    if config.show == 0 {
        return Ok(output);
    }
    let mut busiest = processes::all(Wants { args: true, locked: true, container: false }, deadline)?;
    busiest.sort_by(|a, b| b.cpu.total_cmp(&a.cpu));
    let lines = busiest.iter().take(config.show).map(Process::line);
    Ok(std::iter::once(processes::HEAD.to_owned()).chain(lines).fold(output, Output::line))
}

fn configure(call: &mut Call) -> Result<Config, Stop> {
    let (mut warning, mut critical) = (None, None);
    let mut config = Config::default();
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "w" => warning = Some(found.text()),
            "c" => critical = Some(found.text()),
            "r" => config.per_cpu = true,
            "n" => {
                let number = value::not_negative(&found.text());
                let number =
                    number.ok_or_else(|| call.usage("Number of processes must be a whole number"))?;
                config.show = number as usize;
            }
            _ => call.common(&found)?,
        }
    }
    // As the old words were meant: the limits of warning, then those of critical.
    let mut words = options.words().into_iter().map(|word| word.to_string_lossy().into_owned());
    let warning = warning.or_else(|| words.next());
    let critical = critical.or_else(|| words.next());
    if warning.is_none() && critical.is_none() {
        return Err(call.usage("Could not parse arguments"));
    }
    let parse = |name: &str, text: Option<String>| {
        text.map_or(Ok([0.0; 3]), |text| {
            limits(&text)
                .ok_or_else(|| Stop::usage(format!("{name} threshold must be float or float triplet!")))
        })
    };
    config.warning = parse("Warning", warning)?;
    config.critical = parse("Critical", critical)?;
    consistent(&config)?;
    Ok(config)
}

/// Three numbers with commas between; what is missing is as the last that is there.
fn limits(text: &str) -> Option<Loads> {
    let numbers: Vec<f64> = text.split(',').map(value::number).collect::<Option<_>>()?;
    let last = *numbers.last()?;
    let at = |i: usize| numbers.get(i).copied().unwrap_or(last);
    (numbers.len() <= 3).then(|| [at(0), at(1), at(2)])
}

fn consistent(config: &Config) -> Result<(), Stop> {
    for (i, minutes) in MINUTES.into_iter().enumerate() {
        let (warning, critical) = (config.warning[i], config.critical[i]);
        let missing = |name| {
            Stop::unknown(format!("{name} threshold for {minutes}-minute load average is not specified"))
        };
        if warning < 0.0 {
            return Err(missing("Warning"));
        }
        if critical < 0.0 {
            return Err(missing("Critical"));
        }
        if warning > critical {
            return Err(Stop::unknown(format!(
                "Parameter inconsistency: {minutes}-minute \"warning load\" is greater than \"critical load\""
            )));
        }
    }
    Ok(())
}

fn parse(text: &str) -> Option<Loads> {
    let mut words = text.split_ascii_whitespace().map(value::number);
    let mut next = || words.next().flatten();
    Some([next()?, next()?, next()?])
}

/// CPUs the host runs on, which a process may have fewer of.
fn online() -> Option<usize> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    text.trim_end().split(',').try_fold(0, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(sum + (last.checked_sub(first)? + 1))
    })
}

impl Measured {
    fn scaled(&self) -> Loads {
        self.loads.map(|load| load / self.cpus as f64)
    }
}

fn judge(config: &Config, measured: &Measured) -> State {
    let loads = if config.per_cpu { measured.scaled() } else { measured.loads };
    let above = |limits: Loads| loads.iter().zip(limits).any(|(load, limit)| *load > limit);
    if above(config.critical) {
        State::Critical
    } else if above(config.warning) {
        State::Warning
    } else {
        State::Ok
    }
}

fn print(config: &Config, state: State, measured: &Measured) -> Output {
    let three = |[one, five, fifteen]: Loads| format!("{one:.2}, {five:.2}, {fifteen:.2}");
    let mut text = format!("LOAD {state} - ");
    if config.per_cpu {
        // A text takes every write.
        let _ = write!(text, "scaled load average: {} - ", three(measured.scaled()));
    }
    text.push_str(&format!("total load average: {}", three(measured.loads)));
    let mut output = Output::new(state, text);
    for (i, minutes) in MINUTES.into_iter().enumerate() {
        let number = |value| Number::Fixed(value, 3);
        let of = |label: String, value: f64| {
            Perfdata::new(label, number(value)).min(Number::Integer(0)).form(Form::Padded)
        };
        let limited = |data: Perfdata| data.warn(number(config.warning[i])).crit(number(config.critical[i]));
        let total = of(format!("load{minutes}"), measured.loads[i]);
        output = if config.per_cpu {
            let scaled = of(format!("scaled_load{minutes}"), measured.scaled()[i]);
            output.perf(total).perf(limited(scaled))
        } else {
            output.perf(limited(total))
        };
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: Measured = Measured { loads: [4.96, 4.95, 4.6], cpus: 2 };

    #[test]
    fn missing_limits_are_as_the_last() {
        assert_eq!(limits("1"), Some([1.0; 3]));
        assert_eq!(limits("1,2"), Some([1.0, 2.0, 2.0]));
        assert_eq!(limits("0.5,.4,3."), Some([0.5, 0.4, 3.0]));
        for wrong in ["", "a", "1,,3", "1,2,3,4", "1:", "inf", "1,"] {
            assert_eq!(limits(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_load_at_its_limit_is_fine() {
        let config = Config { warning: [4.96, 5.0, 5.0], critical: [5.0; 3], ..Config::default() };
        assert_eq!(judge(&config, &MEASURED), State::Ok);
        assert_eq!(judge(&Config { warning: [9.0, 4.9, 9.0], ..config.clone() }, &MEASURED), State::Warning);
        let critical = Config { critical: [9.0, 9.0, 4.5], ..config };
        assert_eq!(judge(&critical, &MEASURED), State::Critical);
        assert_eq!(judge(&Config { per_cpu: true, ..critical }, &MEASURED), State::Ok);
    }

    #[test]
    fn the_line_is_that_of_2x() {
        let config = Config { warning: [5.0; 3], critical: [9.0; 3], ..Config::default() };
        assert_eq!(
            print(&config, State::Ok, &MEASURED).render(),
            "LOAD OK - total load average: 4.96, 4.95, 4.60|load1=4.960;5.000;9.000;0; load5=4.950;5.000;9.000;0; \
             load15=4.600;5.000;9.000;0;\n"
        );
        assert_eq!(
            print(&Config { per_cpu: true, ..config }, State::Ok, &MEASURED).render(),
            "LOAD OK - scaled load average: 2.48, 2.48, 2.30 - total load average: 4.96, 4.95, 4.60|\
             load1=4.960;;;0; scaled_load1=2.480;5.000;9.000;0; load5=4.950;;;0; scaled_load5=2.475;5.000;9.000;0; \
             load15=4.600;;;0; scaled_load15=2.300;5.000;9.000;0;\n"
        );
    }

    #[test]
    fn words_are_the_limits_that_no_option_gave() {
        let configure = |args: &[&str]| {
            configure(&mut Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect()))
        };
        let given = |warning: f64, critical: f64| {
            Ok(Config { warning: [warning; 3], critical: [critical; 3], ..Config::default() })
        };
        assert_eq!(configure(&["5", "6"]), given(5.0, 6.0));
        assert_eq!(configure(&["-c", "7", "5"]), given(5.0, 7.0));
        assert_eq!(configure(&["-w", "5", "-c", "6", "7", "8"]), given(5.0, 6.0));
        assert_eq!(configure(&[]), Err(Stop::usage("check_load: Could not parse arguments")));
    }

    #[test]
    fn the_file_of_the_kernel() {
        assert_eq!(parse("0.20 0.18 0.12 1/80 11206\n"), Some([0.2, 0.18, 0.12]));
        assert_eq!(parse("0.20 x 0.12 1/80 11206\n"), None);
    }
}
