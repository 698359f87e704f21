//! One line of an exposition, with its labels in their order.

/// What a line is.
pub(super) enum Line<'a> {
    Help(&'a str),
    Type(&'a str, &'a str),
    Sample(Sample<'a>),
}

/// A sample.
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    /// Name and labels as they are written.
    pub(super) series: &'a str,
    /// Names, and values with their escapes.
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) value: f64,
}

impl<'a> Sample<'a> {
    /// Its label `id`; empty if it has none.
    pub(super) fn id(&self) -> &'a str {
        self.labels.iter().find(|(name, _)| *name == "id").map_or("", |(_, id)| id)
    }

    /// Its labels but a bucket's bound: what its row's other samples have too.
    pub(super) fn row(&self) -> String {
        let labels = self.labels.iter().filter(|(name, _)| *name != "le");
        labels.map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(",")
    }
}

/// `None` for what is none: comments of other kinds too, and empty lines.
pub(super) fn parse(line: &str) -> Option<Line<'_>> {
    if let Some(help) = line.strip_prefix("# HELP ") {
        let (name, help) = help.split_once(' ')?;
        return (is_name(name) && !help.is_empty()).then_some(Line::Help(name));
    }
    if let Some(kind) = line.strip_prefix("# TYPE ") {
        let (name, kind) = kind.split_once(' ')?;
        return is_name(name).then_some(Line::Type(name, kind));
    }
    let name = &line[..line.find(['{', ' '])?];
    let (labels, rest) = match line[name.len()..].strip_prefix('{') {
        Some(inner) => labels(inner)?,
        None => (Vec::new(), &line[name.len()..]),
    };
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    let series = &line[..line.len() - rest.len()];
    is_name(name).then_some(Line::Sample(Sample { name, series, labels, value }))
}

/// The labels up to their closing brace, and what follows it.
fn labels(mut text: &str) -> Option<(Vec<(&str, &str)>, &str)> {
    let mut labels = Vec::new();
    loop {
        let (name, rest) = text.split_once("=\"")?;
        let mut escaped = false;
        let end = rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        labels.push((name, &rest[..end]));
        if !is_name(name) {
            return None;
        }
        match rest[end + 1..].split_at_checked(1)? {
            ("}", rest) => return Some((labels, rest)),
            (",", rest) => text = rest,
            _ => return None,
        }
    }
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(letter) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}
