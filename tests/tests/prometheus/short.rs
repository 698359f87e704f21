//! Containers that came and went between two scrapes: what `increase()` says of them, with creation times, with a zero
//! served first, and without either.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::prometheus::{Job, Prometheus, extrapolated_increase};
use plimsoll_tests::runc::{Config, Container};

use crate::{EVER, assert_clean, calls, increase, samples};

/// Long enough for containers of 300 ms to fit between two scrapes of every server, also on a busy machine.
const INTERVAL: &str = "5s";
const INTERVAL_MS: i64 = 5000;
/// So many of them are looked at.
const ENOUGH: usize = 4;

/// A container that made an exact number of rare calls, and is gone.
#[derive(Debug)]
struct Life {
    id: String,
    calls: f64,
    /// Before it was made, in Unix milliseconds.
    from: i64,
    /// After it was removed.
    to: i64,
}

/// A job of a server.
#[derive(Clone, Copy)]
struct Scraper<'a> {
    server: &'a Prometheus,
    job: &'a str,
}

impl Scraper<'_> {
    fn selector(&self, life: &Life) -> String {
        calls(&life.id).replace('}', &format!(",job=\"{}\"}}", self.job))
    }

    /// When it scraped, in Unix milliseconds.
    fn scrapes(&self) -> Result<Vec<i64>> {
        let up = samples(self.server, &format!("up{{job=\"{}\"}}", self.job))?;
        Ok(up.into_iter().map(|(at, _)| at).collect())
    }
}

fn now() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

fn live(count: u32) -> Result<Life> {
    let args = format!("sleep-ms 150 , syscalls {count} getsid , sleep-ms 150");
    let container = Container::new(&Config::default().args(&args))?;
    let (id, from) = (container.cgroups_path().to_owned(), now()?);
    let (status, errors) = container.run()?;
    ensure!(status.success(), "{errors}");
    Ok(Life { id, calls: f64::from(count), from, to: now()? })
}

