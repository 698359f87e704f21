//! Slots are given out and taken back by the thousand: none is lost, none is given twice, and no count of one cgroup
//! reaches another.
//!
//! The cgroups here are made without a runtime (see `cgroup`): with runc, which takes some 100 ms of CPU time for each,
//! 5,000 would take ten minutes. To the kernel's events and to the exporter they are the same; 200 real containers come
//! and go in `short_lived`, and a few run here meanwhile.

#[path = "slots/recorder.rs"]
mod recorder;

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::cgroup::{self, Cgroup};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::worker::{self, Script};

use self::recorder::Recorder;

const CALLS: &str = "container_syscalls_total";
/// Calls that nothing but these tests makes.
const RARE: &str = "sched_get_priority_min";
const RARE_TOO: &str = "sched_rr_get_interval";
const MAKERS: usize = 3;

/// One test at a time: slots in use are compared with the cgroups of this host, which the other would make and remove.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn five_thousand_cgroups_come_and_go_through_a_thousand_slots() -> Result<()> {
    const CGROUPS: usize = 5000;
    let _alone = ALONE.lock();
    let calls = |number: usize| 1 + number % 997;
    // Whoever has been seen twice after its slot was given back may go at once.
    let exporter = Exporter::start(&["--tombstone.min-age=0s", "--tombstone.scrapes=2"])?;
    let parent = Cgroup::make(&own("many"))?;
    let recorder = Recorder::new(&exporter, parent.id(), RARE);
    let mut busy = (0..2).map(|_| Container::new(&Config::default())?.start()).collect::<Result<Vec<_>>>()?;
    let below = cgroup::root()?.join(&parent.id()[1..]);
    let make = |maker: &mut Script, number: usize| {
        recorder.when_there_is_room()?;
        let (directory, calls, code) = (below.join(number.to_string()), calls(number), number % 7);
        maker.run(&format!("visit {} {calls} {RARE} {code}", directory.display())).map(|_| ())
    };
    // The containers are at work all the time, and every scrape is looked at.
    for container in &mut busy {
        container.script().begin("syscalls 3000000 getsid")?;
    }
    recorder.record_while(|| makers(CGROUPS, make))?;
    for container in &mut busy {
        container.finished()?;
    }
    let last = all_given_back(&exporter, |text| recorder.look(text))?;

    let expected = |number: usize| (format!("{}/{number}", parent.id()), calls(number) as f64);
    let missing_or_wrong: Vec<_> = (0..CGROUPS)
        .map(expected)
        .filter(|(id, calls)| recorder.count(id) != Some(*calls))
        .map(|(id, calls)| (recorder.count(&id), id, calls))
        .collect();
    assert_eq!(missing_or_wrong, []);
    assert_eq!(recorder.rows(), CGROUPS);
    for container in &busy {
        let getsids = [("id", container.container().cgroups_path()), ("syscall", "getsid")];
        assert_eq!(last.value(CALLS, &getsids), Some(3_000_000.0));
    }
    assert_eq!(last.all(CALLS, &[("id", "unattributed")]).count(), 0);
    assert_eq!(last.kernel_losses(), std::collections::BTreeMap::new());
    every_slot_is_there_once(&exporter)
}

