//! `check_log`: lines of a log that have come since the last call and match.

pub mod mark;
mod pieces;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use self::mark::{Mark, Old};
use self::pieces::Piece;
use crate::deadline::{Deadline, Expired};
use crate::frame::{Call, Check, done};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::regex::{Flags, Regex};
use crate::state::State;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_log",
    aliases: &[],
    summary: "Looks for lines of a log that have come since its last call and match.",
    usage: "-F logfile -O oldlog -q query [--exclude query] [-e or -p] [-a] [-x state]",
    options: &[
        Opt::new("F", "filename", Arg::Value("PATH"), "The log"),
        Opt::new(
            "O",
            "oldlog",
            Arg::Value("PATH"),
            "Where to keep how far it was read; each service needs one of its own. With /dev/null all of the log is read",
        ),
        Opt::new("q", "query", Arg::Value("REGEX"), "What to look for"),
        Opt::new("exclude", "exclude", Arg::Value("REGEX"), "What may match and is not looked for"),
        Opt::new(
            "e",
            "extended-regex",
            Arg::No,
            "The expressions are extended ones of POSIX, not basic ones",
        ),
        Opt::new("p", "perl-regex", Arg::No, "The expressions are Perl's, without those that look around"),
        Opt::new("a", "all", Arg::No, "Tell all lines that match, not the last one alone"),
        Opt::new("x", "exitstatus", Arg::Value("STATE"), "The state when lines match (CRITICAL)"),
        common::VERBOSE,
        common::TIMEOUT,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Plugin timed out",
    run,
};

/// The longest line that is one; what is longer is several.
const LONGEST: u64 = 64 * 1024;
/// How much of all lines is told.
const ROOM: usize = 32 * 1024;

struct Config {
    log: PathBuf,
    old: PathBuf,
    query: Pattern,
    exclude: Option<Pattern>,
    all: bool,
    state: State,
}

enum Pattern {
    Posix(Regex),
    Perl(regex_lite::Regex),
}

/// What matched.
#[derive(Debug, Default, PartialEq, Eq)]
struct Matches {
    count: u64,
    lines: Vec<String>,
    room: usize,
}

fn run(call: &mut Call) -> Outcome {
    let config = configure(call)?;
    let deadline = call.deadline();
    let file = open(&config.log)?;
    let old = mark::read(&config.old).map_err(|error| fault(&config.old, &error))?;
    let failed = |error: Failed| match error {
        Failed::Expired => Stop::Timeout,
        Failed::System(error) => fault(&config.log, &error),
    };
    let mut matches = Matches { room: ROOM, ..Matches::default() };
    let (pieces, lost) = match &old {
        Old::First => (
            vec![Piece {
                file: file.try_clone().map_err(|error| fault(&config.log, &error))?,
                from: u64::MAX,
                whole: false,
            }],
            false,
        ),
        Old::Keeps(mark) => {
            pieces::since(&config.log, file, mark, &config.old).map_err(|error| fault(&config.log, &error))?
        }
        Old::Nowhere | Old::Damaged => (vec![Piece { file, from: 0, whole: old == Old::Nowhere }], false),
    };
    let mut end = 0;
    for piece in &pieces {
        end = scan(piece, &config, deadline, &mut matches).map_err(failed)?;
    }
    if let Some(last) = pieces.last().filter(|_| old != Old::Nowhere) {
        let mark = Mark::of(&last.file, end).map_err(|error| fault(&config.log, &error))?;
        mark::write(&config.old, &mark).map_err(|error| fault(&config.old, &error))?;
    }
    if old == Old::First {
        return done(State::Ok, "Log check data initialized...");
    }
    let output = print(&config, &matches);
    let lost = lost.then(|| {
        format!("what was written to {} before it was rotated is not there any more", config.log.display())
    });
    let damaged = (old == Old::Damaged)
        .then(|| format!("{} was damaged: all of the log was read", config.old.display()));
    Ok(lost.into_iter().chain(damaged).fold(output, Output::line))
}

