//! The rules of an exposition that no parser in use insists on: Prometheus takes much that the formats forbid.

use std::collections::{BTreeMap, HashSet};

use crate::structure::line::{Line, Sample};

mod line;

/// The base labels, in their order, of every container family.
const BASE: [&str; 6] = ["container", "id", "image", "name", "namespace", "pod"];

/// What is wrong with an exposition, a line each; nothing if it is right.
pub fn faults(text: &str, openmetrics: bool) -> Vec<String> {
    let mut check = Check { openmetrics, ..Check::default() };
    let body = match (text.strip_suffix("# EOF\n"), openmetrics) {
        (Some(body), true) => body,
        (None, true) => {
            check.faults.push("OpenMetrics does not end in # EOF".to_owned());
            text
        }
        (_, false) => text,
    };
    if !body.is_empty() && !body.ends_with('\n') {
        check.faults.push("the last line has no end".to_owned());
    }
    for line in body.lines() {
        if let Err(fault) = check.line(line) {
            check.faults.push(format!("{fault}: {line}"));
        }
    }
    check.end_family();
    let halves = check.ids.values().filter_map(|counters| counters[0].as_ref().zip(counters[1].as_ref()));
    check.faults.extend(halves.map(|(with, without)| format!("{without}: no creation time, as {with} has")));
    check.faults
}

#[derive(Default)]
struct Check<'a> {
    openmetrics: bool,
    faults: Vec<String>,
    families: HashSet<&'a str>,
    /// By `id`: a counter with a creation time, and one without. Either all of a row's have one, or none has, since it is
    /// served under new labels.
    ids: BTreeMap<&'a str, [Option<String>; 2]>,
    series: HashSet<&'a str>,
    family: Family<'a>,
}

/// The family whose block it is.
#[derive(Default)]
struct Family<'a> {
    name: &'a str,
    kind: Option<&'a str>,
    samples: usize,
    /// The sample before, which a `_created` belongs to.
    before: Option<Sample<'a>>,
    /// Of a histogram's row: the last bound and count.
    bucket: Option<(f64, f64)>,
    /// Rows by labels: their `id`, and whether their creation time was told.
    rows: BTreeMap<String, (&'a str, bool)>,
}

