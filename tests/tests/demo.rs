//! `make demo`, as it is: interrupted, and to its end. Nothing of it is left.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::{exporter, services};
use rustix::process::{Signal, WaitOptions, getpid, set_child_subreaper, wait};

fn start(pages: &Path) -> Result<Child> {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    let demo = demo.arg(exporter::path()?).arg(pages).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    demo.context("the demo")
}

/// What the demo could leave: processes, which are then children of the test, mounts, containers and their cgroups.
fn around() -> Result<BTreeSet<String>> {
    // What has ended is not there; its parent was the demo.
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    let pid = getpid().as_raw_nonzero();
    let mut found = BTreeSet::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let children = std::fs::read_to_string(task?.path().join("children"))?;
        found.extend(children.split_whitespace().map(|child| format!("process {child}")));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    found.extend(mounts.lines().filter(|line| line.contains("plimsoll-demo")).map(str::to_owned));
    for path in [String::from("/run/runc"), std::env::temp_dir().display().to_string()] {
        for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let ours = ["plimsoll-demo-", "plimsoll-bundle-demo-"].iter().any(|ours| name.starts_with(ours));
            if ours || (path == "/run/runc" && name.starts_with("demo-")) {
                found.insert(format!("{path}/{name}"));
            }
        }
    }
    let cgroups = Command::new("find").args(["/sys/fs/cgroup", "-name", "demo-*"]).output()?;
    found.extend(String::from_utf8(cgroups.stdout)?.lines().map(str::to_owned));
    Ok(found)
}

/// What a check of Icinga does may take a moment longer than Icinga.
fn nothing_is_left(before: &BTreeSet<String>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(60);
    while around()? != *before {
        ensure!(Instant::now() < end, "left: {:?}, not {before:?}", around()?);
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn the_demo_tells_its_stories_and_leaves_nothing() -> Result<()> {
    // Who is left by the demo is the test's then.
    set_child_subreaper(Some(getpid()))?;
    let pages = std::env::temp_dir().join(format!("plimsoll-pages-{}", std::process::id()));
    let before = around()?;

    let mut demo = start(&pages)?;
    let mut lines = BufReader::new(demo.stdout.take().context("no output")?);
    let mut line = String::new();
    while !line.contains("Who leaks threads?") {
        line.clear();
        ensure!(lines.read_line(&mut line)? > 0, "the demo ended");
    }
    services::signal(&demo, Signal::INT);
    lines.read_to_string(&mut String::new())?;
    ensure!(demo.wait()?.success(), "interrupted, it ends in good order");
    nothing_is_left(&before)?;

    let output = start(&pages)?.wait_with_output()?;
    let told = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{told}");
    for name in ["ThreadsNearLimit", "OomKilled", "DialsRefused", "CpuThrottled"] {
        ensure!(
            told.contains(&format!("Container{name} fires in Prometheus, and Alertmanager has it")),
            "{told}"
        );
        ensure!(
            told.contains(&format!("Container{name} is resolved, the check is OK, and all were told")),
            "{told}"
        );
    }
    assert_eq!(told.matches("Icinga wrote a mail, to Slack and to the pager").count(), 4, "{told}");
    assert_eq!(told.matches("Alertmanager wrote a mail, and to Slack").count(), 4, "{told}");
    nothing_is_left(&before)?;

    for (name, needle) in [("threads", "<polyline"), ("talks", "127.0.0.3:7411"), ("overview", "class=stat")]
    {
        let page = std::fs::read_to_string(pages.join(format!("{name}.html"))).context(name)?;
        ensure!(page.contains(needle), "{name}: no {needle}");
    }
    Ok(std::fs::remove_dir_all(pages)?)
}
