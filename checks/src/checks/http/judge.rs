//! The judging: what an answer says, against what was to be found in it.

use super::config::{Config, Onto};
use super::probe::Measured;
use crate::http::{Exchange, Response, date};
use crate::state::State;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A page, its state, and what there is to say of it.
    Page(State, String),
    /// What is no page: nothing more is looked at.
    NoPage(String),
}

/// The state of the page and of its time, and the text without numbers.
pub fn judge(config: &Config, measured: &Measured, exchange: &Exchange) -> Verdict {
    let response = &exchange.response;
    let line = response.status_line();
    if config.curl && !line.starts_with("HTTP/") {
        let what = "cURL returned 1 - Received HTTP/0.9 when not allowed";
        let port = measured.place.port;
        return Verdict::NoPage(format!(
            " - Invalid HTTP response received from host on port {port}: {what}"
        ));
    }
    if !config.expected(&line) {
        let port = match measured.place.port {
            80 => String::new(),
            port => format!(" on port {port}"),
        };
        return Verdict::NoPage(format!(" - Invalid HTTP response received from host{port}: {line}"));
    }
    let (mut state, text) = match &config.expect {
        Some(expect) => {
            let matched = format!("Status line output matched \"{expect}\"");
            (State::Ok, if config.curl { format!("{line} - {matched}") } else { matched })
        }
        None => match response.status() {
            Some(status) => (of_status(config, status), line),
            None => return Verdict::NoPage(no_status(&line)),
        },
    };
    let mut faults = Vec::new();
    let mut fault = |state: &mut State, worse: State, text: String| {
        *state = state.worst(worse);
        faults.push(text);
    };
    if let Some((worse, text)) = config.max_age.and_then(|age| age_fault(response, age)) {
        fault(&mut state, worse, text);
    }
    let place = measured.place.shown();
    if !found(response.headers().as_bytes(), &config.header_string) {
        let text = format!("header '{}' not found on '{place}'", cut(&config.header_string));
        fault(&mut state, State::Critical, text);
    }
    if !found(&response.body, &config.string) {
        let text = format!("string '{}' not found on '{place}'", cut(&config.string));
        fault(&mut state, State::Critical, text);
    }
    match config.regex.as_ref().map(|regex| regex.is_match(&response.body)) {
        Some(false) if !config.invert_regex => {
            fault(&mut state, State::Critical, "pattern not found".to_owned())
        }
        Some(true) if config.invert_regex => fault(&mut state, State::Critical, "pattern found".to_owned()),
        _ => {}
    }
    let size = response.received;
    if config.size.1.is_some_and(|most| size > most) {
        fault(&mut state, State::Warning, format!("page size {size} too large"));
    } else if config.size.0.is_some_and(|least| size < least) {
        fault(&mut state, State::Warning, format!("page size {size} too small"));
    }
    let state = state.worst(config.thresholds.judge(measured.seconds)).worst(measured.certificate_state());
    let text = if faults.is_empty() { text } else { format!("{text} - {}", faults.join(", ")) };
    Verdict::Page(state, text)
}

fn of_status(config: &Config, status: u16) -> State {
    match (status, config.onto) {
        (500.., _) => State::Critical,
        (400..500, _) => State::Warning,
        (300..400, Onto::State(state)) => state,
        _ => State::Ok,
    }
}

/// A number that is none of HTTP's, or no number.
fn no_status(line: &str) -> String {
    let digits = line.split_once(' ').map_or("", |(_, rest)| rest);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let what = if end == 3 { "Invalid Status" } else { "Invalid Status Line" };
    format!(": {what} ({line})")
}

/// What `-M` has to say of the dates.
fn age_fault(response: &Response, most: u64) -> Option<(State, String)> {
    let header = |name| response.header(name).filter(|value| !value.is_empty());
    let Some(served) = header("date") else {
        return Some((State::Unknown, "Server date unknown".to_owned()));
    };
    let Some(modified) = header("last-modified") else {
        return Some((State::Critical, "Document modification date unknown".to_owned()));
    };
    let critical = |text| Some((State::Critical, text));
    match (date::parse(&served), date::parse(&modified)) {
        (None, _) => critical(format!("Server date \"{served:>100}\" unparsable")),
        (_, None) => critical(format!("Document date \"{modified:>100}\" unparsable")),
        (Some(served), Some(modified)) => {
            let age = served - modified;
            if age < -30 {
                critical(format!("Document is {} seconds in the future", -age))
            } else if age <= i64::try_from(most).unwrap_or(i64::MAX) {
                None
            } else if age > 2 * DAY {
                critical(format!("Last modified {:.1} days ago", age as f64 / DAY as f64))
            } else {
                let (hours, minutes, seconds) = (age / 3600, age / 60 % 60, age % 60);
                critical(format!("Last modified {hours}:{minutes:02}:{seconds:02} ago"))
            }
        }
    }
}

const DAY: i64 = 24 * 3600;

fn found(text: &[u8], string: &[u8]) -> bool {
    string.is_empty() || memchr::memmem::find(text, string).is_some()
}

/// As much as 2.x shows of it.
fn cut(text: &[u8]) -> String {
    let (shown, more) = if text.len() < 30 { (text, "") } else { (&text[..26], "...") };
    format!("{}{more}", String::from_utf8_lossy(shown))
}
