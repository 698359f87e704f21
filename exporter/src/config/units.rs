//! Durations and sizes as they stand in flags.

use std::time::Duration;

/// What is wrong with the text of a duration or a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No duration.
    #[error("expected a duration such as 500ms, 2m or 1h30m")]
    Duration,
    /// No size.
    #[error("expected a size such as 512KiB, 64MiB or 1GiB")]
    Size,
    /// No percentage.
    #[error("expected a percentage such as 2% or 0.5%, at most 100%")]
    Percent,
    /// Well-formed, and too small or too large.
    #[error("not within {0}")]
    Bounds(&'static str),
}

/// Parses a duration as Prometheus writes it: `1h30m`, units from `y` down to `ms`, each at most once, or `0`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    const DAY: u64 = 86_400_000;
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * DAY),
        ("w", 7 * DAY),
        ("d", DAY),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(UnitError::Duration);
    }
    let (mut rest, mut units, mut total) = (text, UNITS.as_slice(), 0u64);
    while !rest.is_empty() {
        let (number, tail) = split_number(rest).ok_or(UnitError::Duration)?;
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let at = units.iter().position(|(name, _)| *name == unit).ok_or(UnitError::Duration)?;
        let millis = number.checked_mul(units[at].1).and_then(|n| total.checked_add(n));
        total = millis.ok_or(UnitError::Duration)?;
        // What follows has to be smaller.
        units = &units[at + 1..];
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

/// Parses a percentage: a plain decimal number from 0 to 100, with or without its sign, as a share of 1.
pub fn parse_percent(text: &str) -> Result<f64, UnitError> {
    let number = text.strip_suffix('%').unwrap_or(text);
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(UnitError::Percent);
    }
    let percent: f64 = number.parse().map_err(|_| UnitError::Percent)?;
    if percent > 100.0 { Err(UnitError::Percent) } else { Ok(percent / 100.0) }
}

/// Parses a size in bytes: a whole number with `B`, `KiB`, `MiB`, `GiB` or nothing.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split_number(text).ok_or(UnitError::Size)?;
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(UnitError::Size),
    };
    number.checked_mul(1 << shift).ok_or(UnitError::Size)
}

/// `value`, if it lies in the bounds, which `words` names.
pub(crate) fn within<T: PartialOrd>(
    value: T,
    least: T,
    most: T,
    words: &'static str,
) -> Result<T, UnitError> {
    if value < least || value > most { Err(UnitError::Bounds(words)) } else { Ok(value) }
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("1y", 31_536_000_000),
            ("1w", 604_800_000),
            ("90s", 90_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "+1s",
            "1.5h",
            "1 m",
            " 1m",
            "1m1h",
            "1m1m",
            "1min",
            "2M",
            "1h30",
            "99999999999999999999s",
            "18446744073709551615y",
            "1µs",
            "١s",
        ] {
            assert_eq!(parse_duration(text), Err(UnitError::Duration), "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("7B", 7),
            ("512KiB", 512 << 10),
            ("64MiB", 64 << 20),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "MiB", "64MB", "64M", "64mib", "1.5GiB", "-1", "64 MiB", "18446744073709551615KiB", "0x10"]
        {
            assert_eq!(parse_size(text), Err(UnitError::Size), "{text:?}");
        }
    }
}
