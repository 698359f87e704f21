use proptest::prelude::*;

use super::*;

/// The grammar written down a second time, in the slowest plain words: what alerts on `value`, or that it is no range.
fn model(text: &str, value: f64) -> Option<bool> {
    let (inside, rest) = match text.chars().next()? {
        '@' => (true, &text[1..]),
        _ => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let colons = rest.matches(':').count();
    let (low, high) = match colons {
        0 => ("0", rest),
        1 => rest.split_at(rest.find(':')?),
        _ => return None,
    };
    let high = if colons == 1 { &high[1..] } else { high };
    let below = match low {
        "~" => false,
        "" => value < 0.0,
        number => value < number.parse().ok()?,
    };
    let above = match high {
        "" => false,
        number => value > number.parse().ok()?,
    };
    if let (Ok(low), Ok(high)) = (if low.is_empty() { "0" } else { low }.parse::<f64>(), high.parse::<f64>())
        && low > high
    {
        return None;
    }
    Some(if inside { !below && !above } else { below || above })
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (-50i32..50).prop_map(|n| n.to_string()),
        (-500i32..500).prop_map(|n| format!("{:.1}", f64::from(n) / 10.0)),
        (0u32..50).prop_map(|n| format!("0{n}")),
    ]
}

fn range() -> impl Strategy<Value = String> {
    let start = prop_oneof![number(), Just("~".to_owned()), Just(String::new())];
    let end = prop_oneof![number(), Just(String::new())];
    (any::<bool>(), prop::option::of(start), end).prop_map(|(at, start, end)| {
        let at = if at { "@" } else { "" };
        start.map_or_else(|| format!("{at}{end}"), |start| format!("{at}{start}:{end}"))
    })
}

proptest! {
    #[test]
    fn every_range_alerts_as_the_model_does(text in range(), tenths in -600i32..600) {
        let value = f64::from(tenths) / 10.0;
        prop_assert_eq!(Range::parse(&text).ok().map(|range| range.alerts(value)), model(&text, value), "{}", text);
    }

    #[test]
    fn the_bounds_are_on_the_good_side(low in -1000i32..1000, width in 0i32..1000) {
        let (low, high) = (f64::from(low) / 4.0, f64::from(low + width) / 4.0);
        let range = Range::parse(&format!("{low}:{high}")).unwrap();
        let inverse = Range::parse(&format!("@{low}:{high}")).unwrap();
        for value in [low, high, (low + high) / 2.0, low - 0.25, high + 0.25] {
            prop_assert_eq!(range.alerts(value), value < low || value > high);
            prop_assert_eq!(inverse.alerts(value), !range.alerts(value));
        }
    }

    #[test]
    fn any_text_is_a_range_or_an_error_that_quotes_it(text in ".{0,12}") {
        if let Err(error) = Range::parse(&text) {
            prop_assert!(error.to_string().starts_with("Range format incorrect: "));
            prop_assert!(error.to_string().contains(&text));
        }
    }
}

/// Input, values that alert, values that do not.
const TABLE: &[(&str, &[f64], &[f64])] = &[
    ("10", &[-0.1, 10.1, -1.0, 11.0], &[0.0, 10.0, 5.0]),
    ("10:", &[9.9, -1.0], &[10.0, 1e9]),
    ("~:10", &[10.1, 1e9], &[10.0, -1e9]),
    ("10:20", &[9.9, 20.1], &[10.0, 20.0]),
    ("@10:20", &[10.0, 20.0, 15.0], &[9.9, 20.1]),
    (":10", &[-0.1, 10.1], &[0.0, 10.0]),
    ("0:10", &[-0.1, 10.1], &[0.0, 10.0]),
    ("-5.5:-2.5", &[-5.6, -2.4, 0.0], &[-5.5, -2.5, -3.0]),
    ("010", &[10.1], &[8.1, 10.0]),
    ("~:", &[], &[-1e9, 0.0, 1e9]),
    (":", &[-0.1], &[0.0, 1e9]),
    ("@~:10", &[-1e9, 10.0], &[10.1]),
    ("@0", &[0.0], &[0.1, -0.1]),
    ("0", &[0.1, -0.1], &[0.0]),
    ("1e3", &[1000.1], &[1000.0]),
    (" 10 ", &[10.1], &[10.0]),
    ("+1:+2", &[0.9], &[1.0]),
];

#[test]
fn the_table_of_the_contract_holds() {
    for (text, alerting, fine) in TABLE {
        let range = Range::parse(text).unwrap();
        assert_eq!(range.to_string(), text.trim());
        for value in *alerting {
            assert!(range.alerts(*value), "{text} {value}");
        }
        for value in *fine {
            assert!(!range.alerts(*value), "{text} {value}");
        }
        assert!(range.alerts(f64::NAN) != range.is_inside(), "{text}: no number is in no range");
    }
}

#[test]
fn what_is_no_range_is_rejected_with_its_reason() {
    let reason = |text| Range::parse(text).map_err(|error| error.to_string());
    let rejected = |text: &str| Err(format!("Range format incorrect: {text}"));
    assert_eq!(reason("20:10"), rejected("'20:10' starts above its end"));
    assert_eq!(reason("-1"), rejected("'-1' starts above its end"));
    assert_eq!(reason(""), rejected("'' is empty"));
    assert_eq!(reason("@"), rejected("'@' is empty"));
    assert_eq!(reason("abc"), rejected("'abc' in 'abc' is not a number"));
    assert_eq!(reason("/root:0"), rejected("'/root' in '/root:0' is not a number"));
    assert_eq!(reason("~"), rejected("'~' in '~' is not a number"));
    assert_eq!(reason("1:2:3"), rejected("'2:3' in '1:2:3' is not a number"));
    assert_eq!(reason("1:~"), rejected("'~' in '1:~' is not a number"));
    assert_eq!(reason("10%"), rejected("'10%' in '10%' is not a number"));
    assert_eq!(reason("0x10"), rejected("'0x10' in '0x10' is not a number"));
    assert_eq!(reason("inf"), rejected("'inf' in 'inf' is not a number"));
    assert_eq!(reason("1e999"), rejected("'1e999' in '1e999' is not a number"));
    assert_eq!(reason("nan:"), rejected("'nan' in 'nan:' is not a number"));
    assert_eq!(reason("1,5"), rejected("'1,5' in '1,5' is not a number"));
}

#[test]
fn critical_is_asked_before_warning() {
    let thresholds = Thresholds::parse(Some("5"), Some("10")).unwrap();
    assert_eq!(thresholds.judge(5.0), State::Ok);
    assert_eq!(thresholds.judge(5.1), State::Warning);
    assert_eq!(thresholds.judge(10.1), State::Critical);
    assert_eq!(thresholds.judge(-1.0), State::Critical);
    assert_eq!(Thresholds::default().judge(f64::NAN), State::Ok);
    assert!(Thresholds::parse(Some("5"), Some("x")).is_err());
}

#[test]
fn only_a_range_from_zero_is_a_limit() {
    let limit = |text| Range::parse(text).unwrap().limit().map(str::to_owned);
    assert_eq!(limit("10"), Some("10".to_owned()));
    assert_eq!(limit("0:10.50"), Some("10.50".to_owned()));
    assert_eq!(limit(":10"), Some("10".to_owned()));
    for other in ["10:", "~:10", "@10", "1:2", ":"] {
        assert_eq!(limit(other), None, "{other}");
    }
}
