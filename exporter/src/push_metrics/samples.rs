//! What a scrape says, as samples with all their labels; and which series it says nothing of any more. Pure.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use plimsoll_checks::exposition;

use crate::exposition::Kind;

/// What Prometheus writes where a series has ended: a NaN of its own.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// A name and a value.
pub type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

/// All that was said at a time.
#[derive(Debug, Default, PartialEq)]
pub struct Page<'a> {
    /// What is said of families.
    pub families: Vec<Family<'a>>,
    /// In the order of the page.
    pub samples: Vec<Sample<'a>>,
}

/// A family.
#[derive(Debug, PartialEq)]
pub struct Family<'a> {
    /// Its name, as the series of a counter have it.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What it is.
    pub help: Cow<'a, str>,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// In order of their names, `__name__` among them; none is empty.
    pub labels: Vec<Label<'a>>,
    /// The value.
    pub value: f64,
    /// Since when it counts, in Unix milliseconds.
    pub created: Option<i64>,
    /// The number of its family.
    pub family: Option<usize>,
}

/// Labels of every series beside its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Where it is from: what a series has itself by these names it has as `exported_…`, as Prometheus does it.
    pub target: Vec<(String, String)>,
    /// For those that have none of that name.
    pub external: Vec<(String, String)>,
}

/// Reads a page of OpenMetrics. `_created` is no series but a time of others; lines that are none are left out.
pub fn parse<'a>(text: &'a str, marks: &'a Marks) -> Page<'a> {
    let mut page = Page::default();
    // The family that is being read: its name on the page, and where its samples begin.
    let (mut family, mut first) = ("", 0);
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (word, name, rest) = (words.next(), words.next().unwrap_or_default(), words.next());
            if !matches!(word, Some("HELP" | "TYPE")) {
                continue;
            }
            if name != family || page.families.is_empty() {
                page.families.push(Family { name: name.to_owned(), kind: Kind::Untyped, help: "".into() });
                (family, first) = (name, page.samples.len());
            }
            let Some(found) = page.families.last_mut() else { continue };
            match (word, rest.unwrap_or_default()) {
                (Some("TYPE"), kind) => {
                    found.kind = self::kind(kind);
                    found.name = format!("{name}{}", if found.kind == Kind::Counter { "_total" } else { "" });
                }
                (_, help) => found.help = unescaped(help),
            }
        } else if let Some(read) = exposition::Sample::parse(line) {
            let is_of_it = read.name.starts_with(family) && !page.families.is_empty();
            if is_of_it && &read.name[family.len()..] == "_created" && counts(&page) {
                let labels = marked(&read, marks);
                note_created(&mut page.samples[first..], &labels, (read.value * 1000.0).round() as i64);
                continue;
            }
            let number = is_of_it.then(|| page.families.len() - 1);
            let labels = marked(&read, marks);
            page.samples.push(Sample { labels, value: read.value, created: None, family: number });
        }
    }
    page
}

/// A sample that is on no page.
pub fn own<'a>(name: &'a str, value: f64, marks: &'a Marks) -> Sample<'a> {
    let none = exposition::Sample::parse("x 0");
    let mut labels = none.map(|none| marked(&none, marks)).unwrap_or_default();
    labels.iter_mut().filter(|(found, _)| found == NAME).for_each(|(_, value)| *value = name.into());
    Sample { labels, value, created: None, family: None }
}

/// Tells series apart by a number, which nobody outside can foresee.
#[derive(Debug, Default)]
pub struct Numbers(RandomState);

impl Numbers {
    /// The number of a series.
    pub fn of(&self, labels: &[Label<'_>]) -> u64 {
        self.0.hash_one(labels)
    }

    /// Those of the older page that are not among these, as their ends.
    pub fn ended<'a>(&self, older: Page<'a>, now: &HashSet<u64>) -> impl Iterator<Item = Sample<'a>> {
        let gone = older.samples.into_iter().filter(move |sample| !now.contains(&self.of(&sample.labels)));
        gone.map(|sample| Sample { value: STALE, created: None, family: None, ..sample })
    }
}

const NAME: &str = "__name__";

fn kind(word: &str) -> Kind {
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary];
    kinds.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Kind::Untyped)
}

/// Whether the family that is being read has times of creation.
fn counts(page: &Page<'_>) -> bool {
    let kind = page.families.last().map(|family| family.kind);
    matches!(kind, Some(Kind::Counter | Kind::Histogram | Kind::Summary))
}

/// It stands behind the samples that it is of, which have its labels and may have their bucket's.
fn note_created(samples: &mut [Sample<'_>], labels: &[Label<'_>], at: i64) {
    let apart = |(name, _): &&Label<'_>| !["le", "quantile", NAME].contains(&&**name);
    for sample in samples.iter_mut().rev() {
        let same = sample.labels.iter().filter(apart).eq(labels.iter().filter(apart));
        if sample.created.is_some() || !same {
            break;
        }
        sample.created = Some(at);
    }
}

