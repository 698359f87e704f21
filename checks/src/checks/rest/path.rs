//! Where in a JSON document a value is.

use serde_json::Value;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of an object, or the place in an array if it is a number.
    Key(String),
    /// A place in an array, from its end if below zero.
    Place(i64),
}

/// `a.b[0]["c.d"]`, or a JSON pointer, `/a/b/0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// From its text; the empty one is the whole document.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(pointer) = text.strip_prefix('/') {
            let key = |part: &str| Step::Key(part.replace("~1", "/").replace("~0", "~"));
            return Some(Self(pointer.split('/').map(key).collect()));
        }
        let (mut steps, mut rest) = (Vec::new(), text.strip_prefix('$').unwrap_or(text));
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inside) => in_brackets(inside)?,
                None => {
                    let rest = rest.strip_prefix('.').unwrap_or(rest);
                    let end = rest.find(['.', '[']).unwrap_or(rest.len());
                    let (key, after) = rest.split_at(end);
                    (Some(Step::Key(key.to_owned())).filter(|_| !key.is_empty())?, after)
                }
            };
            steps.push(step);
            rest = after;
        }
        Some(Self(steps))
    }

    /// What is there.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(document, |value, step| match (value, step) {
            (Value::Object(map), Step::Key(key)) => map.get(key),
            (Value::Array(list), Step::Key(key)) => list.get(key.parse::<usize>().ok()?),
            (Value::Array(list), Step::Place(place)) => {
                let place = if *place < 0 { i64::try_from(list.len()).ok()? + place } else { *place };
                list.get(usize::try_from(place).ok()?)
            }
            _ => None,
        })
    }
}

/// `0]…` or `"a"]…`
fn in_brackets(inside: &str) -> Option<(Step, &str)> {
    for quote in ['"', '\''] {
        if let Some(quoted) = inside.strip_prefix(quote) {
            let (key, after) = quoted.split_once(quote)?;
            return Some((Step::Key(key.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (place, after) = inside.split_once(']')?;
    Some((Step::Place(place.parse().ok()?), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_value() {
        let document: Value =
            serde_json::from_str(r#"{"a":{"b":[1,{"c.d":2}],"e/f":3},"0":4,"":5}"#).unwrap();
        for (path, found) in [
            ("a.b[0]", Some(1)),
            ("$.a.b[1][\"c.d\"]", Some(2)),
            ("a.b[-1]['c.d']", Some(2)),
            ("a.b.0", Some(1)),
            ("/a/b/1/c.d", Some(2)),
            ("/a/e~1f", Some(3)),
            ("0", Some(4)),
            ("/", Some(5)),
            ("a.b[2]", None),
            ("a.b[-3]", None),
            ("a.x", None),
            ("a.b.c", None),
        ] {
            let value = Path::parse(path).unwrap().find(&document).and_then(Value::as_i64);
            assert_eq!(value, found, "{path}");
        }
        assert_eq!(Path::parse("").unwrap().find(&document), Some(&document));
    }

    #[test]
    fn what_is_no_path_is_none() {
        for text in ["a..b", "a.", "a[", "a[x]", "a[\"b]", "a[0", "a['b'"] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
