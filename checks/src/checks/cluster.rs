//! `check_cluster`: how many of several services or hosts are not well, from the states the caller gives.

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_cluster",
    aliases: &[],
    summary: "Counts the services or hosts of a cluster that are not well, by the states it is given.",
    usage: "(-s or -h) -d state[,state]... [-l label] [-w range] [-c range] [-v] [--help]",
    options: &[
        Opt::new("d", "data", Arg::Value("LIST"), "The states of all, by number, with commas between"),
        Opt::new(
            "w",
            "warning",
            Arg::Value("RANGE"),
            "Warn when the number of those not well is outside of RANGE",
        ),
        Opt::new(
            "c",
            "critical",
            Arg::Value("RANGE"),
            "Critical when the number of those not well is outside of RANGE",
        ),
        Opt::new("l", "label", Arg::Value("STRING"), "What to call the cluster"),
        Opt::new("h", "host", Arg::No, "The states are of hosts"),
        Opt::new("s", "service", Arg::No, "The states are of services"),
        common::VERBOSE,
        common::VERSION,
        Opt::new("H", "help", Arg::Help, "Print this help"),
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// Whose states they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Services,
    Hosts,
}

/// How many there are of each state, by its number.
type Counts = [u32; 4];

fn run(call: &mut Call) -> Outcome {
    let (mut kind, mut data, mut label) = (Kind::Services, None, None);
    let (mut warning, mut critical) = (None, None);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "h" => kind = Kind::Hosts,
            "s" => kind = Kind::Services,
            "d" => data = Some(found.text()),
            "l" => label = Some(found.text()),
            "w" => warning = Some(found.text()),
            "c" => critical = Some(found.text()),
            _ => call.common(&found)?,
        }
    }
    let counts =
        data.and_then(|data| count(&data, kind)).ok_or_else(|| Stop::usage("Could not parse arguments"))?;
    let thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    Ok(print(kind, label.as_deref(), judge(&thresholds, counts), counts))
}

/// Single digits with single commas between, as 2.x has it; none for anything else.
fn count(data: &str, kind: Kind) -> Option<Counts> {
    let mut counts = Counts::default();
    for word in data.split(',') {
        match word.as_bytes() {
            [digit @ b'0'..=b'3'] => counts[usize::from(digit - b'0')] += 1,
            _ => return None,
        }
    }
    if kind == Kind::Hosts {
        // There are three states of a host, and a fourth counts for nothing.
        counts[3] = 0;
    }
    Some(counts)
}

fn judge(thresholds: &Thresholds, counts: Counts) -> State {
    thresholds.judge(counts[1..].iter().sum::<u32>().into())
}

fn print(kind: Kind, label: Option<&str>, state: State, [ok, warning, critical, unknown]: Counts) -> Output {
    let text = match kind {
        Kind::Services => format!(
            "{}: {ok} ok, {warning} warning, {unknown} unknown, {critical} critical",
            label.unwrap_or("Service cluster")
        ),
        Kind::Hosts => {
            format!("{}: {ok} up, {warning} down, {critical} unreachable", label.unwrap_or("Host cluster"))
        }
    };
    Output::new(state, format!("CLUSTER {state}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_counted_and_what_is_none_is_misuse() {
        assert_eq!(count("0,2,0,1,3,3", Kind::Services), Some([2, 1, 1, 2]));
        assert_eq!(count("0,1,2,3", Kind::Hosts), Some([1, 1, 1, 0]));
        for data in ["", "0,", ",0", "0,,0", "4", "-1", "00", "x", "0 ,0"] {
            assert_eq!(count(data, Kind::Services), None, "{data}");
        }
    }

    #[test]
    fn the_number_of_those_not_well_is_judged() {
        let thresholds = Thresholds::parse(Some("@1:"), Some("@3:")).unwrap();
        assert_eq!(judge(&thresholds, [5, 0, 0, 0]), State::Ok);
        assert_eq!(judge(&thresholds, [5, 1, 0, 1]), State::Warning);
        assert_eq!(judge(&thresholds, [5, 1, 1, 1]), State::Critical);
        let line = print(Kind::Services, Some("a|b"), State::Warning, [1, 2, 3, 4]).render();
        assert_eq!(line, "CLUSTER WARNING: a¦b: 1 ok, 2 warning, 4 unknown, 3 critical\n");
    }
}
