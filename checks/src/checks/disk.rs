//! `check_disk`: how much room and how many inodes file systems have left.

mod ask;
mod config;
mod mounts;
mod options;
mod print;
mod select;

use std::fs;
use std::time::Duration;

use self::ask::Answer;
use self::config::{Config, Step};
use self::mounts::Mount;
use self::select::Target;
use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::output::{Outcome, Stop};
use crate::state::State;

pub use self::ask::Usage;
pub use self::mounts::parse as parse_mounts;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_disk",
    aliases: &[],
    summary: "Judges how much room and how many inodes file systems have left.",
    usage: "{-w absolute_limit, -w percentage_limit% or -W inode_percentage_limit} {-c absolute_limit, -c \
            percentage_limit% or -K inode_percentage_limit} {-p path or -x device}\n[-C] [-E] [-e] [-f] [-g group ] [-k] \
            [-l] [-M] [-m] [-n] [-R path ] [-r path ]\n[-t timeout] [-u unit] [-v] [-X type_regex] [-N type_regex]",
    options: options::OPTIONS,
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// What came of one target.
#[derive(Clone, Debug, PartialEq)]
struct Measured {
    /// What the line calls it.
    name: String,
    limits: config::Limits,
    found: Found,
}

/// How a file system answered.
#[derive(Clone, Debug, PartialEq)]
enum Found {
    /// Of one, or of all of a group.
    Usage(Usage),
    /// It did not.
    Silent,
}

fn run(call: &mut Call) -> Outcome {
    if let Some(answer) = ask::answer(call) {
        return answer;
    }
    let config = config::configure(call)?;
    let deadline = call.deadline();
    let mut mounts = read_mounts()?;
    if mount_what_is_asked_for(&config, &mounts, call, deadline) {
        mounts = read_mounts()?;
    }
    let (targets, mut ignored) = select::select(&config, &mounts)?;
    let measured = measure(&config, &mounts, targets, &mut ignored, call, deadline)?;
    Ok(print::print(&config, &measured, &ignored, call.timeout_state()))
}

fn read_mounts() -> Result<Vec<Mount>, Stop> {
    const MOUNTS: &str = "/proc/self/mounts";
    let text = fs::read(MOUNTS);
    let text =
        text.map_err(|error| Stop::unknown(format!("DISK UNKNOWN: {MOUNTS}: {}", crate::words(&error))))?;
    Ok(mounts::parse(&text))
}

/// Looks at paths below an automounter, which makes it mount them; tells whether there were any.
fn mount_what_is_asked_for(config: &Config, mounts: &[Mount], call: &Call, deadline: Deadline) -> bool {
    let mut any = false;
    for step in &config.steps {
        let Step::Path { name, exact, .. } = step else { continue };
        let below = select::best(mounts, name, *exact).is_some_and(|at| mounts[at].kind == "autofs");
        if below {
            let _ = ask::ask(&[(name.as_str(), name.as_str(), true)], half(call, deadline));
            any = true;
        }
    }
    any
}

/// What a file system is given that may never answer: the others have to be told of in time too.
fn half(call: &Call, deadline: Deadline) -> Deadline {
    deadline.within(Duration::from_millis(u64::from(call.timeout()) * 500))
}

fn measure(
    config: &Config,
    mounts: &[Mount],
    targets: Vec<Target>,
    ignored: &mut Vec<String>,
    call: &Call,
    deadline: Deadline,
) -> Result<Vec<Measured>, Stop> {
    let questions: Vec<_> = targets
        .iter()
        .map(|target| {
            let mount = &mounts[target.mount];
            (target.name.as_str(), mount.directory.as_str(), mount.may_hang())
        })
        .collect();
    let answers = ask::ask(&questions, half(call, deadline));
    let mut measured: Vec<(Option<String>, Measured)> = Vec::new();
    for (target, answer) in targets.iter().zip(answers) {
        let found = match answer {
            Answer::Usage(usage) if target.only_looked_at || usage.blocks == 0 => continue,
            Answer::Usage(usage) => Found::Usage(usage),
            Answer::Silent => Found::Silent,
            // What only this user may not look into is left out by df too, unless it was asked for by its name.
            Answer::NoUsage => continue,
            Answer::Error(_) if config.ignore_missing => {
                ignored.push(target.name.clone());
                continue;
            }
            Answer::Error(error) => {
                let text = format!("DISK CRITICAL - {} is not accessible: {error}", target.name);
                return Err(Stop::with(State::Critical, text));
            }
        };
        let lead = target.group.as_ref().and_then(|group| {
            measured.iter_mut().find(|(of, _)| of.as_ref() == Some(group)).map(|(_, lead)| lead)
        });
        match lead {
            Some(lead) => lead.add(found),
            None => {
                let mount = &mounts[target.mount];
                let own = if config.show_device { &mount.device } else { &mount.directory };
                let name = target.group.as_ref().unwrap_or(own).clone();
                measured
                    .push((target.group.clone(), Measured { name, limits: target.limits.clone(), found }));
            }
        }
    }
    Ok(measured.into_iter().map(|(_, measured)| measured).collect())
}

impl Measured {
    /// One more of the group. Of a group in which one does not answer nothing is known.
    fn add(&mut self, found: Found) {
        match (&mut self.found, found) {
            (Found::Usage(sum), Found::Usage(one)) => *sum = sum.and(&one),
            (Found::Usage(_), silent) => self.found = silent,
            (Found::Silent, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
