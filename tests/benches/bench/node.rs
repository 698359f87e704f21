//! A scrape of the host's own numbers, beside node_exporter's of the same host: CPU and memory.

use anyhow::Result;
use plimsoll_tests::exporter::{Build, Exporter};
use plimsoll_tests::node_exporter::NodeExporter;

use crate::scrapes::{cpu_seconds, rss_mib};

const SCRAPES: u32 = 100;

pub(crate) fn run() -> Result<()> {
    let theirs = NodeExporter::start(&[])?;
    let ours = Exporter::start_build(Build::Release, &[])?;
    let of_theirs = scrapes(theirs.pid(), || theirs.metrics().map(drop))?;
    let of_ours = scrapes(ours.pid(), || ours.get("/metrics/node", &[]).map(drop))?;
    let line = |(cpu, rss): (f64, f64)| format!("{cpu:.2} ms of CPU, {rss:.1} MiB");
    crate::report("host metrics, a scrape of node_exporter", &line(of_theirs), "none");
    let goal = format!("at most {:.2} ms", of_theirs.0 / 2.0);
    crate::report("host metrics, a scrape of ours", &line(of_ours), &goal);
    Ok(())
}

/// Milliseconds of CPU a scrape, and the memory after all.
fn scrapes(pid: u32, scrape: impl Fn() -> Result<()>) -> Result<(f64, f64)> {
    // Files are opened and buffers grow once.
    (0..10).try_for_each(|_| scrape())?;
    let before = cpu_seconds(pid)?;
    (0..SCRAPES).try_for_each(|_| scrape())?;
    Ok(((cpu_seconds(pid)? - before) * 1e3 / f64::from(SCRAPES), rss_mib(pid)?))
}
