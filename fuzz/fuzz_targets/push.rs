//! What `plimsoll checks push` reads: its own file, whatever checks print, and what Icinga answers.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use plimsoll::push_checks::Settings;
use plimsoll::push_checks::icinga::{Answer, answer, is_last};
use plimsoll::push_checks::outcome::split;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match Settings::parse(&text, "box") {
        Err(faults) => assert!(!faults.is_empty()),
        Ok(settings) => check(&settings),
    }
    printed(&text);
    answered(bytes);
});

fn check(settings: &Settings) {
    let icinga = &settings.icinga;
    assert!(icinga.port > 0 && !icinga.address.is_empty() && !icinga.address.contains(['/', '@', '[', ']']));
    assert!(icinga.login.is_some() || icinga.certificate.is_some());
    assert!(settings.queue.is_absolute() && settings.max_results > 0 && settings.parallel > 0);
    assert!(settings.retry_max >= Duration::from_secs(1));
    let mut services = BTreeSet::new();
    for check in &settings.checks {
        assert!(services.insert(&check.service), "one result would be taken for the other's");
        assert!(!check.command.is_empty());
        let day = Duration::from_secs(86_400);
        for time in [check.interval, check.timeout, check.ttl] {
            assert!(time >= Duration::from_millis(100) && time <= day, "{check:?}");
        }
    }
}

/// Text and perfdata are apart, each in its form.
fn printed(output: &str) {
    let (text, perfdata) = split(output);
    assert!(text.len() + perfdata.len() <= output.len());
    assert!(!perfdata.contains('\n') && (perfdata.is_empty() || perfdata.contains('=')));
    assert_eq!(split(&text), (text.clone(), String::new()), "Icinga finds no more in the text");
}

fn answered(bytes: &[u8]) {
    let page: Option<Value> = serde_json::from_slice(bytes).ok();
    for status in [None, Some(100), Some(201), Some(302), Some(401), Some(403), Some(409), Some(500), Some(503)] {
        assert_eq!(answer(status, bytes), None, "it is tried again");
    }
    for status in [400, 404] {
        let refused = matches!(answer(Some(status), bytes), Some(Answer::Refused(_)));
        assert_eq!(refused, page.is_some(), "nobody but Icinga speaks JSON");
    }
    let taken = answer(Some(200), bytes) == Some(Answer::Taken);
    assert!(!taken || page.as_ref().is_some_and(|page| page["results"][0]["code"].is_number()));
    // What is known to be there is found, and only that.
    let Some(last) = page else { return };
    let times = ["execution_start", "execution_end"].map(|name| last[name].as_f64());
    let here = |last: &Value| json!({ "results": [{ "attrs": { "last_check_result": last } }] }).to_string();
    let sane = times.iter().all(|time| time.is_some_and(|time| time.abs() < 1e10));
    let complete = times.iter().all(Option::is_some);
    assert!(complete || !is_last(&last, here(&last).as_bytes()));
    assert!(!sane || is_last(&last, here(&last).as_bytes()));
    assert!(!is_last(&last, b"{\"results\":[]}"));
}
