//! A YAML document as a tree in which every part knows where it stands.
//!
//! No more of YAML than a configuration needs: anchors, tags and a second document are refused, and depth and size
//! have bounds, so what a hostile file costs is bounded too.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{At, Fault};

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) at: At,
    pub(super) value: Value<'t>,
}

/// What a configuration is made of.
#[derive(Debug)]
pub(super) enum Value<'t> {
    /// Nothing was written, or `null`.
    Null,
    Scalar(Cow<'t, str>),
    List(Vec<Node<'t>>),
    /// In the order of the file; a key may be there twice.
    Map(Vec<(Key<'t>, Node<'t>)>),
}

/// The key of an entry.
#[derive(Debug)]
pub(super) struct Key<'t> {
    pub(super) at: At,
    pub(super) name: Cow<'t, str>,
}

/// Lists and maps in each other.
const MAX_DEPTH: usize = 16;
/// Values of all kinds.
const MAX_NODES: usize = 20_000;

/// Reads the only document there is. An empty one is [`Value::Null`].
pub(super) fn parse(text: &str) -> Result<Node<'_>, Fault> {
    let mut parser = Parser::new_from_str(text);
    let mut tree = Tree { open: Vec::new(), root: None, nodes: 0 };
    loop {
        match next(&mut parser)? {
            (Event::StreamEnd, _) => break,
            (event, span) => tree.take(event, span.start)?,
        }
    }
    Ok(tree.root.unwrap_or(Node { at: At { line: 1, column: 1 }, value: Value::Null }))
}

fn next<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> Result<(Event<'t>, Span), Fault> {
    match parser.next_event() {
        Some(Ok(event)) => Ok(event),
        Some(Err(error)) => Err(syntax(&error)),
        None => Ok((Event::StreamEnd, Span::default())),
    }
}

fn syntax(error: &ScanError) -> Fault {
    Fault::new(place(*error.marker()), "", format!("no YAML: {}", error.info()))
}

/// The parser counts lines from 1 and columns from 0.
fn place(marker: Marker) -> At {
    At { line: marker.line(), column: marker.col() + 1 }
}

/// What has been read of the tree.
struct Tree<'t> {
    /// The lists and maps around what comes next.
    open: Vec<Open<'t>>,
    root: Option<Node<'t>>,
    nodes: usize,
}

enum Open<'t> {
    List(At, Vec<Node<'t>>),
    /// The last key still waits for its value.
    Map(At, Vec<(Key<'t>, Node<'t>)>, Option<Key<'t>>),
}

impl<'t> Tree<'t> {
    fn take(&mut self, event: Event<'t>, start: Marker) -> Result<(), Fault> {
        let at = place(start);
        let refuse = |text: &str| Err(Fault::new(at, "", text.to_owned()));
        match event {
            Event::Alias(_) => return refuse("aliases are not supported"),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                return refuse("anchors are not supported");
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return refuse("tags are not supported"),
            Event::Scalar(text, style, ..) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let value = if null { Value::Null } else { Value::Scalar(text) };
                return self.put(Node { at, value });
            }
            Event::SequenceStart(..) => self.open.push(Open::List(at, Vec::new())),
            Event::MappingStart(..) => self.open.push(Open::Map(at, Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                return match self.open.pop() {
                    Some(Open::List(at, items)) => self.put(Node { at, value: Value::List(items) }),
                    Some(Open::Map(at, entries, _)) => self.put(Node { at, value: Value::Map(entries) }),
                    None => Ok(()),
                };
            }
            Event::DocumentStart(_) if self.root.is_some() => return refuse("a second document"),
            _ => return Ok(()),
        }
        if self.open.len() > MAX_DEPTH { refuse("lists and maps are too deep in each other") } else { Ok(()) }
    }

    fn put(&mut self, node: Node<'t>) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Fault::new(node.at, "", format!("more than {MAX_NODES} values")));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match (key.take(), node.value) {
                (Some(key), value) => entries.push((key, Node { at: node.at, value })),
                (None, Value::Scalar(name)) => *key = Some(Key { at: node.at, name }),
                (None, Value::Null | Value::List(_) | Value::Map(_)) => {
                    return Err(Fault::new(node.at, "", "a key must be text".to_owned()));
                }
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The tree on one line, every value with its place.
    fn shown(node: &Node<'_>) -> String {
        let mut out = format!("{}:{} ", node.at.line, node.at.column);
        match &node.value {
            Value::Null => out.push('~'),
            Value::Scalar(text) => out.push_str(text),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(shown).collect();
                let _ = write!(out, "[{}]", items.join(", "));
            }
            Value::Map(entries) => {
                let of = |(key, node): &(Key<'_>, Node<'_>)| {
                    format!("{}:{} {}={}", key.at.line, key.at.column, key.name, shown(node))
                };
                let entries: Vec<_> = entries.iter().map(of).collect();
                let _ = write!(out, "{{{}}}", entries.join(", "));
            }
        }
        out
    }

    #[test]
    fn everything_knows_its_place() {
        let text = "# what it is\nlabels:\n  - constant: 'a b'\n    as: env\n  - [1, ~]\nempty:\n";
        assert_eq!(
            shown(&parse(text).expect("good")),
            "2:1 {2:1 labels=3:3 [3:5 {3:5 constant=3:15 a b, 4:5 as=4:9 env}, 5:5 [5:6 1, 5:9 ~]], 6:1 empty=6:6 ~}"
        );
        for empty in ["", "# only a comment\n", "---\n", "~"] {
            assert!(matches!(parse(empty).expect("good").value, Value::Null), "{empty:?}");
        }
        assert!(matches!(parse("'~'").expect("good").value, Value::Scalar(text) if text == "~"), "quoted");
    }

    #[test]
    fn what_a_configuration_does_not_need_is_refused() {
        let deep = "[".repeat(40);
        let many = format!("[{}]", "1,".repeat(MAX_NODES + 1));
        let bad = [
            ("a: &x 1\nb: 2\n", "line 1, column 7: anchors are not supported"),
            ("a: 1\nb: *x\n", "line 2"),
            ("a: !!int 1\n", ": tags are not supported"),
            ("a: 1\n---\nb: 2\n", "a second document"),
            ("[a, b]: 1\n", "line 1, column 1: a key must be text"),
            ("a: [1\nb: 2\n", "no YAML: "),
            ("a: 1\n  b: 2\n", "line 2, column "),
            (&*deep, "lists and maps are too deep in each other"),
            (&*many, "more than 20000 values"),
        ];
        for (text, wanted) in bad {
            let fault = parse(text).expect_err(wanted).to_string();
            assert!(fault.contains(wanted), "{wanted}: {fault}");
        }
    }
}
