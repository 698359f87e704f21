//! Thresholds as the contributed plugin has them: ranges, and comparisons.

use crate::output::Stop;
use crate::range::{self, Range, decimal};
use crate::state::State;

/// When to alert.
#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Never,
    Outside(Range),
    Above(f64),
    Below(f64),
    Is(String),
    IsNot(String),
}

/// For warning and for critical.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    warning: Rule,
    critical: Rule,
}

impl Rules {
    /// `WARN,CRIT`
    pub(super) fn pair(text: &str) -> Result<Self, Stop> {
        let (warning, critical) = text.split_once(',').unwrap_or((text, ""));
        Self::of(warning, critical)
    }

    /// From both; what is empty never alerts.
    pub(super) fn of(warning: &str, critical: &str) -> Result<Self, Stop> {
        Ok(Self { warning: Rule::parse(warning)?, critical: Rule::parse(critical)? })
    }

    /// What they say of a number.
    pub(super) fn judge(&self, value: f64) -> State {
        self.first(|rule| rule.alerts(value))
    }

    /// What they say of what is no number.
    pub(super) fn judge_text(&self, text: &str) -> State {
        self.first(|rule| match rule {
            Rule::Is(wanted) => wanted == text,
            Rule::IsNot(wanted) => wanted != text,
            _ => false,
        })
    }

    fn first(&self, alerts: impl Fn(&Rule) -> bool) -> State {
        match (alerts(&self.critical), alerts(&self.warning)) {
            (true, _) => State::Critical,
            (false, true) => State::Warning,
            (false, false) => State::Ok,
        }
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, range::Error> {
        let text = text.trim();
        // It only turned off a comparison of the two.
        let text = text.strip_prefix('^').unwrap_or(text);
        let number = |bound: &str| {
            let wrong = || range::Error::NotANumber { bound: bound.to_owned(), text: text.to_owned() };
            decimal(bound).ok_or_else(wrong)
        };
        Ok(match text.as_bytes().first() {
            None => Self::Never,
            Some(b'~') if text.len() == 1 => Self::Never,
            Some(b'>') => Self::Above(number(&text[1..])?),
            Some(b'<') => Self::Below(number(&text[1..])?),
            Some(b'=') => Self::Is(text[1..].to_owned()),
            Some(b'!') => Self::IsNot(text[1..].to_owned()),
            _ => Self::Outside(Range::parse(text)?),
        })
    }

    fn alerts(&self, value: f64) -> bool {
        match self {
            Self::Never => false,
            Self::Outside(range) => range.alerts(value),
            Self::Above(bound) => value > *bound,
            Self::Below(bound) => value < *bound,
            Self::Is(text) => decimal(text) == Some(value),
            Self::IsNot(text) => decimal(text) != Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_range_or_a_comparison() {
        use State::{Critical, Ok, Warning};
        for (pair, value, state) in [
            ("5,10", 5.0, Ok),
            ("5,10", 6.0, Warning),
            ("5,10", 11.0, Critical),
            ("<90,<80", 95.0, Ok),
            ("<90,<80", 85.0, Warning),
            (">1,@3:4", 3.5, Critical),
            ("~,=7", 7.0, Critical),
            ("!7", 7.0, Ok),
            ("!7", 8.0, Warning),
            ("^5", 6.0, Warning),
            ("", 6.0, Ok),
        ] {
            assert_eq!(Rules::pair(pair).unwrap().judge(value), state, "{pair} {value}");
        }
        assert_eq!(Rules::pair("!master,=slave").unwrap().judge_text("slave"), Critical);
        assert_eq!(Rules::pair("!master,=x").unwrap().judge_text("slave"), Warning);
        assert_eq!(Rules::pair("5").unwrap().judge_text("slave"), Ok);
        for text in [">x", "abc", "5:1"] {
            assert!(Rules::pair(text).is_err(), "{text}");
        }
    }
}