#[test]
fn what_finds_no_slot_is_unattributed_and_later_cgroups_have_slots_again() -> Result<()> {
    let _alone = ALONE.lock();
    let slots = (directories()? + 40).max(64);
    let exporter = Exporter::start(&[
        "--tombstone.min-age=0s",
        "--tombstone.scrapes=2",
        &format!("--kernel.slots={slots}"),
    ])?;
    let parent = Cgroup::make(&own("few"))?;
    let recorder = Recorder::new(&exporter, parent.id(), RARE_TOO);

    // All at once: most find no slot. Their calls are nobody's, and not one is missing.
    let cgroup = |number: usize| {
        let cgroup = Cgroup::make(&format!("{}/{number}", parent.id()))?;
        ensure!(cgroup.run(&format!("syscalls {} {RARE_TOO}", 1 + number))? == 0);
        Ok(cgroup)
    };
    let all = (0..slots + 100).map(cgroup).collect::<Result<Vec<_>>>()?;
    let mut truth: f64 = (1..=slots + 100).map(|calls| calls as f64).sum();
    let full = exporter.scrape()?;
    let unattributed = |scrape: &Scrape| scrape.sum(CALLS, &[("id", "unattributed"), ("syscall", RARE_TOO)]);
    assert!(unattributed(&full) > 0.0);
    assert_eq!(full.sum(CALLS, &[("syscall", RARE_TOO)]), truth);
    let rows = full.by_id(CALLS, &[("syscall", RARE_TOO)]);
    for (id, calls) in rows.iter().filter(|(id, _)| *id != "unattributed") {
        let number: f64 = id.rsplit('/').next().context("a name")?.parse()?;
        assert_eq!(*calls, 1.0 + number, "{id}");
    }
    assert!(full.losses()["no_free_slot"] >= 100.0, "{:?}", full.losses());

    // They come and go while slots are short, and every scrape looks for those that are free again.
    let live = Mutex::new(all.into_iter().collect::<std::collections::VecDeque<_>>());
    const MORE: usize = 600;
    recorder.record_while(|| {
        makers(MORE, |_, number| {
            let made = cgroup(10_000 + number)?;
            let mut live = live.lock().ok().context("a panic")?;
            live.push_back(made);
            let oldest = live.pop_front();
            drop(live);
            oldest.map_or(Ok(()), Cgroup::remove)
        })
    })?;
    truth += (0..MORE).map(|number| 10_001.0 + number as f64).sum::<f64>();
    live.into_inner().ok().context("a panic")?.into_iter().try_for_each(Cgroup::remove)?;
    let last = all_given_back(&exporter, |text| recorder.look(text))?;
    assert_eq!(recorder.sum() + unattributed(&last), truth);
    let losses = last.kernel_losses();
    assert!(losses.iter().all(|(reason, _)| reason == "no_free_slot"), "{losses:?}");

    let later = (20_000..20_020).map(cgroup).collect::<Result<Vec<_>>>()?;
    let again = exporter.scrape()?;
    for (cgroup, number) in later.iter().zip(20_000..) {
        let labels = [("id", cgroup.id()), ("syscall", RARE_TOO)];
        assert_eq!(again.value(CALLS, &labels), Some(f64::from(number) + 1.0));
    }
    assert_eq!(unattributed(&again), unattributed(&last));
    drop(later);
    all_given_back(&exporter, |_| Ok(()))?;
    every_slot_is_there_once(&exporter)
}

#[test]
fn what_a_walk_does_not_reach_is_not_taken_for_gone() -> Result<()> {
    /// The last of them is one deeper than walks go.
    const LEVELS: usize = 33;
    let _alone = ALONE.lock();
    // While slots are short every scrape walks.
    let slots = (directories()? + LEVELS + 20).max(64);
    let exporter = Exporter::start(&[
        "--tombstone.min-age=0s",
        "--tombstone.scrapes=2",
        &format!("--kernel.slots={slots}"),
    ])?;
    let mut path = own("deep");
    let top = path.clone();
    // The deepest is removed first.
    let mut deep = std::collections::VecDeque::new();
    for _ in 0..LEVELS {
        deep.push_front(Cgroup::make(&path)?);
        path.push_str("/d");
    }
    ensure!(deep[0].run(&format!("syscalls 5 {RARE_TOO}"))? == 0);
    let parent = Cgroup::make(&own("others"))?;
    let mut others = std::collections::VecDeque::new();
    let lost = |scrape: &Scrape| scrape.losses().get("no_free_slot").is_some_and(|lost| *lost > 0.0);
    while !lost(&exporter.scrape()?) {
        let other = Cgroup::make(&format!("{}/{}", parent.id(), others.len()))?;
        ensure!(other.run(&format!("syscalls 3 {RARE}"))? == 0);
        others.push_back(other);
    }
    let walked = exporter.scrape()?;
    let beyond =
        |scrape: &Scrape| scrape.sum("plimsoll_host_bound_exceeded_total", &[("collector", "cgroups")]);
    assert!(beyond(&walked) > 0.0, "the deepest is beyond the bound, and that is told");

    // This one's slot is read for the last time after those of all that the walk took for gone.
    let first = others.pop_front().context("one with a slot")?;
    let id = first.id().to_owned();
    first.remove()?;
    exporter
        .scrape_until("it is gone", |scrape| !scrape.by_id(CALLS, &[("syscall", RARE)]).contains_key(&*id))?;
    ensure!(deep[0].run(&format!("syscalls 7 {RARE_TOO}"))? == 0);
    let last = exporter.scrape()?;
    let rows = last.by_id(CALLS, &[("syscall", RARE_TOO)]);
    let wrong: Vec<_> = rows.iter().filter(|(id, _)| !id.starts_with(&top)).collect();
    assert_eq!((rows.values().sum::<f64>(), wrong), (12.0, vec![]), "{rows:?}");
    assert!(beyond(&last) > beyond(&walked), "and told again by each walk");
    Ok(())
}

