//! The containers the tests count in are real ones, and leave nothing behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use plimsoll_tests::runc::{Config, Container};
use rustix::process::Signal;

/// The directories in any hierarchy that a container's path names.
fn cgroups(path: &str) -> Vec<PathBuf> {
    let roots = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let all = roots.chain([PathBuf::from("/sys/fs/cgroup")]);
    all.map(|root| root.join(path.trim_start_matches('/'))).filter(|path| path.is_dir()).collect()
}

/// Its lines in `/proc/PID/cgroup` that end in `path`.
fn memberships(pid: u32, path: &str) -> Result<usize> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    Ok(text.lines().filter(|line| line.ends_with(path)).count())
}

#[test]
fn a_script_runs_in_its_own_cgroups_and_leaves_nothing() -> Result<()> {
    let mut running = Container::new(&Config::default().own_network())?.start()?;
    let path = running.container().cgroups_path().to_owned();
    assert!(memberships(running.pid(), &path)? >= 1, "{path}");
    assert!(!cgroups(&path).is_empty());
    assert_eq!(running.container().state()?, "running");
    running.run("syscalls 5 getppid")?;
    running.run("open-enoent 3")?;
    running.run("open-eacces 4")?;
    running.run("children 2 exit 3")?;
    running.run("children 2 signal SIGKILL")?;
    running.run("threads 3")?;
    running.run("execs 2")?;
    running.run("compat 2")?;
    let answer = running.run("switches")?;
    let (voluntary, _) = answer.split_once(' ').context("two numbers")?;
    assert!(voluntary.parse::<u64>()? >= 9, "a sleep for each command: {answer}");
    let bundle = std::env::temp_dir().join(format!("plimsoll-bundle-{}", running.container().id()));
    assert!(bundle.is_dir());
    running.finish()?;
    assert_eq!(cgroups(&path), Vec::<PathBuf>::new());
    assert!(!bundle.exists());
    Ok(())
}

#[test]
fn exit_status_and_errors_come_back_from_the_foreground() -> Result<()> {
    let (status, errors) =
        Container::new(&Config::default().args("sleep-ms 1 , children 1 exit 3"))?.run()?;
    assert!(status.success(), "{errors}");
    let (status, errors) = Container::new(&Config::default().args("noop , fly"))?.run()?;
    assert_eq!((status.code(), errors.as_str()), (Some(1), "fly: no such command\n"));
    Ok(())
}

#[test]
fn limits_are_in_force() -> Result<()> {
    let config = Config::default().memory(32 << 20).pids(4).cpus("1");
    let mut running = Container::new(&config)?.start()?;
    // The child that took more than the limit was killed, and the worker was not.
    running.run("oom 64")?;
    let error = running.run("spin 0.001 0").map_err(|error| format!("{error:#}"));
    assert!(matches!(&error, Err(text) if text.contains("sched_setaffinity: Invalid argument")), "{error:?}");
    running.run("spin 0.001 1")?;
    running.finish()
}

#[test]
fn a_signal_ends_it_and_a_created_one_can_be_begun() -> Result<()> {
    let config = Config::default().cgroups_path("/plimsoll-test/deep/er/ID");
    let running = Container::new(&config)?.start()?;
    running.kill(Signal::KILL)?;
    running.wait(Duration::from_secs(20))?;
    assert_eq!(running.container().state()?, "stopped");
    drop(running);
    assert_eq!(cgroups("/plimsoll-test/deep"), Vec::<PathBuf>::new());

    let container = Container::new(&Config::default().args("sleep-ms 60000"))?;
    container.create()?;
    assert_eq!(container.state()?, "created");
    container.begin()?;
    assert_eq!(container.state()?, "running");
    let path = container.cgroups_path().to_owned();
    drop(container);
    assert_eq!(cgroups(&path), Vec::<PathBuf>::new());
    assert!(!Path::new(&format!("/run/runc/{}", path.trim_start_matches('/'))).exists());
    Ok(())
}
