//! Containers that choose names, cgroups, commands, files and rates to break the exporter. Nothing of it crashes, nothing outside
//! is read, and a neighbour's numbers are exact all the while.

#[path = "hostile/files.rs"]
mod files;
#[path = "hostile/names.rs"]
mod names;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::cgroup::{self, Cgroup};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Container, Running};

const CALLS: &str = "container_syscalls_total";
/// A call that nothing but this test makes.
const RARE: &str = "sched_get_priority_min";

/// A directory of a test's own, gone with the value.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("plimsoll-hostile-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().context("a parent")?)?;
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One test at a time: they take each other's slots.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What Docker keeps of a container of this id and name.
fn docker(id: &str, name: &str, labels: serde_json::Value) -> String {
    serde_json::json!({
        "ID": id, "Name": format!("/{name}"), "State": {"Running": true, "Pid": 0},
        "Config": {"Image": name, "Labels": labels},
    })
    .to_string()
}

/// An id as Docker gives them.
fn docker_id() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{:032x}{:032x}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// A container that does nothing but what it is told.
struct Neighbour(Running);

impl Neighbour {
    fn start() -> Result<Self> {
        let mut running = Container::new(&Config::default())?.start()?;
        running.run("noop")?;
        Ok(Self(running))
    }

    /// Does some things, whatever goes on beside it, and is counted for exactly these.
    fn is_exact(&mut self, exporter: &Exporter) -> Result<Scrape> {
        let before = exporter.scrape()?;
        self.0.run("syscalls 1000 getsid")?;
        self.0.run("children 20 exit 5")?;
        self.0.run("threads 10")?;
        let after = exporter.scrape()?;
        let id = self.0.container().cgroups_path();
        for (family, label, wanted) in [
            (CALLS, ("syscall", "getsid"), 1000.0),
            (CALLS, ("syscall", "sched_yield"), 0.0),
            ("container_process_forks_total", ("id", id), 20.0),
            ("container_threads_started_total", ("id", id), 10.0),
            ("container_process_exits_total", ("code", "5"), 20.0),
            ("container_process_exits_total", ("id", id), 20.0),
        ] {
            assert_eq!(after.moved(&before, family, &[("id", id), label]), wanted, "{family} {label:?}");
        }
        Ok(after)
    }
}

/// Where a container's cgroup is.
fn place(container: &Running) -> Result<PathBuf> {
    Ok(cgroup::root()?.join(container.container().cgroups_path().trim_start_matches('/')))
}

/// Cgroups in a container's own, as one makes them that may; all are removed with the value.
struct Nest(PathBuf);

impl Nest {
    const CGROUPS: usize = 10_000;

    fn make(within: &Path) -> Result<Self> {
        let nest = Self(within.to_owned());
        for number in 0..Self::CGROUPS {
            std::fs::create_dir(nest.at(number))?;
        }
        Ok(nest)
    }

    fn at(&self, number: usize) -> PathBuf {
        self.0.join(format!("n{number}"))
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        for number in 0..Self::CGROUPS {
            let _ = std::fs::remove_dir(self.at(number));
        }
    }
}