#[test]
fn what_is_there_at_the_start_and_finds_no_slot_is_told() -> Result<()> {
    let _alone = ALONE.lock();
    let parent = Cgroup::make(&own("early"))?;
    let _many = (0..100)
        .map(|number| Cgroup::make(&format!("{}/{number}", parent.id())))
        .collect::<Result<Vec<_>>>()?;
    let exporter = Exporter::start(&["--kernel.slots=64"])?;
    let scrape = exporter.scrape()?;
    let slots = scrape.sum("plimsoll_slots", &[]);
    assert_eq!(scrape.value("plimsoll_slots", &[("state", "used")]), Some(slots), "all in use");
    assert_eq!(scrape.losses()["no_free_slot"], directories()? as f64 - slots);
    Ok(())
}

/// Takes every free slot until there is none, and has something counted in each: a slot that was lost stays free
/// for the exporter while there is none to be had; one that was given back twice has two tenants.
fn every_slot_is_there_once(exporter: &Exporter) -> Result<()> {
    let parent = Cgroup::make(&own("all"))?;
    let lost = |scrape: &Scrape| scrape.sum("plimsoll_losses_total", &[("reason", "no_free_slot")]);
    let mut cgroups = Vec::new();
    let before = exporter.scrape()?;
    let full = loop {
        let scrape = exporter.scrape()?;
        if lost(&scrape) > lost(&before) {
            break scrape;
        }
        let free = scrape.sum("plimsoll_slots", &[("state", "free")]) as usize;
        for _ in 0..free.max(1) {
            let cgroup = Cgroup::make(&format!("{}/{}", parent.id(), cgroups.len()))?;
            ensure!(cgroup.run(&format!("syscalls {} getpgid", 1 + cgroups.len()))? == 0);
            cgroups.push(cgroup);
        }
    };
    assert_eq!(full.value("plimsoll_slots", &[("state", "free")]), Some(0.0));
    let rows = full.by_id(CALLS, &[("syscall", "getpgid")]);
    let counted = cgroups.iter().map(|cgroup| rows.get(cgroup.id()).copied());
    let wrong = counted.zip(1..).filter(|(row, calls)| row.is_some_and(|row| row != f64::from(*calls)));
    assert_eq!(wrong.collect::<Vec<_>>(), []);
    assert!(cgroups.len() > 30, "{}", cgroups.len());
    Ok(())
}

/// Scrapes until as many slots are in use as there are cgroups.
fn all_given_back(exporter: &Exporter, look: impl Fn(&str) -> Result<()>) -> Result<Scrape> {
    exporter.scrape_until("all slots given back", |scrape| {
        // Whoever records must see every scrape's successor too: tombstones go after two.
        let recorded = exporter.get("/metrics", &[]).and_then(|text| look(&text));
        recorded.expect("a scrape");
        let used = scrape.sum("plimsoll_slots", &[("state", "used")]) as usize;
        directories().is_ok_and(|directories| directories == used)
    })
}

/// Cgroups of the v2 hierarchy, its root among them.
fn directories() -> Result<usize> {
    let mut count = 0;
    let mut open = vec![cgroup::root()?.to_owned()];
    while let Some(directory) = open.pop() {
        count += 1;
        // It may go at any time.
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    Ok(count)
}

/// Does `make` for every number below `count`, several at once, each with a worker that can make cgroups: a small process
/// forks in a fraction of the time this one would need.
fn makers(count: usize, make: impl Fn(&mut Script, usize) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut command = Command::new(worker::path()?);
        let mut child = command.arg("script").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut script = Script::of(&mut child)?;
        let result = loop {
            match next.fetch_add(1, Ordering::Relaxed) {
                number if number < count => match make(&mut script, number) {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
                _ => break Ok(()),
            }
        };
        drop(script);
        child.wait()?;
        result
    };
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS).map(|_| scope.spawn(work)).collect();
        makers.into_iter().try_for_each(|maker| maker.join().ok().context("a panic")?)
    })
}

/// A path of this process alone.
fn own(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("/plimsoll-slots-{}-{name}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
