//! Thresholds in pairs: `warn:crit`, two numbers that a value may not reach, as the contributed plugin has them, or
//! `warn,crit`, two ranges.

use crate::perfdata::{Limit, Number};
use crate::range::{self, Range, Thresholds, decimal};
use crate::state::State;

/// What a value is judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    thresholds: Thresholds,
    /// The numbers, where they are no ranges.
    points: Option<(f64, f64)>,
}

/// Which values are the bad ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// From the number on.
    High,
    /// Up to the number.
    Low,
}

/// Why a text is no pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// In one of its ranges.
    #[error("{0}")]
    Range(#[from] range::Error),
    /// In its form.
    #[error("Thresholds are WARN:CRIT or two ranges, RANGE,RANGE: '{0}'")]
    Form(String),
}

impl Pair {
    /// From the text a user gives.
    pub fn parse(text: &str, bad: Bad) -> Result<Self, Error> {
        if let Some((warning, critical)) = text.split_once(',') {
            let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let (warning, critical) = (given(warning), given(critical));
            let thresholds = Thresholds::parse(warning.as_deref(), critical.as_deref())?;
            return Ok(Self { thresholds, points: None });
        }
        let wrong = || Error::Form(text.to_owned());
        let (warning, critical) = text.split_once(':').ok_or_else(wrong)?;
        let warning = decimal(warning).ok_or_else(wrong)?;
        let critical = decimal(critical).ok_or_else(wrong)?;
        let range = |number: f64| match bad {
            Bad::High => Range::parse(&format!("@{number}:")),
            Bad::Low => Range::parse(&format!("@~:{number}")),
        };
        let thresholds = Thresholds { warning: Some(range(warning)?), critical: Some(range(critical)?) };
        Ok(Self { thresholds, points: Some((warning, critical)) })
    }

    /// What it says of a value.
    pub fn judge(&self, value: f64) -> State {
        self.thresholds.judge(value)
    }

    /// What perfdata show of it: warning, and critical.
    pub fn limits(&self) -> [Option<Limit>; 2] {
        let range = |range: &Option<Range>| range.clone().map(Limit::Range);
        match self.points {
            Some((warning, critical)) => {
                [warning, critical].map(|number| Some(Limit::Number(Number::shortest(number))))
            }
            None => [range(&self.thresholds.warning), range(&self.thresholds.critical)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_reached_and_a_range_is_left() {
        let states = |text: &str, bad, values: [f64; 3]| {
            let pair = Pair::parse(text, bad).unwrap();
            values.map(|value| pair.judge(value).code())
        };
        assert_eq!(states("80:90", Bad::High, [79.9, 80.0, 90.0]), [0, 1, 2]);
        assert_eq!(states("80,90", Bad::High, [80.0, 80.1, 90.1]), [0, 1, 2]);
        assert_eq!(states("300:60", Bad::Low, [301.0, 300.0, 60.0]), [0, 1, 2]);
        assert_eq!(states("300:,60:", Bad::Low, [300.0, 299.0, 59.0]), [0, 1, 2]);
        assert_eq!(states(",5", Bad::High, [5.0, 5.0, 6.0]), [0, 0, 2]);
        let shown = |text: &str| {
            let limits = Pair::parse(text, Bad::High).unwrap().limits();
            limits.map(|limit| limit.map(|limit| limit.to_string()).unwrap_or_default())
        };
        assert_eq!(shown("80:90.5"), ["80", "90.5"]);
        assert_eq!(shown("1:,@5"), ["1:", "@5"]);
        for text in ["", "80", ":", "80:", "a:b", "1:2:3", "x,1", "2:1,"] {
            assert!(Pair::parse(text, Bad::High).is_err(), "{text}");
        }
    }
}
