//! The declaration of a metric family: the one place its name, meaning, unit, source and bound are written.

/// The Prometheus type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from zero at its creation time; its name ends in `_total`.
    Counter,
    /// A value that goes both ways.
    Gauge,
    /// Cumulative buckets, `_sum` and `_count`.
    Histogram,
    /// Quantiles, `_sum` and `_count`: only in what other programs leave in files.
    Summary,
    /// What node_exporter gives no type, for the kernel says none.
    Untyped,
}

impl Kind {
    /// The word after `# TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }
}

/// One metric family. `docs/metrics.md` is made of these, so every field is written for a reader.
#[derive(Debug)]
pub struct Family {
    /// The name as scraped in the text format (a counter with its `_total`).
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// One sentence that says what is counted, for `# HELP`.
    pub help: &'static str,
    /// Labels beside the six base labels, in the order they are written.
    pub labels: &'static [&'static str],
    /// The unit, in words: `seconds`, `bytes`, `calls` ….
    pub unit: &'static str,
    /// Where the number comes from: kernel structure or file, with the version where that matters.
    pub source: &'static str,
    /// The most series one container can have in this family, and what happens there.
    pub bound: &'static str,
}

impl Family {
    /// The name without a counter's `_total`: what OpenMetrics calls the family.
    pub fn base_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram | Kind::Summary | Kind::Untyped => self.name,
        }
    }

    /// A counter whose name is older than the rule of `_total`. OpenMetrics knows no such counter, and another name
    /// there would make two series of one, so there its type is unknown.
    pub(super) fn is_old_counter(&self) -> bool {
        self.kind == Kind::Counter && !self.name.ends_with("_total")
    }
}
