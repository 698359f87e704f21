//! The governor: what is too dear rests, comes back when it is calm, and no counter ever steps backwards.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::netns::anycast;
use plimsoll_tests::runc::{Config, Container, Running};
use plimsoll_tests::scrape::Scrape;
use rustix::process::Signal;

/// Scrapes now and then, since scraping costs as well, and sees that no counter falls.
struct Watch<'a> {
    exporter: &'a Exporter,
    highest: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

/// One test at a time: each exporter pays for what happens on the whole host, the storms of the other tests too.
static ALONE: Mutex<()> = Mutex::new(());

/// Between two scrapes: they have to stay far below the ceiling themselves.
const PAUSE: Duration = Duration::from_millis(700);

impl Watch<'_> {
    fn look(&mut self) -> Result<Scrape> {
        let scrape = Scrape::parse(&self.exporter.get("/metrics?collect[]=syscalls", &[])?);
        let names: Vec<&str> = scrape.names().filter(|name| name.ends_with("_total")).collect();
        for name in names {
            for sample in scrape.all(name, &[]) {
                let series = (name.to_owned(), sample.labels.clone());
                let before = self.highest.insert(series, sample.value).unwrap_or_default();
                ensure!(
                    sample.value >= before,
                    "{name} {:?}: {before} and then {}",
                    sample.labels,
                    sample.value
                );
            }
        }
        Ok(scrape)
    }

    fn until(&mut self, what: &str, done: impl Fn(&Scrape) -> bool) -> Result<Scrape> {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let scrape = self.look()?;
            if done(&scrape) {
                return Ok(scrape);
            }
            if Instant::now() > end {
                let own: Vec<_> = scrape.all("plimsoll_overhead_ratio", &[]).collect();
                bail!("not within two minutes: {what}; {own:?}");
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn working(scrape: &Scrape) -> f64 {
    scrape.sum("plimsoll_governor_signal_working", &[("signal", "syscalls")])
}

fn steps(scrape: &Scrape, step: &str) -> f64 {
    scrape.sum("plimsoll_governor_steps_total", &[("signal", "syscalls"), ("step", step)])
}

#[test]
fn it_rests_what_is_too_dear_and_puts_it_to_work_again() -> Result<()> {
    let _alone = ALONE.lock();
    there_and_back(&["--collector.syscalls"]).map(drop)
}

/// Signals that are parts of one program rest one by one, and the program with the last.
#[test]
fn parts_of_one_program_rest_and_come_back() -> Result<()> {
    let _alone = ALONE.lock();
    let (exporter, mut quiet) = there_and_back(&["--collector.syscalls", "--collector.files"])?;
    let id = quiet.container().cgroups_path().to_owned();
    let mut watch = Watch { exporter: &exporter, highest: BTreeMap::new() };
    let files = |scrape: &Scrape| scrape.sum("plimsoll_governor_signal_working", &[("signal", "files")]);
    watch.until("the files are back", |scrape| files(scrape) == 1.0)?;
    let reads = || -> Result<f64> {
        let scrape = Scrape::parse(&exporter.get("/metrics?collect[]=files", &[])?);
        let labels = [("id", &*id), ("operation", "read"), ("type", "pipe")];
        scrape.value("container_file_operations_total", &labels).context("the counter is back")
    };
    quiet.run("noop")?;
    let before = reads()?;
    quiet.run("noop")?;
    assert_eq!(reads()?, before + 1.0);
    quiet.finish()
}

/// With these signals, `syscalls` among them, through a storm: the exporter and a container that took no part in it.
fn there_and_back(signals: &[&str]) -> Result<(Exporter, Running)> {
    let mut flags = vec!["--overhead.cpu=4%", "--overhead.interval=100ms", "--collector.disable-defaults"];
    flags.extend(signals);
    let exporter = Exporter::start(&flags)?;
    let mut watch = Watch { exporter: &exporter, highest: BTreeMap::new() };
    let start = || -> Result<Running> { Container::new(&Config::default())?.start() };
    let mut quiet = start()?;
    let id = quiet.container().cgroups_path().to_owned();
    let calls = |scrape: &Scrape| {
        let found: Vec<f64> = scrape
            .all("container_syscalls_total", &[("id", &id), ("syscall", "getsid")])
            .map(|sample| sample.value)
            .collect();
        found
    };
    // To start the container may have been too dear already: what is counted while it works throughout is exact.
    let first = (0..20).find_map(|_| {
        let mut once = || -> Result<Option<Scrape>> {
            let works = watch.until("it works", |scrape| working(scrape) == 1.0)?;
            quiet.run("syscalls 1000 getsid")?;
            let first = watch.look()?;
            if steps(&first, "rest") > steps(&works, "rest") {
                return Ok(None);
            }
            let before = calls(&works).first().copied().unwrap_or_default();
            ensure!(calls(&first) == [before + 1000.0], "{:?} after {before}", calls(&first));
            Ok(Some(first))
        };
        once().transpose()
    });
    let first = first.context("it rests again and again")??;
    assert!(first.sum("plimsoll_program_run_cost_seconds", &[("signal", "syscalls")]) > 0.0);

    let mut storm = [start()?, start()?];
    for container in &mut storm {
        container.script().begin("syscalls 4000000000 getppid")?;
    }
    let resting = watch.until("the signal rests", |scrape| working(scrape) == 0.0)?;
    assert_eq!(steps(&resting, "rest") - steps(&resting, "work"), 1.0);
    assert_eq!(calls(&resting), Vec::<f64>::new(), "what is not counted is absent");
    assert_eq!(resting.sum("plimsoll_scrape_collector_success", &[("collector", "syscalls")]), 0.0);
    // It may be tried again while the storm lasts: only calls made while it surely rested are surely not counted.
    let rested = |scrape: &Scrape| (working(scrape) == 0.0).then(|| steps(scrape, "work"));
    let before = rested(&resting);
    quiet.run("syscalls 500 getsid")?;
    let not_counted = rested(&watch.look()?) == before;

    for container in storm {
        container.kill(Signal::KILL)?;
        container.wait(Duration::from_secs(60))?;
        container.finish()?;
    }
    let calm = watch.until("it works again", |scrape| working(scrape) == 1.0)?;
    let counted = *calls(&calm).first().context("the counter is back")?;
    if not_counted {
        assert_eq!(calls(&first), [counted]);
    }
    quiet.run("syscalls 300 getsid")?;
    let last = watch.look()?;
    ensure!(working(&last) == 1.0, "calm as it is, it rests again");
    assert_eq!(calls(&last), [counted + 300.0]);
    Ok((exporter, quiet))
}

/// After a rest the connections that are open are those that are there, though nobody saw how others ended.
#[test]
fn connections_are_right_after_a_rest() -> Result<()> {
    let _alone = ALONE.lock();
    let flags = [
        "--overhead.cpu=0.5%",
        "--overhead.interval=100ms",
        "--collector.disable-defaults",
        "--collector.tcp",
        "--collector.connections",
    ];
    let exporter = Exporter::start(&flags)?;
    let start = || -> Result<Running> { Container::new(&Config::default().own_network())?.start() };
    let mut quiet = start()?;
    anycast(quiet.pid(), "10.98.0.0/24")?;
    let id = quiet.container().cgroups_path().to_owned();
    let scrape = || -> Result<Scrape> {
        Ok(Scrape::parse(&exporter.get("/metrics?collect[]=tcp&collect[]=connections", &[])?))
    };
    let of = |scrape: &Scrape, name: &str, label: (&str, &str)| scrape.value(name, &[("id", &id), label]);
    let open = |scrape: &Scrape| {
        [("direction", "out"), ("direction", "in")]
            .map(|label| of(scrape, "container_tcp_connections", label))
    };
    let port = |scrape: &Scrape| of(scrape, "container_tcp_port_connections", ("port", "7000"));
    let works = |scrape: &Scrape| scrape.sum("plimsoll_governor_signal_working", &[("signal", "tcp")]) == 1.0;
    let until = |what: &str, done: &dyn Fn(&Scrape) -> bool| -> Result<Scrape> {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let scrape = scrape()?;
            if done(&scrape) {
                return Ok(scrape);
            }
            ensure!(Instant::now() < end, "not within two minutes: {what}");
            std::thread::sleep(PAUSE * 2);
        }
    };
    quiet.run("listen 10.98.0.1:7000")?;
    for _ in 0..3 {
        quiet.run("hold 10.98.0.1:7000 1")?;
        quiet.run("accept 1")?;
    }
    let first = until("it works", &works)?;
    assert_eq!((open(&first), port(&first)), ([Some(3.0); 2], Some(3.0)));
    assert!(first.sum("plimsoll_program_run_cost_seconds", &[("signal", "tcp")]) > 0.0);

    let mut storm = [start()?, start()?, start()?];
    for container in &mut storm {
        anycast(container.pid(), "10.98.0.0/24")?;
        container.script().begin("connect-failing-often 10.98.0.1:9 4000000000")?;
    }
    let resting = until("the signal rests", &|scrape| !works(scrape))?;
    assert_eq!((open(&resting), port(&resting)), ([None; 2], None), "what is not counted is absent");
    // All end, and others begin.
    quiet.run("held close")?;
    quiet.run("hold 10.98.0.1:7000 1")?;
    quiet.run("accept 1")?;
    for container in storm {
        container.kill(Signal::KILL)?;
        container.wait(Duration::from_secs(60))?;
        container.finish()?;
    }
    let calm = until("it works again", &works)?;
    assert_eq!((open(&calm), port(&calm)), ([Some(1.0); 2], Some(1.0)));
    quiet.run("held close")?;
    let last = until("the last is closed", &|scrape| open(scrape) == [Some(0.0); 2])?;
    assert_eq!(port(&last), Some(0.0));
    quiet.finish()
}
