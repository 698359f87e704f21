//! What 5,000 nodes ask of an API server, worked out from recorded answers and the exporter's own pauses: the figures of
//! `docs/scale.md`, written anew with `UPDATE_DOCS=1`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use plimsoll::kubernetes::Pauses;
use plimsoll_tests::apiserver::Answer;
use plimsoll_tests::tools::workspace;
use serde_json::Value;

const NODES: usize = 5000;
const PODS: usize = 100;
/// Of those, how many are of Jobs, whose owners are asked for.
const OF_JOBS: usize = 5;
const DAY: f64 = 86_400.0;
/// A server sends a bookmark about once a minute.
const BOOKMARKS: f64 = 60.0;
/// `timeoutSeconds` of each watch.
const WATCH: f64 = 290.0;
/// The default of `--kubernetes.max-backoff`.
const LONGEST: Duration = Duration::from_secs(60);
/// For how long the server is away.
const AWAY: [f64; 2] = [60.0, 600.0];

/// What was recorded, in bytes, and how many events a whole life of a pod is.
struct Recorded {
    pod: f64,
    bookmark: f64,
    job: f64,
    events: f64,
}

fn recorded() -> Result<Recorded> {
    let lines = |name: &str| -> Result<Vec<(Value, usize)>> {
        let text = String::from_utf8(Answer::watch(name)?.body())?;
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| Ok((serde_json::from_str(line)?, line.len() + 1))).collect()
    };
    let mean = |sizes: &[usize]| sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
    let (mut pods, mut bookmarks) = (Vec::new(), Vec::new());
    for (event, size) in lines("pods_node_watchlist")? {
        let sizes = if event["type"] == "BOOKMARK" { &mut bookmarks } else { &mut pods };
        sizes.push(size);
    }
    let mut lives: BTreeMap<String, f64> = BTreeMap::new();
    for (event, _) in lines("pods_node")? {
        *lives.entry(event["object"]["metadata"]["uid"].to_string()).or_default() += 1.0;
    }
    let jobs: Value = serde_json::from_slice(&Answer::list("jobs")?.body())?;
    let jobs = jobs["items"].as_array().context("a list")?;
    let jobs: Vec<usize> = jobs.iter().map(|job| job["metadata"].to_string().len() + 80).collect();
    ensure!(!pods.is_empty() && !bookmarks.is_empty() && !jobs.is_empty(), "nothing was recorded");
    Ok(Recorded {
        pod: mean(&pods),
        bookmark: mean(&bookmarks),
        job: mean(&jobs),
        events: lives.values().copied().fold(0.0, f64::max),
    })
}

/// How all nodes come back after the server was away.
struct Return {
    /// Requests in the busiest second while it was away, but for the first, and after.
    away: usize,
    back: usize,
    /// Seconds after it is back until 99 of 100 nodes are.
    most: f64,
    /// Seconds until all are.
    all: f64,
}

/// Numbers from 0 to 1, the same in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// All watches break at once; each node asks again after its own pauses, and is answered once the server is back.
fn returns(away: f64) -> Return {
    let mut random = Random(1);
    let mut seconds: BTreeMap<usize, usize> = BTreeMap::new();
    let mut back = Vec::new();
    for _ in 0..NODES {
        let mut pauses = Pauses::new(LONGEST);
        // The watch had held.
        let mut at = pauses.after(LONGEST, random.next()).as_secs_f64();
        loop {
            *seconds.entry(at as usize).or_default() += 1;
            if at >= away {
                break;
            }
            at += pauses.after(Duration::ZERO, random.next()).as_secs_f64();
        }
        back.push(at - away);
    }
    back.sort_by(f64::total_cmp);
    let busiest = |seconds: &mut dyn Iterator<Item = (&usize, &usize)>| seconds.map(|(_, n)| *n).max();
    Return {
        away: busiest(&mut seconds.range(2..away as usize)).unwrap_or_default(),
        back: busiest(&mut seconds.range(away as usize..)).unwrap_or_default(),
        most: back[NODES * 99 / 100 - 1],
        all: back[NODES - 1],
    }
}

fn bytes(bytes: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let power = ((bytes.max(1.0).log10() / 3.0) as usize).min(units.len() - 1);
    format!("{:.1} {}", bytes / 1000_f64.powi(power as i32), units[power])
}

#[test]
fn what_five_thousand_nodes_ask_is_as_the_document_says() -> Result<()> {
    let recorded = recorded()?;
    let (nodes, pods) = (NODES as f64, (NODES * PODS) as f64);
    let mut lines = vec!["| | Plimsoll | an informer on all pods |".to_owned(), "|---|---|---|".to_owned()];
    let mut line =
        |what: &str, ours: String, theirs: String| lines.push(format!("| {what} | {ours} | {theirs} |"));
    line("watches", format!("{NODES}"), format!("{NODES}"));
    let jobs = NODES * OF_JOBS;
    line("requests at the start of all", format!("{}", NODES + jobs), format!("{NODES}"));
    let start = pods * recorded.pod + jobs as f64 * recorded.job + nodes * recorded.bookmark;
    let informer = nodes * (pods * recorded.pod + recorded.bookmark);
    line("bytes of the answers", bytes(start), bytes(informer));
    line("of one node", bytes(start / nodes), bytes(informer / nodes));
    let renewals = nodes / WATCH;
    let questions = jobs as f64 / DAY;
    line("steady: requests a second", format!("{:.1}", renewals + questions), format!("{renewals:.1}"));
    let events = pods / DAY * recorded.events;
    let bookmarks = nodes / BOOKMARKS * recorded.bookmark;
    let steady = events * recorded.pod + bookmarks + questions * recorded.job;
    let theirs = nodes * events * recorded.pod + bookmarks;
    line("steady: bytes a second", bytes(steady), bytes(theirs));
    for away in AWAY {
        let back = returns(away);
        let minutes = away / 60.0;
        let what =
            format!("away for {minutes} min: requests in the busiest second meanwhile, and once it is back");
        let both = format!("{}, {}", back.away, back.back);
        line(&what, both.clone(), both);
        let what = format!("away for {minutes} min: bytes of the busiest second once it is back");
        let each = back.back as f64 * recorded.pod;
        line(&what, bytes(each * PODS as f64), bytes(each * pods));
        let what = format!("away for {minutes} min: 99 of 100 nodes are back after, and all");
        let both = format!("{:.0} s, {:.0} s", back.most, back.all);
        line(&what, both.clone(), both);
        // No second has more than a tenth of the nodes, and nobody waits longer than the longest pause there is.
        ensure!(back.back < NODES / 10 && back.away < NODES / 2, "{} and {} at once", back.away, back.back);
        ensure!(back.all <= LONGEST.as_secs_f64() * 1.5, "{} s", back.all);
    }
    ensure!(start * 1000.0 < informer && steady * 1000.0 < theirs, "it is no better");
    compare(&(lines.join("\n") + "\n"))
}

fn compare(table: &str) -> Result<()> {
    const BEGIN: &str = "<!-- simulation -->\n";
    const END: &str = "<!-- /simulation -->\n";
    let path = workspace().join("docs/scale.md");
    let text = std::fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(BEGIN).context("no place for the figures")?;
    let (there, after) = rest.split_once(END).context("no end of the figures")?;
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}"))?;
        return Ok(());
    }
    ensure!(there == table, "docs/scale.md has other figures: UPDATE_DOCS=1 writes these\n{table}");
    Ok(())
}
