//! The labels of a tombstone: those it had when it lived, all of them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::containerd::Bundles;
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::{Config, Container};
use plimsoll_tests::scrape::Scrape;

use crate::{alone, end, row, scrape_as, sum};

/// Waits until the exporter has nothing left to do: it was told of everything that happened before.
pub(crate) fn quiet(exporter: &Exporter) -> Result<()> {
    let tasks = format!("/proc/{}/task", exporter.pid());
    let mut calm = 0;
    while calm < 20 {
        calm += 1;
        for task in std::fs::read_dir(&tasks)? {
            let stat = std::fs::read_to_string(task?.path().join("stat"))?;
            let (_, rest) = stat.rsplit_once(") ").with_context(|| stat.clone())?;
            if !rest.starts_with('S') {
                calm = 0;
            }
        }
        std::thread::yield_now();
    }
    Ok(())
}

#[test]
fn one_that_lived_300_ms_has_all_its_labels_though_nobody_scraped_meanwhile() -> Result<()> {
    let _alone = alone();
    let name = format!("{:064x}", std::process::id());
    let config = Config::default()
        .id(&name)
        .cgroups_path("/kubepods/burstable/pod2e9a1b5c-9d0f-4f6e-8a51-7c3d5e6f7a8b/ID")
        .annotation("io.kubernetes.cri.container-type", "container")
        .annotation("io.kubernetes.cri.container-name", "app")
        .annotation("io.kubernetes.cri.sandbox-name", "shop-0")
        .annotation("io.kubernetes.cri.sandbox-namespace", "prod")
        .annotation("io.kubernetes.cri.image-name", "example.org/app:1.0");
    let container = Container::new(&config)?;
    let containerd = Bundles::new()?;
    let bundle = containerd.add(&container)?;
    let exporter = Exporter::start(&[&containerd.flag()])?;
    scrape_as(&exporter, "a")?;
    let mut running = container.start()?;
    let id = running.container().cgroups_path().to_owned();
    running.run("sleep-ms 250")?;
    running.run("syscalls 7 getsid")?;
    running.run("children 2 exit 3")?;
    running.run("children 1 signal SIGKILL")?;
    end(&mut running)?;
    quiet(&exporter)?;
    bundle.remove()?;
    running.finish()?;
    let scrape = scrape_as(&exporter, "a")?;
    let expected = [
        ("container", "app"),
        ("id", &*id),
        ("image", "example.org/app:1.0"),
        ("name", &*name),
        ("namespace", "prod"),
        ("pod", "shop-0"),
    ];
    let row = row(&scrape, &id);
    assert!(row.len() > 50, "{row:#?}");
    for (series, labels) in row.keys() {
        for (label, value) in expected {
            assert_eq!(labels.get(label).map(String::as_str), Some(value), "{series}");
        }
    }
    assert_eq!(sum(&scrape, "container_syscalls_total", &id, ("syscall", "getsid")), 7.0);
    assert_eq!(sum(&scrape, "container_process_exits_total", &id, ("code", "3")), 2.0);
    assert_eq!(sum(&scrape, "container_process_exits_total", &id, ("signal", "SIGKILL")), 1.0);
    Ok(())
}

/// A cgroup that was served before anybody could know that it is a container's.
#[test]
fn a_row_under_new_labels_has_no_creation_time_and_one_that_never_changed_has() -> Result<()> {
    let _alone = alone();
    let exporter = Exporter::start(&[])?;
    let name = format!("plimsoll-tombstone-renamed-{}", std::process::id());
    let id = format!("/{name}");
    let cgroup = Cgroup::make(&id)?;
    assert_eq!(cgroup.run("syscalls 5 getsid")?, 0);
    let value = |scrape: &Scrape, sample: &str| {
        let labels = [("id", &*id), ("syscall", "getsid")];
        let found = scrape.all(sample, &labels);
        found.map(|sample| (sample.labels["name"].clone(), sample.value)).collect::<BTreeMap<_, _>>()
    };
    let served = || {
        let text = exporter.get("/metrics", &[("Accept", "application/openmetrics-text; version=1.0.0")])?;
        let scrape = Scrape::parse(&text);
        let created = value(&scrape, "container_syscalls_created");
        Ok::<_, anyhow::Error>((
            value(&scrape, "container_syscalls_total"),
            created.into_keys().collect::<Vec<_>>(),
        ))
    };
    assert_eq!(served()?, (BTreeMap::from([(String::new(), 5.0)]), vec![String::new()]));
    // runc takes the cgroup that is there.
    let mut running = Container::new(&Config::default().id(&name))?.start()?;
    running.run("syscalls 6 getsid")?;
    assert_eq!(served()?, (BTreeMap::from([(name.clone(), 11.0)]), vec![]));
    running.finish()?;
    assert_eq!(served()?, (BTreeMap::from([(name, 11.0)]), vec![]));
    Ok(())
}
