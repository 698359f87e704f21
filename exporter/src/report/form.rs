//! The report as a table for people, as CSV and as JSON.

use serde_json::json;

use super::Format;
use super::ask::About;
use super::sizing::{Suggestion, Usage};

/// A number of the report, and what would fit in its place.
type Column = (&'static str, fn(&Usage) -> Option<f64>, fn(&Suggestion) -> Option<f64>);

fn none(_: &Suggestion) -> Option<f64> {
    None
}

const NUMBERS: [Column; 14] = [
    ("cpu_request_cores", |u| u.cpu_request_cores, |s| s.cpu_request_cores),
    ("cpu_limit_cores", |u| u.cpu_limit_cores, |s| s.cpu_limit_cores),
    ("cpu_average_cores", |u| u.cpu_average_cores, none),
    ("cpu_p95_cores", |u| u.cpu_p95_cores, none),
    ("cpu_peak_cores", |u| u.cpu_peak_cores, none),
    ("cpu_throttled_ratio", |u| u.cpu_throttled_ratio, none),
    ("memory_request_bytes", |u| u.memory_request_bytes, |s| s.memory_request_bytes),
    ("memory_limit_bytes", |u| u.memory_limit_bytes, |s| s.memory_limit_bytes),
    ("memory_average_bytes", |u| u.memory_average_bytes, none),
    ("memory_peak_bytes", |u| u.memory_peak_bytes, none),
    ("oom_kills", |u| u.oom_kills, none),
    ("threads_peak", |u| u.threads_peak, none),
    ("threads_limit", |u| u.threads_limit, |s| s.threads_limit),
    ("containers", |u| Some(u.containers as f64), none),
];

/// Lines of a report as text.
pub fn write(format: Format, lines: &[(About, Usage)]) -> String {
    let lines: Vec<(&About, &Usage, Suggestion)> =
        lines.iter().map(|(about, usage)| (about, usage, usage.suggest())).collect();
    match format {
        Format::Table => table(&lines),
        Format::Csv => csv(&lines),
        Format::Json => json(&lines),
    }
}

fn json(lines: &[(&About, &Usage, Suggestion)]) -> String {
    let lines: Vec<_> = lines
        .iter()
        .map(|(about, usage, fit)| json!({"about": about, "usage": usage, "suggestion": fit}))
        .collect();
    format!("{:#}\n", serde_json::Value::from(lines))
}

/// With a header, by RFC 4180.
fn csv(lines: &[(&About, &Usage, Suggestion)]) -> String {
    let suggested: Vec<Column> =
        NUMBERS.into_iter().filter(|(_, _, fit)| !std::ptr::fn_addr_eq(*fit, none as fn(&_) -> _)).collect();
    let mut text = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let mut header: Vec<String> = About::LABELS.map(str::to_owned).to_vec();
    header.extend(NUMBERS.iter().map(|(name, ..)| (*name).to_owned()));
    header.extend(suggested.iter().map(|(name, ..)| format!("suggested_{name}")));
    header.push("reasons".to_owned());
    let records = lines.iter().map(|(about, usage, fit)| {
        let mut record: Vec<String> = about.values().map(str::to_owned).to_vec();
        record.extend(NUMBERS.iter().map(|(_, value, _)| number(value(usage))));
        record.extend(suggested.iter().map(|(_, _, value)| number(value(fit))));
        record.push(fit.reasons.join("; "));
        record
    });
    for record in std::iter::once(header).chain(records) {
        // Into memory, which does not fail, and all records are of one length.
        let _ = text.write_record(record);
    }
    text.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// What there is, and what would fit where that is another: `1.00>0.24`.
fn table(lines: &[(&About, &Usage, Suggestion)]) -> String {
    let header =
        ["", "N", "CPU REQ", "CPU LIM", "AVG", "P95", "PEAK", "HELD", "MEM REQ", "MEM LIM", "AVG", "PEAK"];
    let header = header.into_iter().chain(["OOM", "THREADS", "LIMIT", "WHY"]).map(str::to_owned).collect();
    let rows = lines.iter().map(|(about, usage, fit)| {
        let both = |now: Option<f64>, then: Option<f64>, text: fn(f64) -> String| match (now, then) {
            (Some(now), Some(then)) if text(now) != text(then) => format!("{}>{}", text(now), text(then)),
            (None, Some(then)) => format!("->{}", text(then)),
            (now, _) => now.map_or("-".to_owned(), text),
        };
        let one = |now, text| both(now, None, text);
        vec![
            about.words(),
            usage.containers.to_string(),
            both(usage.cpu_request_cores, fit.cpu_request_cores, cores),
            both(usage.cpu_limit_cores, fit.cpu_limit_cores, cores),
            one(usage.cpu_average_cores, cores),
            one(usage.cpu_p95_cores, cores),
            one(usage.cpu_peak_cores, cores),
            one(usage.cpu_throttled_ratio, percent),
            both(usage.memory_request_bytes, fit.memory_request_bytes, bytes),
            both(usage.memory_limit_bytes, fit.memory_limit_bytes, bytes),
            one(usage.memory_average_bytes, bytes),
            one(usage.memory_peak_bytes, bytes),
            one(usage.oom_kills, whole),
            one(usage.threads_peak, whole),
            both(usage.threads_limit, fit.threads_limit, whole),
            fit.reasons.join("; "),
        ]
    });
    aligned(&std::iter::once(header).chain(rows).collect::<Vec<Vec<String>>>())
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| {
            // Words to the left, numbers to the right.
            if at == 0 || at + 1 == columns { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn cores(value: f64) -> String {
    format!("{value:.2}")
}

fn percent(value: f64) -> String {
    format!("{:.0}%", value * 100.0)
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn bytes(value: f64) -> String {
    let mib = value / f64::from(1 << 20);
    if mib < 10_240.0 { format!("{mib:.0}Mi") } else { format!("{:.1}Gi", mib / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<(About, Usage)> {
        let about = About {
            namespace: "shop".to_owned(),
            workload_kind: "Deployment".to_owned(),
            workload: "cart".to_owned(),
            container: "app, \"the\" one".to_owned(),
            ..About::default()
        };
        let usage = Usage {
            containers: 2,
            cpu_request_cores: Some(1.0),
            cpu_p95_cores: Some(0.2),
            cpu_peak_cores: Some(0.5),
            memory_limit_bytes: Some(1_073_741_824.0),
            memory_peak_bytes: Some(104_857_600.0),
            oom_kills: Some(0.0),
            ..Usage::default()
        };
        vec![(about, usage)]
    }

    #[test]
    fn a_table_shows_what_would_fit() {
        let text = write(Format::Table, &lines());
        let words: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|w| !w.is_empty()).collect())
            .collect();
        assert_eq!(
            words[0].join("|"),
            "N|CPU REQ|CPU LIM|AVG|P95|PEAK|HELD|MEM REQ|MEM LIM|AVG|PEAK|OOM|THREADS|LIMIT|WHY"
        );
        assert_eq!(
            words[1].join("|"),
            "shop Deployment/cart app, \"the\" one|2|1.00>0.20|-|-|0.20|0.50|-|->112Mi|1024Mi>144Mi|-|100Mi|0|-|-|\
             CPU request: 95% of moments stayed below 0.20 cores; memory limit: 10% of it at most was used"
        );
    }

    #[test]
    fn csv_is_quoted_and_has_a_field_for_each_name() {
        let text = write(Format::Csv, &lines());
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let record = reader.records().next().unwrap().unwrap();
        let field = |name| record.get(header.iter().position(|field| field == name).unwrap()).unwrap();
        assert_eq!(field("container"), "app, \"the\" one");
        assert_eq!((field("cpu_request_cores"), field("suggested_cpu_request_cores")), ("1", "0.2"));
        assert_eq!((field("cpu_limit_cores"), field("suggested_cpu_limit_cores")), ("", ""));
        assert_eq!((field("containers"), field("suggested_memory_limit_bytes")), ("2", "150994944"));
        assert_eq!(header.iter().filter(|name| name.starts_with("suggested_")).count(), 5);
    }

    #[test]
    fn json_has_the_same_names() {
        let text = write(Format::Json, &lines());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["about"]["workload"], "cart");
        assert_eq!(value[0]["usage"]["memory_peak_bytes"], 104_857_600.0);
        assert_eq!(value[0]["usage"]["threads_limit"], serde_json::Value::Null);
        assert_eq!(value[0]["suggestion"]["cpu_request_cores"], 0.2);
    }

    #[test]
    fn nothing_is_a_header_or_an_empty_list() {
        assert_eq!(write(Format::Json, &[]), "[]\n");
        assert_eq!(write(Format::Table, &[]).lines().count(), 1);
    }
}
