//! Real servers, Debian's 2.42 and a 3.x, scrape the running exporter: what they answer is what happened.

#[path = "prometheus/formats.rs"]
mod formats;
#[path = "prometheus/short.rs"]
mod short;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, anyhow, ensure};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::prometheus::{Job, Prometheus, Series, extrapolated_increase};
use plimsoll_tests::runc::{Config, Container, Running};

/// How often the servers scrape. Prometheus allows a scrape no more time than that, and a busy machine needs some.
const INTERVAL: &str = "2s";
/// Longer than any test.
const EVER: &str = "15m";

/// Containers whose workers are busy with a bit of everything until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Result<Running>>>,
}

impl Load {
    fn start(count: usize) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let mut worker = Container::new(&Config::default())?.start()?;
            let stop = Arc::clone(&stop);
            Ok(std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    for command in
                        ["children 5 exit 1", "threads 5", "open-enoent 50", "execs 2", "yield 500"]
                    {
                        worker.run(command)?;
                    }
                    worker.run("spin 0.01")?;
                }
                Ok(worker)
            }))
        };
        Ok(Self { workers: (0..count).map(start).collect::<Result<_>>()?, stop })
    }

    /// The containers, which still run and are idle from now on.
    fn stop(self) -> Result<Vec<Running>> {
        self.stop.store(true, Ordering::Relaxed);
        self.workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a panic"))?).collect()
    }
}

fn id(container: &Running) -> String {
    container.container().cgroups_path().to_owned()
}

/// The selector of how often a container made a rare call.
fn calls(id: &str) -> String {
    format!("container_syscalls_total{{id=\"{id}\",syscall=\"getsid\"}}")
}

/// Waits until a server's newest sample has this value.
fn await_value(server: &Prometheus, selector: &str, value: f64) -> Result<()> {
    let what = format!("{selector} {value}");
    server.until(&what, |server| Ok((server.value(selector, None)? == Some(value)).then_some(())))
}

/// All samples a server has of one series.
fn samples(server: &Prometheus, selector: &str) -> Result<Vec<(i64, f64)>> {
    let mut series = server.query(&format!("{selector}[{EVER}]"), None)?;
    ensure!(series.len() == 1, "{selector}: {series:#?}");
    Ok(series.remove(0).samples)
}

/// `increase()` over `(from, to]` in milliseconds.
fn increase(server: &Prometheus, selector: &str, from: i64, to: i64) -> Result<Option<f64>> {
    server.value(&format!("increase({selector}[{}ms])", to - from), Some(to as f64 / 1000.0))
}

/// Nothing was lost or refused on the way from the exporter into the server's storage.
fn assert_clean(server: &Prometheus) -> Result<()> {
    for target in server.targets()? {
        assert_eq!((&*target.health, &*target.error), ("up", ""), "{target:?}");
    }
    for up in server.query(&format!("min_over_time(up[{EVER}])"), None)? {
        assert_eq!(up.values(), [1.0], "{up:?}");
    }
    for series in server.query("scrape_samples_scraped - scrape_samples_post_metric_relabeling", None)? {
        assert_eq!(series.values(), [0.0], "{series:?}");
    }
    // As many series as samples, so that none of them was there twice.
    for scraped in server.query("scrape_samples_scraped", None)? {
        let job = scraped.label("job");
        let (at, count) =
            *samples(server, &format!("scrape_samples_scraped{{job=\"{job}\"}}"))?.last().context("none")?;
        let stored = format!("count({{job=\"{job}\",__name__!~\"up|scrape_.*\"}})");
        assert_eq!(server.value(&stored, Some(at as f64 / 1000.0))?, Some(count), "{stored}");
    }
    let own = Scrape::parse(&server.get("/metrics")?);
    for trouble in ["duplicate_timestamp", "out_of_order", "out_of_bounds"] {
        let name = format!("prometheus_target_scrapes_sample_{trouble}_total");
        assert_eq!(own.value(&name, &[]), Some(0.0), "{name}");
    }
    assert_eq!(own.sum("prometheus_target_scrapes_exceeded_sample_limit_total", &[]), 0.0);
    Ok(())
}

/// A container's series by name and labels, without what a scrape itself moves.
type Row = BTreeMap<BTreeMap<String, String>, f64>;

fn moves(name: &str) -> bool {
    name == "container_last_seen" || name.ends_with("_created")
}

