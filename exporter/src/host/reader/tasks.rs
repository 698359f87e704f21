//! Threads by command and by state.
//!
//! One file a process tells its command and how many threads it has. Only where it has several is each of them asked
//! for its state, up to a bound; and like all about processes this is left alone while the cgroup did not run.

use std::collections::HashMap;
use std::sync::Arc;

use rustix::fs::{Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use super::HostReader;
use super::descriptors::proc_name;
use super::pids::Listing;
use crate::host::files::{CgroupFiles, File, Scope};
use crate::host::parse::{TaskStat, parse_task_stat, parse_u64};
use crate::host::{Collector, TaskState, TaskStats};
use crate::names;

/// Commands shown by name.
const MOST_COMMANDS: usize = 10;
/// All threads of the kernel's own: their names change with what they work on.
const KERNEL: &str = "[kernel]";

/// What is found out while the processes are gone through.
#[derive(Default)]
struct Count {
    commands: HashMap<String, u64>,
    states: [u64; TaskState::ALL.len()],
    /// Threads that may still be asked; `None` once there were too many.
    left: Option<u64>,
}

impl HostReader {
    pub(super) fn read_tasks(&mut self, files: &mut CgroupFiles, listing: Listing) -> Option<Arc<TaskStats>> {
        if listing == Listing::AsBefore {
            return files.memo.tasks.clone();
        }
        files.memo.tasks = None;
        if listing == Listing::Part || self.pids.contains(&0) {
            files.memo.processes = None;
            return None;
        }
        if self.pids.len() > self.options.max_processes {
            self.source.tally.exceed(Collector::Tasks, 1);
            files.memo.processes = None;
            return None;
        }
        let pids = std::mem::take(&mut self.pids);
        let allowed = self.options.max_threads.min(self.threads_left);
        let before = self.charged(files);
        let result = self.count_tasks(&pids, allowed);
        let after = self.charged(files);
        self.pids = pids;
        let Ok(count) = result else {
            self.source.tally.error(Collector::Tasks);
            files.memo.processes = None;
            return None;
        };
        let threads: u64 = count.commands.values().sum();
        // No file lists zombies, but they are charged. The lower of the two: what came or went meanwhile is none.
        let unlisted = before.min(after).filter(|_| threads > 0).map_or(0, |all| all.saturating_sub(threads));
        let mut states = count.left.map(|_| count.states);
        if let Some(states) = &mut states {
            states[TaskState::Zombie as usize] += unlisted;
        }
        if states.is_some() {
            self.threads_left = self.threads_left.saturating_sub(threads);
        } else {
            self.source.tally.exceed(Collector::Tasks, 1);
        }
        // What a scrape had no room for may find it at the next.
        if states.is_none() && allowed < self.options.max_threads {
            files.memo.processes = None;
        }
        let (commands, other) = top(count.commands);
        files.memo.tasks = Some(Arc::new(TaskStats { commands, other: other + unlisted, states }));
        files.memo.tasks.clone()
    }

    /// Tasks charged to the cgroup, where it has none below that are not listed with it.
    fn charged(&mut self, files: &mut CgroupFiles) -> Option<u64> {
        if files.scope == Scope::Own && self.source.has_children(files) {
            return None;
        }
        self.source.read(files, File::PidsCurrent, true, Collector::Tasks).and_then(parse_u64)
    }

    fn count_tasks(&mut self, pids: &[u32], allowed: u64) -> Result<Count, Errno> {
        let mut count = Count { left: Some(allowed), ..Count::default() };
        for &pid in pids {
            match self.count_process(pid, &mut count) {
                // Gone since it was listed.
                Ok(()) | Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(count)
    }

    fn count_process(&mut self, pid: u32, count: &mut Count) -> Result<(), Errno> {
        proc_name(&mut self.source.name, pid, "stat");
        let Some(stat) = parse_task_stat(self.source.read_proc()?) else { return Ok(()) };
        let TaskStat { state, threads, kernel, .. } = stat;
        let command = if kernel { KERNEL.to_owned() } else { names::harmless(stat.command) };
        *count.commands.entry(command).or_insert(0) += threads;
        count.left = count.left.and_then(|left| left.checked_sub(threads));
        if count.left.is_none() {
            return Ok(());
        }
        if threads <= 1 {
            count.states[state as usize] += threads;
            return Ok(());
        }
        proc_name(&mut self.source.name, pid, "task");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(&self.source.proc, self.source.name.as_slice(), flags, Mode::empty())?;
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with('.') {
                continue;
            }
            match self.source.read_below(&directory, &format!("{name}/stat")) {
                Ok(bytes) => {
                    let state = parse_task_stat(bytes).map(|stat| stat.state as usize);
                    state.into_iter().for_each(|state| count.states[state] += 1);
                }
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

/// The commands with the most threads, and how many threads all others have together.
fn top(commands: HashMap<String, u64>) -> (Vec<(Arc<str>, u64)>, u64) {
    // A command of that name would be a second series of the rest.
    const REST: &str = "other";
    let (rest, mut named): (Vec<_>, Vec<_>) = commands.into_iter().partition(|(name, _)| name == REST);
    named.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let beyond = named.split_off(MOST_COMMANDS.min(named.len()));
    let other = beyond.iter().chain(&rest).map(|(_, threads)| threads).sum();
    (named.into_iter().map(|(name, threads)| (name.into(), threads)).collect(), other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_by_name_and_the_rest_together() {
        let commands = (0..13).map(|n| (format!("c{n:02}"), if n == 12 { 40 } else { n / 2 + 1 }));
        let (named, other) = top(commands.chain([("other".to_owned(), 100)]).collect());
        let named: Vec<(&str, u64)> = named.iter().map(|(name, threads)| (&**name, *threads)).collect();
        let wanted = [("c12", 40), ("c10", 6), ("c11", 6), ("c08", 5), ("c09", 5), ("c06", 4), ("c07", 4)];
        assert_eq!(named[..7], wanted);
        assert_eq!(named[7..], [("c04", 3), ("c05", 3), ("c02", 2)]);
        assert_eq!(other, 2 + 1 + 1 + 100);
    }
}
