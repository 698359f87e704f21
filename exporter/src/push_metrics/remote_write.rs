//! Prometheus' remote write, 1.0 and 2.0: protobuf, packed by Snappy. Pure.
//!
//! Field numbers are those of `prompb/types.proto`, `prompb/remote.proto` and `prompb/io/prometheus/write/v2/types.proto`.

use std::collections::HashMap;

use prost::Message;

use super::samples::{Family, Sample};
use crate::exposition::Kind;

/// `prometheus.WriteRequest`; `families` are those that are to be described.
pub(super) fn version_1(samples: &[Sample<'_>], at: i64, families: &[Family<'_>]) -> Vec<u8> {
    let series = |sample: &Sample<'_>| v1::TimeSeries {
        labels: sample
            .labels
            .iter()
            .map(|(name, value)| v1::Label { name: name.to_string(), value: value.to_string() })
            .collect(),
        samples: vec![v1::Sample { value: sample.value, timestamp: at }],
    };
    let metadata = |family: &Family<'_>| v1::MetricMetadata {
        kind: number(family.kind),
        metric_family_name: family.name.clone(),
        help: family.help.to_string(),
    };
    let request = v1::WriteRequest {
        timeseries: samples.iter().map(series).collect(),
        metadata: families.iter().map(metadata).collect(),
    };
    packed(&request.encode_to_vec())
}

/// `io.prometheus.write.v2.Request`: each text is there once, and each series says what it is.
pub(super) fn version_2(samples: &[Sample<'_>], at: i64, families: &[Family<'_>]) -> Vec<u8> {
    let mut symbols = Symbols::default();
    symbols.of("");
    let mut timeseries = Vec::with_capacity(samples.len());
    for sample in samples {
        let mut labels_refs = Vec::with_capacity(sample.labels.len() * 2);
        for (name, value) in &sample.labels {
            labels_refs.extend([symbols.of(name), symbols.of(value)]);
        }
        let family = sample.family.and_then(|number| families.get(number));
        let metadata = family
            .map(|family| v2::Metadata { kind: number(family.kind), help_ref: symbols.of(&family.help) });
        // Servers of 2.0-rc.3 and before look for it at the series, later ones at the sample.
        let created = sample.created.filter(|created| (1..=at).contains(created)).unwrap_or_default();
        timeseries.push(v2::TimeSeries {
            labels_refs,
            samples: vec![v2::Sample { value: sample.value, timestamp: at, start_timestamp: created }],
            metadata,
            created_timestamp: created,
        });
    }
    let request = v2::Request { symbols: symbols.texts, timeseries };
    packed(&request.encode_to_vec())
}

/// A table of texts.
#[derive(Default)]
struct Symbols {
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Symbols {
    fn of(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

/// The same in both versions.
const fn number(kind: Kind) -> i32 {
    match kind {
        Kind::Untyped => 0,
        Kind::Counter => 1,
        Kind::Gauge => 2,
        Kind::Histogram => 3,
        Kind::Summary => 5,
    }
}

/// In Snappy's block format. Beyond 4 GiB there would be none.
fn packed(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap_or_default()
}

mod v1 {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct WriteRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) timeseries: Vec<TimeSeries>,
        #[prost(message, repeated, tag = "3")]
        pub(super) metadata: Vec<MetricMetadata>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TimeSeries {
        #[prost(message, repeated, tag = "1")]
        pub(super) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<Sample>,
    }

    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub(super) struct Label {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(super) struct Sample {
        #[prost(double, tag = "1")]
        pub(super) value: f64,
        #[prost(int64, tag = "2")]
        pub(super) timestamp: i64,
    }

    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub(super) struct MetricMetadata {
        #[prost(int32, tag = "1")]
        pub(super) kind: i32,
        #[prost(string, tag = "2")]
        pub(super) metric_family_name: String,
        #[prost(string, tag = "4")]
        pub(super) help: String,
    }
}

mod v2 {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Request {
        #[prost(string, repeated, tag = "4")]
        pub(super) symbols: Vec<String>,
        #[prost(message, repeated, tag = "5")]
        pub(super) timeseries: Vec<TimeSeries>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct TimeSeries {
        #[prost(uint32, repeated, tag = "1")]
        pub(super) labels_refs: Vec<u32>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<Sample>,
        #[prost(message, optional, tag = "5")]
        pub(super) metadata: Option<Metadata>,
        #[prost(int64, tag = "6")]
        pub(super) created_timestamp: i64,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(super) struct Sample {
        #[prost(double, tag = "1")]
        pub(super) value: f64,
        #[prost(int64, tag = "2")]
        pub(super) timestamp: i64,
        #[prost(int64, tag = "3")]
        pub(super) start_timestamp: i64,
    }

    #[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
    pub(super) struct Metadata {
        #[prost(int32, tag = "1")]
        pub(super) kind: i32,
        #[prost(uint32, tag = "3")]
        pub(super) help_ref: u32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::STALE;
    use super::*;

    fn sample(value: f64) -> Sample<'static> {
        let labels = vec![("__name__".into(), "up".into()), ("job".into(), "a".into())];
        Sample { labels, value, created: Some(500), family: Some(0) }
    }

    fn families() -> Vec<Family<'static>> {
        vec![Family { name: "up".to_owned(), kind: Kind::Counter, help: "H".into() }]
    }

    fn unpacked(bytes: &[u8]) -> Vec<u8> {
        snap::raw::Decoder::new().decompress_vec(bytes).unwrap()
    }

    const ONE: &[u8] = b"\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xe8\x07";

    #[test]
    fn version_1_is_what_the_schema_says() {
        let labels = b"\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01a";
        let series = [&b"\x0a\x28"[..], labels, b"\x12\x0c", ONE].concat();
        assert_eq!(unpacked(&version_1(&[sample(1.0)], 1000, &[])), series);
        let described = [&series[..], b"\x1a\x09\x08\x01\x12\x02up\x22\x01H"].concat();
        assert_eq!(unpacked(&version_1(&[sample(1.0)], 1000, &families())), described);
    }

    #[test]
    fn version_2_is_what_the_schema_says() {
        let symbols = b"\x22\x00\x22\x08__name__\x22\x02up\x22\x03job\x22\x01a\x22\x01H";
        let created = b"\x18\xf4\x03";
        let series =
            [&b"\x0a\x04\x01\x02\x03\x04\x12\x0f"[..], ONE, created, b"\x2a\x04\x08\x01\x18\x05\x30\xf4\x03"];
        let wanted = [&symbols[..], b"\x2a\x20", &series.concat()].concat();
        assert_eq!(unpacked(&version_2(&[sample(1.0)], 1000, &families())), wanted);
        let twice = version_2(&[sample(1.0), sample(1.0)], 1000, &families());
        assert_eq!(unpacked(&twice).len(), wanted.len() + 34, "no text for the second time");
    }

    #[test]
    fn what_is_created_later_than_now_is_not_told() {
        let request = unpacked(&version_2(&[sample(1.0)], 499, &families()));
        let request = v2::Request::decode(request.as_slice()).unwrap();
        let series = &request.timeseries[0];
        assert_eq!((series.created_timestamp, series.samples[0].start_timestamp), (0, 0));
    }

    #[test]
    fn the_end_of_a_series_keeps_its_bits() {
        for request in [version_1(&[sample(STALE)], 1, &[]), version_2(&[sample(STALE)], 1, &[])] {
            let bytes = unpacked(&request);
            assert!(
                bytes.windows(9).any(|nine| nine == b"\x09\x02\x00\x00\x00\x00\x00\xf0\x7f"),
                "{bytes:?}"
            );
        }
    }
}
