//! Reads the text format, version 0.0.4.

use std::collections::BTreeMap;

use crate::exposition::Kind;

/// A file's families.
#[derive(Debug, Default, PartialEq)]
pub(super) struct File {
    /// Kind, help and samples by name.
    pub(super) families: BTreeMap<String, (Kind, String, Vec<Sample>)>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// A whole file, or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<File, String> {
    let (mut file, mut helps) = (File::default(), BTreeMap::new());
    let mut seen = std::collections::BTreeSet::new();
    for (at, line) in text.lines().enumerate() {
        let fault = |what: &str| format!("line {}: {what}", at + 1);
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.trim_start().splitn(3, [' ', '\t']);
            match (words.next(), words.next(), words.next().unwrap_or_default().trim()) {
                (Some("HELP"), Some(name), help) => {
                    drop(helps.insert(name.to_owned(), unescape(help, false)))
                }
                (Some("TYPE"), Some(name), kind) => {
                    let kind = self::kind(kind).ok_or_else(|| fault("no type of metrics"))?;
                    if !is_name(name)
                        || file.families.insert(name.to_owned(), (kind, String::new(), Vec::new())).is_some()
                    {
                        return Err(fault("a second type of a family, or one that comes after its samples"));
                    }
                }
                _ => {}
            }
        } else if !line.is_empty() {
            let sample = sample(line).map_err(fault)?;
            if !seen.insert((sample.name.clone(), sample.labels.clone())) {
                return Err(fault("a series for the second time"));
            }
            let family = family_of(&file, &sample.name);
            let (.., samples) =
                file.families.entry(family).or_insert((Kind::Untyped, String::new(), Vec::new()));
            samples.push(sample);
        }
    }
    file.families.retain(|_, (.., samples)| !samples.is_empty());
    for (name, (_, help, _)) in &mut file.families {
        *help = helps.remove(name).unwrap_or_else(|| "Metric read from a text file.".to_owned());
    }
    Ok(file)
}

fn kind(word: &str) -> Option<Kind> {
    [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary, Kind::Untyped]
        .into_iter()
        .find(|kind| kind.as_str() == word)
}

/// The family that a sample is of: histograms and summaries have longer names for theirs.
fn family_of(file: &File, name: &str) -> String {
    let of = |suffix: &str| {
        let base = name.strip_suffix(suffix)?;
        let (kind, ..) = file.families.get(base)?;
        let has = matches!(kind, Kind::Histogram) || (matches!(kind, Kind::Summary) && suffix != "_bucket");
        has.then(|| base.to_owned())
    };
    ["_bucket", "_sum", "_count"].into_iter().find_map(of).unwrap_or_else(|| name.to_owned())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ', '\t']).ok_or("a sample without a value")?;
    let (name, mut rest) = (&line[..end], line[end..].trim_start());
    if !is_name(name) {
        return Err("no name of a metric");
    }
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        (labels, rest) = self::labels(inner)?;
    }
    let mut words = rest.split_whitespace();
    let value = words.next().ok_or("a sample without a value")?;
    let value = value.parse().map_err(|_| "a value that is no number")?;
    if words.next().is_some() {
        return Err("a timestamp, which is not supported");
    }
    Ok(Sample { name: name.to_owned(), labels, value })
}

/// Labels with their values.
type Labels = Vec<(String, String)>;

/// The labels, in order of their names, and what follows their brace.
fn labels(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            labels.sort_unstable();
            let twice = labels.windows(2).any(|pair: &[(String, String)]| pair[0].0 == pair[1].0);
            return if twice { Err("a label twice") } else { Ok((labels, rest)) };
        }
        let (name, after) = rest.split_once('=').ok_or("a label without a value")?;
        let name = name.trim();
        if !is_name(name) || name.contains(':') {
            return Err("no name of a label");
        }
        let value = after.trim_start().strip_prefix('"').ok_or("a label's value without quotes")?;
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let end = end.ok_or("a label's value without an end")?;
        labels.push((name.to_owned(), unescape(&value[..end], true)));
        rest = value[end + 1..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// A backslash, a line feed, and in values of labels a quote.
fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('\\')) => out.push('\\'),
            ('\\', Some('"')) if quotes => out.push('"'),
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line() {
        let text = "# a comment\n#HELP h A \\\\ h\\nistogram.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{ le = \"+Inf\", } 3\n\
                    h_sum 4.5\nh_count 3\n\n# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_count 0\n  bare\t-1e3\n# TYPE none gauge\nq{b=\"x\\\"\\\\\",a=\"\\n\"} +Inf\n";
        let file = parse(text).expect("good lines");
        let shape: Vec<_> = file
            .families
            .iter()
            .map(|(name, (kind, _, samples))| (name.as_str(), *kind, samples.len()))
            .collect();
        assert_eq!(
            shape,
            [
                ("bare", Kind::Untyped, 1),
                ("h", Kind::Histogram, 4),
                ("q", Kind::Untyped, 1),
                ("s", Kind::Summary, 2)
            ]
        );
        assert_eq!(file.families["h"].1, "A \\ h\nistogram.");
        assert_eq!(file.families["bare"].2[0].value, -1000.0);
        let q = &file.families["q"].2[0];
        assert_eq!(q.labels, [("a".to_owned(), "\n".to_owned()), ("b".to_owned(), "x\"\\".to_owned())]);
        assert_eq!(q.value, f64::INFINITY);
    }

    #[test]
    fn what_is_wrong() {
        for (text, fault) in [
            ("x", "line 1: a sample without a value"),
            ("\nx y", "line 2: a value that is no number"),
            ("x 1 2", "line 1: a timestamp, which is not supported"),
            ("1x 1", "line 1: no name of a metric"),
            ("x{a} 1", "line 1: a label without a value"),
            ("x{a=1} 1", "line 1: a label's value without quotes"),
            ("x{a=\"1} 1", "line 1: a label's value without an end"),
            ("x{a=\"1\",a=\"2\"} 1", "line 1: a label twice"),
            ("x{a:b=\"1\"} 1", "line 1: no name of a label"),
            ("# TYPE x thing", "line 1: no type of metrics"),
            ("x 1\nx 2", "line 2: a series for the second time"),
            ("x 1\n# TYPE x gauge", "line 2: a second type of a family, or one that comes after its samples"),
        ] {
            assert_eq!(parse(text), Err(fault.to_owned()), "{text}");
        }
    }
}
