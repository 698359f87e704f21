//! Threads by command and by state, against children that were put into them.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::Config;

use crate::{container, counts, id, together};

/// A family of a row by one label, what is 0 left out.
fn by(scrape: &Scrape, family: &str, id: &str, label: &str) -> BTreeMap<String, u64> {
    let of = [("id", id)];
    let samples = scrape.all(family, &of).filter(|sample| sample.value != 0.0);
    samples.map(|sample| (sample.labels[label].clone(), sample.value as u64)).collect()
}

#[test]
fn threads_by_command_and_state_are_exact() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let commands = ["states 3 2 1", "crew 5", "named 13", "noop"];
    let mut containers =
        commands.iter().map(|_| container(&Config::default().pids(50))).collect::<Result<Vec<_>>>()?;
    together(&mut containers, &commands)?;
    let scrape = exporter.scrape()?;
    let wanted = [
        (
            counts([("other", 3), ("worker", 5)]),
            counts([("sleeping", 2), ("stopped", 2), ("uninterruptible", 1), ("zombie", 3)]),
        ),
        (counts([("worker", 6)]), counts([("sleeping", 6)])),
        (
            (0..10).map(|n| (format!("c{n:02}"), 1)).chain([("other".to_owned(), 4)]).collect(),
            counts([("sleeping", 14)]),
        ),
        (counts([("worker", 1)]), counts([("sleeping", 1)])),
    ];
    for ((container, command), (commands, states)) in containers.iter().zip(commands).zip(wanted) {
        let id = id(container);
        let threads: u64 = commands.values().sum();
        assert_eq!(by(&scrape, "container_threads_by_command", &id, "command"), commands, "{command}");
        assert_eq!(by(&scrape, "container_tasks_state", &id, "state"), states, "{command}");
        let value = |family: &str| scrape.value(family, &[("id", &id)]);
        assert_eq!(value("container_threads"), Some(threads as f64), "{command}");
        assert_eq!(value("container_threads_max"), Some(50.0), "{command}");
        assert_eq!(value("container_threads_limit"), Some(50.0), "{command}");
    }
    Ok(())
}
