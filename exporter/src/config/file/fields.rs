//! The fields of a map, each taken once; what nobody took is unknown.

use std::collections::BTreeSet;

use super::Fault;
use super::yaml::{Key, Node, Value};

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

    /// A field's value.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'n Node<'n>> {
        self.known.push(name);
        let at = self.left.iter().position(|(key, _)| key.name == name)?;
        Some(&self.left.remove(at).1)
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
