//! What servers lose that do little but send and receive: Redis under its own benchmark, nginx under wrk.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::exporter::{Build, Exporter, Scrape};
use plimsoll_tests::nginx::Nginx;
use plimsoll_tests::servers::Servers;

use crate::scrapes::rss_mib;
use crate::turns::{Done, LENGTH, turns};

pub(crate) fn run() -> Result<()> {
    let redis = Redis::start()?;
    turns("redis-benchmark, GET", || redis.benchmark())?;
    drop(redis);
    let mut servers = Servers::start()?;
    let nginx = Nginx::start(&mut servers)?;
    let words = servers.words("http://127.0.0.1:{http}/")?;
    let url = words.first().context("no address")?;
    turns("nginx under wrk", || wrk(url))?;
    drop(nginx);
    churn()
}

/// A minute of nothing but attempts to connect: whether each was counted, and what grew.
fn churn() -> Result<()> {
    const ATTEMPTS: &str = "container_tcp_connects_total";
    let exporter = Exporter::start_build(Build::Release, &[])?;
    // Nobody listens there, now that it is dropped.
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let destination = closed.to_string();
    let before = exporter.scrape()?;
    let rss = rss_mib(exporter.pid())?;
    let end = Instant::now() + Duration::from_secs(60);
    let churner = move || {
        let mut attempts = 0_u64;
        while Instant::now() < end {
            // Now and then a socket is given this very port, and meets itself.
            drop(TcpStream::connect(closed));
            attempts += 1;
        }
        attempts
    };
    let churners: Vec<_> =
        (0..std::thread::available_parallelism()?.get()).map(|_| std::thread::spawn(churner)).collect();
    let attempts = churners.into_iter().map(|churner| churner.join().unwrap_or_default()).sum::<u64>();
    let after = exporter.scrape()?;
    let counted = |scrape: &Scrape| scrape.sum(ATTEMPTS, &[("destination", &destination)]);
    let losses = |scrape: &Scrape| scrape.sum("plimsoll_losses_total", &[]);
    let rate = format!("{:.0} attempts/s", attempts as f64 / 60.0);
    crate::report("a minute of nothing but attempts to connect", &rate, "50,000/s, all counted");
    println!(
        "{:<58} not counted {}, lost {}, RSS {:+.1} MiB",
        "",
        attempts as f64 - (counted(&after) - counted(&before)),
        losses(&after) - losses(&before),
        rss_mib(exporter.pid())? - rss,
    );
    Ok(())
}

/// One that keeps nothing; stopped when dropped.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start() -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        // The server and its tools are one program, which goes by its name. The package of the server would start one.
        let child = Command::new("redis-check-rdb")
            .arg0("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()])
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-tools: run tools/setup packages")?;
        let redis = Self { child, port };
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(20), "redis does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(redis)
    }

    /// Its line: `"GET","58651.03","0.224",…`, of which the second is requests a second and the seventh the p99 in ms.
    fn benchmark(&self) -> Result<Done> {
        let output = Command::new("redis-benchmark")
            .args(["-p", &self.port.to_string(), "-t", "get", "-c", "20", "-n", "60000", "--csv"])
            .output()
            .context("redis-benchmark: run tools/setup packages")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.starts_with("\"GET\"")).with_context(|| text.clone())?;
        let column = |at: usize| line.split(',').nth(at).and_then(|word| word.trim_matches('"').parse().ok());
        Ok(Done { rate: column(1).with_context(|| text.clone())?, p99_ms: column(6) })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `Requests/sec:  12345.67` and `     99%    1.23ms`.
fn wrk(url: &str) -> Result<Done> {
    let length = format!("{}s", LENGTH.as_secs());
    let output = Command::new("wrk")
        .args(["-t", "1", "-c", "20", "-d", &length, "--latency", url])
        .output()
        .context("wrk: run tools/setup packages")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let rate = after("Requests/sec:").and_then(|word| word.parse().ok()).with_context(|| text.clone())?;
    Ok(Done { rate, p99_ms: after("99%").and_then(milliseconds) })
}

/// `870.00us`, `1.23ms`, `1.23s`
fn milliseconds(text: &str) -> Option<f64> {
    [("us", 1e-3), ("ms", 1.0), ("s", 1e3)]
        .into_iter()
        .find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}
