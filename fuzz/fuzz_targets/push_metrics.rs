//! What pushing reads: a page of metrics, with names that anybody may choose; a file of its queue; what a receiver answers.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use plimsoll::push_metrics::Protocol;
use plimsoll::push_metrics::client::{Answer, Verdict, judge};
use plimsoll::push_metrics::parcel::Parcel;
use plimsoll::push_metrics::samples::{Marks, Numbers, parse};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    page(&text);
    if let Some(parcel) = Parcel::from_bytes(bytes) {
        assert_eq!(Parcel::samples_of(bytes), parcel.samples);
    }
    let parcel =
        Parcel { protocol: Protocol::Influx, samples: bytes.len() as u64, at: 1, body: bytes.to_vec() };
    assert_eq!(Parcel::from_bytes(&parcel.to_bytes()), Some(parcel));
    answered(&text);
});

fn page(text: &str) {
    let pair = |name: &str| vec![(name.to_owned(), "x".to_owned())];
    let marks = Marks { target: pair("job"), external: pair("cluster") };
    let page = parse(text, &marks);
    assert!(page.samples.len() <= text.lines().count());
    for sample in &page.samples {
        assert!(sample.labels.is_sorted());
        let value =
            |name: &str| sample.labels.iter().find(|(found, _)| found == name).map(|(_, value)| &**value);
        assert_eq!(value("job"), Some("x"));
        assert!(value("cluster").is_some() && value("__name__").is_some());
        assert!(sample.labels.iter().all(|(_, value)| !value.is_empty()));
        assert!(sample.family.is_none_or(|number| number < page.families.len()));
    }
    let numbers = Numbers::default();
    let now = page.samples.iter().map(|sample| numbers.of(&sample.labels)).collect();
    assert_eq!(numbers.ended(parse(text, &marks), &now).count(), 0, "nothing ends that is there");
}

fn answered(text: &str) {
    let mut codes = BTreeSet::new();
    for status in (0..700).map(Some).chain([None]) {
        let answer = Answer {
            status,
            written: text.parse().ok(),
            retry_after: Some(text.to_owned()),
            text: String::new(),
        };
        for protocol in [Protocol::RemoteWrite1, Protocol::RemoteWrite2] {
            match judge(protocol, 10, &answer, 0) {
                Verdict::Over { taken, .. } => assert!(taken <= 10 && codes.insert((status, protocol as u8))),
                Verdict::Again(after) => assert!(after.is_none_or(|after| after <= Duration::from_secs(600))),
            }
        }
    }
    assert_eq!(codes.len(), 2 * 199, "every 2xx and 4xx but 429");
}
