//! What the signals read from the host have in common: a number a row, written if it is there.

use crate::exposition::{Encoder, Family, Kind, Value};
use crate::host::HostStats;

use super::Row;

/// Takes a family's number from the stats.
pub(super) type Read = fn(&HostStats) -> Option<Value>;

/// Writes each family with one sample a row, without labels of its own.
pub(super) fn encode_all<const N: usize>(
    encoder: &mut Encoder<'_>,
    rows: &[Row<'_>],
    families: &'static [Family; N],
    reads: &[Read; N],
) {
    for (family, read) in families.iter().zip(reads) {
        encode_family(encoder, rows, family, &[], *read);
    }
}

/// Writes one family with one sample a row.
pub(super) fn encode_family(
    encoder: &mut Encoder<'_>,
    rows: &[Row<'_>],
    family: &'static Family,
    extra: &[(&str, &str)],
    read: Read,
) {
    encoder.family(family);
    for (series, stats) in rows.iter().filter_map(Row::host_series) {
        let Some(value) = read(stats) else { continue };
        match family.kind {
            Kind::Counter => encoder.counter(series, extra, value),
            _ => encoder.gauge(series, extra, value),
        }
    }
}

/// A counter of one series a row.
pub(super) const fn counter(
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    source: &'static str,
) -> Family {
    Family { name, kind: Kind::Counter, help, labels: &[], unit, source, bound: "1" }
}

/// A gauge of one series a row.
pub(super) const fn gauge(
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    source: &'static str,
) -> Family {
    Family { name, kind: Kind::Gauge, help, labels: &[], unit, source, bound: "1" }
}

/// The exposition of a signal for one row with the labels `id="/a"`, without comment lines.
#[cfg(test)]
pub(super) fn lines(signal: &super::Signal, stats: &HostStats) -> Vec<String> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, crate::exposition::Format::Text);
    let labels = r#"id="/a""#;
    let row = Row { labels, host: Some(stats), ..Row::EMPTY };
    let tombstone = Row { host: None, ..row };
    (signal.encode)(&mut encoder, &[tombstone, row]);
    let text = String::from_utf8(out).expect("valid UTF-8");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}