/// More cgroups than there are slots, more forks than anything has use for, and as many threads as a limit lets there be.
#[test]
fn floods_are_counted_whole_and_bounded() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&["--tombstone.min-age=0s"])?;
    let mut neighbour = Neighbour::start()?;
    let (mut bomb, nested) =
        (Container::new(&Config::default())?.start()?, Container::new(&Config::default())?.start()?);
    let mut leak = Container::new(&Config::default().pids(64))?.start()?;
    let before = exporter.scrape()?;
    let used = |scrape: &Scrape| scrape.sum("plimsoll_slots", &[("state", "used")]);
    bomb.script().begin("children 4000 exit 1")?;
    leak.script().begin("leak 1000000")?;
    let nest = Nest::make(&place(&nested)?)?;
    let scrape = neighbour.is_exact(&exporter)?;
    let lost = |scrape: &Scrape| scrape.sum("plimsoll_losses_total", &[("reason", "no_free_slot")]);
    ensure!(lost(&scrape) >= (Nest::CGROUPS - 1024) as f64, "{:?}", scrape.losses());
    assert_eq!(scrape.value("plimsoll_slots", &[("state", "free")]), Some(0.0));
    // Whoever is in one that has no slot is nobody, and not anybody else.
    let last = Cgroup::make(&format!("{}/last", nested.container().cgroups_path()))?;
    assert_eq!(last.run(&format!("syscalls 77 {RARE}"))?, 0);
    let scrape = neighbour.is_exact(&exporter)?;
    assert_eq!(scrape.sum(CALLS, &[("id", "unattributed"), ("syscall", RARE)]), 77.0);
    assert_eq!(scrape.sum(CALLS, &[("syscall", RARE)]), 77.0);

    bomb.finished()?;
    let (threads, errno) = {
        let answer = leak.finished()?;
        let (threads, errno) = answer.split_once(' ').context("two numbers")?;
        (threads.parse::<f64>()?, errno.to_owned())
    };
    let after = neighbour.is_exact(&exporter)?;
    let moved = |container: &Running, family: &str| {
        after.moved(&before, family, &[("id", container.container().cgroups_path())])
    };
    assert_eq!(moved(&bomb, "container_process_forks_total"), 4000.0);
    assert_eq!(moved(&bomb, "container_process_exits_total"), 4000.0);
    assert_eq!((threads, &*errno), (63.0, "11"), "EAGAIN at the limit");
    assert_eq!(moved(&leak, "container_threads_started_total"), threads);
    let of_leak = [("id", leak.container().cgroups_path())];
    assert_eq!(after.value("container_threads", &of_leak), Some(threads + 1.0));
    last.remove()?;
    drop(nest);
    // A slot for everybody again.
    exporter.scrape_until("slots are given back", |scrape| used(scrape) < used(&before) + 100.0)?;
    let late = Container::new(&Config::default())?.start()?;
    let mut late = Neighbour(late);
    late.is_exact(&exporter)?;
    Ok(())
}

/// One process after the other, in one cgroup and the other, all of the same number.
#[test]
fn a_process_id_that_is_used_again_is_another_process() -> Result<()> {
    let _alone = alone();
    const RUNS: usize = 100;
    let exporter = Exporter::start(&[])?;
    let own = |name: &str| Cgroup::make(&format!("/plimsoll-hostile-{}-{name}", std::process::id()));
    let (one, other) = (own("one")?, own("other")?);
    let (first, _) = one.run_as("noop")?;
    let mut same = 0;
    for run in 0..RUNS {
        let (cgroup, code) = if run % 2 == 0 { (&one, 1) } else { (&other, 2) };
        // The next number that is given is this one, unless somebody else takes it.
        std::fs::write("/proc/sys/kernel/ns_last_pid", (first - 1).to_string())?;
        let (pid, status) = cgroup.run_as(&format!("syscalls {} getsid , exit {code}", run + 1))?;
        ensure!(status == code << 8, "{status}");
        same += usize::from(pid == first);
    }
    ensure!(same > RUNS / 4, "only {same} of {RUNS} had the same number");
    let scrape = exporter.scrape()?;
    for (cgroup, code, calls) in [(&one, "1", 2500.0), (&other, "2", 2550.0)] {
        let of = |family: &str, label| scrape.sum(family, &[("id", cgroup.id()), label]);
        assert_eq!(of(CALLS, ("syscall", "getsid")), calls);
        assert_eq!(of("container_process_exits_total", ("code", code)), RUNS as f64 / 2.0);
        assert_eq!(
            of("container_process_exits_total", ("id", cgroup.id())),
            RUNS as f64 / 2.0 + f64::from(u8::from(code == "1"))
        );
    }
    Ok(())
}
