//! `check_file_age`: how old and how large a file is.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::frame::{Call, Check};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Limit, Number, Perfdata};
use crate::range::{self, Range};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_file_age",
    aliases: &[],
    summary: "Judges how long ago a file was written, and how large it is.",
    usage: "[-w <secs>] [-c <secs>] [-W <size>] [-C <size>] [-i] -f <file>",
    options: &[
        Opt::new("f", "file", Arg::Value("PATH"), "The file, or a directory"),
        Opt::new(
            "w",
            "warning-age",
            Arg::Value("SECONDS"),
            "Warn when it is older, or outside of a range (240)",
        ),
        Opt::new(
            "c",
            "critical-age",
            Arg::Value("SECONDS"),
            "Critical when it is older, or outside of a range (600)",
        ),
        Opt::new("W", "warning-size", Arg::Value("BYTES"), "Warn when it is smaller, or outside of a range"),
        Opt::new(
            "C",
            "critical-size",
            Arg::Value("BYTES"),
            "Critical when it is smaller, or outside of a range",
        ),
        Opt::new("i", "ignore-missing", Arg::No, "A file that is not there is OK"),
        common::VERBOSE,
        common::TIMEOUT,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// The four limits as they were given, and as they are meant.
#[derive(Clone, Debug, PartialEq)]
struct Limits {
    age: [Text; 2],
    size: [Text; 2],
    /// As soon as one of them is a range, all of them are.
    ranges: bool,
}

/// A limit and its text.
#[derive(Clone, Debug, PartialEq)]
struct Text {
    text: String,
    range: Range,
}

/// Seconds and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measured {
    age: i64,
    size: u64,
}

const WARNING: usize = 0;
const CRITICAL: usize = 1;

fn run(call: &mut Call) -> Outcome {
    let (mut file, mut missing_is_fine) = (None, false);
    let (mut age, mut size) = ([Some("240".to_owned()), Some("600".to_owned())], [None, None]);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        match found.key {
            "f" => file = Some(found.text()),
            "w" => age[WARNING] = Some(found.text()),
            "c" => age[CRITICAL] = Some(found.text()),
            "W" => size[WARNING] = Some(found.text()),
            "C" => size[CRITICAL] = Some(found.text()),
            "i" => missing_is_fine = true,
            _ => call.common(&found)?,
        }
    }
    let word = options.words().first().map(|word| word.to_string_lossy().into_owned());
    let Some(file) = file.or(word).filter(|file| !file.is_empty()) else {
        return Err(Stop::unknown("FILE_AGE UNKNOWN: No file specified"));
    };
    let limits = Limits::new(age, size)?;
    let _deadline = call.deadline();
    let metadata = match fs::metadata(&file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(not_there(&file, missing_is_fine)),
        Err(error) => {
            return Err(Stop::unknown(format!("FILE_AGE UNKNOWN: {file}: {}", crate::words(&error))));
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let measured = Measured { age: now - metadata.mtime(), size: metadata.size() };
    Ok(print(&limits, judge(&limits, measured), &file, measured))
}

fn not_there(file: &str, fine: bool) -> Output {
    if fine {
        Output::new(State::Ok, format!("FILE_AGE OK: {file} doesn't exist, but ignore-missing was set"))
    } else {
        Output::new(State::Critical, format!("FILE_AGE CRITICAL: File not found - {file}"))
    }
}

impl Limits {
    fn new(age: [Option<String>; 2], size: [Option<String>; 2]) -> Result<Self, range::Error> {
        let all = age.iter().chain(&size).flatten();
        let ranges =
            all.into_iter().any(|text| text.bytes().any(|byte| !byte.is_ascii_digit()) || text.is_empty());
        let none = if ranges { "0:" } else { "0" };
        let limit = |text: Option<String>| {
            let text = text.unwrap_or_else(|| none.to_owned());
            Range::parse(&text).map(|range| Text { text, range })
        };
        let [age, size] = [age, size].map(|texts| texts.map(limit));
        let [age, size] = [age, size].map(|[warning, critical]| Ok([warning?, critical?]));
        Ok(Self { age: age?, size: size?, ranges })
    }

    /// Without ranges an age is a most, and a size a least.
    fn reached(&self, which: usize, Measured { age, size }: Measured) -> bool {
        let (old, small) = (&self.age[which].range, &self.size[which].range);
        let (age, size) = (age as f64, size as f64);
        if self.ranges {
            old.alerts(age) || small.alerts(size)
        } else {
            age > old.end() || size < small.end()
        }
    }
}

fn judge(limits: &Limits, measured: Measured) -> State {
    if limits.reached(CRITICAL, measured) {
        State::Critical
    } else if limits.reached(WARNING, measured) {
        State::Warning
    } else {
        State::Ok
    }
}

fn print(limits: &Limits, state: State, file: &str, Measured { age, size }: Measured) -> Output {
    let limit = |text: &Text| Limit::Range(text.range.clone());
    let [old, oldest] = &limits.age;
    let [small, smallest] = &limits.size;
    let age_of = Perfdata::new("age", Number::Integer(age))
        .unit("s")
        .form(Form::Trimmed)
        .warn(limit(old))
        .crit(limit(oldest));
    let size_of = Perfdata::new("size", Number::Integer(size as i64))
        .unit("B")
        .form(Form::Trimmed)
        .warn(limit(small))
        .crit(limit(smallest));
    Output::new(state, format!("FILE_AGE {state}: {file} is {age} seconds old and {size} bytes "))
        .perf(age_of)
        .perf(size_of.min(Number::Integer(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(age: [&str; 2], size: [Option<&str>; 2]) -> Limits {
        Limits::new(age.map(|text| Some(text.to_owned())), size.map(|text| text.map(str::to_owned)))
            .expect("limits")
    }

    fn state(limits: &Limits, age: i64, size: u64) -> State {
        judge(limits, Measured { age, size })
    }

    #[test]
    fn a_file_is_too_old_or_too_small() {
        let plain = limits(["240", "600"], [Some("10"), Some("5")]);
        assert_eq!(state(&plain, 240, 10), State::Ok);
        assert_eq!(state(&plain, 241, 10), State::Warning);
        assert_eq!(state(&plain, 240, 9), State::Warning);
        assert_eq!(state(&plain, 601, 10), State::Critical);
        assert_eq!(state(&plain, 0, 4), State::Critical);
        assert_eq!(state(&plain, -5, 10), State::Ok, "written in the future");
        assert_eq!(state(&limits(["240", "600"], [None, None]), 0, 0), State::Ok);
    }

    #[test]
    fn one_range_makes_all_of_them_ranges() {
        let ranges = limits(["10:", "600"], [None, Some("100")]);
        assert_eq!(state(&ranges, 9, 50), State::Warning);
        assert_eq!(state(&ranges, 10, 50), State::Ok);
        assert_eq!(state(&ranges, 10, 101), State::Critical);
        assert!(Limits::new([Some("x".to_owned()), None], [None, None]).is_err());
        assert!(Limits::new([Some(String::new()), None], [None, None]).is_err());
    }

    #[test]
    fn the_line_is_that_of_2x() {
        let plain = limits(["240", "600"], [None, None]);
        assert_eq!(
            print(&plain, State::Critical, "/etc/passwd", Measured { age: 13625, size: 1582 }).render(),
            "FILE_AGE CRITICAL: /etc/passwd is 13625 seconds old and 1582 bytes \
             |age=13625s;240;600 size=1582B;0;0;0\n"
        );
    }
}
