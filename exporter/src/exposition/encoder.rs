//! The encoder of the container families: label blocks come rendered, numbers go straight into one buffer.

use std::hash::{DefaultHasher, Hasher};

use super::{Births, Family, Kind};

/// The exposition formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` of an answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A sample's value, kept exact where the source is an integer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(u64),
    /// Nanoseconds, written as seconds with every digit.
    Nanos(u64),
    /// Microseconds, written as seconds with every digit.
    Micros(u64),
    /// Anything else.
    Float(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

/// What identifies a row of samples: its rendered base labels, and since when its counters count.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The base labels as [`super::render_labels`] gives them.
    pub labels: &'a str,
    /// Unix time in seconds at which the row's counters were zero; `None` if under these labels they never were.
    pub created: Option<f64>,
}

/// Writes families into a buffer.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
    created: bool,
    zero_first: Option<(&'a mut Births, u64)>,
    only: Option<fn(&Family) -> bool>,
    family: Option<&'static Family>,
    headed: bool,
    samples: u64,
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>, format: Format) -> Self {
        Self {
            out,
            format,
            created: true,
            zero_first: None,
            only: None,
            family: None,
            headed: false,
            samples: 0,
        }
    }

    /// Whether OpenMetrics carries `_created` (it does unless told otherwise).
    pub fn with_created(mut self, created: bool) -> Self {
        self.created = created;
        self
    }

    /// Serves a counter series at 0 if it was born after scrape `previous`.
    pub fn with_zero_first(mut self, births: &'a mut Births, previous: u64) -> Self {
        self.zero_first = Some((births, previous));
        self
    }

    /// Leaves out families that `only` does not admit.
    pub fn with_only(mut self, only: fn(&Family) -> bool) -> Self {
        self.only = Some(only);
        self
    }

    /// The format being written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Samples written so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Starts a family. Its head is written with its first sample: a family without samples is absent.
    pub fn family(&mut self, family: &'static Family) {
        self.family = self.only.is_none_or(|only| only(family)).then_some(family);
        self.headed = false;
    }

    /// One sample of the current counter family. `extra` are the family's own labels, in their order.
    pub fn counter(&mut self, series: Series<'_>, extra: &[(&str, &str)], value: Value) {
        let Some(family) = self.head(Kind::Counter) else { return };
        let line = self.out.len();
        self.name_and_labels(family.name, "", series.labels, extra, None);
        let value = if self.born_now(line, series) { Value::Int(0) } else { value };
        self.value(value);
        self.created(family, series, extra);
    }

    /// One sample of the current gauge family.
    pub fn gauge(&mut self, series: Series<'_>, extra: &[(&str, &str)], value: Value) {
        let Some(family) = self.head(Kind::Gauge) else { return };
        self.name_and_labels(family.name, "", series.labels, extra, None);
        self.value(value);
    }

    /// One sample of the current family, a counter or gauge that no row of a container has.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: Value) {
        let Some(family) = self.family.and_then(|family| self.head(family.kind)) else { return };
        self.name_and_labels(family.name, "", "", labels, None);
        self.value(value);
    }

    /// Starts a family that is in no table: its samples are written by [`Self::found_sample`].
    pub fn found(&mut self, name: &str, kind: Kind, help: &str) {
        let (name, kind) = match (self.format, kind) {
            (Format::Text, kind) => (name, kind.as_str()),
            (Format::OpenMetrics, Kind::Counter) => match name.strip_suffix("_total") {
                Some(base) => (base, "counter"),
                None => (name, "unknown"),
            },
            (Format::OpenMetrics, Kind::Untyped) => (name, "unknown"),
            (Format::OpenMetrics, kind) => (name, kind.as_str()),
        };
        self.raw_head(name, kind, help);
    }

    /// One sample of a family that is in no table.
    pub fn found_sample(&mut self, name: &str, labels: &[(&str, &str)], value: Value) {
        self.name_and_labels(name, "", "", labels, None);
        self.value(value);
    }

    /// Families that another encoder wrote in this format.
    pub fn append(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// One histogram of the current family. `bounds` are the rendered upper bounds of all buckets but the
    /// last, which is `+Inf`; `buckets` are the counts in each bucket alone, one more than `bounds`.
    pub fn histogram(
        &mut self,
        series: Series<'_>,
        extra: &[(&str, &str)],
        bounds: &[&str],
        buckets: &[u64],
        sum: Value,
    ) {
        debug_assert_eq!(bounds.len() + 1, buckets.len());
        let Some(family) = self.head(Kind::Histogram) else { return };
        let mut zero = false;
        let mut cumulative = 0;
        for (i, count) in buckets.iter().enumerate() {
            let line = self.out.len();
            let bound = bounds.get(i).copied().unwrap_or("+Inf");
            self.name_and_labels(family.name, "_bucket", series.labels, extra, Some(bound));
            if i == 0 {
                zero = self.born_now(line, series);
            }
            cumulative += count;
            self.value(Value::Int(if zero { 0 } else { cumulative }));
        }
        self.name_and_labels(family.name, "_sum", series.labels, extra, None);
        self.value(if zero { Value::Int(0) } else { sum });
        self.name_and_labels(family.name, "_count", series.labels, extra, None);
        self.value(Value::Int(if zero { 0 } else { cumulative }));
        self.created(family, series, extra);
    }

    /// Ends the exposition: OpenMetrics wants its end marked.
    pub fn finish(self) {
        if self.format == Format::OpenMetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
    }

    /// Writes `# HELP` and `# TYPE` for a family that is not in the table of signals.
    pub(super) fn raw_head(&mut self, name: &str, kind: &str, help: &str) {
        self.out.extend_from_slice(b"# HELP ");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b' ');
        self.help(help);
        self.out.extend_from_slice(b"\n# TYPE ");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b' ');
        self.out.extend_from_slice(kind.as_bytes());
        self.out.push(b'\n');
    }

    /// Writes one sample line whose labels are already rendered.
    pub(super) fn raw_sample(&mut self, name: &str, labels: &str, value: Value) {
        self.out.extend_from_slice(name.as_bytes());
        if !labels.is_empty() {
            self.out.push(b'{');
            self.out.extend_from_slice(labels.as_bytes());
            self.out.push(b'}');
        }
        self.out.push(b' ');
        self.value(value);
    }

    fn head(&mut self, kind: Kind) -> Option<&'static Family> {
        let family = self.family?;
        debug_assert_eq!(family.kind, kind, "{}: declared as another kind", family.name);
        if !self.headed {
            self.headed = true;
            let (name, kind) = match self.format {
                Format::Text => (family.name, family.kind.as_str()),
                Format::OpenMetrics if family.is_old_counter() => (family.name, "unknown"),
                Format::OpenMetrics => (family.base_name(), family.kind.as_str()),
            };
            self.raw_head(name, kind, family.help);
        }
        Some(family)
    }

    /// Escapes as both formats want it (OpenMetrics escapes quotes as well).
    fn help(&mut self, help: &str) {
        for b in help.bytes() {
            match b {
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'"' if self.format == Format::OpenMetrics => self.out.extend_from_slice(b"\\\""),
                b => self.out.push(b),
            }
        }
    }

    fn name_and_labels(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &str,
        extra: &[(&str, &str)],
        le: Option<&str>,
    ) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        let mut separator = b'{';
        if !labels.is_empty() {
            self.out.push(separator);
            self.out.extend_from_slice(labels.as_bytes());
            separator = b',';
        }
        for (name, value) in extra.iter().copied().chain(le.map(|le| ("le", le))) {
            self.out.push(separator);
            separator = b',';
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            self.label_value(value);
            self.out.push(b'"');
        }
        if separator == b',' {
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }

    fn label_value(&mut self, value: &str) {
        if value.bytes().any(|b| matches!(b, b'\\' | b'"' | b'\n')) {
            let mut escaped = String::with_capacity(value.len() + 8);
            super::escape_label_value(&mut escaped, value);
            self.out.extend_from_slice(escaped.as_bytes());
        } else {
            self.out.extend_from_slice(value.as_bytes());
        }
    }

    fn created(&mut self, family: &Family, series: Series<'_>, extra: &[(&str, &str)]) {
        if self.created
            && self.format == Format::OpenMetrics
            && !family.is_old_counter()
            && let Some(created) = series.created
        {
            self.name_and_labels(family.base_name(), "_created", series.labels, extra, None);
            self.value(Value::Float(created));
        }
    }

    /// Asks the births whether the series whose text starts at `line` is new to this scraper.
    fn born_now(&mut self, line: usize, series: Series<'_>) -> bool {
        let Some((births, previous)) = self.zero_first.as_mut().filter(|_| series.created.is_some()) else {
            return false;
        };
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.out[line..]);
        births.is_new(hasher.finish(), *previous)
    }

    fn value(&mut self, value: Value) {
        self.samples += 1;
        match value {
            Value::Int(n) => {
                self.out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
            }
            Value::Nanos(n) => self.decimal(n, 1_000_000_000, 9),
            Value::Micros(n) => self.decimal(n, 1_000_000, 6),
            Value::Float(f) if f.is_infinite() => {
                self.out.extend_from_slice(if f > 0.0 { b"+Inf" } else { b"-Inf" });
            }
            Value::Float(f) if f.is_nan() => self.out.extend_from_slice(b"NaN"),
            Value::Float(f) if f.fract() == 0.0 && f.abs() < 1e15 => {
                self.out.extend_from_slice(itoa::Buffer::new().format(f as i64).as_bytes());
            }
            Value::Float(f) => self.out.extend_from_slice(zmij::Buffer::new().format_finite(f).as_bytes()),
        }
        self.out.push(b'\n');
    }

    /// Writes `n / scale` exactly, without trailing zeros.
    fn decimal(&mut self, n: u64, scale: u64, digits: usize) {
        self.out.extend_from_slice(itoa::Buffer::new().format(n / scale).as_bytes());
        let mut fraction = n % scale;
        if fraction == 0 {
            return;
        }
        let mut text = [b'0'; 10];
        text[0] = b'.';
        let mut last = 0;
        for at in (1..=digits).rev() {
            let digit = (fraction % 10) as u8;
            fraction /= 10;
            text[at] = b'0' + digit;
            if last == 0 && digit != 0 {
                last = at;
            }
        }
        self.out.extend_from_slice(&text[..=last]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CALLS: Family = Family {
        name: "x_calls_total",
        kind: Kind::Counter,
        help: "Calls.",
        labels: &["call"],
        unit: "calls",
        source: "test",
        bound: "1",
    };
    static WAIT: Family = Family { name: "x_wait_seconds", kind: Kind::Histogram, ..CALLS };

    const A: Series<'_> = Series { labels: r#"id="/a""#, created: Some(12.5) };

    fn encode(format: Format, write: impl FnOnce(&mut Encoder<'_>)) -> String {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, format);
        write(&mut encoder);
        encoder.finish();
        String::from_utf8(out).expect("valid UTF-8")
    }

    #[test]
    fn counter_as_text_and_openmetrics() {
        let write = |e: &mut Encoder<'_>| {
            e.family(&CALLS);
            e.counter(A, &[("call", "re\"ad")], Value::Int(3));
        };
        assert_eq!(
            encode(Format::Text, write),
            "# HELP x_calls_total Calls.\n# TYPE x_calls_total counter\n\
             x_calls_total{id=\"/a\",call=\"re\\\"ad\"} 3\n"
        );
        assert_eq!(
            encode(Format::OpenMetrics, write),
            "# HELP x_calls Calls.\n# TYPE x_calls counter\n\
             x_calls_total{id=\"/a\",call=\"re\\\"ad\"} 3\n\
             x_calls_created{id=\"/a\",call=\"re\\\"ad\"} 12.5\n# EOF\n"
        );
    }

    #[test]
    fn what_never_was_zero_has_no_creation_time_and_no_zero() {
        let mut births = Births::default();
        births.begin(2);
        let mut out = Vec::new();
        let mut e = Encoder::new(&mut out, Format::OpenMetrics).with_zero_first(&mut births, 1);
        e.family(&CALLS);
        e.counter(Series { created: None, ..A }, &[("call", "read")], Value::Int(9));
        let text = String::from_utf8(out).expect("valid UTF-8");
        assert!(text.ends_with("counter\nx_calls_total{id=\"/a\",call=\"read\"} 9\n"), "{text}");
    }

    #[test]
    fn an_old_counter_keeps_its_name_in_both_formats() {
        static FAILCNT: Family = Family { name: "x_failcnt", ..CALLS };
        let write = |e: &mut Encoder<'_>| {
            e.family(&FAILCNT);
            e.counter(A, &[], Value::Int(3));
        };
        let text = encode(Format::Text, write);
        assert_eq!(text, "# HELP x_failcnt Calls.\n# TYPE x_failcnt counter\nx_failcnt{id=\"/a\"} 3\n");
        let text = encode(Format::OpenMetrics, write);
        assert_eq!(
            text,
            "# HELP x_failcnt Calls.\n# TYPE x_failcnt unknown\nx_failcnt{id=\"/a\"} 3\n# EOF\n"
        );
    }

    #[test]
    fn histogram_is_cumulative() {
        let text = encode(Format::Text, |e| {
            e.family(&WAIT);
            e.histogram(A, &[], &["1e-06", "2e-06"], &[1, 2, 4], Value::Nanos(1_500_000_000));
        });
        assert_eq!(
            text,
            "# HELP x_wait_seconds Calls.\n# TYPE x_wait_seconds histogram\n\
             x_wait_seconds_bucket{id=\"/a\",le=\"1e-06\"} 1\n\
             x_wait_seconds_bucket{id=\"/a\",le=\"2e-06\"} 3\n\
             x_wait_seconds_bucket{id=\"/a\",le=\"+Inf\"} 7\n\
             x_wait_seconds_sum{id=\"/a\"} 1.5\n\
             x_wait_seconds_count{id=\"/a\"} 7\n"
        );
    }

    #[test]
    fn a_family_without_samples_is_absent() {
        assert_eq!(encode(Format::Text, |e| e.family(&CALLS)), "");
    }

    #[test]
    fn values_are_exact() {
        let write = |value| {
            let mut out = Vec::new();
            Encoder::new(&mut out, Format::Text).raw_sample("x", "", value);
            String::from_utf8(out).expect("valid UTF-8")
        };
        assert_eq!(write(Value::Nanos(0)), "x 0\n");
        assert_eq!(write(Value::Nanos(1)), "x 0.000000001\n");
        assert_eq!(write(Value::Nanos(123_456_789_012_345_678)), "x 123456789.012345678\n");
        assert_eq!(write(Value::Micros(2_500_000)), "x 2.5\n");
        assert_eq!(write(Value::Int(u64::MAX)), "x 18446744073709551615\n");
        assert_eq!(write(Value::Float(f64::INFINITY)), "x +Inf\n");
        assert_eq!(write(Value::Float(f64::NAN)), "x NaN\n");
        assert_eq!(write(Value::Float(-2.0)), "x -2\n");
        assert_eq!(write(Value::Float(1_763_745_600.25)), "x 1763745600.25\n");
        assert_eq!(write(Value::Float(1e300)), "x 1e+300\n");
    }

    #[test]
    fn zero_first_once_for_each_scraper() {
        let mut births = Births::default();
        let mut scrape = |number, previous| {
            births.begin(number);
            let mut out = Vec::new();
            let mut e = Encoder::new(&mut out, Format::Text).with_zero_first(&mut births, previous);
            e.family(&CALLS);
            e.counter(A, &[("call", "read")], Value::Int(9));
            String::from_utf8(out).expect("valid UTF-8").ends_with(" 0\n")
        };
        assert!(scrape(2, 1), "new to the first scraper");
        assert!(!scrape(3, 2), "known to it now");
        assert!(scrape(4, 1), "still new to a second scraper");
        assert!(!scrape(5, 4));
    }
}
