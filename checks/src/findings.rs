//! Values that are judged each by itself and make one line together: the worst of them is the state, and stands first.

use std::borrow::Cow;

use crate::options::Found;
use crate::output::{Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::{Range, Thresholds};
use crate::state::State;

/// The ranges of values that have names, by the options `--warning-NAME` and `--critical-NAME`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits(Vec<(&'static str, Thresholds)>);

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    texts: Vec<(State, String)>,
    data: Vec<Perfdata>,
}

impl Limits {
    /// Takes an option if it is one of a range; false if it is another.
    pub fn take(&mut self, found: &Found) -> Result<bool, Stop> {
        let Some((which, name)) = found.key.split_once('-') else { return Ok(false) };
        if which != "warning" && which != "critical" {
            return Ok(false);
        }
        let range = Some(Range::parse(&found.text())?);
        let thresholds = self.entry(name);
        if which == "warning" {
            thresholds.warning = range;
        } else {
            thresholds.critical = range;
        }
        Ok(true)
    }

    /// Warns outside of this range unless something was asked for.
    pub fn warn_by_default(&mut self, name: &'static str, range: &str) -> Result<(), Stop> {
        self.by_default(name, Some(range), None)
    }

    /// The ranges of a value for which nothing was asked.
    pub fn by_default(
        &mut self,
        name: &'static str,
        warning: Option<&str>,
        critical: Option<&str>,
    ) -> Result<(), Stop> {
        let thresholds = self.entry(name);
        if *thresholds == Thresholds::default() {
            *thresholds = Thresholds::parse(warning, critical)?;
        }
        Ok(())
    }

    /// Those of a value; none if nothing was asked for.
    pub fn of(&self, name: &str) -> Thresholds {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, found)| found.clone()).unwrap_or_default()
    }

    fn entry(&mut self, name: &'static str) -> &mut Thresholds {
        let at = self.0.iter().position(|(found, _)| *found == name).unwrap_or_else(|| {
            self.0.push((name, Thresholds::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

impl Findings {
    /// Something that is no number.
    pub fn note(&mut self, state: State, text: impl Into<String>) {
        self.texts.push((state, text.into()));
    }

    /// A value, judged, with its perfdata.
    pub fn value(
        &mut self,
        (label, unit): (&'static str, &'static str),
        value: f64,
        thresholds: &Thresholds,
        text: impl Into<String>,
    ) {
        self.note(thresholds.judge(value), text);
        self.datum((label, unit), value, thresholds);
    }

    /// Its perfdata alone.
    pub fn datum(&mut self, (label, unit): (&'static str, &'static str), value: f64, limits: &Thresholds) {
        let datum = plain(label, unit, value).warn(limits.warning.as_ref()).crit(limits.critical.as_ref());
        self.data.push(datum);
    }

    /// Perfdata of any form.
    pub fn perf(&mut self, datum: Perfdata) {
        self.data.push(datum);
    }

    /// A value that was judged by what is no range; without a text it has one only if it is not fine.
    pub fn judged(
        &mut self,
        (label, unit): (impl Into<Cow<'static, str>>, &'static str),
        value: f64,
        state: State,
        text: Option<String>,
    ) {
        let label = label.into();
        let text = text.or_else(|| (state != State::Ok).then(|| format!("{label} {value}{unit}")));
        self.texts.extend(text.map(|text| (state, text)));
        self.data.push(plain(label, unit, value));
    }

    /// The worst state.
    pub fn state(&self) -> State {
        self.texts.iter().fold(State::Ok, |worst, (state, _)| worst.worst(*state))
    }

    /// All of it: what is worst comes first, and says so.
    pub fn output(mut self, title: &str) -> Output {
        let state = self.state();
        let rank = |state: State| State::ALL.iter().filter(|other| state.worst(**other) == state).count();
        self.texts.sort_by_key(|(state, _)| std::cmp::Reverse(rank(*state)));
        let several = self.texts.len() > 1;
        let texts: Vec<String> = self
            .texts
            .into_iter()
            .map(|(state, text)| match state {
                State::Ok => text,
                state if several => format!("{text} ({state})"),
                _ => text,
            })
            .collect();
        Output::new(state, format!("{title} {state} - {}", texts.join(", "))).perfs(self.data)
    }
}

fn plain(label: impl Into<Cow<'static, str>>, unit: &'static str, value: f64) -> Perfdata {
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    let number = if whole { Number::Integer(value as i64) } else { Number::shortest(value) };
    Perfdata::new(label, number).unit(unit).form(Form::Padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(warning: &str, critical: &str) -> Thresholds {
        Thresholds::parse(Some(warning), Some(critical)).unwrap()
    }

    #[test]
    fn what_is_worst_stands_first() {
        let mut findings = Findings::default();
        findings.value(("a", "c"), 1.0, &Thresholds::default(), "one a");
        findings.value(("b", "%"), 12.5, &thresholds("10", "20"), "b at 12.5");
        findings.note(State::Unknown, "no c");
        findings.value(("d", ""), 30.0, &thresholds("10", "20"), "d at 30");
        findings.datum(("e", "B"), 0.1, &Thresholds::default());
        let output = findings.output("X");
        assert_eq!(output.state(), State::Critical);
        assert_eq!(
            output.render(),
            "X CRITICAL - d at 30 (CRITICAL), b at 12.5 (WARNING), no c (UNKNOWN), one a\
             |a=1c;;;; b=12.5%;10;20;; d=30;10;20;; e=0.1B;;;;\n"
        );
    }

    #[test]
    fn one_text_needs_no_state_of_its_own() {
        let mut findings = Findings::default();
        findings.note(State::Warning, "old");
        assert_eq!(findings.output("X").render(), "X WARNING - old\n");
    }

    #[test]
    fn a_default_is_for_who_asks_for_nothing() {
        let mut limits = Limits::default();
        limits.warn_by_default("a", "0").unwrap();
        limits.warn_by_default("a", "5").unwrap();
        assert_eq!(limits.of("a"), Thresholds::parse(Some("0"), None).unwrap());
        assert_eq!(limits.of("b"), Thresholds::default());
    }
}
