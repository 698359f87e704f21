//! What reading all cgroups of a host costs, once every file that is kept is open.
//!
//! `read_cgroups PREFIX [SCRAPES [REFRESH_SECONDS]]` reads every cgroup whose path contains PREFIX, SCRAPES
//! times, and prints CPU time and what was read. It makes nothing and changes nothing.

use std::time::Duration;

use anyhow::{Context as _, Result};
use plimsoll::host::{
    Candidate, CgroupFiles, Hierarchies, HostPaths, HostReader, HostStats, ReaderOptions, Scope, WalkBounds,
    Wanted, owners, raise_nofile_limit,
};
use rustix::time::{ClockId, clock_gettime};

#[expect(clippy::print_stdout, reason = "the measurement is the output")]
fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let prefix = args.next().context("usage: read_cgroups PREFIX [SCRAPES [REFRESH_SECONDS]]")?;
    let scrapes: u32 = args.next().map_or(Ok(20), |n| n.parse())?;
    let refresh: u64 = args.next().map_or(Ok(300), |n| n.parse())?;
    raise_nofile_limit();
    let paths = HostPaths::default();
    let hierarchies = Hierarchies::detect(&paths)?;
    let options = ReaderOptions { refresh: Duration::from_secs(refresh), ..ReaderOptions::default() };
    let mut reader = HostReader::new(&hierarchies, &paths, options)?;
    let mut cgroups: Vec<(CgroupFiles, HostStats)> = hierarchies
        .walk(WalkBounds::default())
        .filter(|found| found.path.contains(&prefix))
        .map(|found| (reader.open(&found.path, Scope::Subtree), HostStats::default()))
        .collect();
    for scrape in 0..scrapes {
        let start = cpu_time();
        let read = read_all(&mut reader, &mut cgroups);
        let micros = (cpu_time() - start).as_micros();
        let (kept, _) = reader.descriptors_kept();
        println!("scrape {scrape}: {read} cgroups, {micros} us of CPU, {kept} descriptors kept");
        std::thread::sleep(Duration::from_millis(300));
    }
    if let Some((files, stats)) = cgroups.first() {
        println!("{}: {stats:#?}\n{:?}", files.path(), reader.tally());
    }
    Ok(())
}

fn read_all(reader: &mut HostReader, cgroups: &mut [(CgroupFiles, HostStats)]) -> usize {
    reader.begin_scrape();
    let mut candidates = Vec::new();
    let mut places = Vec::new();
    let mut read = 0;
    for (at, (files, stats)) in cgroups.iter_mut().enumerate() {
        if reader.read(files, Wanted::ALL, stats).is_err() {
            continue;
        }
        read += 1;
        if let Some(netns) = files.netns() {
            let host = files.path() == "/";
            candidates.push(Candidate { netns, host, sandbox: false, created: stats.created });
            places.push(at);
        }
    }
    for owner in owners(reader.host_netns(), &candidates) {
        let (files, stats) = &mut cgroups[places[owner]];
        reader.read_network(files, stats);
    }
    read
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default())
}
