//! Hours in little: containers come and go, the configuration is read again, the API server fails, everybody scrapes. After each
//! round everything is as it was, so what has grown is a leak.
//!
//! `PLIMSOLL_SOAK_SECONDS` is how long it goes on (20); `make soak` sets it to hours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::apiserver::{Answer, End, Feed};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::cluster::{Cluster, NODE};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Container, Running};
use rustix::process::Signal;

/// Rounds before anything is compared: every buffer and table has been as large as it gets.
const WARM: usize = 8;
/// What memory may be above its highest of the first rounds that are compared, at the end: allocators are not exact to the page. The
/// more rounds there are, the less of it is any one's.
const SLACK: u64 = 1 << 20;
/// Cgroups that come and go in a round.
const CGROUPS: usize = 10;

const CALLS: &str = "container_syscalls_total";
const GOOD: [&str; 2] = [
    "labels: [{constant: a, as: soak}]\n",
    "labels: [{constant: b, as: soak}, {container_label: x, as: y}]\n",
];

struct Soak {
    exporter: Exporter,
    cluster: Cluster,
    /// What ends the watch that is open.
    feed: Feed,
    config: PathBuf,
    steady: Running,
    round: usize,
    /// What has to be counted for `steady`.
    calls: f64,
    forks: f64,
}

/// What the process holds when a round is over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    descriptors: usize,
    /// Those that are no pool's.
    threads: usize,
    rows: u64,
}

/// Pools of threads that come as they are needed at once, and the most of each: how many scrapes may run, and the resolver.
const POOLS: [(&str, usize); 2] = [("web", 57), ("kubernetes-io", 2)];

