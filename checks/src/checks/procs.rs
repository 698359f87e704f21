//! `check_procs`: how many processes there are, or what each of them uses.

pub mod filter;

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use self::filter::{Filter, Filters};
use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::passwd;
use crate::perfdata::{Form, Number, Perfdata};
use crate::processes::{self, Process, Wants};
use crate::range::Thresholds;
use crate::regex::{Flags, Regex};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_procs",
    aliases: &[],
    summary: "Counts the processes of this host, or judges what each of them uses.",
    usage: "-w <range> -c <range> [-m metric] [-s state] [-p ppid]\n[-u user] [-r rss] [-z vsz] [-P %cpu] \
            [-a argument-array]\n[-C command] [-X command,...] [-k] [--no-containers] [--container=name] [-t timeout] [-v]",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

const OPTIONS: &[Opt] = &[
    common::WARNING,
    common::CRITICAL,
    Opt::new(
        "m",
        "metric",
        Arg::Value("METRIC"),
        "What the ranges are of: PROCS, how many there are (the default); of each of them VSZ and RSS in KiB,\n\
         CPU in percent, ELAPSED in seconds",
    ),
    Opt::new("s", "status", Arg::Value("FLAGS"), "Only those in whose state, as by ps, this stands"),
    Opt::new("p", "ppid", Arg::Value("PID"), "Only children of this process"),
    Opt::new("u", "user", Arg::Value("USER"), "Only those of this user, by name or number"),
    Opt::new("z", "vsz", Arg::Value("KIB"), "Only those with no less address space"),
    Opt::new("r", "rss", Arg::Value("KIB"), "Only those with no less memory"),
    Opt::new("P", "pcpu", Arg::Value("PERCENT"), "Only those that use no less CPU"),
    Opt::new("elapsed", "elapsed", Arg::Value("SECONDS"), "Only those no younger"),
    Opt::new("a", "argument-array", Arg::Value("STRING"), "Only those in whose arguments this stands"),
    Opt::new(
        "ereg-argument-array",
        "ereg-argument-array",
        Arg::Value("REGEX"),
        "Only those whose arguments match",
    ),
    Opt::new("C", "command", Arg::Value("NAME"), "Only those of this name, without a path"),
    Opt::new(
        "X",
        "exclude-process",
        Arg::Value("NAMES"),
        "Only those of other names than these, with commas between",
    ),
    Opt::new("k", "", Arg::No, "No threads of the kernel"),
    // 2.x wants a value there, and ignores it.
    Opt { short: '\0', long: "no-kthreads", arg: Arg::Maybe("X"), help: "The same", key: "k" },
    Opt::new("no-containers", "no-containers", Arg::No, "None that is in a container"),
    Opt::new(
        "container",
        "container",
        Arg::Value("NAME"),
        "Only those in this container: its name, or how its id begins",
    ),
    Opt::new("T", "traditional-filter", Arg::No, "Leave out this process alone, not others of this check"),
    common::VERBOSE,
    common::TIMEOUT,
    common::HELP,
    common::VERSION,
];

const METRICS: [&str; 5] = ["PROCS", "VSZ", "RSS", "CPU", "ELAPSED"];

#[derive(Debug, Default)]
struct Config {
    /// One of [`METRICS`].
    metric: usize,
    thresholds: Thresholds,
    filters: Filters,
    /// Whether other processes of this check are counted.
    by_pid: bool,
    verbose: u32,
}

/// What those that are counted come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Judged {
    procs: usize,
    /// The state and the name of each that alerts.
    alerts: Vec<(State, String)>,
}

fn run(call: &mut Call) -> Outcome {
    let config = configure(call)?;
    let deadline = call.deadline();
    let counted = measure(&config, deadline)?;
    let judged = judge(&config, &counted);
    let output = print(&config, &judged);
    let lines = counted.iter().filter(|_| config.verbose > 1).map(matched);
    Ok(lines.fold(output, Output::line))
}

