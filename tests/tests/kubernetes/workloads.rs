//! What matters beyond one container's life is one line for each workload, whatever comes and goes.

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::apiserver::{Answer, Feed};
use plimsoll_tests::cluster::{Cluster, NODE};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::scrape::Scrape;

use super::{is_up, recorded_ones};

/// A run of the recorded CronJob: its pod, as it was told of when its container ran, under names of its own.
struct Tick {
    event: String,
    id: String,
    path: String,
}

impl Tick {
    fn new(run: usize, restarts: usize) -> Result<Self> {
        let events = String::from_utf8(Answer::watch("pods_cronjob")?.body())?;
        let recorded = events.lines().nth(2).context("three events")?;
        let (uid, id) = (format!("ecd3996f-46cf-4927-9de3-{run:012x}"), format!("{:064x}", run + 0xa00));
        let event = recorded
            .replace("ecd3996f-46cf-4927-9de3-ec0246536e0c", &uid)
            .replace("7722211eadda40a99c5b4bb17f62f2fe01b5b968b51b33de37b666701153a8f5", &id)
            .replace("tick-29920701-bfpv5", &format!("tick-29920701-{run:05}"))
            .replace("\"restartCount\":0", &format!("\"restartCount\":{restarts}"));
        ensure!(event.contains(&id) && event.contains(&uid), "not as recorded: {event}");
        Ok(Self { event: format!("{event}\n"), path: format!("/kubepods/besteffort/pod{uid}/{id}"), id })
    }

    /// Lives for 300 ms: may not open two files, dials who is not there, and fails.
    fn live(&self) -> Result<()> {
        let doing = "open-eacces 2 , connect-failing 127.0.0.3:7412 1 111 , sleep-ms 300 , exit 42";
        let config = Config::default().id(&self.id).cgroups_path(&self.path).args(doing);
        let (status, errors) = Container::new(&config)?.run()?;
        ensure!(status.code() == Some(42), "{status}: {errors}");
        Ok(())
    }
}

/// Starts, restarts, failures, OOM kills, refusals of files and of connections of the CronJob; `None` before it is known.
fn counted(scrape: &Scrape) -> [Option<f64>; 6] {
    let of = |name: &str, label: Option<(&str, &str)>| {
        let tick = [("namespace", "shop"), ("workload_kind", "CronJob"), ("workload", "tick")];
        let labels: Vec<_> = tick.into_iter().chain(label).collect();
        scrape.value(name, &labels)
    };
    [
        of("workload_container_starts_total", None),
        of("workload_container_restarts_total", None),
        of("workload_process_exits_total", Some(("code", "42"))),
        of("workload_oom_kills_total", None),
        of("workload_syscall_errors_total", Some(("errno", "EACCES"))),
        of("workload_tcp_connect_attempts_total", Some(("result", "refused"))),
    ]
}

/// After so many runs.
fn after(runs: usize, restarts: usize) -> [Option<f64>; 6] {
    let runs = runs as f64;
    [runs, restarts as f64, runs, 0.0, 2.0 * runs, runs].map(Some)
}

fn rows(scrape: &Scrape, tick: &Tick) -> usize {
    scrape.all("container_process_exits_total", &[("id", &tick.path)]).count()
}

#[test]
fn a_cron_job_of_short_containers_is_one_line() -> Result<()> {
    let _one = recorded_ones();
    const RUNS: usize = 5;
    let feed = Feed::default();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?.fed(&feed)])?;
    // Nothing of a container stays once it was served.
    let node = format!("--kubernetes.node={NODE}");
    let kubeconfig = format!("--kubernetes.kubeconfig={}", cluster.kubeconfig()?.display());
    let gone = ["--tombstone.scrapes=1", "--tombstone.min-age=0s", "--no-runtime.discover"];
    let exporter = Exporter::start(&[gone[0], gone[1], gone[2], &node, &kubeconfig])?;
    let living = |scrape: &Scrape| scrape.sum("plimsoll_kubernetes_pods", &[]);
    let scrape = exporter.scrape_until("it is followed", |scrape| is_up(scrape) && living(scrape) == 8.0)?;
    assert_eq!(counted(&scrape), [None; 6]);
    for run in 1..=RUNS {
        let tick = Tick::new(run, 0)?;
        feed.say(tick.event.as_str());
        exporter.scrape_until("the pod is known", |scrape| living(scrape) == (8 + run) as f64)?;
        tick.live()?;
        let scrape = exporter.scrape_until("it has ended", |scrape| counted(scrape) == after(run, 0))?;
        let before = counted(&scrape);
        exporter.scrape_until("it is gone", |scrape| {
            assert_eq!(counted(scrape), before, "no step");
            rows(scrape, &tick) == 0
        })?;
    }
    Ok(())
}

#[test]
fn what_was_counted_before_the_name_is_known_moves_to_it_once() -> Result<()> {
    let _one = recorded_ones();
    let feed = Feed::default();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?.fed(&feed)])?;
    let exporter = super::start(&cluster, &[])?;
    exporter.scrape_until("it is followed", is_up)?;
    let (first, again) = (Tick::new(1, 0)?, Tick::new(2, 3)?);
    first.live()?;
    let scrape = exporter.scrape_until("it is seen", |scrape| rows(scrape, &first) > 0)?;
    assert_eq!(counted(&scrape), [None; 6], "of nobody knows what");
    feed.say(first.event.as_str());
    exporter.scrape_until("it is known", |scrape| counted(scrape) == after(1, 0))?;
    // Told twice, and counted once; the second is one that was restarted.
    feed.say(first.event.as_str());
    again.live()?;
    feed.say(again.event.as_str());
    exporter.scrape_until("both are known", |scrape| counted(scrape) == after(2, 1))?;
    assert_eq!(counted(&exporter.scrape()?), after(2, 1));
    Ok(())
}
