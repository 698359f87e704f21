//! Durations as Go writes them: `1.5h`, `1m30s`, `250ms`.

use std::time::Duration;

/// A duration that is not negative, to the nanosecond; `None` if it is none, or too long.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut total) = (text, Duration::ZERO);
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let part = number.parse::<f64>().ok()? * seconds;
        total = total.checked_add(Duration::try_from_secs_f64(part).ok()?)?;
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
}

/// What is said of a text that is none.
pub(super) fn no_duration(text: &str) -> String {
    format!("expected a duration such as 500ms, 1.5s or 1m30s, not {text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, millis) in
            [("0", 0), ("0s", 0), ("1s", 1000), ("1.5h", 5_400_000), ("1m30s", 90_000), (".5s", 500)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("250µs"), Some(Duration::from_micros(250)));
        for text in
            ["", "1", "-1s", "s", "1x", "1 s", "1s ", "1.2.3s", ".s", "99999999999999999999h", "NaNs", "1e3s"]
        {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }
}