fn configure(call: &mut Call) -> Result<Config, Stop> {
    let (mut log, mut old, mut query, mut exclude) = (None, None, String::new(), None);
    let (mut extended, mut perl, mut all, mut state) = (false, false, false, State::Critical);
    let mut options = call.options();
    while let Some(found) = options.next()? {
        let text = found.text();
        match found.key {
            "F" => log = Some(text),
            "O" => old = Some(text),
            "q" => query = text,
            "exclude" => exclude = Some(text).filter(|text| !text.is_empty()),
            "e" => extended = true,
            "p" => perl = true,
            "a" => all = true,
            "x" => {
                let wrong = || call.usage(&format!("No state: {text}"));
                state = State::parse(&text).ok_or_else(wrong)?;
            }
            _ => call.common(&found)?,
        }
    }
    if let Some(word) = options.words().first() {
        return Err(Stop::usage(format!("Unknown argument: {}", word.to_string_lossy())));
    }
    if extended && perl {
        return Err(Stop::unknown("Can not use extended and perl regex at the same time"));
    }
    let log = log.ok_or_else(|| call.usage("Could not parse arguments"))?;
    let pattern = |text: &str| Pattern::new(text, extended, perl);
    Ok(Config {
        old: PathBuf::from(old.filter(|old| !old.is_empty()).ok_or_else(|| {
            // That there is no log is told first.
            open(Path::new(&log)).err().unwrap_or_else(|| Stop::unknown("Oldlog parameter is needed"))
        })?),
        log: PathBuf::from(log),
        query: pattern(&query)?,
        exclude: exclude.as_deref().map(pattern).transpose()?,
        all,
        state,
    })
}

fn open(log: &Path) -> Result<File, Stop> {
    if !log.exists() {
        return Err(Stop::unknown(format!("Log check error: Log file {} does not exist!", log.display())));
    }
    let unreadable =
        || Stop::unknown(format!("Log check error: Log file {} is not readable!", log.display()));
    let file = File::open(log).map_err(|_| unreadable())?;
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if is_file { Ok(file) } else { Err(unreadable()) }
}

fn fault(path: &Path, error: &std::io::Error) -> Stop {
    Stop::unknown(format!("Log check error: {}: {}", path.display(), crate::words(error)))
}

impl Pattern {
    fn new(text: &str, extended: bool, perl: bool) -> Result<Self, Stop> {
        let wrong = |why: &dyn std::fmt::Display| Stop::unknown(format!("Log check error: '{text}': {why}"));
        if perl {
            return regex_lite::Regex::new(text).map(Self::Perl).map_err(|error| wrong(&error));
        }
        let flags = Flags { ignore_case: false, line_span: true };
        let regex =
            if extended { Regex::new(text.as_bytes(), flags) } else { Regex::basic(text.as_bytes(), flags) };
        regex.map(Self::Posix).map_err(|error| wrong(&error.words()))
    }

    fn is_match(&self, line: &[u8]) -> bool {
        match self {
            Self::Posix(regex) => regex.is_match(line),
            Self::Perl(regex) => regex.is_match(&String::from_utf8_lossy(line)),
        }
    }
}

#[derive(Debug)]
enum Failed {
    Expired,
    System(std::io::Error),
}

impl From<Expired> for Failed {
    fn from(_: Expired) -> Self {
        Self::Expired
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::System(error)
    }
}

/// Looks through the lines of a piece, and gives where the last of them ends. One that has no end yet is for the next call, but
/// in a file that nobody writes to any more.
fn scan(piece: &Piece, config: &Config, deadline: Deadline, matches: &mut Matches) -> Result<u64, Failed> {
    let mut file = &piece.file;
    // Of a log that is seen for the first time only what comes is looked at.
    let from = piece.from.min(file.metadata()?.len());
    let mut at = file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut line = Vec::new();
    loop {
        deadline.remaining()?;
        line.clear();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)? as u64;
        let ended = line.last() == Some(&b'\n') || read == LONGEST;
        if read == 0 || !(ended || piece.whole) {
            return Ok(at);
        }
        at += read;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let excluded = || config.exclude.as_ref().is_some_and(|exclude| exclude.is_match(text));
        if config.query.is_match(text) && !excluded() {
            matches.add(text, config.all);
        }
    }
}

impl Matches {
    fn add(&mut self, line: &[u8], all: bool) {
        self.count += 1;
        let line = String::from_utf8_lossy(line.get(..line.len().min(ROOM)).unwrap_or_default()).into_owned();
        if !all {
            self.lines.clear();
        } else if self.room < line.len() {
            return;
        }
        self.room = self.room.saturating_sub(line.len() + 3);
        self.lines.push(line);
    }
}

fn print(config: &Config, matches: &Matches) -> Output {
    if matches.count == 0 {
        return Output::new(State::Ok, "Log check ok - 0 pattern matches found");
    }
    // 2.x shows lines as `diff` does.
    let lines: Vec<String> = matches.lines.iter().map(|line| format!("< {line}")).collect();
    Output::new(config.state, format!("({}) {}", matches.count, lines.join("\n")))
}

#[cfg(test)]
mod tests;
