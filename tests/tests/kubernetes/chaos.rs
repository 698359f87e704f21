//! Whatever becomes of the API server, scrapes are answered and names come right; whatever comes and goes, nothing is left of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::apiserver::{Answer, Feed};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::cluster::{Cluster, NODE};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::scrape::Scrape;

use super::{is_up, recorded_ones, requests};

/// A pod of one container that is like the recorded one of a CronJob, but for who it is.
struct Short {
    uid: String,
    id: String,
    name: String,
    event: String,
}

const UID: &str = "ecd3996f-46cf-4927-9de3-ec0246536e0c";
const ID: &str = "7722211eadda40a99c5b4bb17f62f2fe01b5b968b51b33de37b666701153a8f5";
const NAME: &str = "tick-29920701-bfpv5";
const JOB: &str = "tick-29920701";

impl Short {
    fn new(recorded: &str, number: usize, job: usize) -> Result<Self> {
        let uid = format!("ecd3996f-46cf-4927-9de4-{number:012x}");
        let (id, job) = (format!("{:064x}", number + 0xc000), format!("tick-{job}"));
        let name = format!("{job}-{number:05}");
        let object: serde_json::Value = serde_json::from_str(recorded)?;
        let owner = object["object"]["metadata"]["ownerReferences"][0]["uid"].as_str().context("an owner")?;
        let event = recorded.replace(UID, &uid).replace(ID, &id).replace(NAME, &name).replace(JOB, &job);
        let event = event.replace(owner, &format!("0c0d0e0f-0000-4000-8000-{:>012}", &job[5..]));
        ensure!(event.contains(&id) && event.contains(&uid) && event.contains(&name), "not as recorded");
        Ok(Self { uid, id, name, event: format!("{event}\n") })
    }

    /// What is said once it is deleted.
    fn deleted(&self) -> String {
        ["ADDED", "MODIFIED"].iter().fold(self.event.clone(), |event, kind| {
            event.replacen(&format!("{{\"type\":\"{kind}\""), "{\"type\":\"DELETED\"", 1)
        })
    }

    fn path(&self) -> String {
        format!("/kubepods/besteffort/pod{}/{}", self.uid, self.id)
    }

    /// Makes the cgroups of pod and container, makes three calls there, and removes them.
    fn live(&self) -> Result<()> {
        let path = self.path();
        let pod = Cgroup::make(path.rsplit_once('/').context("a pod")?.0)?;
        let container = Cgroup::make(&path)?;
        ensure!(container.run("syscalls 3 getsid")? == 0, "the worker failed");
        container.remove()?;
        pod.remove()
    }
}

/// The cgroup above all pods of that kind, for as long as the test runs.
fn parents() -> Result<Vec<Cgroup>> {
    let all = ["/kubepods", "/kubepods/besteffort"];
    // Another's containers may have brought them already.
    Ok(all.into_iter().filter_map(|path| Cgroup::make(path).ok()).collect())
}

fn recorded() -> Result<String> {
    let events = String::from_utf8(Answer::watch("pods_cronjob")?.body())?;
    Ok(events.lines().nth(2).context("three events")?.to_owned())
}

fn living(scrape: &Scrape) -> f64 {
    scrape.sum("plimsoll_kubernetes_pods", &[])
}

/// Pod and calls of the container of this path.
fn shown(scrape: &Scrape, path: &str) -> Vec<(String, f64)> {
    let wanted = [("id", path), ("syscall", "getsid")];
    let calls = scrape.all("container_syscalls_total", &wanted);
    calls.map(|sample| (sample.labels.get("pod").cloned().unwrap_or_default(), sample.value)).collect()
}

fn start(kubeconfig: &std::path::Path, more: &[&str]) -> Result<Exporter> {
    let node = format!("--kubernetes.node={NODE}");
    let kubeconfig = format!("--kubernetes.kubeconfig={}", kubeconfig.display());
    let own = ["--no-runtime.discover", "--kubernetes.max-backoff=10ms", &node, &kubeconfig];
    Exporter::start(&[&own[..], more].concat())
}

