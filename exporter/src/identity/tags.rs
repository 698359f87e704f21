//! Labels of the user's own choice: an ordered list of rules, from a container's metadata to labels of its series.
//!
//! The first rule that gives a label wins, so a list of rules for one label is a list of places to look for it. A
//! name that a rule does not give itself is mended by Prometheus' rules; where two keys come out as one name, one of
//! them is kept and both are told.

mod names;

use std::collections::BTreeMap;

use super::labels::{Labels, MAX_VALUE, bounded};
use super::metadata::{Given, Origin};

pub use names::{MAX_NAME, Pattern, is_label_name, mend};

/// The rules, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    /// Labels that series have already: a mended name that is one of them gets a prefix.
    taken: Vec<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// For whom.
    pub scope: Scope,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Gives a label with a fixed value.
    Constant {
        /// The label.
        name: String,
        /// Its value.
        value: String,
    },
    /// Makes a label of one key.
    Take {
        /// Where the key is.
        origin: Origin,
        /// The key.
        key: String,
        /// The label; `None` mends the key.
        name: Option<String>,
    },
    /// Makes labels of all keys with a prefix.
    TakeAll {
        /// Where the keys are.
        origin: Origin,
        /// How they begin.
        prefix: String,
        /// What stands in the prefix' place; `None` keeps the whole key. Both are mended.
        name: Option<String>,
    },
    /// Takes labels away that rules before it gave.
    Drop(Pattern),
    /// Gives a label that a rule before it gave another name.
    Rename {
        /// The name it has.
        from: String,
        /// The name it gets.
        to: String,
    },
}

/// For whom a rule is: all of what is here must match, each by one of its patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<(Subject, Vec<Pattern>)>);

/// What a scope looks at: a base label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the labels")]
pub enum Subject {
    Container,
    Id,
    Image,
    Name,
    Namespace,
    Pod,
    Workload,
    WorkloadKind,
}

/// What rules gave a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// By name, at most [`MAX_TAGS`].
    pub labels: BTreeMap<String, String>,
    /// Keys that came out as one name.
    pub collisions: Vec<Collision>,
    /// How many labels there was no room for.
    pub left_out: u64,
}

/// Two keys that came out as one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collision {
    /// The name.
    pub label: String,
    /// The key whose value the label has.
    pub kept: String,
    /// The key that has none.
    pub left: String,
}

/// Labels that rules may give a row.
pub const MAX_TAGS: usize = 32;

impl Rules {
    /// These rules, beside the labels that series have of themselves.
    pub fn new(rules: Vec<Rule>, taken: impl IntoIterator<Item: Into<String>>) -> Self {
        Self { rules, taken: taken.into_iter().map(Into::into).collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether one of them is about namespaces, which nobody asks for otherwise.
    pub fn need_namespaces(&self) -> bool {
        self.rules.iter().any(|rule| match &rule.action {
            Action::Take { origin, .. } | Action::TakeAll { origin, .. } => origin.is_of_namespace(),
            Action::Constant { .. } | Action::Drop(_) | Action::Rename { .. } => false,
        })
    }

    /// The labels of a row with these base labels and this metadata.
    pub fn apply(&self, base: &Labels, given: Given<'_>) -> Tags {
        let mut making = Making { taken: &self.taken, tags: Tags::default(), mended: BTreeMap::new() };
        for rule in self.rules.iter().filter(|rule| rule.scope.holds(base)) {
            making.step(&rule.action, given);
        }
        making.tags
    }
}

impl Scope {
    /// A scope of these, of which each must match.
    pub fn new(of: Vec<(Subject, Vec<Pattern>)>) -> Self {
        Self(of)
    }

    fn holds(&self, base: &Labels) -> bool {
        self.0.iter().all(|(subject, patterns)| {
            let text = subject.of(base);
            patterns.iter().any(|pattern| pattern.matches(text))
        })
    }
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Container,
        Self::Id,
        Self::Image,
        Self::Name,
        Self::Namespace,
        Self::Pod,
        Self::Workload,
        Self::WorkloadKind,
    ];

    /// The label's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Id => "id",
            Self::Image => "image",
            Self::Name => "name",
            Self::Namespace => "namespace",
            Self::Pod => "pod",
            Self::Workload => "workload",
            Self::WorkloadKind => "workload_kind",
        }
    }

    fn of(self, base: &Labels) -> &str {
        match self {
            Self::Container => &base.container,
            Self::Id => &base.id,
            Self::Image => &base.image,
            Self::Name => &base.name,
            Self::Namespace => &base.namespace,
            Self::Pod => &base.pod,
            Self::Workload => &base.workload,
            Self::WorkloadKind => &base.workload_kind,
        }
    }
}

/// The labels of a row on their way.
struct Making<'r> {
    taken: &'r [String],
    tags: Tags,
    /// The key that each mended name is from.
    mended: BTreeMap<String, String>,
}

impl Making<'_> {
    fn step(&mut self, action: &Action, given: Given<'_>) {
        match action {
            Action::Constant { name, value } => self.give(name, value),
            Action::Take { origin, key, name } => {
                let Some(value) = given.get(*origin, key) else { return };
                match name {
                    Some(name) => self.give(name, value),
                    None => self.give_mended(key, key, value),
                }
            }
            Action::TakeAll { origin, prefix, name } => {
                for (key, value) in given.starting_with(*origin, prefix) {
                    let made = match name {
                        Some(name) => format!("{name}{}", &key[prefix.len()..]),
                        None => key.to_owned(),
                    };
                    self.give_mended(&made, key, value);
                }
            }
            Action::Drop(pattern) => self.tags.labels.retain(|name, _| !pattern.matches(name)),
            Action::Rename { from, to } => {
                if let Some(value) = self.tags.labels.remove(from) {
                    self.give(to, &value);
                }
            }
        }
    }

    fn give(&mut self, name: &str, value: &str) {
        // Prometheus knows no label without a value.
        if value.is_empty() || self.tags.labels.contains_key(name) {
            return;
        }
        if self.tags.labels.len() == MAX_TAGS {
            self.tags.left_out += 1;
            return;
        }
        self.tags.labels.insert(name.to_owned(), bounded(value, MAX_VALUE));
    }

    fn give_mended(&mut self, made: &str, key: &str, value: &str) {
        let mut name = mend(made);
        if self.taken.contains(&name) {
            name.insert_str(0, "label_");
        }
        match self.mended.get(&name) {
            Some(kept) if kept != key => {
                self.tags.collisions.push(Collision {
                    label: name,
                    kept: kept.clone(),
                    left: key.to_owned(),
                });
            }
            _ => {
                self.give(&name, value);
                self.mended.insert(name, key.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests;
