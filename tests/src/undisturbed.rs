//! Measuring again where the kernel hides its first process.
//!
//! Kernels of some virtual machines run no program and record no event of anybody while their first process runs, and count no
//! miss. What an interrupt brings then, such as the completion of a request or the end of a timer and all that comes of it, nobody
//! sees. On kernels that hide nothing (in VMs: `kernels`) the same is asserted without a second chance.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::trace::Trace;

/// How often a measurement may be disturbed.
const CHANCES: usize = 4;

/// Measures, and once more if that fails, the first process ran meanwhile, and this kernel hides it: both are seen, not supposed.
pub fn undisturbed(measure: impl Fn() -> Result<()>) -> Result<()> {
    for _ in 0..CHANCES {
        let before = turns();
        let outcome = catch_unwind(AssertUnwindSafe(&measure));
        if matches!(outcome, Ok(Ok(()))) || turns() == before || !is_hidden() {
            return outcome.unwrap_or_else(|panic| resume_unwind(panic));
        }
        say(&format!("the first process ran, which this kernel hides: measured again after {outcome:?}"));
    }
    measure()
}

/// In the log of a test that passes, too.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// How often the threads of the first process got a CPU.
fn turns() -> u64 {
    let of = |thread: String| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/1/task/{thread}/schedstat")).ok()?;
        text.split_whitespace().nth(2)?.parse().ok()
    };
    threads().into_iter().filter_map(of).sum()
}

fn threads() -> BTreeSet<String> {
    let all = fs::read_dir("/proc/1/task").into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Whether the kernel hides the first process. What cannot be found out is `false`.
fn is_hidden() -> bool {
    static HIDDEN: OnceLock<bool> = OnceLock::new();
    *HIDDEN.get_or_init(|| {
        look().unwrap_or_else(|error| {
            say(&format!("whether the first process is hidden: {error:#}"));
            false
        })
    })
}

/// The kernel's record shows CPUs that turn to it, and none that turns from it to another: more of the former than there are CPUs.
fn look() -> Result<bool> {
    const LONGEST: Duration = Duration::from_secs(30);
    /// What a filter has room for.
    const MOST: usize = 50;
    let threads: BTreeSet<String> = threads().into_iter().take(MOST).collect();
    let either: Vec<String> =
        threads.iter().map(|id| format!("prev_pid == {id} || next_pid == {id}")).collect();
    let trace = Trace::filtered("sched/sched_switch", &either.join(" || "))?;
    let enough = available_parallelism().context("CPUs")?.get();
    let end = Instant::now() + LONGEST;
    while Instant::now() < end {
        let lines = trace.lines()?;
        let count = |key: &str| {
            let is = |line: &&String| {
                let id = line.split_whitespace().find_map(|word| word.strip_prefix(key));
                id.is_some_and(|id| threads.contains(id))
            };
            lines.iter().filter(is).count()
        };
        if count("prev_pid=") > 0 {
            return Ok(false);
        }
        if count("next_pid=") > enough {
            return Ok(true);
        }
        sleep(Duration::from_millis(50));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::bail;

    use super::*;

    #[test]
    fn what_holds_is_measured_once_and_what_does_not_ends() {
        let times = Cell::new(0);
        let measured = undisturbed(|| {
            times.set(times.get() + 1);
            Ok(())
        });
        assert!(measured.is_ok() && times.get() == 1);
        let failing = undisturbed(|| {
            times.set(times.get() + 1);
            bail!("it does not hold")
        });
        assert_eq!(failing.map_err(|error| error.to_string()), Err("it does not hold".to_owned()));
        assert!(times.get() <= 2 + CHANCES + 1, "{}", times.get());
    }

    /// A process that nobody hides, at least.
    #[test]
    fn turns_are_counted() {
        assert!(threads().contains("1"));
        assert!(turns() > 0);
    }
}
