//! What real work loses: each load without Plimsoll, with it as it comes, and with every signal on, in turns.

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Build, Exporter};

use crate::scrapes::rss_mib;
use crate::turns::{Done, LENGTH, turns};

/// A load's name, and how much of it is done in a second.
type Load = (&'static str, fn() -> Result<f64>);

const LOADS: [Load; 3] = [
    ("4 KiB writes with fsync", writes),
    ("a build: forks and execs", forks),
    ("stress-ng, mixed", stress_ng),
];

pub(crate) fn run() -> Result<()> {
    for (name, load) in LOADS {
        turns(name, || Ok(Done { rate: load()?, p99_ms: None }))?;
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
