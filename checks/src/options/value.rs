//! Values of options, as strictly as 2.x reads them or more so.

use crate::range::decimal;
use crate::state::State;

/// A whole number, with a sign only if negative.
pub fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// A whole number above 0, up to what 2.x's `int` holds.
pub fn positive(text: &str) -> Option<u32> {
    not_negative(text).filter(|number| *number > 0)
}

/// A whole number from 0.
pub fn not_negative(text: &str) -> Option<u32> {
    integer(text)
        .filter(|number| (0..=i64::from(i32::MAX)).contains(number))
        .and_then(|n| u32::try_from(n).ok())
}

/// A port.
pub fn port(text: &str) -> Option<u16> {
    positive(text).and_then(|number| u16::try_from(number).ok())
}

/// A number, perhaps with a fraction.
pub fn number(text: &str) -> Option<f64> {
    decimal(text.trim_ascii())
}

/// A number of seconds, perhaps with a fraction, perhaps with its unit.
pub fn seconds(text: &str) -> Option<f64> {
    number(text.strip_suffix('s').unwrap_or(text))
}

/// `N` or `N:STATE` of `-t`.
pub fn timeout(text: &str) -> Option<(u32, Option<State>)> {
    match text.split_once(':') {
        None => Some((positive(text)?, None)),
        Some((seconds, state)) => Some((positive(seconds)?, Some(State::parse(state)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_and_whole() {
        assert_eq!(integer("-5"), Some(-5));
        assert_eq!(integer("010"), Some(10));
        for text in ["", "-", "+5", "5 ", "0x5", "5.0", "--5", "99999999999999999999"] {
            assert_eq!(integer(text), None, "{text}");
        }
        assert_eq!(positive("0"), None);
        assert_eq!(not_negative("0"), Some(0));
        assert_eq!(not_negative("2147483648"), None);
        assert_eq!(port("65535"), Some(65535));
        assert_eq!(port("65536"), None);
        assert_eq!(number("1.5"), Some(1.5));
        assert_eq!(number("1.5s"), None);
        assert_eq!(seconds("1.5s"), Some(1.5));
        assert_eq!(seconds("1.5ms"), None);
    }

    #[test]
    fn a_timeout_may_have_a_state() {
        assert_eq!(timeout("10"), Some((10, None)));
        assert_eq!(timeout("10:UNKNOWN"), Some((10, Some(State::Unknown))));
        assert_eq!(timeout("10:2"), Some((10, Some(State::Critical))));
        for text in ["", "0", "-1", "abc", "1.5", "10:", "10:4", ":2", "10:warn"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }
}
