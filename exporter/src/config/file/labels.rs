//! The fields `labels` and `info`.

use std::collections::BTreeSet;

use super::Fault;
use super::fields::{Fields, text, texts};
use super::yaml::{Node, Value};
use crate::identity::tags::{Action, Pattern, Rule, Rules, Scope, Subject, is_label_name, mend};
use crate::identity::{Info, Origin};

/// More rules than this are a mistake.
const MAX_RULES: usize = 256;
/// Labels of `container_info` made of metadata.
const MAX_INFO_LABELS: usize = 256;

/// The rules of `labels`, in their order.
pub(super) fn rules(node: &Node<'_>, taken: &BTreeSet<&str>, faults: &mut Vec<Fault>) -> Rules {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Null => &[],
        Value::Scalar(_) | Value::Map(_) => {
            faults.push(Fault::new(node.at, "labels", "expected a list of rules, each after a \"-\""));
            &[]
        }
    };
    if let Some(first) = items.get(MAX_RULES) {
        faults.push(Fault::new(first.at, "labels", format!("more than {MAX_RULES} rules")));
    }
    let mut reader = Reader { taken, faults, implied: Vec::new() };
    let rules = items.iter().take(MAX_RULES).enumerate();
    let rules: Vec<_> = rules.filter_map(|(at, node)| reader.rule(node, &format!("labels[{at}]"))).collect();
    Rules::new(rules, taken.iter().copied())
}

/// What `info` says.
pub(super) fn info(node: &Node<'_>, faults: &mut Vec<Fault>) -> Info {
    let mut info = Info::default();
    let mut fields = Fields::of(node, "info", faults);
    if let Some(number) = fields.number("max_labels", 0..=MAX_INFO_LABELS, faults) {
        info.max_labels = number;
    }
    if let Some(annotations) = fields.flag("annotations", faults) {
        info.annotations = annotations;
    }
    fields.refuse_the_rest(faults);
    info
}

struct Reader<'r> {
    taken: &'r BTreeSet<&'r str>,
    faults: &'r mut Vec<Fault>,
    /// Names that rules made of whole keys, with the key and its origin: two of them must not meet.
    implied: Vec<(String, Origin, String)>,
}

/// The one field of a rule that says what it does.
#[derive(Clone, Copy, PartialEq)]
enum Verb {
    Constant,
    From(Origin),
    Drop,
    Rename,
}

impl Verb {
    fn all() -> impl Iterator<Item = Self> {
        let origins = Origin::ALL.into_iter().map(Self::From);
        origins.chain([Self::Constant, Self::Drop, Self::Rename])
    }

    fn field(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::From(origin) => origin.as_str(),
            Self::Drop => "drop",
            Self::Rename => "rename",
        }
    }
}

