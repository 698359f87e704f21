//! The text of `/metrics`, read without copying it: a sample is a name, labels and a value. Pure.

use std::borrow::Cow;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The family, with what a histogram adds.
    pub name: &'a str,
    /// As they are written, for `label` to look through.
    labels: &'a str,
    /// What it is; not a number where the line says so.
    pub value: f64,
}

impl<'a> Sample<'a> {
    /// From a line that is no comment; none if it is not one of this format.
    pub fn parse(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_at(line.find(['{', ' '])?);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inside) => {
                let end = end_of_labels(inside)?;
                (&inside[..end], &inside[end + 1..])
            }
            None => ("", rest),
        };
        let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
        (!name.is_empty()).then_some(Self { name, labels, value })
    }

    /// A label's value; empty if it is not there, as Prometheus sees it.
    pub fn label(&self, name: &str) -> Cow<'a, str> {
        self.labels().find(|(found, _)| *found == name).map(|(_, value)| value).unwrap_or_default()
    }

    /// All labels.
    pub fn labels(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let mut rest = self.labels;
        std::iter::from_fn(move || {
            let (name, value) = rest.split_once("=\"")?;
            let end = end_of_value(value)?;
            rest = &value[end + 1..];
            Some((name.trim_start_matches([',', ' ']), unescaped(&value[..end])))
        })
    }
}

/// The samples of a page; comments, and lines that are none, are left out.
pub fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(Sample::parse)
}

/// Where the `}` is that no value holds.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|byte| {
        let end = byte == b'}' && !quoted;
        quoted ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    })
}

/// Where the closing quote of a value is.
fn end_of_value(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    })
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let (mut out, mut chars) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(c) => out.push(c),
                None => {}
            },
            c => out.push(c),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_labels_and_a_value() {
        let text =
            "# HELP a x\na{id=\"/x\",s=\"q\\\"\\\\\\n}\"} 3 17\na{id=\"\"} NaN\nb 0.5\n\nc\nd{x\nd{} 1\n";
        let found: Vec<Sample<'_>> = samples(text).collect();
        assert_eq!(found.len(), 4);
        assert_eq!((found[0].name, found[0].value), ("a", 3.0));
        assert_eq!((found[0].label("id"), found[0].label("s")), ("/x".into(), "q\"\\\n}".into()));
        assert_eq!(found[0].labels().count(), 2);
        assert_eq!((found[1].label("id"), found[1].label("x")), ("".into(), "".into()));
        assert!(found[1].value.is_nan());
        assert_eq!((found[2].name, found[2].value, found[2].labels().count()), ("b", 0.5, 0));
        assert_eq!((found[3].name, found[3].value), ("d", 1.0));
    }
}