fn configure(call: &mut Call) -> Result<Config, Stop> {
    let mut config = Config::default();
    let (mut warning, mut critical) = (None, None);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        let text = found.text();
        match found.key {
            "w" => warning = Some(text),
            "c" => critical = Some(text),
            "m" => {
                let known = METRICS.iter().position(|name| *name == text);
                let wrong = || call.usage("Metric must be one of PROCS, VSZ, RSS, CPU, ELAPSED!");
                config.metric = known.ok_or_else(wrong)?;
            }
            "t" if !call.take_timeout(&text) => {
                return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}")));
            }
            "t" => {}
            "k" => config.filters.hide(Filter::NoKernel),
            "T" => config.by_pid = true,
            key => match filter(key, &text, call)? {
                Some((filter, words)) => config.filters.add(filter, words),
                None => call.common(&found)?,
            },
        }
    }
    let mut words = options.words().into_iter().map(|word| word.to_string_lossy().into_owned());
    let warning = warning.or_else(|| words.next());
    let critical = critical.or_else(|| words.next());
    if let Some(state) = words.next() {
        let words = format!("STATE = {state}");
        config.filters.add(Filter::State(state), words);
    }
    config.thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    config.verbose = call.verbose;
    Ok(config)
}

/// One of the options that say which processes are meant, and how the line tells it.
fn filter(key: &str, text: &str, call: &Call) -> Result<Option<(Filter, String)>, Stop> {
    let whole = |name: &str, what: &str| {
        let number = value::not_negative(text).map(u64::from);
        number.ok_or_else(|| call.usage(&format!("{name} must be {what}!")))
    };
    let text = text.to_owned();
    Ok(Some(match key {
        "s" => (Filter::State(text.clone()), format!("STATE = {text}")),
        "p" => {
            let parent = whole("Parent Process ID", "an integer")?;
            (Filter::Parent(parent), format!("PPID = {parent}"))
        }
        "u" => {
            let (uid, name) = user(&text, call)?;
            (Filter::User(uid), format!("UID = {uid} ({name})"))
        }
        "z" => whole("VSZ", "an integer").map(|kib| (Filter::Vsz(kib), format!("VSZ >= {kib}")))?,
        "r" => whole("RSS", "an integer").map(|kib| (Filter::Rss(kib), format!("RSS >= {kib}")))?,
        "elapsed" => {
            whole("ELAPSED", "an integer").map(|age| (Filter::Elapsed(age), format!("ELAPSED >= {age}")))?
        }
        "P" => {
            let cpu = value::number(&text).ok_or_else(|| call.usage("PCPU must be a float!"))?;
            (Filter::Cpu(cpu), format!("PCPU >= {cpu:.2}"))
        }
        "a" => (Filter::Args(text.clone()), format!("args '{text}'")),
        "ereg-argument-array" => {
            let flags = Flags { ignore_case: false, line_span: true };
            let regex = Regex::new(text.as_bytes(), flags).map_err(|error| {
                Stop::unknown(format!(
                    "PROCS UNKNOWN: Could not compile regular expression - {}",
                    error.words()
                ))
            })?;
            (Filter::Regex(regex), format!("regex args '{}'", text.replace('|', ",")))
        }
        "C" => (Filter::Command(text.clone()), format!("command name '{text}'")),
        "X" => {
            let names = text.split(',').map(str::to_owned).collect();
            (Filter::Others(names), format!("exclude progs '{text}'"))
        }
        "no-containers" => (Filter::NoContainers, "no containers".to_owned()),
        "container" => (Filter::Container(text.clone()), format!("container '{text}'")),
        _ => return Ok(None),
    }))
}

/// Number and name of a user. A number without a name is as good: that may be in a directory, or in a container.
fn user(text: &str, call: &Call) -> Result<(u32, String), Stop> {
    let number = value::not_negative(text).map(|uid| (uid, text.to_owned()));
    passwd::user(text).or(number).ok_or_else(|| call.usage(&format!("User name was not found - {text}")))
}