impl<'a> Check<'a> {
    fn line(&mut self, text: &'a str) -> Result<(), &'static str> {
        match line::parse(text).ok_or("no line of the format")? {
            Line::Help(name) => {
                self.end_family();
                self.family = Family { name, ..Family::default() };
                if self.openmetrics && name.ends_with("_total") {
                    return Err("a family's name ends in _total");
                }
                if self.families.insert(name) { Ok(()) } else { Err("a second block of a family") }
            }
            Line::Type(name, kind) => {
                let first = self.family.kind.replace(kind).is_none();
                if name == self.family.name && first && self.family.samples == 0 {
                    return Ok(());
                }
                Err("a type that does not follow its family's help")
            }
            Line::Sample(sample) => self.sample(sample),
        }
    }

    fn sample(&mut self, sample: Sample<'a>) -> Result<(), &'static str> {
        self.family.samples += 1;
        if !self.series.insert(sample.series) {
            return Err("a series for the second time");
        }
        let mut names: Vec<_> = sample.labels.iter().map(|(name, _)| *name).collect();
        if self.family.name.starts_with("container_") && names.get(..BASE.len()) != Some(&BASE[..]) {
            return Err("not the base labels first");
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a label twice");
        }
        let suffix =
            sample.name.strip_prefix(self.family.name).ok_or("not of the family whose block it is")?;
        let fault = self.member(&sample, suffix);
        self.family.before = Some(sample);
        fault
    }

    fn member(&mut self, sample: &Sample<'a>, suffix: &str) -> Result<(), &'static str> {
        let rises = sample.value >= 0.0 && sample.value.is_finite();
        match (self.family.kind, suffix, self.openmetrics) {
            (None, ..) => Err("a sample without a type"),
            (Some("counter"), "_total", true) | (Some("counter"), "", false) => {
                self.family.rows.insert(sample.row(), (sample.id(), false));
                if rises { Ok(()) } else { Err("a counter below zero or infinite") }
            }
            (Some("gauge"), "", _) | (Some("unknown"), "", true) | (Some("untyped"), "", false) => Ok(()),
            (Some("histogram"), "_bucket", _) => self.bucket(sample),
            (Some("histogram"), "_sum", _) => Ok(()),
            (Some("histogram"), "_count", _) => {
                self.family.rows.insert(sample.row(), (sample.id(), false));
                let all = self.family.bucket.take();
                let whole = all.is_some_and(|(bound, count)| bound == f64::INFINITY && count == sample.value);
                if whole { Ok(()) } else { Err("a count that is not the last bucket's") }
            }
            (Some("counter" | "histogram"), "_created", true) => {
                let row = sample.row();
                let follows = self.family.before.as_ref().is_some_and(|before| before.row() == row);
                self.family.rows.insert(row, (sample.id(), true));
                if follows && sample.value > 0.0 { Ok(()) } else { Err("not after what it was created for") }
            }
            _ => Err("no sample of this type"),
        }
    }

    fn bucket(&mut self, sample: &Sample<'a>) -> Result<(), &'static str> {
        let bound = sample.labels.iter().find(|(name, _)| *name == "le").map(|(_, bound)| bound.parse());
        let Some(Ok(bound)) = bound else { return Err("a bucket without a bound") };
        let rises = self.family.bucket.is_none_or(|(last, count)| last < bound && count <= sample.value);
        self.family.bucket = Some((bound, sample.value));
        if rises { Ok(()) } else { Err("a bucket out of order") }
    }

    fn end_family(&mut self) {
        let Family { name, samples, rows, .. } = std::mem::take(&mut self.family);
        if !name.is_empty() && samples == 0 {
            self.faults.push(format!("{name}: a head without samples"));
        }
        if self.openmetrics && name.starts_with("container_") {
            for (row, (id, created)) in rows {
                let [with, without] = self.ids.entry(id).or_default();
                let seen = if created { with } else { without };
                seen.get_or_insert_with(|| format!("{name}{{{row}}}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: &str = r#"container="",id="/a",image="",name="",namespace="",pod="""#;

    /// A counter, a gauge and a histogram as they should be.
    fn right() -> String {
        format!(
            "# HELP container_x X.\n# TYPE container_x counter\n\
             container_x_total{{{LABELS},k=\"a \\\"}} b\"}} 3\ncontainer_x_created{{{LABELS},k=\"a \\\"}} b\"}} 12.5\n\
             # HELP y Y \\\"q\\\".\n# TYPE y gauge\ny -1\n\
             # HELP z Z.\n# TYPE z histogram\n\
             z_bucket{{le=\"1e-06\"}} 1\nz_bucket{{le=\"+Inf\"}} 2\nz_sum 0.5\nz_count 2\n# EOF\n"
        )
    }

    #[test]
    fn what_is_right_has_no_faults() {
        assert_eq!(faults(&right(), true), Vec::<String>::new());
        assert_eq!(
            faults("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n", false),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_fault_is_found() {
        for (from, to, fault) in [
            ("# EOF\n", "", "OpenMetrics does not end in # EOF"),
            ("# HELP y", "# EOF\n# HELP y", "no line of the format: # EOF"),
            ("# TYPE y gauge", "# TYPE y counter", "no sample of this type: y -1"),
            ("y -1\n", "", "y: a head without samples"),
            ("y -1\n", "y -1\ny -1\n", "a series for the second time: y -1"),
            ("y -1\n", "y x\n", "no line of the format: y x"),
            ("y -1\n", "y{a=\"1\",a=\"1\"} 1\n", "a label twice: y{a=\"1\",a=\"1\"} 1"),
            ("# TYPE y gauge\n", "", "a sample without a type: y -1"),
            ("z_count 2", "z_count 3", "a count that is not the last bucket's: z_count 3"),
            ("{le=\"+Inf\"} 2", "{le=\"+Inf\"} 0", "a bucket out of order: z_bucket{le=\"+Inf\"} 0"),
            ("# HELP z Z.", "# HELP y Z.", "a second block of a family: # HELP y Z."),
            ("z_sum 0.5", "y_sum 0.5", "not of the family whose block it is: y_sum 0.5"),
        ] {
            let text = right().replace(from, to);
            let found = faults(&text, true);
            assert!(found.iter().any(|found| found == fault), "{fault}: {found:?}");
        }
        let found = faults(&right().replace("container=\"\",", ""), true);
        assert!(found[0].starts_with("not the base labels first: "), "{found:?}");
        let created = right();
        let without = created.lines().filter(|line| !line.contains("_created"));
        let without: String = without.map(|line| format!("{line}\n")).collect();
        assert_eq!(faults(&without, true), Vec::<String>::new(), "under new labels");
        let family = "# HELP container_y Y.\n# TYPE container_y counter\n";
        let other = format!("{family}container_y_total{{{LABELS}}} 1\ncontainer_y_created{{{LABELS}}} 1\n");
        let first = format!("container_x{{{LABELS},k=\"a \\\"}} b\"}}");
        let fault = format!("{first}: no creation time, as container_y{{{LABELS}}} has");
        assert_eq!(faults(&(other + &without), true), [fault]);
    }
}
