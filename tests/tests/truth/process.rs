//! Processes and threads that start, and how they end.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::Exporter;
use plimsoll_tests::runc::Config;

use crate::{container, counts, id, moved, together};

const EXITS: &str = "container_process_exits_total";
const BY: [&str; 3] = ["reason", "code", "signal"];

#[test]
fn forks_threads_execs_and_exits_are_exact() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let commands = [
        "children 200 exit 3",
        "children 50 signal SIGKILL",
        "threads 100",
        "execs 20",
        "children 5 signal SIGSEGV",
    ];
    let mut containers =
        commands.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let neighbour = container(&Config::default())?;
    let before = exporter.scrape()?;
    together(&mut containers, &commands)?;
    let after = exporter.scrape()?;

    let exits = |at: usize| moved((&before, &after), EXITS, &id(&containers[at]), &BY);
    let started = |at: usize| {
        let labels = [("id", &*id(&containers[at]))];
        ["container_process_forks_total", "container_threads_started_total", "container_process_execs_total"]
            .map(|name| after.moved(&before, name, &labels) as u64)
    };
    assert_eq!((started(0), exits(0)), ([200, 0, 0], counts([("exited 3", 200)])));
    assert_eq!((started(1), exits(1)), ([50, 0, 0], counts([("signaled SIGKILL", 50)])));
    assert_eq!((started(2), exits(2)), ([0, 100, 0], counts([])));
    assert_eq!((started(3), exits(3)), ([20, 0, 20], counts([("exited 0", 20)])));
    assert_eq!((started(4), exits(4)), ([5, 0, 0], counts([("signaled SIGSEGV", 5)])));
    assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
    Ok(())
}

/// However its threads end, a process ends once, and as `wait` tells it.
#[test]
fn a_process_of_many_threads_ends_once() -> Result<()> {
    let exporter = Exporter::start(&[])?;
    let ends = ["group", "group-other", "leader-first", "leader-last", "race", "killed", "exec-other"];
    let commands = ends.map(|end| format!("children-threaded 40 5 {end} 7"));
    let mut containers = ends.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let before = exporter.scrape()?;
    let answers = together(&mut containers, &commands.each_ref().map(String::as_str))?;
    let after = exporter.scrape()?;
    for ((container, end), answer) in containers.iter().zip(ends).zip(&answers) {
        let id = id(container);
        let by = |name: &str| after.moved(&before, name, &[("id", &id)]);
        assert_eq!(by("container_process_forks_total"), 40.0, "{end}");
        assert_eq!(by("container_threads_started_total"), 200.0, "{end}");
        assert_eq!(
            by("container_process_execs_total"),
            if end == "exec-other" { 40.0 } else { 0.0 },
            "{end}"
        );
        assert_eq!(moved((&before, &after), EXITS, &id, &BY), waited(answer)?, "{end}: {answer}");
    }
    Ok(())
}

/// What the worker was told by `wait`, as `STATUS:CHILDREN ...`, in the form of `moved`.
fn waited(answer: &str) -> Result<BTreeMap<String, u64>> {
    let of = |word: &str| {
        let (status, children) = word.split_once(':').context("no count")?;
        let status: u32 = status.parse()?;
        let how = match status & 0x7f {
            0 => format!("exited {}", status >> 8),
            9 => "signaled SIGKILL".to_owned(),
            other => format!("signal {other}"),
        };
        Ok((how, children.parse()?))
    };
    answer.split(' ').map(of).collect()
}