/// Those that are meant. Neither this process is, nor its parent, nor other calls of this check.
fn measure(config: &Config, deadline: Deadline) -> Result<Vec<Process>, Stop> {
    let me = std::process::id();
    let parent = std::os::unix::process::parent_id();
    let mut wants = config.filters.wants();
    wants.args |= config.verbose > 1;
    let mut all = processes::all(Wants { ..wants }, deadline)?;
    if all.is_empty() {
        return Err(Stop::unknown("Unable to read output"));
    }
    let name = all.iter().find(|process| process.pid == me).map(|process| process.command.clone());
    let exe = |pid: u32| fs::metadata(format!("/proc/{pid}/exe")).ok().map(|file| (file.dev(), file.ino()));
    let mine = if config.by_pid { None } else { exe(me) };
    all.retain(|process| {
        let same = || Some(&process.command) == name.as_ref() && mine.is_some() && exe(process.pid) == mine;
        process.pid != me
            && process.pid != parent
            && process.parent != me
            && config.filters.take(process)
            && !same()
    });
    Ok(all)
}

fn judge(config: &Config, counted: &[Process]) -> Judged {
    let state = |process: &Process| {
        config.thresholds.judge(match config.metric {
            1 => process.sizes[0] as f64,
            2 => process.sizes[1] as f64,
            3 => process.cpu,
            4 => process.elapsed.0 as f64,
            // They are judged by their number.
            _ => return State::Ok,
        })
    };
    let states =
        counted.iter().map(|process| (state(process), filter::first_word(&process.command).to_owned()));
    Judged { procs: counted.len(), alerts: states.filter(|(state, _)| *state != State::Ok).collect() }
}

fn print(config: &Config, judged: &Judged) -> Output {
    let Judged { procs, alerts } = judged;
    let number = |state: State| alerts.iter().filter(|(alert, _)| *alert == state).count();
    let (warn, crit) = (number(State::Warning), number(State::Critical));
    let by_number = config.metric == 0;
    let state = match (crit, warn) {
        _ if by_number => config.thresholds.judge(*procs as f64),
        (0, 0) => State::Ok,
        (0, _) => State::Warning,
        _ => State::Critical,
    };
    let mut text = format!("{} {state}: ", METRICS.get(config.metric).copied().unwrap_or_default());
    text.push_str(&match state {
        State::Warning if !by_number => format!("{warn} warn out of "),
        State::Critical if !by_number => format!("{crit} crit, {warn} warn out of "),
        _ => String::new(),
    });
    text.push_str(&format!("{procs} process{}", if *procs == 1 { "" } else { "es" }));
    text.push_str(&config.filters.words());
    if config.verbose > 0 && !alerts.is_empty() {
        let names: Vec<&str> = alerts.iter().map(|(_, name)| name.as_str()).collect();
        text.push_str(&format!(" [{}]", names.join(", ")));
    }
    text.push(' ');
    let count = |label: &'static str, number: usize| {
        Perfdata::new(label, Number::Integer(number as i64)).min(Number::Integer(0)).form(Form::Padded)
    };
    let output = Output::new(state, text);
    if by_number {
        let Thresholds { warning, critical } = &config.thresholds;
        return output.perf(count("procs", *procs).warn(warning.as_ref()).crit(critical.as_ref()));
    }
    output.perfs([count("procs", *procs), count("procs_warn", warn), count("procs_crit", crit)])
}

/// What `-vv` tells of each.
fn matched(process: &Process) -> String {
    let Process { state, uid, pid, parent, sizes: [vsz, rss], cpu, elapsed, command, args, .. } = process;
    format!(
        "Matched: uid={uid} vsz={vsz} rss={rss} pid={pid} ppid={parent} pcpu={cpu:.2} stat={state} etime={elapsed} \
         prog={command} args={args}"
    )
}

#[cfg(test)]
mod tests;
