//! What real work loses: each load without Plimsoll, with it as it comes, and with every signal on, in turns.

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Build, Exporter};

use crate::scrapes::{cpu_seconds, rss_mib};

/// Turns, every other one in the reverse order. Each gives a ratio for each mode; their median counts, since a busy
/// neighbour of this machine can spoil or favour any single one.
const ROUNDS: usize = 12;
/// What the kernel still has to do after an exporter began or ended (programs compiled, 64 MiB of maps freed) is no part
/// of what a load loses: it is let pass before each turn.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a load runs in one turn.
const LENGTH: Duration = Duration::from_secs(1);

/// A load's name, and how much of it is done in a second.
type Load = (&'static str, fn() -> Result<f64>);

const LOADS: [Load; 3] = [
    ("4 KiB writes with fsync", writes),
    ("a build: forks and execs", forks),
    ("stress-ng, mixed", stress_ng),
];

pub(crate) fn run() -> Result<()> {
    let all: Vec<String> =
        plimsoll::signals::ALL.iter().map(|signal| format!("--collector.{}", signal.name)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let modes: [(&str, Option<&[&str]>); 3] =
        [("off", None), ("default", Some(&[])), ("everything", Some(&all))];
    for (name, load) in LOADS {
        let (mut ratios, mut own) = ([const { Vec::new() }; 3], [0.0_f64; 3]);
        let mut off = Vec::new();
        for round in 0..ROUNDS {
            let mut rates = [0.0_f64; 3];
            let order = if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] };
            for at in order {
                let exporter =
                    modes[at].1.map(|flags| Exporter::start_build(Build::Release, flags)).transpose()?;
                std::thread::sleep(SETTLE);
                let cpu = || exporter.as_ref().map_or(Ok(0.0), |exporter| cpu_seconds(exporter.pid()));
                let before = cpu()?;
                rates[at] = load()?;
                own[at] += cpu()? - before;
            }
            off.push(rates[0]);
            for at in [1, 2] {
                ratios[at].push(rates[at] / rates[0]);
            }
        }
        off.sort_by(f64::total_cmp);
        for (at, goal) in [(1, "at least 0.98"), (2, "at least 0.95")] {
            ratios[at].sort_by(f64::total_cmp);
            let quarter = |quarters: usize| ratios[at][ROUNDS * quarters / 4];
            crate::report(&format!("{name}, {}", modes[at].0), &format!("{:.3} of off", quarter(2)), goal);
            println!(
                "{:<46} half of the turns {:.3} to {:.3}; off {:.0}/s; CPU of its own {:.2} ms a turn",
                "",
                quarter(1),
                quarter(3),
                off[ROUNDS / 2],
                own[at] * 1e3 / ROUNDS as f64
            );
        }
    }
    storm()
}

/// A million system calls a second for a minute: what is lost, what grows, how long scrapes take.
fn storm() -> Result<()> {
    let exporter = Exporter::start_build(Build::Release, &[])?;
    let scrape = || -> Result<f64> {
        let start = Instant::now();
        exporter.get_bytes("/metrics", &[])?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let calm = median((0..50).map(|_| scrape()).collect::<Result<_>>()?);
    let lost =
        |exporter: &Exporter| -> Result<f64> { Ok(exporter.scrape()?.sum("plimsoll_losses_total", &[])) };
    let (rss, losses) = (rss_mib(exporter.pid())?, lost(&exporter)?);
    let end = Instant::now() + Duration::from_secs(60);
    let stormer = std::thread::spawn(move || {
        let (start, mut calls) = (Instant::now(), 0_u64);
        while Instant::now() < end {
            for _ in 0..10_000 {
                std::hint::black_box(rustix::process::getppid());
            }
            calls += 10_000;
        }
        calls as f64 / start.elapsed().as_secs_f64()
    });
    let mut during = Vec::new();
    while Instant::now() < end {
        during.push(scrape()?);
        std::thread::sleep(Duration::from_millis(250));
    }
    let rate = stormer.join().map_err(|_| anyhow::anyhow!("the storm panicked"))?;
    let result = format!("{:.0} calls/s", rate);
    crate::report("a minute of nothing but system calls", &result, "1,000,000 calls/s and no loss");
    println!(
        "{:<46} lost {}, RSS {:+.1} MiB, a scrape {:.2} ms, before {calm:.2} ms",
        "",
        lost(&exporter)? - losses,
        rss_mib(exporter.pid())? - rss,
        median(during),
    );
    Ok(())
}

fn writes() -> Result<f64> {
    let path = std::env::temp_dir().join(format!("plimsoll-bench-{}", std::process::id()));
    let mut file = File::create(&path)?;
    let done = throughput(|| {
        file.write_all(&[7; 4096])?;
        Ok(file.sync_all()?)
    });
    std::fs::remove_file(&path)?;
    done
}

fn forks() -> Result<f64> {
    throughput(|| {
        let status = Command::new("/bin/true").stdin(Stdio::null()).status()?;
        ensure!(status.success(), "{status}");
        Ok(())
    })
}

fn throughput(mut one: impl FnMut() -> Result<()>) -> Result<f64> {
    let (start, mut done) = (Instant::now(), 0_u64);
    while start.elapsed() < LENGTH {
        one()?;
        done += 1;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

/// The rates of its stressors, as one number: their geometric mean.
fn stress_ng() -> Result<f64> {
    // In less than this its slowest stressor sometimes does not come round once.
    let seconds = (3 * LENGTH.as_secs()).to_string();
    let stressors =
        ["--cpu", "1", "--switch", "1", "--pipe", "1", "--fork", "1", "--vm", "1", "--vm-bytes", "64M"];
    let output = Command::new("stress-ng")
        .args(stressors)
        .args(["--timeout", &seconds, "--metrics-brief", "--temp-path"])
        .arg(std::env::temp_dir())
        .stdin(Stdio::null())
        .output()
        .context("stress-ng: run tools/setup packages")?;
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    // stress-ng: info: [1] cpu 1234 3.00 3.00 0.00 411.33 411.33: the last but one is by wall time.
    let rate = |line: &str| -> Option<f64> {
        let words: Vec<&str> = line.split("] ").nth(1)?.split_whitespace().collect();
        let [name, ops, _, _, _, rate, _] = words[..] else { return None };
        let stressor = stressors.iter().any(|flag| flag.strip_prefix("--") == Some(name));
        (stressor && ops.parse::<u64>().is_ok()).then(|| rate.parse().ok()).flatten()
    };
    let rates: Vec<f64> = text.lines().filter_map(rate).filter(|rate| *rate > 0.0).collect();
    ensure!(rates.len() == 5, "stress-ng said:\n{text}");
    Ok((rates.iter().map(|rate| rate.ln()).sum::<f64>() / rates.len() as f64).exp())
}