/// Lives until there are enough that no scraper saw while they lasted. One that was seen is no case of this: it may have
/// been seen before its name was known.
fn unseen_lives(scrapers: &[Scraper<'_>]) -> Result<Vec<Life>> {
    let mut unseen = Vec::new();
    for batch in 1_u32..=20 {
        await_the_widest_gap(scrapers)?;
        let start = |n| std::thread::spawn(move || live(batch * 100 + n));
        let threads: Vec<_> = (0..4).map(start).collect();
        let lives = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a panic"))?);
        let mut lives = lives.collect::<Result<Vec<_>>>()?;
        // From here on every scrape that began before is in the storage.
        scrapers.iter().try_for_each(|scraper| scraper.server.next_scrape())?;
        for scraper in scrapers {
            let scrapes = scraper.scrapes()?;
            lives.retain(|life| !scrapes.iter().any(|at| (life.from..=life.to).contains(at)));
        }
        unseen.extend(lives);
        if unseen.len() >= ENOUGH {
            return Ok(unseen);
        }
    }
    Err(anyhow!("scrapes leave no room"))
}

/// Waits for the scrape after which there is none for the longest time.
fn await_the_widest_gap(scrapers: &[Scraper<'_>]) -> Result<()> {
    let last = |scraper: &Scraper<'_>| scraper.scrapes()?.last().copied().context("no scrape");
    let last = scrapers.iter().map(last).collect::<Result<Vec<_>>>()?;
    // To the next scrape of anyone; its own comes after a whole interval.
    let gap = |at: i64| last.iter().map(|other| (other - at - 1).rem_euclid(INTERVAL_MS)).min();
    let (_, first) = last.iter().zip(scrapers).max_by_key(|(at, _)| gap(**at)).context("no scrapers")?;
    let newest = |scraper: &Scraper<'_>| {
        let targets = scraper.server.targets()?;
        Ok::<_, anyhow::Error>(targets.into_iter().find(|target| target.job == scraper.job))
    };
    let before = newest(first)?;
    first.server.until("a scrape", |_| Ok((newest(first)? != before).then_some(())))
}

/// Waits until a scraper has two samples of each life's last value.
fn await_two(scraper: Scraper<'_>, lives: &[Life]) -> Result<()> {
    scraper.server.until("two samples of the last value", |server| {
        for life in lives {
            let series = server.query(&format!("{}[{EVER}]", scraper.selector(life)), None)?;
            let last = |(_, value): &&(i64, f64)| *value == life.calls;
            if series.iter().flat_map(|series| &series.samples).filter(last).count() < 2 {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
}

/// `increase()` from before a life to the last sample, where nothing is extrapolated; and a second later, where Prometheus
/// adds what its rule says.
fn assert_true_increase(scraper: Scraper<'_>, life: &Life) -> Result<()> {
    let selector = scraper.selector(life);
    let samples = samples(scraper.server, &selector)?;
    let (last, _) = *samples.last().context("no samples")?;
    assert_eq!(increase(scraper.server, &selector, life.from - 1000, last)?, Some(life.calls), "{samples:?}");
    let (found, rule) = (
        increase(scraper.server, &selector, life.from - 1000, last + 1000)?.context("no increase")?,
        extrapolated_increase(&samples, life.from - 1000, last + 1000).context("two samples")?,
    );
    assert!((found - rule).abs() <= 1e-9 * rule && rule > life.calls, "{found}, {rule}: {samples:?}");
    Ok(())
}

/// All increases at once, at a scrape that still served them all.
fn assert_true_sum(scraper: Scraper<'_>, lives: &[Life]) -> Result<()> {
    let last =
        |life: &Life| Ok(samples(scraper.server, &scraper.selector(life))?.last().map_or(0, |(at, _)| *at));
    let last = lives.iter().map(last).collect::<Result<Vec<_>>>()?.into_iter().min().context("no lives")?;
    let ids = lives.iter().map(|life| life.id.as_str()).collect::<Vec<_>>().join("|");
    let all = format!("container_syscalls_total{{syscall=\"getsid\",id=~\"{ids}\",job=\"{}\"}}", scraper.job);
    let sum = format!("sum(increase({all}[{EVER}]))");
    let truth: f64 = lives.iter().map(|life| life.calls).sum();
    assert_eq!(scraper.server.value(&sum, Some(last as f64 / 1000.0))?, Some(truth));
    Ok(())
}

#[test]
fn creation_times_show_what_came_and_went_and_without_them_nothing_does() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let job = [Job::new("plimsoll", exporter.address())];
    let feature = ["--enable-feature=created-timestamp-zero-ingestion"];
    let servers =
        [Prometheus::start(3, INTERVAL, &job, &feature)?, Prometheus::start(2, INTERVAL, &job, &[])?];
    let [with, without] = [0, 1].map(|at| Scraper { server: &servers[at], job: "plimsoll" });
    servers.iter().try_for_each(Prometheus::next_scrape)?;
    let lives = unseen_lives(&[with, without])?;
    await_two(with, &lives)?;
    await_two(without, &lives)?;
    let openmetrics = [("Accept", "application/openmetrics-text; version=1.0.0")];
    let told = Scrape::parse(&exporter.get("/metrics", &openmetrics)?);
    for life in &lives {
        let found = samples(with.server, &with.selector(life))?;
        let created = told.value("container_syscalls_created", &[("id", &life.id), ("syscall", "getsid")]);
        let created = (created.context("no creation time")? * 1000.0) as i64;
        assert!(life.from <= created && created <= life.to, "{created}: {life:?}");
        assert_eq!(found[0], (created, 0.0), "{life:?}");
        assert!(found[1..].iter().all(|(_, value)| *value == life.calls), "{found:?}");
        assert_true_increase(with, life)?;
        // The first sample is the last value: there is nothing that an increase could be seen from.
        let blind = samples(without.server, &without.selector(life))?;
        assert!(blind.iter().all(|(_, value)| *value == life.calls), "{blind:?}");
        let last = blind[blind.len() - 1].0;
        assert_eq!(increase(without.server, &without.selector(life), life.from - 1000, last)?, Some(0.0));
    }
    assert_true_sum(with, &lives)?;
    servers.iter().try_for_each(assert_clean)
}

#[test]
fn a_zero_served_first_shows_what_came_and_went_to_every_scraper() -> Result<()> {
    let exporter = Exporter::start(&["--web.zero-first"])?;
    // Two jobs of one server are told apart by what they ask for.
    let jobs = [
        Job::new("one", exporter.address()),
        Job::new("two", exporter.address()).with("params: {scraper: [two]}"),
    ];
    let servers =
        [Prometheus::start(2, INTERVAL, &jobs, &[])?, Prometheus::start(3, INTERVAL, &jobs[..1], &[])?];
    let scrapers =
        [(0, "one"), (0, "two"), (1, "one")].map(|(at, job)| Scraper { server: &servers[at], job });
    servers.iter().try_for_each(Prometheus::next_scrape)?;
    let lives = unseen_lives(&scrapers)?;
    for scraper in scrapers {
        await_two(scraper, &lives)?;
        for life in &lives {
            let found = samples(scraper.server, &scraper.selector(life))?;
            let zeros = found.iter().filter(|(_, value)| *value == 0.0).count();
            assert_eq!((zeros, found[0].1), (1, 0.0), "{found:?}");
            assert!(found[1..].iter().all(|(_, value)| *value == life.calls), "{found:?}");
            assert_true_increase(scraper, life)?;
        }
        assert_true_sum(scraper, &lives)?;
    }
    servers.iter().try_for_each(assert_clean)
}
