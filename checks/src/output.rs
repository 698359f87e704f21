//! What a check says: one line, its perfdata, and perhaps more lines. Nothing here prints.

use crate::deadline::Expired;
use crate::perfdata::Perfdata;
use crate::range;
use crate::state::State;

/// How a check ends before it has something to say, or what it has to say.
pub type Outcome = Result<Output, Stop>;

/// How much of a text is kept: what NRPE carries, less room for the perfdata.
const LONGEST: usize = 60 * 1024;

/// The state and the text of a check that ran.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    state: State,
    text: String,
    perfdata: Vec<Perfdata>,
    more: Vec<String>,
    raw: bool,
}

/// Why a check stops before its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// `-h`: the help, and UNKNOWN.
    Help,
    /// `-V`: name and version, and UNKNOWN.
    Version,
    /// The command line is wrong: this, the usage, and UNKNOWN.
    Usage(String),
    /// The time given with `-t` is over: the line and the state that belong to that.
    Timeout,
    /// It cannot go on, and this is all there is to say.
    Done(Box<Output>),
}

impl Output {
    /// A state and its line. What the network or a file says may be put into it: it cannot become perfdata.
    pub fn new(state: State, text: impl Into<String>) -> Self {
        Self { state, text: text.into(), perfdata: Vec::new(), more: Vec::new(), raw: false }
    }

    /// A text of the user's own, whose `|` does begin perfdata.
    pub fn raw(state: State, text: impl Into<String>) -> Self {
        Self { raw: true, ..Self::new(state, text) }
    }

    /// One more value after the line.
    #[must_use]
    pub fn perf(mut self, perfdata: Perfdata) -> Self {
        self.perfdata.push(perfdata);
        self
    }

    /// More values after the line.
    #[must_use]
    pub fn perfs(mut self, perfdata: impl IntoIterator<Item = Perfdata>) -> Self {
        self.perfdata.extend(perfdata);
        self
    }

    /// One more line of long output, after the perfdata.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.more.push(line.into());
        self
    }

    /// The same in this state, if it is worse.
    #[must_use]
    pub fn at_least(mut self, state: State) -> Self {
        self.state = self.state.worst(state);
        self
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// All that is printed, ending with a line's end.
    pub fn render(&self) -> String {
        let mut out = if self.raw { self.text.clone() } else { harmless(&self.text) };
        let perfdata: Vec<String> =
            self.perfdata.iter().filter(|datum| datum.is_readable()).map(ToString::to_string).collect();
        if !perfdata.is_empty() {
            out.push('|');
            out.push_str(&perfdata.join(" "));
        }
        out.push('\n');
        let mut room = LONGEST;
        for line in &self.more {
            let line = if self.raw { line.clone() } else { harmless(line) };
            room = room.saturating_sub(line.len() + 1);
            if room == 0 {
                out.push_str("[cut here]\n");
                break;
            }
            out.push_str(&line);
            out.push('\n');
        }
        out
    }
}

impl Stop {
    /// UNKNOWN with a text that says why.
    pub fn unknown(text: impl Into<String>) -> Self {
        Self::with(State::Unknown, text)
    }

    /// A state with a text that says why.
    pub fn with(state: State, text: impl Into<String>) -> Self {
        Self::Done(Box::new(Output::new(state, text)))
    }

    /// The command line is wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }
}

impl From<Output> for Stop {
    fn from(output: Output) -> Self {
        Self::Done(Box::new(output))
    }
}

impl From<Expired> for Stop {
    fn from(_: Expired) -> Self {
        Self::Timeout
    }
}

impl From<range::Error> for Stop {
    fn from(error: range::Error) -> Self {
        Self::unknown(error.to_string())
    }
}

/// Without what begins perfdata or steers a terminal, and not endless. Ends of lines stay, as 2.x keeps them.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if out.len() >= LONGEST {
            out.push_str("[cut here]");
            break;
        }
        match c {
            '|' => out.push('¦'),
            '\n' | '\r' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perfdata::Number;

    #[test]
    fn perfdata_follow_the_line_and_long_output_follows_them() {
        let output = Output::new(State::Ok, "FINE - all")
            .perf(Perfdata::new("a", Number::Integer(1)))
            .perf(Perfdata::new("b", Number::Integer(2)).unit("B"))
            .line("more");
        assert_eq!(output.render(), "FINE - all|a=1;;; b=2B;;;\nmore\n");
        assert_eq!(Output::new(State::Ok, "FINE").render(), "FINE\n");
    }

    #[test]
    fn what_others_say_is_never_perfdata() {
        let output = Output::new(State::Ok, "said: a|b=1\x1b[2J\0").line("c|d=2");
        assert_eq!(output.render(), "said: a¦b=1\u{fffd}[2J\u{fffd}\nc¦d=2\n");
        assert_eq!(Output::raw(State::Ok, "a|b=1").render(), "a|b=1\n");
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        let output = Output::new(State::Ok, "x").perf(Perfdata::seconds("time", f64::NAN));
        assert_eq!(output.render(), "x\n");
    }

    #[test]
    fn an_endless_text_is_cut_and_the_perfdata_stay() {
        let output = Output::new(State::Ok, "ä".repeat(LONGEST)).perf(Perfdata::new("a", Number::Integer(1)));
        let text = output.render();
        assert!(text.ends_with("[cut here]|a=1;;;\n"));
        assert!(text.len() < LONGEST + 64);
        let lines = Output::new(State::Ok, "x").line("y".repeat(LONGEST - 2)).line("z");
        assert!(lines.render().ends_with("y\n[cut here]\n"));
    }
}
