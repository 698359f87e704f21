//! `check_swap`: how much swap is free.

use std::fs;

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_swap",
    aliases: &[],
    summary: "Judges how much of this host's swap is free.",
    usage: "[-av] -w <percent_free>% -c <percent_free>%\n  -w <bytes_free> -c <bytes_free> [-n <state>]",
    options: &[
        Opt::new("w", "warning", Arg::Value("BYTES or PERCENT%"), "Warn when no more than this is free"),
        Opt::new("c", "critical", Arg::Value("BYTES or PERCENT%"), "Critical when no more than this is free"),
        Opt::new("a", "allswaps", Arg::No, "Judge each place of swap by itself as well"),
        Opt::new("n", "no-swap", Arg::Value("STATE"), "The state of a host that has no swap (CRITICAL)"),
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
const SWAPS: &str = "/proc/swaps";
const MB: u64 = 1 << 20;

/// Each if given; 0 is as good as not, as in 2.x.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Limit {
    bytes: u64,
    percent: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Config {
    warning: Limit,
    critical: Limit,
    each: bool,
    verbose: bool,
    none: State,
}

/// One place, or all together, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Swap {
    total: u64,
    free: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Measured {
    all: Swap,
    each: Vec<Swap>,
}

fn run(call: &mut Call) -> Outcome {
    let config = configure(call)?;
    let _deadline = call.deadline();
    let read = |path| fs::read_to_string(path).map_err(|error| Stop::unknown(format!("{path}: {error}")));
    let all = parse_meminfo(&read(MEMINFO)?);
    let all = all.ok_or_else(|| Stop::unknown(format!("{MEMINFO}: no SwapTotal and SwapFree")))?;
    let each = if config.each { parse_swaps(&read(SWAPS)?) } else { Some(Vec::new()) };
    let each = each.ok_or_else(|| Stop::unknown(format!("{SWAPS}: no table of swap")))?;
    let measured = Measured { all, each };
    Ok(print(&config, judge(&config, &measured), &measured))
}

fn configure(call: &mut Call) -> Result<Config, Stop> {
    let (mut warning, mut critical) = (Limit::default(), Limit::default());
    let mut config = Config { warning, critical, each: false, verbose: false, none: State::Critical };
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "w" => warning.take(&found.text(), "Warning", call)?,
            "c" => critical.take(&found.text(), "Critical", call)?,
            "a" => config.each = true,
            "n" => {
                let text = "no-swap result must be a valid state name (OK, WARNING, CRITICAL, UNKNOWN) or integer (0-3).";
                config.none = State::parse(&found.text()).ok_or_else(|| call.usage(text))?;
            }
            _ => call.common(&found)?,
        }
    }
    config.verbose = call.verbose > 0;
    if warning == Limit::default() && critical == Limit::default() {
        return Err(call.usage("Could not parse arguments"));
    }
    let mixed =
        (warning.percent > 0.0) != (critical.percent > 0.0) && (warning.bytes > 0) != (critical.bytes > 0);
    if !mixed && (warning.percent < critical.percent || warning.bytes < critical.bytes) {
        return Err(call.usage("Warning should be more than critical"));
    }
    Ok(Config { warning, critical, ..config })
}

impl Swap {
    /// In whole percents, as the text shows them; all of none.
    fn used(self) -> u64 {
        (100 * (self.total - self.free.min(self.total))).checked_div(self.total).unwrap_or(100)
    }
}

impl Limit {
    fn take(&mut self, text: &str, name: &str, call: &Call) -> Result<(), Stop> {
        if let Some(percent) = text.strip_suffix('%') {
            let wrong = || call.usage(&format!("{name} threshold must be integer or percentage!"));
            self.percent = value::number(percent).filter(|percent| *percent >= 0.0).ok_or_else(wrong)?;
            if self.percent > 100.0 {
                return Err(call.usage(&format!("{name} threshold percentage must be <= 100!")));
            }
        } else {
            let wrong = || call.usage(&format!("{name} threshold be positive integer or percentage!"));
            let bytes = value::integer(text).and_then(|bytes| u64::try_from(bytes).ok());
            self.bytes = bytes.ok_or_else(wrong)?;
        }
        Ok(())
    }

    fn reached(self, swap: Swap) -> bool {
        (self.percent > 0.0 && swap.used() as f64 >= 100.0 - self.percent)
            || (self.bytes > 0 && swap.free <= self.bytes)
    }

    fn shown(self, total: u64) -> Number {
        Number::Integer(self.bytes.max((self.percent / 100.0 * total as f64) as u64) as i64)
    }
}

/// `SwapTotal` and `SwapFree`, in kB of 1,024.
fn parse_meminfo(text: &str) -> Option<Swap> {
    let of = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(Swap { total: of("SwapTotal")?, free: of("SwapFree")? })
}

