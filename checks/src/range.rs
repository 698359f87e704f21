//! Threshold ranges, `[@][start|~][:][end]`, and what two of them say of a value.

use std::fmt;

use crate::state::State;

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing there, or an `@` alone.
    #[error("Range format incorrect: '{0}' is empty")]
    Empty(String),
    /// A bound that is no decimal number.
    #[error("Range format incorrect: '{bound}' in '{text}' is not a number")]
    NotANumber {
        /// What stands for the number.
        bound: String,
        /// All of it.
        text: String,
    },
    /// The start lies above the end.
    #[error("Range format incorrect: '{0}' starts above its end")]
    Reversed(String),
}

/// A range of values that is fine, or with `@` one that is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    start: f64,
    end: f64,
    inside: bool,
    text: Box<str>,
}

impl Range {
    /// From the text a user gives.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim_ascii();
        let (inside, bounds) = trimmed.strip_prefix('@').map_or((false, trimmed), |rest| (true, rest));
        if bounds.is_empty() {
            return Err(Error::Empty(text.to_owned()));
        }
        let number = |bound: &str| {
            decimal(bound).ok_or_else(|| Error::NotANumber { bound: bound.to_owned(), text: text.to_owned() })
        };
        let (start, end) = match bounds.split_once(':') {
            None => (0.0, number(bounds)?),
            Some((start, end)) => (
                match start {
                    "" => 0.0,
                    "~" => f64::NEG_INFINITY,
                    start => number(start)?,
                },
                if end.is_empty() { f64::INFINITY } else { number(end)? },
            ),
        };
        if start > end {
            return Err(Error::Reversed(text.to_owned()));
        }
        Ok(Self { start, end, inside, text: trimmed.into() })
    }

    /// Whether a value calls for an alert. What is not a number always does.
    pub fn alerts(&self, value: f64) -> bool {
        (self.start <= value && value <= self.end) == self.inside
    }

    /// Where the range begins; minus infinity for `~`.
    pub const fn start(&self) -> f64 {
        self.start
    }

    /// Where the range ends; infinity where no end was given.
    pub const fn end(&self) -> f64 {
        self.end
    }

    /// Whether values within are the ones to alert on.
    pub const fn is_inside(&self) -> bool {
        self.inside
    }

    /// The `N` of `0:N`, the one kind of range that graphs can show as a limit.
    pub fn limit(&self) -> Option<&str> {
        let plain = !self.inside && self.start == 0.0 && self.end.is_finite();
        plain.then(|| self.text.rsplit_once(':').map_or(&*self.text, |(_, end)| end))
    }
}

impl fmt::Display for Range {
    /// As the user gave it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The ranges of warning and of critical, each if given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// The range outside of which a value is a warning.
    pub warning: Option<Range>,
    /// The range outside of which a value is critical.
    pub critical: Option<Range>,
}

impl Thresholds {
    /// From the texts of `-w` and `-c`, each if given.
    pub fn parse(warning: Option<&str>, critical: Option<&str>) -> Result<Self, Error> {
        Ok(Self {
            warning: warning.map(Range::parse).transpose()?,
            critical: critical.map(Range::parse).transpose()?,
        })
    }

    /// What they say of a value; critical is asked first.
    pub fn judge(&self, value: f64) -> State {
        if self.critical.as_ref().is_some_and(|range| range.alerts(value)) {
            State::Critical
        } else if self.warning.as_ref().is_some_and(|range| range.alerts(value)) {
            State::Warning
        } else {
            State::Ok
        }
    }
}

/// A finite decimal number, with or without a sign, a fraction and an exponent: no hexadecimal, no `inf`, no octal.
pub fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

#[cfg(test)]
mod tests;