impl Soak {
    fn start() -> Result<Self> {
        let config = std::env::temp_dir().join(format!("plimsoll-soak-{}.yml", std::process::id()));
        std::fs::write(&config, GOOD[0])?;
        let feed = Feed::default();
        let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?.fed(&feed)])?;
        let flags = [
            format!("--config.file={}", config.display()),
            format!("--kubernetes.kubeconfig={}", cluster.kubeconfig()?.display()),
            format!("--kubernetes.node={NODE}"),
            "--kubernetes.max-backoff=10ms".to_owned(),
            "--web.enable-lifecycle".to_owned(),
            "--tombstone.min-age=0s".to_owned(),
            "--tombstone.scrapes=1".to_owned(),
        ];
        let exporter = Exporter::start(&flags.each_ref().map(String::as_str))?;
        let mut steady = Container::new(&Config::default())?.start()?;
        steady.run("noop")?;
        // Those of runc, before it became the worker.
        let id = [("id", steady.container().cgroups_path())];
        let forks = exporter.scrape()?.sum("container_process_forks_total", &id);
        let soak = Self { exporter, cluster, feed, config, steady, round: 0, calls: 0.0, forks };
        soak.followed()?;
        Ok(soak)
    }

    /// One round, at whose end everything is as before it.
    fn round(&mut self) -> Result<()> {
        self.round += 1;
        let own = |number: usize| format!("/plimsoll-soak-{}-{}-{number}", std::process::id(), self.round);
        let cgroups = (0..CGROUPS).map(|number| Cgroup::make(&own(number))).collect::<Result<Vec<_>>>()?;
        for (number, cgroup) in cgroups.iter().enumerate() {
            ensure!(
                cgroup.run(&format!("syscalls {} getsid , exit {}", number + 1, number % 3))?
                    == (number as i32 % 3) << 8
            );
        }
        let mut container = Container::new(&Config::default().annotation("a", "b"))?.start()?;
        container.run("syscalls 50 getsid")?;
        self.steady.run("syscalls 100 getsid")?;
        self.steady.run("children 3 exit 1")?;
        (self.calls, self.forks) = (self.calls + 100.0, self.forks + 3.0);
        self.reload()?;
        self.fail_the_server()?;
        let scrape = self.exporter.scrape()?;
        let calls = |id: &str| scrape.sum(CALLS, &[("id", id), ("syscall", "getsid")]);
        for (number, cgroup) in cgroups.iter().enumerate() {
            assert_eq!(calls(cgroup.id()), (number + 1) as f64, "round {}: {}", self.round, cgroup.id());
        }
        assert_eq!(calls(container.container().cgroups_path()), 50.0, "round {}", self.round);
        let id = self.steady.container().cgroups_path();
        assert_eq!(calls(id), self.calls, "round {}", self.round);
        assert_eq!(scrape.sum("container_process_forks_total", &[("id", id)]), self.forks);
        container.finish()?;
        cgroups.into_iter().try_for_each(Cgroup::remove)?;
        let mine = format!("/plimsoll-soak-{}-", std::process::id());
        // Each of those who ask is a scraper, and what is dead waits for all of them.
        let mut asked = Ok(());
        let gone = |scrape: &Scrape| {
            asked = self.everybody_asks();
            asked.is_err() || scrape.by_id(CALLS, &[]).keys().all(|id| !id.starts_with(&mine))
        };
        self.exporter.scrape_until("this round's rows are gone", gone)?;
        asked?;
        self.followed()
    }

    fn everybody_asks(&self) -> Result<()> {
        for path in ["/metrics/cadvisor", "/metrics/node", "/metrics?collect[]=sched", "/"] {
            self.exporter.get(path, &[("Accept", "application/openmetrics-text; version=1.0.0")])?;
        }
        Ok(())
    }

    /// By the signal and by the web, from one file to the other; now and then one that is no good.
    fn reload(&self) -> Result<()> {
        std::fs::write(&self.config, GOOD[self.round % 2])?;
        ensure!(self.exporter.post("/-/reload")?.0 == 200);
        if self.round.is_multiple_of(4) {
            std::fs::write(&self.config, "labels: 7\n")?;
            ensure!(self.exporter.post("/-/reload")?.0 == 500);
        }
        std::fs::write(&self.config, GOOD[(self.round + 1) % 2])?;
        self.exporter.signal(Signal::HUP)?;
        let label = ["a", "b"][(self.round + 1) % 2];
        let labelled = |scrape: &Scrape| {
            scrape.value("plimsoll_config_last_reload_successful", &[]) == Some(1.0)
                && scrape
                    .all(CALLS, &[])
                    .all(|sample| sample.labels.get("soak").is_some_and(|soak| soak == label))
        };
        self.exporter.scrape_until("the file is in force", labelled).map(drop)
    }

    /// What is open ends, the next is refused, the one after it breaks off, and then it goes on.
    fn fail_the_server(&mut self) -> Result<()> {
        let next = Feed::default();
        for answer in [
            Answer::recorded("errors/forbidden")?,
            Answer::watch("pods_node_watchlist")?.first(4).end(End::Cut),
            Answer::watch("pods_node_watchlist")?.fed(&next),
        ] {
            self.cluster.answer(answer);
        }
        self.feed.say(Answer::recorded("errors/watch_rv1_gone")?.body());
        self.feed = next;
        Ok(())
    }

    /// The server is followed again, after all that it did.
    fn followed(&self) -> Result<()> {
        let watches = 1.0 + self.round as f64;
        let done = |scrape: &Scrape| {
            scrape.value("plimsoll_kubernetes_up", &[]) == Some(1.0)
                && scrape.sum("plimsoll_kubernetes_requests_total", &[("outcome", "forbidden")])
                    == watches - 1.0
        };
        self.exporter.scrape_until("the server is followed", done).map(drop)
    }

    fn held(&self) -> Result<Held> {
        let pid = self.exporter.pid();
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        let mut threads = BTreeMap::<String, usize>::new();
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            // One that just went is none.
            if let Ok(name) = std::fs::read_to_string(task?.path().join("comm")) {
                *threads.entry(name.trim_end().to_owned()).or_default() += 1;
            }
        }
        for (pool, most) in POOLS {
            let found = threads.remove(pool).unwrap_or(0);
            ensure!(found <= most, "{found} threads of {pool}");
        }
        let scrape = self.exporter.scrape()?;
        let rows = scrape.value("plimsoll_rows", &[("state", "tombstone")]).context("rows")? as u64;
        Ok(Held { descriptors, threads: threads.values().sum(), rows })
    }

    fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.exporter.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
    }

    /// What went wrong and was counted: all of it was made to.
    fn every_error_is_ours(&self) -> Result<()> {
        let scrape = self.exporter.scrape()?;
        let rounds = self.round as f64;
        let by = |family: &str, label: &str| -> BTreeMap<String, f64> {
            let moved = scrape.all(family, &[]).filter(|sample| sample.value > 0.0);
            moved.map(|sample| (sample.labels[label].clone(), sample.value)).collect()
        };
        let mut outcomes = by("plimsoll_kubernetes_requests_total", "outcome");
        outcomes.remove("ok");
        assert_eq!(outcomes.get("forbidden"), Some(&rounds), "{outcomes:?}");
        ensure!(outcomes.values().all(|count| *count % rounds == 0.0), "{outcomes:?} in {rounds} rounds");
        assert_eq!(by("plimsoll_http_requests_rejected_total", "reason"), BTreeMap::new());
        assert_eq!(
            scrape.losses_but_missed().into_iter().filter(|(reason, _)| !OTHERS.contains(&&**reason)).count(),
            0,
            "{:?}",
            scrape.losses()
        );
        assert_eq!(
            by("plimsoll_scrape_collector_success", "collector").len(),
            scrape.all("plimsoll_scrape_collector_success", &[]).count()
        );
        Ok(())
    }
}

/// Losses that others on this host may cause.
const OTHERS: [&str; 7] = [
    "last_read_missed",
    "block_io_folded",
    "destination_folded",
    "client_folded",
    "dns_folded",
    "path_folded",
    "syscall_error_folded",
];

impl Drop for Soak {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.config);
    }
}

#[test]
fn after_each_round_everything_is_as_it_was() -> Result<()> {
    let seconds = std::env::var("PLIMSOLL_SOAK_SECONDS").ok().map(|text| text.parse()).transpose()?;
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(20));
    let mut soak = Soak::start()?;
    for _ in 0..WARM {
        soak.round()?;
    }
    let (mut held, mut memory) = (Vec::new(), Vec::new());
    while memory.len() < WARM || Instant::now() < end {
        soak.round()?;
        held.push(soak.held()?);
        memory.push(soak.memory()?);
    }
    // Whoever holds a descriptor or a thread a moment longer lets it go: the same least is reached to the end.
    let (early, late) = held.split_at(held.len() / 2);
    eprintln!(
        "{} rounds: {:?} to {:?}, {} to {} bytes",
        soak.round,
        early[0],
        late[late.len() - 1],
        memory[0],
        memory[memory.len() - 1]
    );
    assert_eq!(early.iter().min(), late.iter().min(), "{held:?}");
    let (early, late) = memory.split_at(memory.len() / 2);
    let (early, late) = (early.iter().max().context("a round")?, late.iter().min().context("a round")?);
    ensure!(*late <= early + SLACK, "memory grew from {early} to {late}: {memory:?}");
    soak.every_error_is_ours()
}
