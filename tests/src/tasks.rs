//! What the kernel itself says of a process' threads: the witness for what the exporter counts.

use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// Sums over the threads a process has now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Threads there are.
    pub threads: u64,
    /// Switches away because they blocked.
    pub voluntary: u64,
    /// Switches away while they could have run on.
    pub involuntary: u64,
    /// Time on a CPU.
    pub cpu_ns: u64,
    /// Time they waited for one.
    pub run_delay_ns: u64,
    /// Moves to another CPU.
    pub migrations: u64,
}

impl Tasks {
    /// Of a process; it does not notice.
    pub fn of(pid: u32) -> Result<Self> {
        let mut sums = Self::default();
        for task in tasks(pid)? {
            let read = |name: &str| {
                let path = task.join(name);
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())
            };
            let status = read("status")?;
            let field = |name: &str| -> Result<u64> {
                let value = status.lines().find_map(|line| line.strip_prefix(name));
                Ok(value.with_context(|| name.to_owned())?.trim().parse()?)
            };
            let sched = read("sched")?;
            let moves = sched.lines().find_map(|line| line.strip_prefix("se.nr_migrations"));
            let moves =
                moves.and_then(|rest| rest.trim_start().strip_prefix(':')).context("se.nr_migrations")?;
            sums.migrations += moves.trim().parse::<u64>()?;
            let schedstat = read("schedstat")?;
            let mut times = schedstat.split_whitespace().map(str::parse::<u64>);
            sums.threads += 1;
            sums.voluntary += field("voluntary_ctxt_switches:")?;
            sums.involuntary += field("nonvoluntary_ctxt_switches:")?;
            sums.cpu_ns += times.next().context("schedstat")??;
            sums.run_delay_ns += times.next().context("schedstat")??;
        }
        Ok(sums)
    }

    /// How much each sum grew since `before`, with the same threads.
    pub fn since(&self, before: &Self) -> Self {
        assert_eq!(self.threads, before.threads, "threads came or went");
        Self {
            threads: self.threads,
            voluntary: self.voluntary - before.voluntary,
            involuntary: self.involuntary - before.involuntary,
            cpu_ns: self.cpu_ns - before.cpu_ns,
            run_delay_ns: self.run_delay_ns - before.run_delay_ns,
            migrations: self.migrations - before.migrations,
        }
    }
}

/// Waits until a worker's first thread sleeps in `read` of its standard input, and all others sleep too.
///
/// `/proc/PID/syscall` names a call only of a task that is off its CPU for good (`wait_task_inactive` in the kernel): a
/// state of `S` in `stat` is set a moment before the task leaves, when its last switch is not counted yet.
///
/// A thread is joined a moment before it is gone from here: one that goes meanwhile is as good as asleep.
pub fn wait_until_asleep(pid: u32) -> Result<()> {
    let reading = format!("{} 0x0 ", libc::SYS_read);
    for (at, task) in tasks(pid)?.iter().enumerate() {
        let path = task.join("syscall");
        loop {
            match std::fs::read_to_string(&path) {
                Err(error) if at > 0 && is_gone(&error) => break,
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
                Ok(call) if at > 0 && !call.starts_with("running") => break,
                Ok(call) if call.starts_with(&reading) => break,
                // One that is gone can still be read for a moment.
                Ok(call) if call.is_empty() => bail!("{}: gone", path.display()),
                Ok(_) => std::thread::yield_now(),
            }
        }
    }
    Ok(())
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// The directories of a process' threads, the first one first.
fn tasks(pid: u32) -> Result<Vec<PathBuf>> {
    let path = format!("/proc/{pid}/task");
    let entries = std::fs::read_dir(&path).with_context(|| path.clone())?;
    let mut tasks = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    tasks.sort_by_key(|task| task.file_name().is_none_or(|name| name != pid.to_string().as_str()));
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::worker;

    #[test]
    fn a_thread_that_is_still_going_is_waited_for() -> Result<()> {
        let mut child = Command::new(worker::path()?)
            .arg("script")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut script = worker::Script::of(&mut child)?;
        for _ in 0..300 {
            script.run("threads 5")?;
            wait_until_asleep(child.id())?;
        }
        drop(script);
        assert!(child.wait()?.success());
        assert!(wait_until_asleep(child.id()).is_err(), "it is gone");
        Ok(())
    }

    #[test]
    fn this_process_has_run_and_switched() -> Result<()> {
        let tasks = Tasks::of(std::process::id())?;
        assert!(tasks.threads >= 1 && tasks.cpu_ns > 0, "{tasks:?}");
        let grown = Tasks { voluntary: tasks.voluntary + 3, ..tasks };
        assert_eq!(grown.since(&tasks), Tasks { threads: tasks.threads, voluntary: 3, ..Tasks::default() });
        Ok(())
    }
}
