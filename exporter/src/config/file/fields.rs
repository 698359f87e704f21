//! The fields of a map, each taken once; what nobody took is unknown.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::RangeInclusive;

use super::yaml::{Key, Node, Value};
use super::{At, Fault};

/// The fields of a map in the file.
pub(super) struct Fields<'n> {
    /// As `labels[2]`; empty for the document.
    path: String,
    left: Vec<&'n (Key<'n>, Node<'n>)>,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Those of a node that must be a map; nothing at all is an empty one.
    pub(super) fn of(node: &'n Node<'n>, path: &str, faults: &mut Vec<Fault>) -> Self {
        let mut left = Vec::new();
        match &node.value {
            Value::Null => {}
            Value::Map(entries) => {
                let mut seen = BTreeSet::new();
                for entry in entries {
                    if seen.insert(&entry.0.name) {
                        left.push(entry);
                    } else {
                        let text = "this field is here twice";
                        faults.push(Fault::new(entry.0.at, &below(path, &entry.0.name), text));
                    }
                }
            }
            Value::Scalar(_) | Value::List(_) => {
                faults.push(Fault::new(node.at, path, "expected fields, as in \"name: value\""));
            }
        }
        Self { path: path.to_owned(), left, known: Vec::new() }
    }

    /// The name of a field of this map, for a fault.
    pub(super) fn name(&self, field: &str) -> String {
        below(&self.path, field)
    }

    /// Where a field's value is, and the field's name, if it is there and was not taken.
    pub(super) fn place(&self, name: &str) -> Option<(At, String)> {
        let (_, node) = self.left.iter().find(|(key, _)| key.name == name)?;
        Some((node.at, self.name(name)))
    }

    /// All that nobody took, where the names are not ours to know.
    pub(super) fn rest(self) -> Vec<&'n (Key<'n>, Node<'n>)> {
        self.left
    }

    /// A field's value.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'n Node<'n>> {
        self.known.push(name);
        let at = self.left.iter().position(|(key, _)| key.name == name)?;
        Some(&self.left.remove(at).1)
    }

    /// A field's text, if it is of the form that `parse` takes; what it expects otherwise is its error.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        faults: &mut Vec<Fault>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let node = self.take(name)?;
        let path = self.name(name);
        let text = text(node, &path, faults)?;
        parse(text).map_err(|error| faults.push(Fault::new(node.at, &path, error.to_string()))).ok()
    }

    /// A field that is text.
    pub(super) fn text(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<String> {
        self.parsed(name, faults, |text| Ok::<_, Infallible>(text.to_owned()))
    }

    /// A field that is true or false.
    pub(super) fn flag(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<bool> {
        self.parsed(name, faults, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("expected true or false, not {text:?}")),
        })
    }

    /// A field that is a whole number within bounds.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        within: RangeInclusive<usize>,
        faults: &mut Vec<Fault>,
    ) -> Option<usize> {
        self.parsed(name, faults, |text| {
            let (least, most) = (within.start(), within.end());
            let expected = || format!("expected a number from {least} to {most}, not {text:?}");
            text.parse().ok().filter(|number| within.contains(number)).ok_or_else(expected)
        })
    }

    /// A field that is a list of texts, each of a form; nothing at all is an empty one.
    pub(super) fn list<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        faults: &mut Vec<Fault>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        let path = self.name(name);
        let items = self.take(name).map(|node| items(node, &path, faults)).unwrap_or_default();
        let mut parsed = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let path = format!("{path}[{number}]");
            let Some(text) = text(item, &path, faults) else { continue };
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(error) => faults.push(Fault::new(item.at, &path, error.to_string())),
            }
        }
        parsed
    }

    /// A fault for every field that was not taken.
    pub(super) fn refuse_the_rest(self, faults: &mut Vec<Fault>) {
        for (key, _) in &self.left {
            let text = format!("no such field here; there are {}", self.known.join(", "));
            faults.push(Fault::new(key.at, &self.name(&key.name), text));
        }
    }
}

/// The text of a node that must be one.
pub(super) fn text<'n>(node: &'n Node<'n>, path: &str, faults: &mut Vec<Fault>) -> Option<&'n str> {
    if let Value::Scalar(text) = &node.value {
        return Some(text);
    }
    faults.push(Fault::new(node.at, path, "expected text"));
    None
}

/// The nodes of one that must be a list; nothing at all is an empty one.
pub(super) fn items<'n>(node: &'n Node<'n>, path: &str, faults: &mut Vec<Fault>) -> &'n [Node<'n>] {
    match &node.value {
        Value::List(items) => items,
        Value::Null => &[],
        Value::Scalar(_) | Value::Map(_) => {
            faults.push(Fault::new(node.at, path, "expected a list, each after a \"-\""));
            &[]
        }
    }
}

/// The texts of a node that must be one or a list of some.
pub(super) fn texts<'n>(node: &'n Node<'n>, path: &str, faults: &mut Vec<Fault>) -> Vec<&'n str> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| text(item, path, faults)).collect()
}

fn below(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}