/// A line's labels, and those of every series.
fn marked<'a>(read: &exposition::Sample<'a>, marks: &'a Marks) -> Vec<Label<'a>> {
    let mut labels: Vec<Label<'a>> = vec![(NAME.into(), read.name.into())];
    for (name, value) in read.labels().filter(|(_, value)| !value.is_empty()) {
        let mut name = Cow::Borrowed(name);
        while marks.target.iter().any(|(taken, _)| *taken == name) {
            name = format!("exported_{name}").into();
        }
        labels.push((name, value));
    }
    let there = |labels: &[Label<'_>], name: &str| labels.iter().any(|(found, _)| found == name);
    for (name, value) in marks.target.iter().chain(&marks.external).filter(|(_, value)| !value.is_empty()) {
        if !there(&labels, name) {
            labels.push((name.as_str().into(), value.as_str().into()));
        }
    }
    labels.sort_unstable();
    labels
}

/// A backslash, a quote or a line feed in a help.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let (mut out, mut chars) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(|c| if c == 'n' { '\n' } else { c })),
            c => out.push(c),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP calls Calls \\\\ \\n \\\"them\\\".
# TYPE calls counter
calls_total{id=\"/a\",name=\"\",call=\"r\\\"\"} 3
calls_created{id=\"/a\",name=\"\",call=\"r\\\"\"} 12.5
calls_total{id=\"/b\",name=\"x\",call=\"w\"} 4
# HELP wait_seconds Waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{id=\"/b\",le=\"1\"} 1
wait_seconds_bucket{id=\"/b\",le=\"+Inf\"} 2
wait_seconds_sum{id=\"/b\"} 1.5
wait_seconds_count{id=\"/b\"} 2
wait_seconds_created{id=\"/b\"} 7
# TYPE old unknown
old{job=\"own\",cluster=\"mine\"} +Inf
# TYPE made_created gauge
made_created 1
# EOF
";

    fn marks() -> Marks {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        Marks {
            target: owned(&[("job", "plimsoll"), ("instance", "n")]),
            external: owned(&[("cluster", "c")]),
        }
    }

    fn shown(sample: &Sample<'_>) -> String {
        let labels: Vec<_> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {} {:?} {:?}", labels.join(","), sample.value, sample.created, sample.family)
    }

    #[test]
    fn a_page_is_its_samples_with_all_labels_and_their_times() {
        let marks = marks();
        let page = parse(TEXT, &marks);
        assert_eq!(
            page.samples.iter().map(shown).collect::<Vec<_>>(),
            [
                "__name__=calls_total,call=r\",cluster=c,id=/a,instance=n,job=plimsoll 3 Some(12500) Some(0)",
                "__name__=calls_total,call=w,cluster=c,id=/b,instance=n,job=plimsoll,name=x 4 None Some(0)",
                "__name__=wait_seconds_bucket,cluster=c,id=/b,instance=n,job=plimsoll,le=1 1 Some(7000) Some(1)",
                "__name__=wait_seconds_bucket,cluster=c,id=/b,instance=n,job=plimsoll,le=+Inf 2 Some(7000) Some(1)",
                "__name__=wait_seconds_sum,cluster=c,id=/b,instance=n,job=plimsoll 1.5 Some(7000) Some(1)",
                "__name__=wait_seconds_count,cluster=c,id=/b,instance=n,job=plimsoll 2 Some(7000) Some(1)",
                "__name__=old,cluster=mine,exported_job=own,instance=n,job=plimsoll inf None Some(2)",
                "__name__=made_created,cluster=c,instance=n,job=plimsoll 1 None Some(3)",
            ]
        );
        let families: Vec<_> = page.families.iter().map(|f| (f.name.as_str(), f.kind, &*f.help)).collect();
        assert_eq!(
            families,
            [
                ("calls_total", Kind::Counter, "Calls \\ \n \"them\"."),
                ("wait_seconds", Kind::Histogram, "Waits."),
                ("old", Kind::Untyped, ""),
                ("made_created", Kind::Gauge, ""),
            ]
        );
        assert_eq!(
            shown(&own("up", 1.0, &marks)),
            "__name__=up,cluster=c,instance=n,job=plimsoll 1 None None"
        );
    }

    #[test]
    fn what_is_not_said_any_more_has_ended() {
        let (marks, numbers) = (Marks::default(), Numbers::default());
        let now: HashSet<u64> =
            parse("a{x=\"1\"} 5\nb 1\n", &marks).samples.iter().map(|s| numbers.of(&s.labels)).collect();
        let older = "a{x=\"1\"} 4\na{x=\"2\"} 4\nb 1\n";
        let ended: Vec<_> = numbers.ended(parse(older, &marks), &now).collect();
        assert_eq!(ended.iter().map(shown).collect::<Vec<_>>(), ["__name__=a,x=2 NaN None None"]);
        assert_eq!(ended[0].value.to_bits(), 0x7ff0_0000_0000_0002, "as Prometheus marks it");
    }
}
