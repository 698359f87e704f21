//! What collectors write to: families and samples, with a bound on both.

use crate::exposition::{Encoder, Family, Kind, Value};

/// The most series a family has here: eight modes of 2,048 CPUs.
pub const MAX_SERIES: u32 = 16_384;

/// The families of one collector.
#[derive(Debug)]
pub struct Page<'a> {
    encoder: Encoder<'a>,
    found: Option<String>,
    series: u32,
    left_out: u64,
}

/// What the families of a file have in common.
pub(super) struct Of {
    pub(super) labels: &'static [&'static str],
    pub(super) source: &'static str,
    pub(super) bound: &'static str,
}

impl Of {
    pub(super) const fn counter(&self, name: &'static str, help: &'static str, unit: &'static str) -> Family {
        let Self { labels, source, bound } = *self;
        Family { name, kind: Kind::Counter, help, labels, unit, source, bound }
    }

    pub(super) const fn gauge(&self, name: &'static str, help: &'static str, unit: &'static str) -> Family {
        let Self { labels, source, bound } = *self;
        Family { name, kind: Kind::Gauge, help, labels, unit, source, bound }
    }
}

impl<'a> Page<'a> {
    /// An empty one.
    pub fn new(encoder: Encoder<'a>) -> Self {
        Self { encoder, found: None, series: 0, left_out: 0 }
    }

    /// Series that there was no room for.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Begins a family of the table.
    pub(super) fn family(&mut self, family: &'static Family) {
        self.found = None;
        self.series = 0;
        self.encoder.family(family);
    }

    /// Begins a family whose name is of the host's making.
    pub(super) fn found(&mut self, name: &str, kind: Kind, help: &str) {
        self.series = 0;
        self.encoder.found(name, kind, help);
        self.found = Some(name.to_owned());
    }

    /// A sample of the family that was begun.
    pub(super) fn put(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        if self.series == MAX_SERIES {
            self.left_out += 1;
            return;
        }
        self.series += 1;
        match &self.found {
            Some(name) => self.encoder.found_sample(name, labels, value.into()),
            None => self.encoder.sample(labels, value.into()),
        }
    }

    /// A family with one sample and no labels, if there is a value.
    pub(super) fn one(&mut self, family: &'static Family, value: Option<impl Into<Value>>) {
        self.family(family);
        if let Some(value) = value {
            self.put(&[], value);
        }
    }

    /// A found family that has one sample and no labels.
    pub(super) fn found_one(&mut self, name: &str, kind: Kind, help: &str, value: impl Into<Value>) {
        self.found(name, kind, help);
        self.put(&[], value);
    }

    /// A histogram's or summary's sample, whose name is longer than its family's.
    pub(super) fn member(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        if self.series == MAX_SERIES {
            self.left_out += 1;
            return;
        }
        self.series += 1;
        self.encoder.found_sample(name, labels, Value::Float(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Format;

    #[test]
    fn a_family_has_no_more_series_than_its_bound() {
        let mut out = Vec::new();
        let mut page = Page::new(Encoder::new(&mut out, Format::Text));
        page.found("x", Kind::Gauge, "X.");
        for number in 0..=MAX_SERIES {
            page.put(&[("n", &number.to_string())], 1u64);
        }
        assert_eq!(page.left_out(), 1);
        page.found_one("y", Kind::Untyped, "Y.", -1.5);
        assert_eq!(page.left_out(), 1, "each for itself");
        let text = String::from_utf8(out).expect("valid UTF-8");
        assert_eq!(text.lines().filter(|line| line.starts_with("x{")).count(), MAX_SERIES as usize);
        assert!(text.ends_with("# HELP y Y.\n# TYPE y untyped\ny -1.5\n"));
    }
}
