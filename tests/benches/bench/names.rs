//! Names: who has them on the first scrape that shows a container, and what it costs to know those of 250 pods.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::apiserver::{Answer, Feed};
use plimsoll_tests::cluster::{Cluster, NODE};
use plimsoll_tests::containerd::Bundles;
use plimsoll_tests::exporter::{Build, Exporter};
use plimsoll_tests::runc::{Config, Container};

use crate::scrapes::rss_mib;

pub(crate) fn run() -> Result<()> {
    first_scrape()?;
    cost()
}

/// Containers as containerd has them made, with no word of any runtime's or an API server's: by what is on disk alone. Scraped
/// once a second: fifteen times as often as usual.
fn first_scrape() -> Result<()> {
    const CONTAINERS: u32 = 300;
    const AT_ONCE: usize = 10;
    let containerd = Bundles::new()?;
    let exporter = Exporter::start_build(Build::Release, &["--no-runtime.discover", &containerd.flag()])?;
    let (next, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let paths = Mutex::new(Vec::new());
    let first: BTreeMap<String, bool> = std::thread::scope(|scope| -> Result<_> {
        let scraper = scope.spawn(|| -> Result<_> {
            let mut first = BTreeMap::new();
            while !over.load(Ordering::Relaxed) {
                for sample in exporter.scrape()?.all("container_syscalls_total", &[]) {
                    let label = |name| sample.labels.get(name).is_some_and(|value| !value.is_empty());
                    let named = ["namespace", "pod", "container", "image"].into_iter().all(label);
                    first.entry(sample.labels["id"].clone()).or_insert(named);
                }
                std::thread::sleep(Duration::from_secs(1));
            }
            Ok(first)
        });
        let live = || -> Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= CONTAINERS {
                    return Ok(());
                }
                // Only what is called so is a container of a pod by its path.
                let config = Config::default()
                    .id(&format!("{:064x}", number + 0xbe_0000))
                    .args("sleep-ms 1000")
                    .cgroups_path("/kubepods/pod6a0d3a35-3a4f-4b5e-9d9e-0b8f7a1c2d3e/ID")
                    .annotation("io.kubernetes.cri.container-type", "container")
                    .annotation("io.kubernetes.cri.container-name", "app")
                    .annotation("io.kubernetes.cri.sandbox-name", "shop-0")
                    .annotation("io.kubernetes.cri.sandbox-namespace", "prod")
                    .annotation("io.kubernetes.cri.image-name", "example.org/app:1.0");
                let container = Container::new(&config)?;
                let bundle = containerd.add(&container)?;
                paths
                    .lock()
                    .map_err(|_| anyhow::anyhow!("poisoned"))?
                    .push(container.cgroups_path().to_owned());
                ensure!(container.run()?.0.success(), "the worker failed");
                bundle.remove()?;
            }
        };
        let lives: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(live)).collect();
        let lived =
            lives.into_iter().try_for_each(|life| life.join().map_err(|_| anyhow::anyhow!("panicked"))?);
        std::thread::sleep(Duration::from_secs(2));
        over.store(true, Ordering::Relaxed);
        let first = scraper.join().map_err(|_| anyhow::anyhow!("panicked"))??;
        lived.map(|()| first)
    })?;
    let paths = paths.into_inner()?;
    let named = paths.iter().filter(|path| first.get(*path) == Some(&true)).count();
    let unseen = paths.iter().filter(|path| !first.contains_key(*path)).count();
    crate::report("containers that no scrape showed", &unseen.to_string(), "0");
    let share = named as f64 * 100.0 / paths.len() as f64;
    crate::report(
        "named on the first scrape, of 300 that lived a second",
        &format!("{share:.1} %"),
        "at least 99 %",
    );
    Ok(())
}

/// One exporter that follows an API server with 250 pods, and one that does not.
fn cost() -> Result<()> {
    const PODS: usize = 250;
    let feed = Feed::default();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?.fed(&feed)])?;
    let (node, kubeconfig) = (
        format!("--kubernetes.node={NODE}"),
        format!("--kubernetes.kubeconfig={}", cluster.kubeconfig()?.display()),
    );
    let flags = ["--no-runtime.discover", &node, &kubeconfig];
    let follows = Exporter::start_build(Build::Release, &flags)?;
    let alone = Exporter::start_build(Build::Release, &flags[..1])?;
    let events = String::from_utf8(Answer::watch("pods_node_watchlist")?.body())?;
    let pod = events.lines().next().context("a pod")?;
    let uid: serde_json::Value = serde_json::from_str(pod)?;
    let uid = uid["object"]["metadata"]["uid"].as_str().context("its UID")?;
    let living = |count: usize| {
        follows.scrape_until("its pods are known", |scrape| {
            scrape.sum("plimsoll_kubernetes_pods", &[]) == count as f64
        })
    };
    let before = living(8)?.sum("plimsoll_kubernetes_pods", &[]) as usize;
    for number in before..PODS {
        feed.say(format!("{}\n", pod.replace(uid, &format!("5e1f7a1e-0000-4000-8000-{number:012x}"))));
    }
    living(PODS)?;
    for _ in 0..10 {
        follows.scrape()?;
        alone.scrape()?;
    }
    let more = rss_mib(follows.pid())? - rss_mib(alone.pid())?;
    crate::report("memory for the names of 250 pods", &format!("{more:.1} MiB"), "at most 10 MB");
    let idle = Duration::from_secs(20);
    let start = thread_seconds(follows.pid())?;
    // A measurement's length, not a wait for something.
    std::thread::sleep(idle);
    let share = (thread_seconds(follows.pid())? - start) * 100.0 / idle.as_secs_f64();
    crate::report("CPU to know them, in steady state", &format!("{share:.3} % of a core"), "at most 0.1 %");
    Ok(())
}

/// CPU time of the threads that follow runtimes and Kubernetes.
fn thread_seconds(pid: u32) -> Result<f64> {
    let mut seconds = 0.0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path();
        let name = std::fs::read_to_string(path.join("comm"))?;
        if ["kubernetes", "runtimes"].contains(&name.trim()) {
            let stat = std::fs::read_to_string(path.join("schedstat"))?;
            let ns: f64 = stat.split(' ').next().context("schedstat")?.parse()?;
            seconds += ns / 1e9;
        }
    }
    Ok(seconds)
}
