//! A scrape with 10, 100 and 300 real containers: CPU, wall, bytes, series, memory; and a minute of nothing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Build, Exporter};
use plimsoll_tests::runc::{Config, Container, Running};

use crate::bare::{Files, send, thread_seconds};

const SCRAPES: u32 = 40;

pub(crate) fn run() -> Result<()> {
    let exporter = Exporter::start_build(Build::Release, &[])?;
    let mut containers: Vec<Running> = Vec::new();
    for count in [10, 100, 300] {
        while containers.len() < count {
            containers.push(Container::new(&Config::default().own_network())?.start()?);
        }
        scrapes(&exporter, count, "/metrics", &[], "")?;
    }
    bare(&containers, &exporter.get_bytes("/metrics", &[])?)?;
    scrapes(&exporter, 300, "/metrics/cadvisor", &[], ", as cAdvisor")?;
    scrapes(&exporter, 300, "/metrics", &[("Accept-Encoding", "gzip")], ", gzip")?;
    let openmetrics = ("Accept", "application/openmetrics-text;version=1.0.0");
    scrapes(&exporter, 300, "/metrics", &[openmetrics], ", OpenMetrics")?;
    let idle = Duration::from_secs(20);
    let before = cpu_seconds(exporter.pid())?;
    // A measurement's length, not a wait for something.
    std::thread::sleep(idle);
    let minute = (cpu_seconds(exporter.pid())? - before) * 60.0 / idle.as_secs_f64();
    crate::report("idle with 300 containers", &format!("{minute:.4} CPU s a minute"), "at most 0.05");
    for container in containers {
        container.finish()?;
    }
    Ok(())
}

fn scrapes(exporter: &Exporter, count: usize, path: &str, headers: &[(&str, &str)], how: &str) -> Result<()> {
    // Files are opened, buffers grow, names are asked for: once. Young cgroups are read more thoroughly.
    let settled = Instant::now() + Duration::from_secs(12);
    while Instant::now() < settled {
        exporter.get_bytes(path, headers)?;
        std::thread::sleep(Duration::from_millis(500));
    }
    let (mut cpu, mut wall, mut body) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SCRAPES {
        let (before, start) = (cpu_seconds(exporter.pid())?, Instant::now());
        body = exporter.get_bytes(path, headers)?;
        wall.push(start.elapsed().as_secs_f64() * 1e3);
        cpu.push((cpu_seconds(exporter.pid())? - before) * 1e3);
    }
    let (cpu, wall) = (median_and_least(&mut cpu), median_and_least(&mut wall));
    let series = body.split(|b| *b == b'\n').filter(|line| !line.is_empty() && line[0] != b'#').count();
    let rss = rss_mib(exporter.pid())?;
    let what = format!("scrape, {count} containers{how}");
    let goal = if count == 300 && how.is_empty() { "at most 8 ms of CPU, 25 MiB" } else { "" };
    crate::report(&what, &format!("{:.2} ms of CPU, {rss:.1} MiB", cpu.0), goal);
    let (least, wall, kib) = (cpu.1, wall.0, body.len() / 1024);
    println!("{:<46} least {least:.2} ms, wall {wall:.2} ms, {kib} KiB, {series} lines", "");
    Ok(())
}

/// What the system alone asks for such a scrape: the fewest files, and the same bytes.
fn bare(containers: &[Running], body: &[u8]) -> Result<()> {
    let mut files = Files::of(containers)?;
    let (mut read, mut sent) = (Vec::new(), Vec::new());
    for _ in 0..SCRAPES {
        let before = thread_seconds();
        files.read()?;
        read.push((thread_seconds() - before) * 1e3);
        sent.push(send(body)?);
    }
    let (read, sent) = (median_and_least(&mut read), median_and_least(&mut sent));
    let result = format!("{:.2} ms of CPU", read.0 + sent.0);
    crate::report("the system's own part of it", &result, "none");
    let (read, sent) = (read.0, sent.0);
    println!("{:<46} 3 files a container {read:.2} ms, sending the answer {sent:.2} ms", "");
    Ok(())
}

fn median_and_least(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0])
}

/// CPU time of the process, threads that have ended included, by the kernel's clock for it.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls write one value of the type they are given.
    let failed = unsafe {
        libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    ensure!(!failed, "no CPU clock of process {pid}");
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

pub(crate) fn rss_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
    Ok(kib / 1024.0)
}
