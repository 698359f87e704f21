//! A load without Plimsoll, with it as it comes, and with every signal on, in turns.

use std::time::Duration;

use anyhow::Result;
use plimsoll_tests::exporter::{Build, Exporter};

use crate::scrapes::cpu_seconds;

/// Turns, every other one in the reverse order. Each gives a ratio for each mode; their median counts, since a busy
/// neighbour of this machine can spoil or favour any single one.
const ROUNDS: usize = 12;
/// What the kernel still has to do after an exporter began or ended (programs compiled, 64 MiB of maps freed) is no part
/// of what a load loses: it is let pass before each turn.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a load runs in one turn.
pub(crate) const LENGTH: Duration = Duration::from_secs(1);

/// What a load did in one turn.
pub(crate) struct Done {
    /// How much of it in a second.
    pub(crate) rate: f64,
    /// What 99 of 100 of its requests took at most, if it has such.
    pub(crate) p99_ms: Option<f64>,
}

/// Reports what is left of a load's throughput, and its latency beside the one without.
pub(crate) fn turns(name: &str, mut load: impl FnMut() -> Result<Done>) -> Result<()> {
    let all: Vec<String> =
        plimsoll::signals::ALL.iter().map(|signal| format!("--collector.{}", signal.name)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let modes: [Option<&[&str]>; 3] = [None, Some(&[]), Some(&all)];
    let mut ratios = [const { Vec::new() }; 3];
    let mut latencies = [const { Vec::new() }; 3];
    let (mut off, mut own) = (Vec::new(), [0.0_f64; 3]);
    for round in 0..ROUNDS {
        let mut rates = [0.0_f64; 3];
        for at in if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] } {
            let exporter = modes[at].map(|flags| Exporter::start_build(Build::Release, flags)).transpose()?;
            std::thread::sleep(SETTLE);
            let cpu = || exporter.as_ref().map_or(Ok(0.0), |exporter| cpu_seconds(exporter.pid()));
            let before = cpu()?;
            let done = load()?;
            own[at] += cpu()? - before;
            rates[at] = done.rate;
            latencies[at].extend(done.p99_ms);
        }
        off.push(rates[0]);
        for at in [1, 2] {
            ratios[at].push(rates[at] / rates[0]);
        }
    }
    off.sort_by(f64::total_cmp);
    latencies.iter_mut().for_each(|latencies| latencies.sort_by(f64::total_cmp));
    let p99 = |at: usize| latencies[at].get(latencies[at].len() / 2);
    for (at, mode, goal) in [(1, "default", "at least 0.98"), (2, "everything", "at least 0.95")] {
        ratios[at].sort_by(f64::total_cmp);
        let quarter = |quarters: usize| ratios[at][ROUNDS * quarters / 4];
        crate::report(&format!("{name}, {mode}"), &format!("{:.3} of off", quarter(2)), goal);
        let latency = p99(at).zip(p99(0)).map(|(on, off)| format!("; p99 {on:.3} ms, off {off:.3} ms"));
        println!(
            "{:<46} half of the turns {:.3} to {:.3}; off {:.0}/s; CPU of its own {:.2} ms a turn{}",
            "",
            quarter(1),
            quarter(3),
            off[ROUNDS / 2],
            own[at] * 1e3 / ROUNDS as f64,
            latency.unwrap_or_default(),
        );
    }
    Ok(())
}
