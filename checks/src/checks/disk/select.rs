//! From what is asked for to the file systems that are meant.

use super::config::{Config, Limits, Step};
use super::mounts::Mount;
use crate::output::Stop;
use crate::state::State;

/// One that is meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    /// A path on it, which has to be there.
    pub(super) name: String,
    /// Which of the mounts.
    pub(super) mount: usize,
    pub(super) group: Option<String>,
    pub(super) limits: Limits,
    /// Whether it is only seen that it can be reached.
    pub(super) only_looked_at: bool,
}

/// One that was asked for, and perhaps where it is.
struct Asked {
    name: String,
    mount: Option<usize>,
    group: Option<String>,
    limits: Limits,
}

/// Those that are meant, in the order of the command line, and the paths that are on none of them.
pub(super) fn select(config: &Config, mounts: &[Mount]) -> Result<(Vec<Target>, Vec<String>), Stop> {
    let mut asked = Vec::new();
    for step in &config.steps {
        take(step, config, mounts, &mut asked)?;
    }
    let (mut targets, mut ignored, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for Asked { name, mount, group, limits } in asked {
        let Some(at) = mount else {
            if config.ignore_missing {
                ignored.push(name);
                continue;
            }
            return Err(Stop::with(State::Critical, format!("DISK CRITICAL: {name} not found")));
        };
        let mount = &mounts[at];
        if seen.contains(&&mount.directory) {
            continue;
        }
        let only_looked_at = group.is_none() && config.local && mount.is_remote();
        if group.is_none() && (left_out(config, mount) || (only_looked_at && !config.look_at_remote)) {
            continue;
        }
        seen.push(&mount.directory);
        targets.push(Target { name, mount: at, group, limits, only_looked_at });
    }
    Ok((targets, ignored))
}

fn take(step: &Step, config: &Config, mounts: &[Mount], asked: &mut Vec<Asked>) -> Result<(), Stop> {
    let mut add = |name: &str, mount: Option<usize>, group: &Option<String>, limits: &Limits| {
        let (group, limits) = (group.clone(), limits.clone());
        match asked.iter_mut().find(|asked| asked.name == name) {
            Some(asked) => (asked.mount, asked.group, asked.limits) = (mount, group, limits),
            None => asked.push(Asked { name: name.to_owned(), mount, group, limits }),
        }
    };
    match step {
        Step::Path { name, exact, group, limits } => add(name, best(mounts, name, *exact), group, limits),
        Step::All { group, limits } => {
            for mount in mounts {
                add(&mount.directory, best(mounts, &mount.directory, true), group, limits);
            }
        }
        Step::Matching { text, regex, group, limits } => {
            let mut any = false;
            for mount in mounts.iter().filter(|mount| matches(regex, mount)) {
                any = true;
                add(&mount.directory, best(mounts, &mount.directory, true), group, limits);
            }
            if !any && !config.ignore_missing {
                let why = "Regular expression did not match any path or disk";
                return Err(Stop::unknown(format!("DISK UNKNOWN: {why} - {text}")));
            }
        }
        Step::Without(regex) => {
            asked.retain(|asked| !asked.mount.is_some_and(|at| matches(regex, &mounts[at])));
        }
    }
    Ok(())
}

fn matches(regex: &crate::regex::Regex, mount: &Mount) -> bool {
    regex.is_match(mount.device.as_bytes()) || regex.is_match(mount.directory.as_bytes())
}

fn left_out(config: &Config, mount: &Mount) -> bool {
    let of = |types: &[crate::regex::Regex]| types.iter().any(|regex| regex.is_match(mount.kind.as_bytes()));
    of(&config.excluded_types)
        || config.excluded.iter().any(|name| *name == mount.device || *name == mount.directory)
        || (!config.included_types.is_empty() && !of(&config.included_types))
}

/// The mount of a device of this name, or else the deepest one that the path is below; of several on one directory the last,
/// which hides the others.
pub(super) fn best(mounts: &[Mount], name: &str, exact: bool) -> Option<usize> {
    let device = mounts.iter().rposition(|mount| mount.device == name);
    device.or_else(|| {
        let deep = |(_, mount): &(usize, &Mount)| mount.directory.len();
        let on = |(_, mount): &(usize, &Mount)| {
            if exact { mount.directory == name } else { is_below(name, &mount.directory) }
        };
        // Of equals `max_by_key` takes the last.
        mounts.iter().enumerate().filter(on).max_by_key(deep).map(|(at, _)| at)
    })
}

/// Everything is below `/`, as are paths that do not begin with it: they are looked up where the check runs.
fn is_below(path: &str, directory: &str) -> bool {
    directory == "/"
        || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
