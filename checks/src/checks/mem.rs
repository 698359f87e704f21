//! `check_mem`: how much memory is used or free, as the contributed `check_mem.pl` tells it.

use std::fs;

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_mem",
    aliases: &["check_mem.pl"],
    summary: "Judges how much of this host's memory is used, free or available.",
    usage: "-f -w <percent> -c <percent> [-C]\n-a -w <percent> -c <percent>\n-u -w <percent> -c <percent> [-C]",
    options: &[
        Opt::new("f", "free", Arg::No, "Judge what is free: alert when it is no more than the limits"),
        Opt::new(
            "a",
            "available",
            Arg::No,
            "The same of what programs may still get, as the kernel reckons it",
        ),
        Opt::new("u", "used", Arg::No, "Judge what is used: alert when it is no less than the limits"),
        Opt::new("C", "cache", Arg::No, "Count caches as free"),
        Opt::new("w", "warning", Arg::Value("PERCENT"), "Warn at this many percent"),
        Opt::new("c", "critical", Arg::Value("PERCENT"), "Critical at this many percent"),
        common::VERBOSE,
        common::TIMEOUT,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

const MEMINFO: &str = "/proc/meminfo";

/// In KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    total: u64,
    free: u64,
    /// What is free and what caches would give back; kernels before 3.14 do not say.
    available: Option<u64>,
    caches: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Judged {
    Used,
    Free,
    Available,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Config {
    judged: Judged,
    caches_are_free: bool,
    warning: f64,
    critical: f64,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measured {
    used: u64,
    free: u64,
    caches: u64,
}

fn run(call: &mut Call) -> Outcome {
    let config = configure(call)?;
    let _deadline = call.deadline();
    let unknown = |what: &dyn std::fmt::Display| Stop::unknown(format!("MEM UNKNOWN - {MEMINFO}: {what}"));
    let text = fs::read_to_string(MEMINFO).map_err(|error| unknown(&crate::words(&error)))?;
    let memory = Memory::parse(&text).ok_or_else(|| unknown(&"no MemTotal and MemFree"))?;
    let measured = measure(&config, &memory).ok_or_else(|| unknown(&"no MemAvailable"))?;
    Ok(print(&config, &measured))
}

fn configure(call: &mut Call) -> Result<Config, Stop> {
    let (mut judged, mut caches_are_free, mut limits) = (None, false, [None, None]);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        let kind = match found.key {
            "f" => Judged::Free,
            "a" => Judged::Available,
            "u" => Judged::Used,
            "C" => {
                caches_are_free = true;
                continue;
            }
            "w" | "c" => {
                let text = found.text();
                let number = value::number(text.strip_suffix('%').unwrap_or(&text));
                let wrong = || call.usage(&format!("No percentage: {text}"));
                let number = number.filter(|percent| (0.0..=100.0).contains(percent)).ok_or_else(wrong)?;
                limits[usize::from(found.key == "c")] = Some(number);
                continue;
            }
            _ => {
                call.common(&found)?;
                continue;
            }
        };
        if judged.is_some_and(|judged| judged != kind) {
            return Err(call.usage("You must select to monitor either USED, FREE or AVAILABLE memory!"));
        }
        judged = Some(kind);
    }
    let missing = |what: &str| call.usage(what);
    let [warning, critical] = limits;
    let warning = warning.ok_or_else(|| missing("You must define WARN and CRITICAL levels!"))?;
    let critical = critical.ok_or_else(|| missing("You must define WARN and CRITICAL levels!"))?;
    let judged =
        judged.ok_or_else(|| missing("You must select to monitor either USED, FREE or AVAILABLE memory!"))?;
    if if judged == Judged::Used { warning > critical } else { warning < critical } {
        let than = if judged == Judged::Used { "more" } else { "less" };
        return Err(call.usage(&format!("WARN level must not be {than} than CRITICAL!")));
    }
    Ok(Config { judged, caches_are_free, warning, critical })
}

impl Memory {
    /// Of `/proc/meminfo`. What of the page cache is shared memory is not given back.
    pub fn parse(text: &str) -> Option<Self> {
        let of = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        let (total, free) = (of("MemTotal")?, of("MemFree")?);
        let caches = ["Buffers", "Cached", "SReclaimable"].into_iter().filter_map(of);
        let caches = caches.fold(0_u64, u64::saturating_add).saturating_sub(of("Shmem").unwrap_or(0));
        (total > 0 && free <= total).then(|| Self {
            total,
            free,
            available: of("MemAvailable"),
            caches: caches.min(total - free),
        })
    }
}

fn measure(config: &Config, memory: &Memory) -> Option<Measured> {
    let free = match config.judged {
        Judged::Available => memory.available?.min(memory.total),
        _ if config.caches_are_free => memory.free + memory.caches,
        _ => memory.free,
    };
    Some(Measured { used: memory.total - free, free, caches: memory.caches })
}

fn print(config: &Config, &Measured { used, free, caches }: &Measured) -> Output {
    let total = used + free;
    let (value, name) = match config.judged {
        Judged::Used => (used, "used"),
        Judged::Free => (free, "free"),
        Judged::Available => (free, "available"),
    };
    // It is judged as it is shown.
    let percent = (value as f64 / total as f64 * 1000.0).round() / 10.0;
    let reached =
        |limit: f64| if config.judged == Judged::Used { percent >= limit } else { percent <= limit };
    let state = match (reached(config.critical), reached(config.warning)) {
        (true, _) => State::Critical,
        (_, true) => State::Warning,
        _ => State::Ok,
    };
    let end = if state == State::Ok { '.' } else { '!' };
    let kib = |label: &'static str, kib: u64| {
        Perfdata::new(label, Number::Integer(kib as i64)).unit("KB").form(Form::Padded)
    };
    let limit = |percent: f64| {
        let used = if config.judged == Judged::Used { percent } else { 100.0 - percent };
        Number::Integer((used / 100.0 * total as f64) as i64)
    };
    Output::new(state, format!("{state} - {percent:.1}% ({value} kB) {name}{end}"))
        .perf(kib("TOTAL", total))
        .perf(kib("USED", used).warn(limit(config.warning)).crit(limit(config.critical)))
        .perf(kib("FREE", free))
        .perf(kib("CACHES", caches))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     450 kB\nBuffers:   50 kB\n\
                        Cached:           300 kB\nSwapCached:         7 kB\nShmem:             40 kB\nSReclaimable:  90 kB\n";

    fn config(args: &[&str]) -> Result<Config, Stop> {
        configure(&mut Call::new(&CHECK, CHECK.name, args.iter().map(Into::into).collect()))
    }

    fn line(args: &str) -> String {
        let config = config(&args.split(' ').collect::<Vec<_>>()).expect("a command line");
        let memory = Memory::parse(TEXT).expect("memory");
        print(&config, &measure(&config, &memory).expect("available")).render()
    }

    #[test]
    fn the_file_of_the_kernel() {
        let memory = Memory { total: 1000, free: 100, available: Some(450), caches: 400 };
        assert_eq!(Memory::parse(TEXT), Some(memory));
        assert_eq!(Memory::parse("MemTotal: 5 kB\n"), None);
        assert_eq!(Memory::parse("MemTotal: 5 kB\nMemFree: 6 kB\n"), None);
        assert_eq!(Memory::parse("MemTotal: 0 kB\nMemFree: 0 kB\n"), None);
        let old = Memory::parse("MemTotal: 5 kB\nMemFree: 4 kB\n").expect("memory");
        let config = config(&["-a", "-w", "5", "-c", "1"]).expect("a command line");
        assert_eq!(measure(&config, &old), None);
    }

    #[test]
    fn the_line_is_that_of_the_contributed_plugin() {
        assert_eq!(
            line("-u -w 80 -c 90"),
            "CRITICAL - 90.0% (900 kB) used!|TOTAL=1000KB;;;; USED=900KB;800;900;; FREE=100KB;;;; CACHES=400KB;;;;\n"
        );
        assert_eq!(
            line("-u -C -w 50 -c 90"),
            "WARNING - 50.0% (500 kB) used!|TOTAL=1000KB;;;; USED=500KB;500;900;; FREE=500KB;;;; CACHES=400KB;;;;\n"
        );
        assert_eq!(
            line("-f -w 20 -c 5%"),
            "WARNING - 10.0% (100 kB) free!|TOTAL=1000KB;;;; USED=900KB;800;950;; FREE=100KB;;;; CACHES=400KB;;;;\n"
        );
        assert_eq!(
            line("-a -w 20 -c 5"),
            "OK - 45.0% (450 kB) available.|TOTAL=1000KB;;;; USED=550KB;800;950;; FREE=450KB;;;; CACHES=400KB;;;;\n"
        );
        assert!(line("-f -w 20 -c 10").starts_with("CRITICAL - 10.0% (100 kB) free!|"));
    }

    #[test]
    fn misuse_is_told() {
        for (args, words) in [
            ("-u -w 80", "You must define WARN and CRITICAL levels!"),
            ("-w 80 -c 90", "You must select to monitor either USED, FREE or AVAILABLE memory!"),
            ("-u -f -w 80 -c 90", "You must select to monitor either USED, FREE or AVAILABLE memory!"),
            ("-u -w 91 -c 90", "WARN level must not be more than CRITICAL!"),
            ("-f -w 9 -c 10", "WARN level must not be less than CRITICAL!"),
            ("-f -w x -c 10", "No percentage: x"),
            ("-f -w 101 -c 10", "No percentage: 101"),
        ] {
            let told = config(&args.split(' ').collect::<Vec<_>>()).map(|_| ());
            assert_eq!(told, Err(Stop::usage(format!("check_mem: {words}"))), "{args}");
        }
    }
}
