//! Comparisons in groups, all made before any is judged: one wrong number is better understood among the right ones.

use std::fmt::{self, Debug, Display};

/// Groups in the order in which they were begun.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    groups: Vec<Group>,
}

/// A row of the table of results.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) made: usize,
    pub(crate) failures: Vec<String>,
}

impl Checks {
    /// What follows belongs to this group.
    pub(crate) fn group(&mut self, name: &'static str) {
        self.groups.push(Group { name, made: 0, failures: Vec::new() });
    }

    /// The two must be equal.
    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, what: impl Display, got: T, wanted: T) {
        let problem = (got != wanted).then(|| format!("{what}: {got:?}, not {wanted:?}"));
        self.judge(problem);
    }

    /// It must hold.
    pub(crate) fn holds(&mut self, what: impl Display, holds: bool) {
        self.judge((!holds).then(|| format!("not so: {what}")));
    }

    /// All groups.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn judge(&mut self, problem: Option<String>) {
        if self.groups.is_empty() {
            self.group("");
        }
        if let Some(group) = self.groups.last_mut() {
            group.made += 1;
            group.failures.extend(problem);
        }
    }
}

impl Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in &self.groups {
            let failed = group.failures.len();
            writeln!(f, "  {:<44} {:>4} of {:<4}", group.name, group.made - failed, group.made)?;
            for failure in &group.failures {
                writeln!(f, "    {failure}")?;
            }
        }
        Ok(())
    }
}