impl Reader<'_> {
    fn rule(&mut self, node: &Node<'_>, path: &str) -> Option<Rule> {
        let before = self.faults.len();
        let mut fields = Fields::of(node, path, self.faults);
        let name = fields.take("as");
        let scope = fields.take("where");
        let mut verbs = Vec::new();
        for verb in Verb::all() {
            verbs.extend(fields.take(verb.field()).map(|node| (verb, node)));
        }
        fields.refuse_the_rest(self.faults);
        let scope = scope.map(|node| self.scope(node, &format!("{path}.where"))).unwrap_or_default();
        if verbs.len() != 1 {
            if self.faults.len() == before {
                let fields: Vec<_> = Verb::all().map(Verb::field).collect();
                let wrong = if verbs.is_empty() { "none of them is here" } else { "these are several" };
                let text = format!("a rule has one of {}: {wrong}", fields.join(", "));
                self.faults.push(Fault::new(node.at, path, text));
            }
            return None;
        }
        let (verb, node) = verbs[0];
        let value = text(node, &format!("{path}.{}", verb.field()), self.faults)?;
        let action = self.action(verb, node, value, name, path)?;
        (self.faults.len() == before).then_some(Rule { action, scope })
    }

    fn action(
        &mut self,
        verb: Verb,
        node: &Node<'_>,
        value: &str,
        name: Option<&Node<'_>>,
        path: &str,
    ) -> Option<Action> {
        let field = format!("{path}.{}", verb.field());
        if value.is_empty() {
            self.faults.push(Fault::new(node.at, &field, "is empty"));
            return None;
        }
        match verb {
            Verb::Constant => {
                Some(Action::Constant { name: self.given(name, node, path)?, value: value.to_owned() })
            }
            Verb::Rename => {
                let from = value.to_owned();
                self.not_taken(
                    node,
                    &field,
                    &from,
                    "stays as it is: only labels that rules gave have other names",
                )?;
                Some(Action::Rename { from, to: self.given(name, node, path)? })
            }
            Verb::Drop => {
                if let Some(name) = name {
                    self.faults.push(Fault::new(name.at, &format!("{path}.as"), "has no place beside drop"));
                }
                self.not_taken(node, &field, value, "stays: only labels that rules gave can be dropped")?;
                Some(Action::Drop(Pattern::new(value)))
            }
            Verb::From(origin) => match value.split_once('*') {
                Some((prefix, "")) => self.take_all(origin, prefix, name, path),
                Some(_) => {
                    self.faults.push(Fault::new(node.at, &field, "\"*\" can only be the last character"));
                    None
                }
                None => self.take(origin, node, value, name, path),
            },
        }
    }

    fn take(
        &mut self,
        origin: Origin,
        node: &Node<'_>,
        key: &str,
        name: Option<&Node<'_>>,
        path: &str,
    ) -> Option<Action> {
        let name = match name {
            Some(_) => Some(self.given(name, node, path)?),
            None => {
                self.meets_none(origin, node, key, path)?;
                None
            }
        };
        Some(Action::Take { origin, key: key.to_owned(), name })
    }

    /// Two keys whose mended names are one: which of them counts is not left to their order.
    fn meets_none(&mut self, origin: Origin, node: &Node<'_>, key: &str, path: &str) -> Option<()> {
        let made = mend(key);
        let other =
            self.implied.iter().find(|(name, of, other)| *name == made && (*of, &**other) != (origin, key));
        if let Some((_, of, other)) = other {
            let text = format!(
                "becomes the label {made:?}, as {} {other:?} does: say which with \"as\"",
                of.as_str()
            );
            self.faults.push(Fault::new(node.at, &format!("{path}.{}", origin.as_str()), text));
            return None;
        }
        self.implied.push((made, origin, key.to_owned()));
        Some(())
    }

    fn take_all(
        &mut self,
        origin: Origin,
        prefix: &str,
        name: Option<&Node<'_>>,
        path: &str,
    ) -> Option<Action> {
        let name = match name {
            None => None,
            Some(node) => {
                let field = format!("{path}.as");
                let text = text(node, &field, self.faults)?;
                let stem = text.strip_suffix('*').filter(|stem| stem.is_empty() || is_label_name(stem));
                let Some(stem) = stem else {
                    let text = format!("expected the beginning of a label's name and a \"*\", not {text:?}");
                    self.faults.push(Fault::new(node.at, &field, text));
                    return None;
                };
                Some(stem.to_owned())
            }
        };
        Some(Action::TakeAll { origin, prefix: prefix.to_owned(), name })
    }

    /// The name in `as`, which must be there and free.
    fn given(&mut self, name: Option<&Node<'_>>, rule: &Node<'_>, path: &str) -> Option<String> {
        let field = format!("{path}.as");
        let Some(node) = name else {
            self.faults.push(Fault::new(rule.at, &field, "is missing: the name of the label"));
            return None;
        };
        let name = text(node, &field, self.faults)?;
        if !is_label_name(name) {
            let text = format!("{name:?} is no label's name; {:?} is", mend(name));
            self.faults.push(Fault::new(node.at, &field, text));
            return None;
        }
        self.not_taken(node, &field, name, "is a label that series have already")?;
        Some(name.to_owned())
    }

    fn not_taken(&mut self, node: &Node<'_>, field: &str, name: &str, why: &str) -> Option<()> {
        if self.taken.contains(name) {
            self.faults.push(Fault::new(node.at, field, format!("{name:?} {why}")));
            return None;
        }
        Some(())
    }

    fn scope(&mut self, node: &Node<'_>, path: &str) -> Scope {
        let mut fields = Fields::of(node, path, self.faults);
        let mut of = Vec::new();
        for subject in Subject::ALL {
            let Some(node) = fields.take(subject.as_str()) else { continue };
            let texts = texts(node, &fields.name(subject.as_str()), self.faults);
            of.push((subject, texts.into_iter().map(Pattern::new).collect()));
        }
        fields.refuse_the_rest(self.faults);
        Scope::new(of)
    }
}
