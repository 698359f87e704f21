//! What a probe found: gauges in blackbox_exporter's names, and what happened in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::exposition::{Encoder, Format, encode_gauge, render_labels};

/// A gauge of a probe: what `# HELP` says is blackbox_exporter's, word for word.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gauge {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: &'static [&'static str],
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// By name, and then by rendered labels, which is the order in which all is written.
    gauges: BTreeMap<&'static Gauge, BTreeMap<String, f64>>,
    notes: String,
}

impl Gauge {
    /// One without labels.
    pub(super) const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, labels: &[] }
    }

    /// One with labels.
    pub(super) const fn labelled(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self { name, help, labels }
    }
}

impl Report {
    /// A value; what was there before is replaced.
    pub(super) fn set(&mut self, gauge: &'static Gauge, value: f64) {
        self.set_of(gauge, &[], value);
    }

    /// The value of one of several.
    pub(super) fn set_of(&mut self, gauge: &'static Gauge, labels: &[&str], value: f64) {
        *self.value(gauge, labels) = value;
    }

    /// Adds to the value of one of several, which begins at 0.
    pub(super) fn add_of(&mut self, gauge: &'static Gauge, labels: &[&str], value: f64) {
        *self.value(gauge, labels) += value;
    }

    /// Something that happened, for people.
    pub(super) fn note(&mut self, text: impl std::fmt::Display) {
        let _ = writeln!(self.notes, "{text}");
    }

    /// Writes the gauges in a format.
    pub(super) fn write(&self, format: Format, out: &mut Vec<u8>) {
        let mut encoder = Encoder::new(out, format);
        for (gauge, samples) in &self.gauges {
            let samples = samples.iter().map(|(labels, value)| (labels.as_str(), *value));
            encode_gauge(&mut encoder, gauge.name, gauge.help, samples);
        }
        encoder.finish();
    }

    /// All that happened, a line each.
    pub(super) fn notes(&self) -> &str {
        &self.notes
    }

    fn value(&mut self, gauge: &'static Gauge, labels: &[&str]) -> &mut f64 {
        debug_assert_eq!(gauge.labels.len(), labels.len(), "{}", gauge.name);
        let labels = render_labels(gauge.labels.iter().copied().zip(labels.iter().copied()));
        self.gauges.entry(gauge).or_default().entry(labels).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static B: Gauge = Gauge::labelled("b", "Two.", &["phase"]);
    static A: Gauge = Gauge::new("a", "One.");

    #[test]
    fn gauges_are_written_in_their_order_each_once() {
        let mut report = Report::default();
        report.add_of(&B, &["y"], 1.5);
        report.add_of(&B, &["y"], 1.5);
        report.set_of(&B, &["\"x\""], 0.0);
        report.set(&A, 1.0);
        report.set(&A, 2.0);
        report.note("done");
        let mut out = Vec::new();
        report.write(Format::OpenMetrics, &mut out);
        let wanted = "# HELP a One.\n# TYPE a gauge\na 2\n# HELP b Two.\n# TYPE b gauge\n\
                      b{phase=\"\\\"x\\\"\"} 0\nb{phase=\"y\"} 3\n# EOF\n";
        assert_eq!((String::from_utf8(out).unwrap().as_str(), report.notes()), (wanted, "done\n"));
    }
}
