//! Whose counts are whose: cgroups in containers, deep ones, and those that come again.

use anyhow::Result;
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::Config;
use plimsoll_tests::scrape::Rising;

use crate::{container, id};

const CALLS: &str = "container_syscalls_total";

/// A path of this test alone.
fn own(name: &str) -> String {
    format!("/plimsoll-test-{name}-{}", std::process::id())
}

fn getsids(scrape: &Scrape, id: &str) -> Option<f64> {
    scrape.value(CALLS, &[("id", id), ("syscall", "getsid")])
}

fn has_row(scrape: &Scrape, id: &str) -> bool {
    let names: Vec<&str> = scrape.names().collect();
    names.iter().any(|name| scrape.all(name, &[("id", id)]).next().is_some())
}

#[test]
fn what_happens_below_a_container_is_the_containers() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let mut outer = container(&Config::default())?;
    let id = id(&outer);
    exporter.scrape_until("the container's name", |scrape| {
        scrape.all(CALLS, &[("id", &id)]).all(|sample| sample.labels["name"] == id[1..])
    })?;
    let inner = Cgroup::make(&format!("{id}/inner"))?;
    let innermost = Cgroup::make(&format!("{id}/inner/most"))?;
    outer.run("syscalls 1 getsid")?;
    assert_eq!(inner.run("syscalls 10 getsid")?, 0);
    assert_eq!(innermost.run("syscalls 100 getsid , exit 9")?, 9 << 8);
    let names = [innermost.id().to_owned(), inner.id().to_owned()];
    let check = |scrape: &Scrape| {
        assert_eq!(getsids(scrape, &id), Some(111.0));
        let exits = [("id", &*id), ("code", "9")];
        assert_eq!(scrape.value("container_process_exits_total", &exits), Some(1.0));
        assert_eq!(names.each_ref().map(|name| has_row(scrape, name)), [false; 2]);
    };
    check(&exporter.scrape()?);
    innermost.remove()?;
    inner.remove()?;
    check(&exporter.scrape()?);
    outer.finish()?;
    let dead = |scrape: &Scrape| scrape.sum("plimsoll_rows", &[("state", "tombstone")]) > 0.0;
    let gone = exporter.scrape_until("its tombstone", dead)?;
    check(&gone);
    // What its files last said is there too.
    assert!(gone.value("container_cpu_usage_seconds_total", &[("id", &id)]).is_some_and(|cpu| cpu > 0.0));
    Ok(())
}

#[test]
fn deep_cgroups_count_into_their_ancestor() -> Result<()> {
    let exporter = Exporter::start(&["--cgroup.max-depth=2"])?;
    let mut path = own("deep");
    let mut cgroups = Vec::new();
    for (name, calls) in [("", 1), ("/a", 10), ("/b", 100), ("/c", 1000)] {
        path.push_str(name);
        let cgroup = Cgroup::make(&path)?;
        assert_eq!(cgroup.run(&format!("syscalls {calls} getsid"))?, 0);
        cgroups.push(cgroup);
    }
    let names: Vec<String> = cgroups.iter().map(|cgroup| cgroup.id().to_owned()).collect();
    let rows = |scrape: &Scrape| names.iter().map(|name| getsids(scrape, name)).collect::<Vec<_>>();
    let expected = [Some(1.0), Some(1110.0), None, None];
    assert_eq!(rows(&exporter.scrape()?), expected);
    while let Some(cgroup) = cgroups.pop() {
        cgroup.remove()?;
    }
    let dead = |scrape: &Scrape| scrape.sum("plimsoll_rows", &[("state", "tombstone")]) >= 2.0;
    assert_eq!(rows(&exporter.scrape_until("both tombstones", dead)?), expected);
    Ok(())
}

/// A unit that is started again has the same path: one series that goes on rising, also over its tombstone.
#[test]
fn a_path_made_again_goes_on_counting() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let path = own("again");
    let mut rising = Rising::kernel_only();
    let mut scrape = || -> Result<Scrape> {
        rising.check(&exporter.get("/metrics", &[])?)?;
        exporter.scrape()
    };
    let mut expected = 0.0;
    // At once, and again after the slot of the one before was given back.
    for wait in [false, false, true, true, false] {
        let cgroup = Cgroup::make(&path)?;
        assert_eq!(cgroup.run("syscalls 7 getsid")?, 0);
        expected += 7.0;
        assert_eq!(getsids(&scrape()?, &path), Some(expected));
        cgroup.remove()?;
        assert_eq!(getsids(&scrape()?, &path), Some(expected));
        if wait {
            let dead = |scrape: &Scrape| scrape.sum("plimsoll_rows", &[("state", "tombstone")]) > 0.0;
            let gone = exporter.scrape_until("its tombstone", dead)?;
            assert_eq!(getsids(&gone, &path), Some(expected));
        }
    }
    Ok(())
}

/// The same for a container that its runtime knows: it keeps its name all along.
#[test]
fn a_container_made_again_keeps_its_name() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let name = own("named")[1..].to_owned();
    let id = format!("/{name}");
    let mut rising = Rising::kernel_only();
    for round in 1..=3 {
        let mut container = container(&Config::default().id(&name))?;
        container.run("syscalls 5 getsid")?;
        let named = [("id", &*id), ("name", &*name), ("syscall", "getsid")];
        let known = exporter.scrape_until("its name", |scrape| scrape.value(CALLS, &named).is_some())?;
        assert_eq!(getsids(&known, &id), Some(5.0 * f64::from(round)));
        rising.check(&exporter.get("/metrics", &[])?)?;
        container.finish()?;
        let dead = |scrape: &Scrape| scrape.sum("plimsoll_rows", &[("state", "tombstone")]) > 0.0;
        let gone = exporter.scrape_until("its tombstone", dead)?;
        assert_eq!(gone.value(CALLS, &named), Some(5.0 * f64::from(round)));
        assert!(gone.all(CALLS, &[("id", &id)]).all(|sample| sample.labels["name"] == name));
    }
    Ok(())
}
