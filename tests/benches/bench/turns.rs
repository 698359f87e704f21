//! A load without Plimsoll, with empty programs in its place, with it as it comes, and with every signal on, in turns.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::time::{Duration, Instant};

use anyhow::Result;
use plimsoll::kernel::PROGRAMS;
use plimsoll_tests::exporter::{Build, Exporter};
use procfs::CurrentSI as _;

use crate::bare::EmptyProgram;
use crate::scrapes::cpu_seconds;

/// Ways in which a load runs.
const MODES: usize = 5;

/// Turns, every other one in the reverse order. Each gives a ratio for each mode; their median counts, since a busy
/// neighbour of this machine can spoil or favour any single one.
const ROUNDS: usize = 8;
/// What the kernel still has to do after an exporter began or ended (programs compiled, 64 MiB of maps freed) is no part
/// of what a load loses: it is let pass before each turn.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a load runs in one turn.
pub(crate) const LENGTH: Duration = Duration::from_secs(1);

/// The goal of what is not ours.
const SYSTEM: &str = "none: the system alone";

/// What a load did in one turn.
pub(crate) struct Done {
    /// How much of it in a second.
    pub(crate) rate: f64,
    /// What 99 of 100 of its requests took at most, if it has such.
    pub(crate) p99_ms: Option<f64>,
}

/// What runs beside a load.
enum Mode {
    Off,
    /// Empty programs in the places of ours: what the hooks alone cost on this machine, whoever uses them.
    Hooks(Vec<CString>),
    On(Vec<String>),
}

/// What is there while a load runs.
#[derive(Default)]
struct Running {
    exporter: Option<Exporter>,
    _hooks: Vec<EmptyProgram>,
}

impl Mode {
    fn start(&self) -> Result<Running> {
        Ok(match self {
            Self::Off => Running::default(),
            Self::Hooks(hooks) => {
                let hooks = hooks.iter().map(|hook| EmptyProgram::on(hook)).collect::<Result<_>>()?;
                Running { exporter: None, _hooks: hooks }
            }
            Self::On(flags) => {
                let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
                Running { exporter: Some(Exporter::start_build(Build::Release, &flags)?), _hooks: Vec::new() }
            }
        })
    }
}

/// The tracepoints that the exporter's programs are on with these flags, as often as they are.
fn hooks(flags: &[String]) -> Result<Vec<CString>> {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let exporter = Exporter::start_build(Build::Release, &flags)?;
    let scrape = exporter.scrape()?;
    // A program is there once for each signal it serves.
    let running: BTreeSet<&str> = scrape
        .all("plimsoll_program_up", &[])
        .filter(|sample| sample.value == 1.0)
        .filter_map(|sample| sample.labels.get("program").map(String::as_str))
        .collect();
    let programs = PROGRAMS.iter().filter(|program| running.contains(program.name));
    let tracepoints = programs.map(|program| program.tracepoint).filter(|at| !at.contains([' ', ':', '/']));
    Ok(tracepoints.map(CString::new).collect::<Result<_, _>>()?)
}

