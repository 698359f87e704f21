//! What is the same, and the list of what is not.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_tests::plugins::{Datum, Ran};

/// One of the three things that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The exit code.
    Exit,
    /// The first line, before its perfdata.
    Line,
    /// The perfdata of every line.
    Perfdata,
}

/// The parts that are not the same.
pub(crate) type Difference = BTreeSet<Part>;

/// What is not the same. What was measured, a number with a fraction, is never the same twice and is not compared.
pub(crate) fn difference(ours: &Ran, theirs: &Ran) -> Difference {
    let perfdata =
        |ran: &Ran| ran.perfdata().map(|data| data.into_iter().map(fixed).collect::<Vec<_>>()).ok();
    let mut difference = Difference::new();
    if ours.code != theirs.code {
        difference.insert(Part::Exit);
    }
    if steady(ours.summary()) != steady(theirs.summary()) {
        difference.insert(Part::Line);
    }
    if perfdata(ours) != perfdata(theirs) {
        difference.insert(Part::Perfdata);
    }
    difference
}

/// The list of `docs/checks-differences.md`: every row that begins with a case's name in backticks.
pub(crate) fn listed(page: &str) -> Result<BTreeMap<String, Difference>> {
    let mut listed = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [names, parts, reason] = cells.as_slice() else { bail!("not three cells: {row}") };
        ensure!(!reason.trim_matches(['|', ' ']).is_empty(), "no reason: {row}");
        let parts: Difference = parts.split(", ").map(part).collect::<Result<_>>().context(row.to_owned())?;
        for name in names.split(", ") {
            let name = name.trim_matches('`').to_owned();
            ensure!(listed.insert(name, parts.clone()).is_none(), "twice: {row}");
        }
    }
    Ok(listed)
}

/// As it was printed.
pub(crate) fn text_of(datum: &Datum) -> String {
    let quote = if datum.label.contains(' ') { "'" } else { "" };
    format!("{quote}{}{quote}={}{};{}", datum.label, datum.value, datum.unit, datum.limits.join(";"))
}

fn part(name: &str) -> Result<Part> {
    Ok(match name {
        "exit" => Part::Exit,
        "line" => Part::Line,
        "perfdata" => Part::Perfdata,
        other => bail!("no part is called {other}"),
    })
}

fn fixed(datum: Datum) -> Datum {
    let value = if counts(&datum) { "#".to_owned() } else { masked(&datum.value) };
    Datum { value, ..datum }
}

/// What a server counts is another number for who asks after the other.
fn counts(datum: &Datum) -> bool {
    datum.unit == "c" || ["Open_", "Qcache_", "Threads_"].iter().any(|start| datum.label.starts_with(start))
}

/// The same of a line in which a server says what it counts.
fn steady(text: &str) -> String {
    match text.strip_prefix("Uptime: ") {
        None => masked(text),
        Some(counts) => {
            let words = counts.split(' ').map(|word| if word.parse::<f64>().is_ok() { "#" } else { word });
            words.collect::<Vec<_>>().join(" ")
        }
    }
}

/// With `#` for every number that has a fraction, whatever its sign and its exponent, and for one of milliseconds.
pub(crate) fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(from.len());
        let number = &from[..end];
        rest = &from[end..];
        // An address has more points than one.
        let fraction = number.trim_end_matches('.').matches('.').count() == 1;
        let signed = before.ends_with(" -") || (out.is_empty() && before == "-");
        out.push_str(if fraction && signed { &before[..before.len() - 1] } else { before });
        let waited = rest.starts_with(" ms") || rest.starts_with(" milliseconds");
        out.push_str(if fraction || waited { "#" } else { number });
        if fraction && let Some(exponent) = rest.strip_prefix("e-").or_else(|| rest.strip_prefix("e+")) {
            rest = exponent.trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    out + rest
}
