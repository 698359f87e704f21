//! Perfdata: `'label'=value[unit];[warn];[crit];[min];[max]`, in the very form that 2.x prints and Icinga reads.

use std::borrow::Cow;
use std::fmt;

use crate::range::Range;

/// A number and how it is printed: always with a decimal point, never in another base or with an exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// With so many decimals.
    Fixed(f64, u8),
}

impl Number {
    /// As C's `%f` prints it, six decimals: most of 2.x.
    pub const fn float(value: f64) -> Self {
        Self::Fixed(value, 6)
    }

    /// With as many decimals as it takes, and no more than make sense.
    pub fn shortest(value: f64) -> Self {
        let text = value.to_string();
        let decimals = text.split_once('.').map_or(0, |(_, digits)| digits.len().min(9));
        Self::Fixed(value, u8::try_from(decimals).unwrap_or(9))
    }

    /// False for what is not a number or endless, which no reader of perfdata takes.
    pub fn is_finite(self) -> bool {
        match self {
            Self::Integer(_) => true,
            Self::Fixed(value, _) => value.is_finite(),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Fixed(value, decimals) => write!(f, "{value:.*}", usize::from(decimals)),
        }
    }
}

/// What stands for warn or crit.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// A number.
    Number(Number),
    /// A range as the user gave it; a plain number if it is one from zero, since readers drop other ranges.
    Range(Range),
}

impl Limit {
    /// Of a range whose end 2.x prints with decimals, as of seconds.
    pub fn decimal(range: &Range) -> Self {
        Self::end(range, Number::float(range.end()))
    }

    /// Of a range whose end 2.x prints as a whole number.
    pub fn whole(range: &Range) -> Self {
        Self::end(range, Number::Integer(range.end() as i64))
    }

    /// The end, unless it is not the only limit that a value which is never negative can go beyond.
    fn end(range: &Range, end: Number) -> Self {
        let plain = !range.is_inside() && range.start() <= 0.0 && range.end().is_finite();
        if plain { Self::Number(end) } else { Self::Range(range.clone()) }
    }
}

/// How much of the empty tail is printed; 2.x has one habit per function, and graphs keep what they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `v;;;` then `min` then `;max`: 2.x's numbers with a fraction.
    #[default]
    Short,
    /// `v;;;;`: 2.x's whole numbers.
    Padded,
    /// Nothing after what is last: checks that 2.x does not have.
    Trimmed,
}

/// One measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Perfdata {
    label: Cow<'static, str>,
    value: Number,
    unit: &'static str,
    warn: Option<Limit>,
    crit: Option<Limit>,
    min: Option<Number>,
    max: Option<Number>,
    form: Form,
}

impl Perfdata {
    /// A value without unit and limits. A label may not have what Icinga cannot read back: that becomes `_`.
    pub fn new(label: impl Into<Cow<'static, str>>, value: Number) -> Self {
        let mut label = label.into();
        if label.contains(unreadable) {
            label = label.replace(unreadable, "_").into();
        }
        Self { label, value, unit: "", warn: None, crit: None, min: None, max: None, form: Form::Short }
    }

    /// Seconds, as most network checks give them.
    pub fn seconds(label: impl Into<Cow<'static, str>>, seconds: f64) -> Self {
        Self::new(label, Number::float(seconds)).unit("s")
    }

    /// Its unit: `s`, `ms`, `%`, `B`, `c` and so on.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// The limit of warning.
    #[must_use]
    pub fn warn(mut self, limit: impl IntoLimit) -> Self {
        self.warn = limit.into_limit();
        self
    }

    /// The limit of critical.
    #[must_use]
    pub fn crit(mut self, limit: impl IntoLimit) -> Self {
        self.crit = limit.into_limit();
        self
    }

    /// The least it can be.
    #[must_use]
    pub const fn min(mut self, min: Number) -> Self {
        self.min = Some(min);
        self
    }

    /// The most it can be.
    #[must_use]
    pub const fn max(mut self, max: Number) -> Self {
        self.max = Some(max);
        self
    }

    /// How much of the empty tail is printed.
    #[must_use]
    pub const fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Whether a reader would take it: false for what is not a number.
    pub fn is_readable(&self) -> bool {
        self.value.is_finite()
    }
}

/// What can be given as a limit: a number, a range, or perhaps one.
pub trait IntoLimit {
    /// The limit, if there is one.
    fn into_limit(self) -> Option<Limit>;
}

impl IntoLimit for Number {
    fn into_limit(self) -> Option<Limit> {
        self.is_finite().then_some(Limit::Number(self))
    }
}