fn served(scrape: &Scrape, id: &str) -> Row {
    let mut row = Row::new();
    for name in scrape.names().filter(|name| !moves(name)) {
        for sample in scrape.all(name, &[("id", id)]) {
            let mut labels = sample.labels.clone();
            labels.retain(|_, value| !value.is_empty());
            labels.insert("__name__".to_owned(), name.to_owned());
            row.insert(labels, sample.value);
        }
    }
    row
}

fn stored(series: &[Series]) -> Row {
    let mut row = Row::new();
    for series in series.iter().filter(|series| !moves(series.label("__name__"))) {
        let mut labels = series.labels.clone();
        labels.retain(|name, _| !matches!(name.as_str(), "job" | "instance"));
        row.insert(labels, series.values()[0]);
    }
    row
}

/// Waits until a server has exactly what is served of an idle container, every series of it.
fn await_the_whole_row(server: &Prometheus, job: &str, exporter: &Exporter, id: &str) -> Result<()> {
    let mut last = (Row::new(), Row::new());
    let result = server.until("all series as they are served", |server| {
        let row = stored(&server.query(&format!("{{id=\"{id}\",job=\"{job}\"}}"), None)?);
        last = (served(&exporter.scrape()?, id), row);
        Ok((last.0 == last.1 && last.0.len() > 50).then_some(()))
    });
    let differ = |a: &Row, b: &Row| a.iter().filter(|(key, value)| b.get(*key) != Some(*value)).count();
    result.with_context(|| {
        let (served, stored) = &last;
        let first = served.iter().find(|(key, value)| stored.get(*key) != Some(*value));
        format!("{} and {} differ, {first:?}", differ(served, stored), differ(stored, served))
    })
}

#[test]
fn both_majors_scrape_under_load_and_answer_with_what_happened() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let job = [Job::new("plimsoll", exporter.address())];
    let servers = [Prometheus::start(2, INTERVAL, &job, &[])?, Prometheus::start(3, INTERVAL, &job, &[])?];
    let load = Load::start(3)?;
    let mut worker = Container::new(&Config::default())?.start()?;
    let (id, mut total) = (id(&worker), 0);
    for thousands in 1..=4 {
        worker.run(&format!("syscalls {thousands}000 getsid"))?;
        total += thousands * 1000;
        for server in &servers {
            await_value(server, &calls(&id), f64::from(total))?;
        }
    }
    worker.run("children 7 exit 3")?;
    worker.run("children 2 signal SIGKILL")?;
    let mut idle = load.stop()?;
    idle.push(worker);
    for server in &servers {
        let exits = format!("container_process_exits_total{{id=\"{id}\"");
        await_value(server, &format!("{exits},reason=\"exited\",code=\"3\",signal=\"\"}}"), 7.0)?;
        await_value(server, &format!("{exits},reason=\"signaled\",code=\"\",signal=\"SIGKILL\"}}"), 2.0)?;
        assert_increase_over_a_known_window(server, &calls(&id), f64::from(total))?;
        for container in &idle {
            await_the_whole_row(server, "plimsoll", &exporter, container.container().cgroups_path())?;
        }
        assert_clean(server)?;
    }
    idle.into_iter().try_for_each(Running::finish)
}

/// From the first sample to the last: the difference, and the rule adds the one millisecond that the window is open at its
/// start. A range query in between shows the samples themselves.
fn assert_increase_over_a_known_window(server: &Prometheus, selector: &str, total: f64) -> Result<()> {
    let samples = samples(server, selector)?;
    assert!(samples.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{samples:?}");
    let ((first, base), (last, end)) = (samples[0], samples[samples.len() - 1]);
    assert_eq!(end, total);
    let found = increase(server, selector, first - 1, last)?.context("no increase")?;
    let expected = extrapolated_increase(&samples, first - 1, last).context("two samples")?;
    let truth = total - base;
    assert!((found - expected).abs() <= 1e-9 * expected, "{found} {expected}");
    let sampled = (last - first) as f64;
    assert!(
        found >= truth && found <= truth * (sampled + 1.001) / sampled,
        "{found} {truth} over {sampled} ms"
    );
    let seconds = |ms: i64| ms as f64 / 1000.0;
    for at in &samples {
        let range = server.range(selector, seconds(at.0), seconds(at.0), 1.0)?;
        assert_eq!(range[0].samples, [*at]);
    }
    Ok(())
}