/// The table's third and fourth column, in KiB, from the right: a name may have what looks like a blank.
fn parse_swaps(text: &str) -> Option<Vec<Swap>> {
    let rows = text.strip_prefix("Filename")?.lines().skip(1);
    rows.map(|row| {
        let mut columns = row.split_ascii_whitespace().rev().skip(1);
        let mut kib = || columns.next()?.parse::<u64>().ok()?.checked_mul(1024);
        let (used, total) = (kib()?, kib()?);
        Some(Swap { total, free: total.checked_sub(used)? })
    })
    .collect()
}

fn judge(config: &Config, measured: &Measured) -> State {
    if measured.all.total == 0 {
        return config.none;
    }
    let mut swaps = std::iter::once(&measured.all).chain(&measured.each);
    let reached = |limit: Limit| move |swap: &&Swap| limit.reached(**swap);
    if swaps.clone().any(|swap| reached(config.critical)(&swap)) {
        State::Critical
    } else if swaps.any(|swap| reached(config.warning)(&swap)) {
        State::Warning
    } else {
        State::Ok
    }
}

fn print(config: &Config, state: State, Measured { all, each }: &Measured) -> Output {
    let percent = |swap: &Swap| 100 - swap.used();
    let mut text =
        format!("SWAP {state} - {}% free ({}MB out of {}MB) ", percent(all), all.free / MB, all.total / MB);
    if all.total == 0 {
        text.push_str("- Swap is either disabled, not present, or of zero size. ");
    }
    if config.verbose {
        for swap in each {
            text.push_str(&format!("[{} ({}%)]", swap.free / MB, percent(swap)));
        }
    }
    let datum = Perfdata::new("swap", Number::Integer(all.free as i64))
        .unit("B")
        .warn(config.warning.shown(all.total))
        .crit(config.critical.shown(all.total))
        .min(Number::Integer(0))
        .max(Number::Integer(all.total as i64));
    Output::new(state, text).perf(datum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn config(warning: Limit, critical: Limit) -> Config {
        Config { warning, critical, each: true, verbose: true, none: State::Critical }
    }

    #[test]
    fn the_files_of_the_kernel() {
        let text =
            "MemFree: 1 kB\nSwapCached:            0 kB\nSwapTotal:       1048572 kB\nSwapFree:  524288 kB\n";
        assert_eq!(parse_meminfo(text), Some(Swap { total: 1_073_737_728, free: 536_870_912 }));
        assert_eq!(parse_meminfo("SwapTotal: 1 kB\nSwapFree: -1 kB"), None);
        let table = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                     /dev/sda2                               partition\t1048572\t\t24\t\t-2\n\
                     /a\\040b                                 file\t\t2048\t\t2048\t\t-3\n";
        let swaps = parse_swaps(table).expect("a table");
        assert_eq!(swaps[0], Swap { total: 1_073_737_728, free: 1_073_713_152 });
        assert_eq!(swaps[1], Swap { total: 2 << 20, free: 0 });
        assert_eq!(parse_swaps("Filename\tType\n"), Some(vec![]));
        assert_eq!(parse_swaps("Filename\nx"), None);
        assert_eq!(parse_swaps(""), None);
    }

    #[test]
    fn what_is_free_is_judged_in_bytes_and_in_percent() {
        let half = Measured { all: Swap { total: GIB, free: GIB / 2 }, each: vec![] };
        let percent = |percent: f64| Limit { bytes: 0, percent };
        let bytes = |bytes| Limit { bytes, percent: 0.0 };
        let state = |warning, critical| judge(&config(warning, critical), &half);
        assert_eq!(state(percent(50.0), percent(20.0)), State::Warning);
        assert_eq!(state(percent(49.0), percent(20.0)), State::Ok);
        assert_eq!(state(percent(60.0), percent(50.0)), State::Critical);
        assert_eq!(state(bytes(GIB / 2), bytes(1)), State::Warning);
        assert_eq!(state(bytes(GIB / 2 - 1), bytes(1)), State::Ok);
        let full = Measured { each: vec![Swap { total: 1 << 20, free: 0 }], ..half };
        assert_eq!(judge(&config(percent(10.0), percent(5.0)), &full), State::Critical);
        let none = Measured::default();
        assert_eq!(
            judge(&Config { none: State::Ok, ..config(percent(10.0), percent(5.0)) }, &none),
            State::Ok
        );
    }

    #[test]
    fn the_line_is_that_of_2x() {
        let measured = Measured {
            all: Swap { total: GIB, free: GIB / 4 },
            each: vec![Swap { total: GIB, free: GIB / 4 }],
        };
        let limits = config(Limit { bytes: 0, percent: 50.0 }, Limit { bytes: 1000, percent: 0.0 });
        assert_eq!(
            print(&limits, State::Warning, &measured).render(),
            "SWAP WARNING - 25% free (256MB out of 1024MB) [256 (25%)]|swap=268435456B;536870912;1000;0;1073741824\n"
        );
        assert_eq!(
            print(
                &config(Limit::default(), Limit { bytes: 5, percent: 0.0 }),
                State::Critical,
                &Measured::default()
            )
            .render(),
            "SWAP CRITICAL - 0% free (0MB out of 0MB) - Swap is either disabled, not present, or of zero size. \
             |swap=0B;0;5;0;0\n"
        );
    }
}