/// Reports what is left of a load's throughput, and its latency beside the one without.
pub(crate) fn turns(name: &str, mut load: impl FnMut() -> Result<Done>) -> Result<()> {
    let all: Vec<_> =
        plimsoll::signals::ALL.iter().map(|signal| format!("--collector.{}", signal.name)).collect();
    let modes =
        [Mode::Off, Mode::Hooks(hooks(&[])?), Mode::On(Vec::new()), Mode::Hooks(hooks(&all)?), Mode::On(all)];
    let mut ratios = [const { Vec::new() }; MODES];
    let mut latencies = [const { Vec::new() }; MODES];
    let mut dearer = [const { Vec::new() }; MODES];
    let (mut off, mut own) = (Vec::new(), [0.0_f64; MODES]);
    for round in 0..ROUNDS {
        let (mut rates, mut costs) = ([0.0_f64; MODES], [0.0_f64; MODES]);
        for at in 0..MODES {
            let at = if round % 2 == 0 { at } else { MODES - 1 - at };
            let running = modes[at].start()?;
            std::thread::sleep(SETTLE);
            let cpu = || running.exporter.as_ref().map_or(Ok(0.0), |exporter| cpu_seconds(exporter.pid()));
            let (before, busy, start) = (cpu()?, busy_seconds()?, Instant::now());
            let done = load()?;
            costs[at] = (busy_seconds()? - busy) / (done.rate * start.elapsed().as_secs_f64());
            own[at] += cpu()? - before;
            rates[at] = done.rate;
            latencies[at].extend(done.p99_ms);
        }
        off.push(rates[0]);
        for at in 1..MODES {
            ratios[at].push(rates[at] / rates[0]);
            dearer[at].push(costs[at] / costs[0]);
        }
    }
    let shares = [2, 4].map(|at| share(&modes[at], &mut load));
    off.sort_by(f64::total_cmp);
    latencies.iter_mut().for_each(|latencies| latencies.sort_by(f64::total_cmp));
    let p99 = |at: usize| latencies[at].get(latencies[at].len() / 2);
    let goals = [
        (1, "empty programs in place of the default", SYSTEM),
        (2, "default", "at least 0.98"),
        (3, "empty programs in place of everything", SYSTEM),
        (4, "everything", "at least 0.95"),
    ];
    for (at, mode, goal) in goals {
        ratios[at].sort_by(f64::total_cmp);
        dearer[at].sort_by(f64::total_cmp);
        let quarter = |quarters: usize| ratios[at][ROUNDS * quarters / 4];
        crate::report(&format!("{name}, {mode}"), &format!("{:.3} of off", quarter(2)), goal);
        let latency = p99(at).zip(p99(0)).map(|(on, off)| format!("; p99 {on:.3} ms, off {off:.3} ms"));
        println!(
            "{:<58} half of the turns {:.3} to {:.3}, CPU for the same work {:.3} of off; off {:.0}/s; CPU of its own {:.2} ms a turn{}",
            "",
            quarter(1),
            quarter(3),
            dearer[at][ROUNDS / 2],
            off[ROUNDS / 2],
            own[at] * 1e3 / ROUNDS as f64,
            latency.unwrap_or_default(),
        );
    }
    let [default, everything] = shares;
    let (default, everything) = (default? * 100.0, everything? * 100.0);
    println!(
        "{:<58} its programs run for {default:.2} % of the CPUs' time by default, {everything:.2} % with everything",
        ""
    );
    Ok(())
}

/// CPU time that this machine has used for anything: unlike a rate, it does not move with disks, or with who else is on the host.
fn busy_seconds() -> Result<f64> {
    let cpu = procfs::KernelStats::current()?.total;
    let busy = cpu.user + cpu.nice + cpu.system + cpu.irq.unwrap_or(0) + cpu.softirq.unwrap_or(0);
    Ok(busy as f64 / procfs::ticks_per_second() as f64)
}

/// How much of all CPUs' time programs in the kernel run while a load does, in a turn apart: the kernel looks at the clock twice for
/// each run, which costs as well. What a ratio says beyond it is what the hooks cost, or luck.
fn share(mode: &Mode, load: &mut impl FnMut() -> Result<Done>) -> Result<f64> {
    let _running = mode.start()?;
    std::thread::sleep(SETTLE);
    let _until_dropped = aya::sys::enable_stats(aya::sys::Stats::RunTime)?;
    let ran = || -> Result<Duration> {
        aya::programs::loaded_programs().map(|program| Ok(program?.run_time())).sum()
    };
    let (before, start) = (ran()?, Instant::now());
    load()?;
    let cpus = std::thread::available_parallelism()?.get() as f64;
    Ok((ran()? - before).as_secs_f64() / (start.elapsed().as_secs_f64() * cpus))
}