#[test]
fn a_server_that_is_gone_slow_or_back_with_another_past_costs_nothing_but_names() -> Result<()> {
    let _one = recorded_ones();
    let _parents = parents()?;
    let feed = Feed::default();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?])?;
    let (mut gate, kubeconfig) = cluster.behind_a_gate()?;
    let exporter = start(&kubeconfig, &["--tombstone.scrapes=1000"])?;
    exporter.scrape_until("it is followed", |scrape| is_up(scrape) && living(scrape) == 8.0)?;
    let recorded = recorded()?;
    let [first, meanwhile, last] = [1, 2, 3].map(|number| Short::new(&recorded, number, 1));
    let (first, meanwhile, last) = (first?, meanwhile?, last?);

    // Gone: what lives meanwhile has no names yet, and is counted; what was known stays.
    gate.shut()?;
    let failed = |scrape: &Scrape| requests(scrape, "watch", "unreachable") >= 3.0;
    let scrape = exporter.scrape_until("it is tried again and again", failed)?;
    assert!(!is_up(&scrape));
    assert_eq!(living(&scrape), 8.0, "what was known stays");
    meanwhile.live()?;
    let seen = exporter.scrape_until("it is seen", |scrape| !shown(scrape, &meanwhile.path()).is_empty())?;
    assert_eq!(shown(&seen, &meanwhile.path()), [(String::new(), 3.0)]);

    // Back, but it does not say a word: scrapes go on.
    gate.hold();
    gate.open()?;
    first.live()?;
    let seen = exporter.scrape_until("it is seen", |scrape| !shown(scrape, &first.path()).is_empty())?;
    assert!(!is_up(&seen));
    assert_eq!(shown(&seen, &first.path()), [(String::new(), 3.0)]);

    // It speaks, has forgotten what was, refuses once, and then says all: both get their names, once.
    cluster.answer(Answer::recorded("errors/watch_rv1_gone")?);
    cluster.answer(Answer::recorded("errors/forbidden")?);
    cluster.answer(Answer::watch("pods_node_watchlist")?.fed(&feed));
    gate.release();
    exporter.scrape_until("it is followed", is_up)?;
    feed.say([first.event.as_str(), meanwhile.event.as_str()].concat());
    let named = |scrape: &Scrape| [&first, &meanwhile].map(|pod| shown(scrape, &pod.path()));
    let wanted = [&first, &meanwhile].map(|pod| vec![(pod.name.clone(), 3.0)]);
    let scrape = exporter.scrape_until("both have names", |scrape| named(scrape) == wanted)?;
    assert_eq!(requests(&scrape, "watch", "forbidden"), 1.0);

    // Cut off in the middle of a stream: it is taken up, and nobody loses a name.
    let again = Feed::default();
    cluster.answer(Answer::watch("pods_node_watchlist")?.first(0).fed(&again));
    gate.cut();
    again.say(last.event.as_str());
    last.live()?;
    let wanted_last = vec![(last.name.clone(), 3.0)];
    let scrape = exporter
        .scrape_until("what came after has its name", |scrape| shown(scrape, &last.path()) == wanted_last)?;
    assert_eq!(named(&scrape), wanted);
    Ok(())
}

#[test]
fn of_two_thousand_pods_that_came_and_went_each_was_named_and_nothing_is_left() -> Result<()> {
    const BATCHES: usize = 10;
    const BATCH: usize = 200;
    /// What identity may take for 250 pods at once; here it is what may stay.
    const STAYS: f64 = 10e6;
    let _one = recorded_ones();
    let _parents = parents()?;
    let feed = Feed::default();
    let cluster = Cluster::start([Answer::watch("pods_node_watchlist")?.fed(&feed)])?;
    let exporter = start(&cluster.kubeconfig()?, &["--tombstone.scrapes=1", "--tombstone.min-age=2s"])?;
    exporter.scrape_until("it is followed", |scrape| is_up(scrape) && living(scrape) == 8.0)?;
    let asked_before = cluster.targets().len();
    let recorded = recorded()?;
    let mut resident = Vec::new();
    for batch in 0..BATCHES {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let pods = numbers.map(|number| Short::new(&recorded, number, batch)).collect::<Result<Vec<_>>>()?;
        feed.say(pods.iter().map(|pod| pod.event.as_str()).collect::<String>());
        let all = (8 + BATCH) as f64;
        exporter.scrape_until("the pods are known", |scrape| living(scrape) == all)?;
        pods.iter().try_for_each(Short::live)?;
        // Each is served after its end for two seconds, in the first of which its name may wait for its runtime's word.
        let mut seen = BTreeSet::new();
        exporter.scrape_until("all were served", |scrape| {
            for pod in &pods {
                let rows = shown(scrape, &pod.path());
                let (named, not): (Vec<_>, Vec<_>) = rows.iter().partition(|(name, _)| *name == pod.name);
                assert!(not.iter().all(|row| **row == (String::new(), 3.0)), "{}: {rows:?}", pod.name);
                assert!(not.is_empty() || !seen.contains(&pod.name), "{}: its name went again", pod.name);
                assert!(named.iter().all(|(_, calls)| *calls == 3.0), "{}: {rows:?}", pod.name);
                seen.extend(named.into_iter().map(|(name, _)| name.clone()));
            }
            seen.len() == BATCH
        })?;
        let mut gone = String::new();
        for pod in &pods {
            gone.write_str(&pod.deleted())?;
        }
        feed.say(gone);
        let scrape = exporter.scrape_until("they are gone", |scrape| {
            living(scrape) == 8.0 && pods.iter().all(|pod| shown(scrape, &pod.path()).is_empty())
        })?;
        resident.push(scrape.sum("process_resident_memory_bytes", &[]));
    }
    let (first, last) = (resident[1], resident[BATCHES - 1]);
    assert!(last < first + STAYS, "{resident:?}");
    let asked: Vec<_> = cluster.targets().split_off(asked_before);
    let jobs: BTreeSet<_> = asked.iter().collect();
    assert_eq!((asked.len(), jobs.len()), (BATCHES, BATCHES), "each job once, and no pod: {asked:?}");
    Ok(())
}
