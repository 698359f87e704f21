//! `check_pressure`: how much of the time programs waited for a CPU, memory or a disk, by the kernel's pressure stall information.

use std::fs;
use std::path::{Path, PathBuf};

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::Thresholds;
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_pressure",
    aliases: &[],
    summary: "Judges how much of the time programs of this host waited for a CPU, memory or a disk.",
    usage: "-w <range> -c <range> [-r cpu,memory,io] [-a 10, 60 or 300] [-f] [-g cgroup]",
    options: &[
        Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when the percent of one are outside of RANGE"),
        Opt::new(
            "c",
            "critical",
            Arg::Value("RANGE"),
            "Critical when the percent of one are outside of RANGE",
        ),
        Opt::new(
            "r",
            "resources",
            Arg::Value("NAMES"),
            "Of cpu, memory, io and irq, those that are judged (cpu,memory,io)",
        ),
        Opt::new(
            "a",
            "average",
            Arg::Value("SECONDS"),
            "Which average is judged: of 10, 60 (the default) or 300 seconds",
        ),
        Opt::new(
            "f",
            "full",
            Arg::No,
            "Judge the time in which all that could run waited, not that in which some did",
        ),
        Opt::new(
            "g",
            "cgroup",
            Arg::Value("PATH"),
            "Of this directory below /sys/fs/cgroup, not of the host",
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

const RESOURCES: [&str; 4] = ["cpu", "memory", "io", "irq"];
const AVERAGES: [u32; 3] = [10, 60, 300];

#[derive(Clone, Debug, PartialEq)]
struct Config {
    thresholds: Thresholds,
    resources: Vec<&'static str>,
    /// Which of [`AVERAGES`].
    average: usize,
    full: bool,
    cgroup: Option<String>,
}

/// Percent over each of the averages.
type Averages = [f64; 3];

/// Of one resource. Kernels before 5.13 have no full line of the CPU, and the interrupts have no other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// The time in which something waited.
    pub some: Option<Averages>,
    /// The time in which all that could run did.
    pub full: Option<Averages>,
}

fn run(call: &mut Call) -> Outcome {
    let config = configure(call)?;
    let _deadline = call.deadline();
    let measured = config.resources.iter().map(|name| Ok((*name, measure(&config, name)?)));
    Ok(print(&config, &measured.collect::<Result<Vec<_>, Stop>>()?))
}

fn configure(call: &mut Call) -> Result<Config, Stop> {
    let (mut warning, mut critical) = (None, None);
    let mut config = Config {
        thresholds: Thresholds::default(),
        resources: RESOURCES[..3].to_vec(),
        average: 1,
        full: false,
        cgroup: None,
    };
    let mut options = call.options();
    while let Some(found) = options.next()? {
        let text = found.text();
        match found.key {
            "w" => warning = Some(text),
            "c" => critical = Some(text),
            "r" => {
                let known = |name: &str| {
                    let found = RESOURCES.iter().find(|known| **known == name).copied();
                    found.ok_or_else(|| {
                        call.usage(&format!("Resources are cpu, memory, io and irq, not {name}"))
                    })
                };
                config.resources = text.split(',').map(known).collect::<Result<_, _>>()?;
            }
            "a" => {
                let known = AVERAGES.iter().position(|seconds| seconds.to_string() == text);
                config.average = known.ok_or_else(|| call.usage("Averages are of 10, 60 or 300 seconds"))?;
            }
            "f" => config.full = true,
            "g" => config.cgroup = Some(text),
            _ => call.common(&found)?,
        }
    }
    if warning.is_none() && critical.is_none() {
        return Err(call.usage("Could not parse arguments"));
    }
    config.thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
    Ok(config)
}

fn measure(config: &Config, resource: &str) -> Result<Pressure, Stop> {
    let path = match &config.cgroup {
        None => PathBuf::from("/proc/pressure").join(resource),
        Some(cgroup) => {
            // Beside hierarchies of version 1 that of version 2 has a place below them.
            let hybrid = Path::new("/sys/fs/cgroup/unified");
            let root =
                if hybrid.join("cgroup.procs").exists() { hybrid } else { Path::new("/sys/fs/cgroup") };
            root.join(cgroup.trim_start_matches('/')).join(format!("{resource}.pressure"))
        }
    };
    let unknown = |what: &str| Stop::unknown(format!("PRESSURE UNKNOWN - {}: {what}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| {
        let words = crate::words(&error);
        // The files are there and cannot be read where the kernel was told so at its start.
        let off =
            matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EOPNOTSUPP)) && config.cgroup.is_none();
        unknown(&if off { format!("{words}: this kernel keeps none (CONFIG_PSI, psi=1)") } else { words })
    })?;
    Pressure::parse(&text).ok_or_else(|| unknown("no line that is known"))
}

impl Pressure {
    /// Of one of the kernel's files.
    pub fn parse(text: &str) -> Option<Self> {
        let of = |kind: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '))?;
            let average = |seconds: u32| {
                let name = format!("avg{seconds}=");
                let number = line.split(' ').find_map(|word| word.strip_prefix(name.as_str()))?;
                value::number(number).filter(|percent| *percent >= 0.0)
            };
            let [short, middle, long] = AVERAGES.map(average);
            Some([short?, middle?, long?])
        };
        let pressure = Self { some: of("some"), full: of("full") };
        (pressure != Self::default()).then_some(pressure)
    }

    /// Interrupts have no line of some.
    fn judged(&self, full: bool) -> Option<Averages> {
        if full { self.full } else { self.some.or(self.full) }
    }
}

