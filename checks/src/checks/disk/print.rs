//! What a file system's numbers come to, and how they are told.

use super::ask::Usage;
use super::config::{Config, Limits, Unit};
use super::{Found, Measured};
use crate::output::Output;
use crate::perfdata::{Number, Perfdata};
use crate::range::{Range, Thresholds};
use crate::state::State;

/// A file system in the units of the line, and in percent as `df` counts: of what is used and what others than root may still
/// use, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    used: u64,
    free: u64,
    total: u64,
    free_percent: u64,
    /// None where there is no number of inodes.
    free_inodes_percent: Option<u64>,
    inodes: u64,
    used_inodes: u64,
}

impl Shown {
    pub(super) fn of(usage: &Usage, unit: Unit, without_reserved: bool) -> Self {
        let units = |blocks: u64| {
            u64::try_from(u128::from(blocks) * u128::from(usage.block) / u128::from(unit.bytes))
                .unwrap_or(u64::MAX)
        };
        let used = usage.blocks.saturating_sub(usage.free);
        let total = if without_reserved { used.saturating_add(usage.available) } else { usage.blocks };
        let used_inodes = usage.inodes.saturating_sub(usage.free_inodes);
        Self {
            used: units(used),
            free: units(usage.available),
            total: units(total),
            free_percent: 100 - percent(used, used.saturating_add(usage.available)).unwrap_or(100),
            free_inodes_percent: percent(used_inodes, usage.inodes).map(|used| 100 - used),
            inodes: usage.inodes,
            used_inodes,
        }
    }

    pub(super) fn judge(&self, limits: &Limits) -> State {
        let of = |thresholds: &Thresholds, value: u64| thresholds.judge(value as f64);
        let inodes = self.free_inodes_percent.map_or(State::Ok, |free| of(&limits.free_inodes_percent, free));
        of(&limits.free, self.free)
            .worst(of(&limits.free_percent, self.free_percent))
            .worst(of(&limits.used_percent, 100 - self.free_percent))
            .worst(inodes)
    }
}

/// Rounded up; none of nothing.
fn percent(part: u64, whole: u64) -> Option<u64> {
    let percent =
        (u128::from(part) * 100).checked_add(u128::from(whole).checked_sub(1)?)? / u128::from(whole);
    u64::try_from(percent.min(100)).ok()
}

pub(super) fn print(config: &Config, measured: &[Measured], ignored: &[String], silent: State) -> Output {
    let mut states = Vec::new();
    let (mut text, mut perfdata) = (String::new(), Vec::new());
    for Measured { name, limits, found } in measured {
        let (state, told) = match found {
            Found::Silent => (silent, format!("{name} does not answer")),
            Found::Usage(usage) => {
                let shown = Shown::of(usage, config.unit, config.without_reserved);
                perfdata.extend(data(config, name, limits, &shown));
                let inodes = shown.free_inodes_percent.map_or("-".to_owned(), |free| format!("{free}%"));
                let Shown { free, free_percent, .. } = shown;
                let told = format!("{name} {free}{} ({free_percent}% inode={inodes})", config.unit.name);
                (shown.judge(limits), told)
            }
        };
        states.push(state);
        text.push_str(&match state {
            State::Ok if config.errors_only && !config.verbose => continue,
            State::Ok => format!(" {told};"),
            state if config.verbose => format!(" {state} [ {told}];"),
            _ => format!(" {told};"),
        });
    }
    let state = states.into_iter().reduce(State::worst);
    let state = state.unwrap_or(if ignored.is_empty() { State::Unknown } else { State::Ok });
    let mut line = format!("DISK {state}");
    if !text.is_empty() {
        line.push_str(" - free space:");
        line.push_str(&text);
    } else if measured.is_empty() {
        line.push_str(" - No disks were found for provided parameters");
    }
    if !ignored.is_empty() {
        line.push_str(" - ignored paths:");
        ignored.iter().for_each(|name| line.push_str(&format!(" {name};")));
    }
    Output::new(state, line).perfs(perfdata)
}

/// Bytes that are used, with the limits turned round; the same of inodes, if wanted.
fn data(config: &Config, name: &str, limits: &Limits, shown: &Shown) -> Vec<Perfdata> {
    let unit = config.unit.bytes;
    let total = shown.total.saturating_mul(unit);
    let number = |number: u64| Number::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let least = |units: Option<&Range>, percent: Option<&Range>| {
        let units = end(units).map(|end| (shown.total as f64 - end).max(0.0) as u64 * unit);
        let percent = end(percent).map(|end| part(end, total));
        units.into_iter().chain(percent).min().map(number)
    };
    let (free, percent) = (&limits.free, &limits.free_percent);
    let space = Perfdata::new(name.to_owned(), number(shown.used.saturating_mul(unit)))
        .unit("B")
        .warn(least(free.warning.as_ref(), percent.warning.as_ref()))
        .crit(least(free.critical.as_ref(), percent.critical.as_ref()))
        .min(Number::Integer(0))
        .max(number(total));
    let limit = |range: Option<&Range>| end(range).map(|end| number(part(end, shown.inodes)));
    let of = &limits.free_inodes_percent;
    let inodes = Perfdata::new(format!("{name} (inodes)"), number(shown.used_inodes))
        .warn(limit(of.warning.as_ref()))
        .crit(limit(of.critical.as_ref()))
        .min(Number::Integer(0))
        .max(number(shown.inodes));
    std::iter::once(space).chain(config.inodes.then_some(inodes)).collect()
}

/// What is left of a whole without so many percent.
fn part(percent: f64, whole: u64) -> u64 {
    ((1.0 - percent / 100.0) * whole as f64).max(0.0) as u64
}

fn end(range: Option<&Range>) -> Option<f64> {
    range.map(Range::end).filter(|end| end.is_finite())
}