impl IntoLimit for &Range {
    fn into_limit(self) -> Option<Limit> {
        Some(Limit::Range(self.clone()))
    }
}

impl IntoLimit for Limit {
    fn into_limit(self) -> Option<Limit> {
        Some(self)
    }
}

impl<T: IntoLimit> IntoLimit for Option<T> {
    fn into_limit(self) -> Option<Limit> {
        self.and_then(IntoLimit::into_limit)
    }
}

impl fmt::Display for Perfdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.label.contains(' ') { "'" } else { "" };
        write!(f, "{quote}{}{quote}={}{}", self.label, self.value, self.unit)?;
        let mut tail = String::new();
        for limit in [&self.warn, &self.crit] {
            tail.push(';');
            if let Some(limit) = limit {
                tail.push_str(&limit.to_string());
            }
        }
        tail.push(';');
        if let Some(min) = self.min.filter(|min| min.is_finite()) {
            tail.push_str(&min.to_string());
        }
        if self.max.is_some() || self.form == Form::Padded {
            tail.push(';');
        }
        if let Some(max) = self.max.filter(|max| max.is_finite()) {
            tail.push_str(&max.to_string());
        }
        f.write_str(if self.form == Form::Trimmed { tail.trim_end_matches(';') } else { &tail })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Range(range) => match range.limit() {
                Some(limit) => f.write_str(limit),
                None => range.fmt(f),
            },
        }
    }
}

/// A unit that readers of perfdata know.
pub fn unit(text: &str) -> Option<&'static str> {
    UNITS.iter().copied().find(|unit| *unit == text)
}

const UNITS: [&str; 15] =
    ["", "s", "ms", "us", "%", "B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "c"];

/// Icinga splits at every `=` and ends a label at the next quote; a `|` or a line's end would end the perfdata.
fn unreadable(c: char) -> bool {
    matches!(c, '\'' | '=' | '|' | '"' | '\\') || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_those_of_2x() {
        let time = Perfdata::seconds("time", 0.000701).min(Number::float(0.0)).max(Number::float(2.0));
        assert_eq!(time.to_string(), "time=0.000701s;;;0.000000;2.000000");
        let rta = Perfdata::new("rta", Number::float(0.09)).unit("ms");
        let rta = rta.warn(Number::float(1.0)).crit(Number::float(3.0)).min(Number::float(0.0));
        assert_eq!(rta.to_string(), "rta=0.090000ms;1.000000;3.000000;0.000000");
        let loss = Perfdata::new("pl", Number::Integer(0)).unit("%").form(Form::Padded);
        let loss = loss.warn(Number::Integer(2)).crit(Number::Integer(4)).min(Number::Integer(0));
        assert_eq!(loss.to_string(), "pl=0%;2;4;0;");
        let most = Perfdata::new("rtmax", Number::Fixed(0.042, 3)).unit("ms");
        assert_eq!(most.clone().form(Form::Padded).to_string(), "rtmax=0.042ms;;;;");
        assert_eq!(most.clone().form(Form::Trimmed).to_string(), "rtmax=0.042ms");
        assert_eq!(most.form(Form::Trimmed).max(Number::Integer(1)).to_string(), "rtmax=0.042ms;;;;1");
    }

    #[test]
    fn a_range_from_zero_is_printed_as_the_number_it_ends_at() {
        let print = |text| {
            let range = Range::parse(text).unwrap();
            Perfdata::new("x", Number::Integer(1)).warn(&range).to_string()
        };
        assert_eq!(print("10"), "x=1;10;;");
        assert_eq!(print("0:10.5"), "x=1;10.5;;");
        assert_eq!(print("10:"), "x=1;10:;;");
        assert_eq!(print("@1:2"), "x=1;@1:2;;");
    }

    #[test]
    fn labels_are_quoted_at_a_space_and_lose_what_cannot_be_read_back() {
        let print = |label: &'static str| Perfdata::new(label, Number::Integer(1)).to_string();
        assert_eq!(print("/"), "/=1;;;");
        assert_eq!(print("/ (inodes)"), "'/ (inodes)'=1;;;");
        assert_eq!(print("it's a=b|c\n"), "'it_s a_b_c_'=1;;;");
    }

    #[test]
    fn what_is_not_a_number_is_not_readable_and_no_limit() {
        assert!(!Perfdata::seconds("time", f64::NAN).is_readable());
        assert!(!Perfdata::seconds("time", f64::INFINITY).is_readable());
        let limited =
            Perfdata::seconds("time", 1.0).warn(Number::float(f64::INFINITY)).max(Number::float(f64::NAN));
        assert_eq!(limited.to_string(), "time=1.000000s;;;;");
    }
}
