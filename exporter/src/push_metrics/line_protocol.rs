//! InfluxDB's line protocol, as 1.x takes it: the name of a series is a measurement, its labels are tags, and the number is the
//! field `value`. Pure.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::samples::{STALE, Sample};

/// What can be said so, packed by gzip; and how many samples, and how many are left out. There are no ends of series, which are
/// not counted, and no values that are no number or not finite.
pub(super) fn lines(samples: &[Sample<'_>], at: i64) -> (Vec<u8>, u64, u64) {
    let (mut text, mut said, mut left_out) = (String::new(), 0, 0);
    for sample in samples {
        if sample.value.is_finite() {
            line(&mut text, sample, at);
            said += 1;
        } else if sample.value.to_bits() != STALE.to_bits() {
            left_out += 1;
        }
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    // Into memory: it does not fail.
    let _ = packed.write_all(text.as_bytes());
    (packed.finish().unwrap_or_default(), said, left_out)
}

fn line(out: &mut String, sample: &Sample<'_>, at: i64) {
    let name = sample.labels.iter().find(|(name, _)| name == "__name__").map_or("", |(_, value)| &**value);
    escape(out, name, &[',', ' ']);
    for (name, value) in sample.labels.iter().filter(|(name, _)| name != "__name__") {
        out.push(',');
        escape(out, name, &[',', '=', ' ']);
        out.push('=');
        escape(out, value, &[',', '=', ' ']);
    }
    out.push_str(&format!(" value={} {at}\n", sample.value));
}

/// A backslash before what is escaped, or at the end, cannot be said, and is left out; a line feed is the two characters of its
/// escape.
fn escape(out: &mut String, text: &str, special: &[char]) {
    let mut backslashes = 0;
    for c in text.chars() {
        match c {
            '\\' => backslashes += 1,
            c => {
                let escaped = special.contains(&c) || c == '\n';
                if !escaped {
                    out.extend(std::iter::repeat_n('\\', backslashes));
                }
                backslashes = 0;
                match c {
                    '\n' => out.push_str("\\n"),
                    c if escaped => out.extend(['\\', c]),
                    c => out.push(c),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn sample(labels: &[(&'static str, &'static str)], value: f64) -> Sample<'static> {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Sample { labels, value, created: Some(1), family: None }
    }

    fn unpacked(packed: &[u8]) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_sample_is_a_line() {
        let samples = [
            sample(&[("__name__", "a_total"), ("id", "/x y,z=1"), ("job", "p")], 1.5),
            sample(&[("__name__", "b")], 1e21),
            sample(&[("__name__", "b")], f64::INFINITY),
            sample(&[("__name__", "b")], f64::NAN),
            sample(&[("__name__", "b")], STALE),
        ];
        let (packed, said, left_out) = lines(&samples, 1_700_000_000_123);
        assert_eq!(
            unpacked(&packed),
            "a_total,id=/x\\ y\\,z\\=1,job=p value=1.5 1700000000123\n\
             b value=1000000000000000000000 1700000000123\n"
        );
        assert_eq!((said, left_out), (2, 2));
    }

    #[test]
    fn backslashes_never_hide_a_separator() {
        let escaped = |text: &str| {
            let mut out = String::new();
            escape(&mut out, text, &[',', '=', ' ']);
            out
        };
        assert_eq!(escaped(r"system\x2dgetty"), r"system\x2dgetty");
        assert_eq!(escaped(r"a\,b\\ c\"), r"a\,b\ c");
        assert_eq!(escaped("a\nb\\"), r"a\nb");
    }
}
