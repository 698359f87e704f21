//! Threshold ranges: any text is a range or an error, and a range is what its text says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_checks::range::Range;

fuzz_target!(|input: (&str, f64)| {
    let (text, value) = input;
    let Ok(range) = Range::parse(text) else { return };
    assert!(range.start() <= range.end());
    let within = range.start() <= value && value <= range.end();
    assert_eq!(range.alerts(value), within == range.is_inside());
    let again = Range::parse(&range.to_string()).expect("what is printed is a range");
    assert_eq!(again, range);
    if let Some(limit) = range.limit() {
        assert_eq!(limit.parse(), Ok(range.end()));
        assert!(!range.is_inside() && range.start() == 0.0);
    }
});