fn print(config: &Config, measured: &[(&'static str, Pressure)]) -> Output {
    let Config { thresholds, average, full, .. } = config;
    let of = |pressure: &Pressure| Some(*pressure.judged(*full)?.get(*average)?);
    let (mut state, mut told) = (State::Ok, Vec::new());
    for (name, pressure) in measured {
        match of(pressure) {
            Some(percent) => {
                state = state.worst(thresholds.judge(percent));
                told.push(format!("{name} {percent:.2}%"));
            }
            None => {
                state = state.worst(State::Unknown);
                told.push(format!("{name} is not told"));
            }
        }
    }
    let seconds = AVERAGES.get(*average).copied().unwrap_or_default();
    let kind = if *full { "all" } else { "some" };
    let text = format!("PRESSURE {state} - {} of {seconds} s, {kind} waited", told.join(", "));
    let mut output = Output::new(state, text);
    for (name, pressure) in measured {
        for (kind, averages) in [("some", pressure.some), ("full", pressure.full)] {
            for (at, (seconds, percent)) in AVERAGES.iter().zip(averages.into_iter().flatten()).enumerate() {
                let judged = at == *average
                    && pressure.judged(*full) == averages
                    && (kind == "full") == (*full || pressure.some.is_none());
                let limit = |range: &Option<_>| range.clone().filter(|_| judged);
                let datum =
                    Perfdata::new(format!("{name}_{kind}_avg{seconds}"), Number::Fixed(percent, 2)).unit("%");
                let datum = datum
                    .warn(limit(&thresholds.warning).as_ref())
                    .crit(limit(&thresholds.critical).as_ref());
                let datum = datum.min(Number::Integer(0)).max(Number::Integer(100));
                output = output.perf(datum.form(Form::Trimmed));
            }
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "some avg10=1.40 avg60=10.58 avg300=27.35 total=17846070143\nfull avg10=0.00 avg60=0.50 avg300=0.00 total=0\n";

    fn config(args: &str) -> Result<Config, Stop> {
        configure(&mut Call::new(&CHECK, CHECK.name, args.split(' ').map(Into::into).collect()))
    }

    fn line(args: &str, text: &str) -> String {
        let config = config(args).expect("a command line");
        let pressure = Pressure::parse(text).expect("pressure");
        let measured: Vec<_> = config.resources.iter().map(|name| (*name, pressure)).collect();
        print(&config, &measured).render()
    }

    #[test]
    fn the_file_of_the_kernel() {
        let both = Pressure { some: Some([1.4, 10.58, 27.35]), full: Some([0.0, 0.5, 0.0]) };
        assert_eq!(Pressure::parse(TEXT), Some(both));
        let some = TEXT.lines().next().expect("a line");
        assert_eq!(Pressure::parse(some), Some(Pressure { full: None, ..both }));
        for wrong in [
            "",
            "some",
            "some avg10=1 avg60=x avg300=2",
            "some avg10=1 avg60=-1 avg300=2",
            "somewhat avg10=1",
        ] {
            assert_eq!(Pressure::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn one_average_is_judged_and_all_are_told() {
        assert_eq!(
            line("-r cpu -w 20 -c 0:30", TEXT),
            "PRESSURE OK - cpu 10.58% of 60 s, some waited|cpu_some_avg10=1.40%;;;0;100 cpu_some_avg60=10.58%;20;30;0;100 \
             cpu_some_avg300=27.35%;;;0;100 cpu_full_avg10=0.00%;;;0;100 cpu_full_avg60=0.50%;;;0;100 \
             cpu_full_avg300=0.00%;;;0;100\n"
        );
        assert!(line("-w 20 -c 30 -a 300", TEXT).starts_with(
            "PRESSURE WARNING - cpu 27.35%, memory 27.35%, io 27.35% of 300 s, some waited|cpu_some_avg10=1.40%;;;0;100 "
        ));
        let full = line("-r io -c 0.1 -f", TEXT);
        assert!(full.starts_with("PRESSURE CRITICAL - io 0.50% of 60 s, all waited|"), "{full}");
        assert!(full.contains(" io_full_avg60=0.50%;;0.1;0;100 "), "{full}");
        let irq = line("-r irq -w 0.1", TEXT.split_once('\n').expect("two lines").1);
        assert!(
            irq.starts_with("PRESSURE WARNING - irq 0.50% of 60 s, some waited|irq_full_avg10="),
            "{irq}"
        );
        let old = line("-r cpu -f -w 1", TEXT.lines().next().expect("a line"));
        assert!(old.starts_with("PRESSURE UNKNOWN - cpu is not told of 60 s, all waited|"), "{old}");
    }

    #[test]
    fn misuse_and_what_is_not_there_are_told() {
        let usage = |words: &str| Err(Stop::usage(format!("check_pressure: {words}")));
        assert_eq!(config("-r disk -w 1"), usage("Resources are cpu, memory, io and irq, not disk"));
        assert_eq!(config("-a 30 -w 1"), usage("Averages are of 10, 60 or 300 seconds"));
        assert_eq!(config("-r cpu"), usage("Could not parse arguments"));
        let nowhere = config("-w 1 -g /no/such/cgroup").expect("a command line");
        let words = |root| {
            let path = format!("/sys/fs/cgroup{root}/no/such/cgroup/cpu.pressure");
            Err(Stop::unknown(format!("PRESSURE UNKNOWN - {path}: No such file or directory")))
        };
        let measured = measure(&nowhere, "cpu");
        assert!(measured == words("") || measured == words("/unified"), "{measured:?}");
    }
}
