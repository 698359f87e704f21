//! How long system calls and operations on files take.

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Running};

use crate::{container, counts, id, moved, together};

const ON: &[&str] = &["--collector.syscall_latency"];
const CLASSES: &str = "container_syscall_duration_seconds";
const FILES: &str = "container_file_duration_seconds";

/// What a histogram of a container grew by: observations and seconds.
fn grown(
    (before, after): (&Scrape, &Scrape),
    family: &str,
    container: &Running,
    label: (&str, &str),
) -> (u64, f64) {
    let id = id(container);
    let labels = [("id", &*id), label];
    let of = |part: &str| after.moved(before, &format!("{family}_{part}"), &labels);
    let all = [labels[0], labels[1], ("le", "+Inf")];
    assert_eq!(after.moved(before, &format!("{family}_bucket"), &all), of("count"));
    (of("count") as u64, of("sum"))
}

/// All calls that were observed, and all that returned.
fn calls((before, after): (&Scrape, &Scrape), container: &Running) -> (u64, u64) {
    let id = id(container);
    let sum = |family: &str| after.moved(before, family, &[("id", &id)]) as u64;
    (sum(&format!("{CLASSES}_count")), sum("container_syscalls_total"))
}

fn seconds(answer: &str) -> Result<f64> {
    let (begin, end) = answer.split_once(' ').context("two times")?;
    Ok((end.parse::<u64>()? - begin.parse::<u64>()?) as f64 / 1e9)
}

#[test]
fn every_operation_is_observed_and_none_takes_longer_than_all_of_them() -> Result<()> {
    let exporter = Exporter::start(ON)?;
    let commands = ["files /f 100 4096", "transfers /f 50 512", "opens /f 100", "file-errors /f 30", "noop"];
    let mut containers =
        commands.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let before = exporter.scrape()?;
    let answers = together(&mut containers, &commands)?;
    let after = exporter.scrape()?;
    let between = (&before, &after);
    for ((container, command), answer) in containers.iter().zip(commands).zip(&answers) {
        let counted =
            moved(between, "container_file_operations_total", &id(container), &["operation", "type"]);
        let mut observed = 0;
        let mut took = 0.0;
        for operation in ["open", "read", "write", "fsync"] {
            let (count, sum) = grown(between, FILES, container, ("operation", operation));
            let wanted = counted.get(&format!("{operation} file")).copied().unwrap_or(0);
            assert_eq!(count, wanted, "{command}: {operation}");
            (observed, took) = (observed + count, took + sum);
        }
        let (count, returned) = calls(between, container);
        assert_eq!(count, returned, "{command}");
        if command == "noop" {
            assert_eq!(observed, 0);
        } else {
            // A copy from file to file is observed as a read and as a write.
            let twice = if command.starts_with("transfers") { 2.0 } else { 1.0 };
            let wall = seconds(answer)?;
            assert!(took > 0.0 && took < wall * twice, "{command}: {took} of {wall}");
        }
    }
    Ok(())
}

#[test]
fn each_call_is_in_its_class_and_its_bucket() -> Result<()> {
    let exporter = Exporter::start(ON)?;
    let commands = ["sleep-ms 300", "syscalls 1000 getppid", "noop"];
    let mut containers =
        commands.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let before = exporter.scrape()?;
    together(&mut containers, &commands)?;
    let after = exporter.scrape()?;
    let between = (&before, &after);
    let classes = |at: usize| moved(between, &format!("{CLASSES}_count"), &id(&containers[at]), &["class"]);
    // The script's own read and write are of class file.
    assert_eq!(classes(0), counts([("file", 2), ("time", 1)]));
    assert_eq!(classes(1), counts([("file", 2), ("process", 1000)]));
    assert_eq!(classes(2), counts([("file", 2)]));
    let (_, slept) = grown(between, CLASSES, &containers[0], ("class", "time"));
    assert!(slept >= 0.3, "{slept}");
    let bucket = |le: &str| {
        let id = id(&containers[0]);
        after.moved(&before, &format!("{CLASSES}_bucket"), &[("id", &id), ("class", "time"), ("le", le)])
    };
    // Of the sum alone it follows which bucket the one observation must be in.
    for (at, bound) in
        [("0.131072", 0.131072), ("0.262144", 0.262144), ("0.524288", 0.524288), ("1.048576", 1.048576)]
    {
        assert_eq!(bucket(at), if slept <= bound { 1.0 } else { 0.0 }, "{at}, {slept}");
    }
    Ok(())
}

/// A task's calls end in many ways: by return, by another program, not at all; and a child's first return is of none.
#[test]
fn calls_are_observed_once_whatever_becomes_of_the_task() -> Result<()> {
    let exporter = Exporter::start(ON)?;
    let commands = [
        "children 200 exit 3",
        "children 100 signal SIGKILL",
        "threads 200",
        "execs 30",
        "children-threaded 20 3 exec-other 0",
    ];
    let mut containers =
        commands.iter().map(|_| container(&Config::default())).collect::<Result<Vec<_>>>()?;
    let before = exporter.scrape()?;
    together(&mut containers, &commands)?;
    let after = exporter.scrape()?;
    for (container, command) in containers.iter().zip(commands) {
        let id = id(container);
        let began = |family| after.moved(&before, family, &[("id", &id)]) as u64;
        let children = began("container_process_forks_total") + began("container_threads_started_total");
        let (observed, returned) = calls((&before, &after), container);
        assert_eq!(observed, returned - children, "{command}");
    }
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

/// More tasks than the table has room for, one after the other: those that exit leave it.
#[test]
fn the_table_of_calls_holds_living_tasks_only() -> Result<()> {
    let exporter = Exporter::start(ON)?;
    let mut containers = [container(&Config::default())?];
    let before = exporter.scrape()?;
    together(&mut containers, &["threads 70000"])?;
    let after = exporter.scrape()?;
    let (observed, returned) = calls((&before, &after), &containers[0]);
    assert_eq!(observed, returned - 70_000);
    assert_eq!(after.kernel_losses(), before.kernel_losses());
    Ok(())
}

/// When a call from before the exporter began is not known, so it is not observed.
#[test]
fn a_call_older_than_the_exporter_is_not_observed() -> Result<()> {
    let mut containers = [container(&Config::default())?];
    let exporter = Exporter::start(ON)?;
    together(&mut containers, &["syscalls 10 getppid"])?;
    let first = exporter.scrape()?;
    let all = |scrape: &Scrape| calls((&Scrape::parse(""), scrape), &containers[0]);
    // The read that the worker slept in, and nothing else.
    assert_eq!(all(&first), (11, 12));
    Ok(())
}
