//! The governor at work: measures an interval, does what it decides, and says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus::{Counter, CounterVec, Gauge, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use rustix::time::{ClockId, clock_gettime};

use super::open::take_in_connections;
use super::own::NAMESPACE_NOT_WALKED;
use super::{Engine, State};
use crate::config::COMMANDS;
use crate::governor::{Governor, Step, Usage};
use crate::host::other_instances;
use crate::kernel::{Kernel, Program};
use crate::telemetry::registered;

/// What Plimsoll may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overhead {
    /// Share of all CPUs together; 0 is no ceiling.
    pub ceiling: f64,
    /// How often it is measured.
    pub interval: Duration,
}

/// The governor, what it saw last, and its metrics.
#[derive(Debug)]
pub(super) struct Govern {
    memory: Mutex<Memory>,
    cpus: f64,
    working: IntGaugeVec,
    steps: IntCounterVec,
    used: Gauge,
    user: Counter,
    kernel: CounterVec,
    runs: IntCounterVec,
    cost: GaugeVec,
}

#[derive(Debug)]
struct Memory {
    governor: Governor,
    at: Instant,
    user: f64,
    runs: HashMap<&'static str, u64>,
}

impl Govern {
    /// Registers the metrics; the first interval begins.
    pub(super) fn new(
        registry: &Registry,
        overhead: Overhead,
        kernel: Option<&Kernel>,
    ) -> Result<Self, prometheus::Error> {
        let cpus = online_cpus();
        let limit = Gauge::new(
            "plimsoll_governor_ceiling_ratio",
            "The share of all CPUs that Plimsoll may use before signals rest; 0 is no ceiling.",
        )?;
        registered(registry, limit)?.set(overhead.ceiling);
        let counters = |name, help, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let govern = Self {
            memory: Mutex::new(Memory {
                governor: Governor::new(overhead.ceiling * cpus),
                at: Instant::now(),
                user: user_seconds(),
                runs: HashMap::new(),
            }),
            cpus,
            working: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "plimsoll_governor_signal_working",
                        "Whether a signal is at work (1), or rests to keep the cost under the ceiling (0): its \
                         families are then absent, and what happens meanwhile is not counted.",
                    ),
                    &["signal"],
                )?,
            )?,
            steps: counters(
                "plimsoll_governor_steps_total",
                "How often a signal was let rest, and put to work again.",
                &["signal", "step"],
            )?,
            used: registered(
                registry,
                Gauge::new(
                    "plimsoll_overhead_ratio",
                    "The share of all CPUs that Plimsoll used in the last interval, programs in the kernel included.",
                )?,
            )?,
            user: registered(
                registry,
                Counter::new("plimsoll_overhead_process_cpu_seconds_total", "CPU time of this process.")?,
            )?,
            kernel: registered(
                registry,
                CounterVec::new(
                    Opts::new(
                        "plimsoll_overhead_kernel_cpu_seconds_total",
                        "CPU time that a signal's programs added to system calls and context switches: runs by what \
                         a run was measured to cost.",
                    ),
                    &["signal"],
                )?,
            )?,
            runs: counters("plimsoll_program_runs_total", "Runs of a signal's programs.", &["signal"])?,
            cost: registered(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "plimsoll_program_run_cost_seconds",
                        "What a run of a signal's programs adds to its event, measured when it was attached.",
                    ),
                    &["signal"],
                )?,
            )?,
        };
        for run in kernel.into_iter().flat_map(Kernel::runs) {
            govern.prepare(run.signal);
            govern.cost.with_label_values(&[run.signal]).set(run.ns / 1e9);
        }
        Ok(govern)
    }

    /// Makes the series of a signal, so that they begin at 0.
    pub(super) fn prepare(&self, signal: &str) {
        self.working.with_label_values(&[signal]).set(1);
        for step in [REST, WORK] {
            self.steps.with_label_values(&[signal, step]);
        }
        self.kernel.with_label_values(&[signal]);
        self.runs.with_label_values(&[signal]);
        self.cost.with_label_values(&[signal]);
    }

    fn measure(&self, state: &State, memory: &mut Memory) -> Usage {
        let (now, user) = (Instant::now(), user_seconds());
        let mut usage = Usage {
            elapsed: now.duration_since(memory.at).as_secs_f64(),
            user: user - memory.user,
            kernel: Vec::new(),
        };
        (memory.at, memory.user) = (now, user);
        for run in state.kernel.iter().flat_map(Kernel::runs) {
            let before = memory.runs.insert(run.signal, run.runs).unwrap_or_default();
            let runs = run.runs.saturating_sub(before);
            let seconds = runs as f64 * run.ns / 1e9;
            self.runs.with_label_values(&[run.signal]).inc_by(runs);
            self.kernel.with_label_values(&[run.signal]).inc_by(seconds);
            if !state.resting.contains(&run.signal) {
                usage.kernel.push((run.signal, seconds));
            }
        }
        self.user.inc_by(usage.user.max(0.0));
        let kernel: f64 = usage.kernel.iter().map(|(_, seconds)| seconds).sum();
        self.used.set((usage.user + kernel) / usage.elapsed.max(f64::MIN_POSITIVE) / self.cpus);
        usage
    }
}

impl Engine {
    /// Measures and acts until the engine is gone.
    pub(super) fn govern_while_it_lives(self: &Arc<Self>) -> std::io::Result<()> {
        let (engine, interval) = (Arc::downgrade(self), self.options.overhead.interval);
        let watch = move || {
            for turn in 0u64.. {
                let Some(engine) = engine.upgrade() else { return };
                if turn > 0 {
                    engine.govern();
                }
                if turn.is_multiple_of(LOOK_FOR_OTHERS) {
                    engine.own.others(other_instances(&engine.options.paths.procfs, &COMMANDS));
                }
                drop(engine);
                std::thread::sleep(interval);
            }
        };
        std::thread::Builder::new().name("governor".to_owned()).spawn(watch).map(drop)
    }

    fn govern(&self) {
        let mut state = self.lock();
        let mut memory = self.govern.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = self.govern.measure(&state, &mut memory);
        let step = memory.governor.step(&usage);
        let (signal, working) = match step {
            Step::Stay => return,
            Step::Exhausted => {
                return tracing::warn!(?usage, "above --overhead.cpu, and no signal is left that could rest");
            }
            Step::Rest(signal) => (signal, false),
            Step::Work(signal) => (signal, true),
        };
        state.resting = memory.governor.resting().to_vec();
        let Some(kernel) = &mut state.kernel else { return };
        if working {
            tracing::info!(signal, "calm: the signal works again");
            if let Err(error) = kernel.resume(signal) {
                tracing::warn!(signal, error, "it could not be attached again");
                kernel.pause(signal);
                state.resting.push(signal);
                return;
            }
            if Program::serves("tcp", signal) {
                self.own.lost(NAMESPACE_NOT_WALKED, take_in_connections(kernel, &self.options.paths.procfs));
            }
        } else {
            tracing::warn!(signal, ?usage, "above --overhead.cpu: the signal rests, its families are absent");
            kernel.pause(signal);
        }
        self.govern.working.with_label_values(&[signal]).set(working.into());
        self.govern.steps.with_label_values(&[signal, if working { WORK } else { REST }]).inc();
    }
}

/// Intervals from one look for other instances to the next: it reads the name of every process.
const LOOK_FOR_OTHERS: u64 = 6;

const REST: &str = "rest";
const WORK: &str = "work";

fn user_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn online_cpus() -> f64 {
    // SAFETY: it only asks for a number.
    let cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    cpus.max(1) as f64
}
