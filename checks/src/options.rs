//! Command lines as `getopt_long` takes them: short options in bundles, long ones abbreviated, values attached or
//! apart, options and words in any order.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use crate::output::Stop;

pub mod common;
pub mod value;

/// Whether an option has a value, or what else it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// None.
    No,
    /// One, attached or the next word; shown in the help by this name.
    Value(&'static str),
    /// Perhaps one, which then is attached; shown in the help by this name.
    Maybe(&'static str),
    /// None: prints the help.
    Help,
    /// None: prints the version.
    Version,
}

/// One option. Its key is what `Options` gives back: the short name if it has one, else the long one.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// The letter, or 0.
    pub short: char,
    /// The long name, or nothing.
    pub long: &'static str,
    /// Its value.
    pub arg: Arg,
    /// What it does, in a line or more; nothing for one kept out of the help.
    pub help: &'static str,
    /// What `Options` calls it.
    pub key: &'static str,
}

/// Whether words may stand among options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// They may.
    Any,
    /// The first word ends the options: it is a command with options of its own.
    WordsLast,
}

/// One option that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The key of its `Opt`.
    pub key: &'static str,
    value: Option<OsString>,
}

/// The options of a command line, one after the other.
#[derive(Debug)]
pub struct Options<'a> {
    program: String,
    known: &'a [Opt],
    order: Order,
    args: VecDeque<OsString>,
    /// What is left of a bundle of short options.
    bundle: Vec<u8>,
    words: Vec<OsString>,
}

impl Opt {
    /// An option by its letter and its long name; either may be missing, as `'\0'` or `""`.
    pub const fn new(key: &'static str, long: &'static str, arg: Arg, help: &'static str) -> Self {
        let short = if key.len() == 1 { key.as_bytes()[0] as char } else { '\0' };
        Self { short, long, arg, help, key }
    }
}

/// Two tables as one, for checks that share options. `N` is the length of both.
pub const fn joined<const N: usize>(first: &[Opt], second: &[Opt]) -> [Opt; N] {
    assert!(first.len() + second.len() == N, "N is the length of both");
    let (mut all, mut at) = ([common::HELP; N], 0);
    while at < N {
        all[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    all
}

impl Found {
    /// The value as text; what is not UTF-8 becomes U+FFFD. Empty where there is none.
    pub fn text(&self) -> String {
        self.value.as_deref().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The value as it is. Empty where there is none.
    pub fn bytes(&self) -> &[u8] {
        self.value.as_deref().unwrap_or_default().as_bytes()
    }

    /// Whether there is a value, for options that may have one.
    pub const fn has_value(&self) -> bool {
        self.value.is_some()
    }
}

impl<'a> Options<'a> {
    /// Of a command line without the program's own name, which the messages begin with.
    pub fn new(program: &str, known: &'a [Opt], order: Order, args: &[OsString]) -> Self {
        let args = args.iter().cloned().collect();
        Self { program: program.to_owned(), known, order, args, bundle: Vec::new(), words: Vec::new() }
    }

    /// The next option; help, version and what is no option stop the check.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would need a second `?` at each use"
    )]
    pub fn next(&mut self) -> Result<Option<Found>, Stop> {
        loop {
            if !self.bundle.is_empty() {
                return self.short().map(Some);
            }
            let Some(arg) = self.args.pop_front() else { return Ok(None) };
            let bytes = arg.as_bytes();
            if bytes == b"--" {
                self.words.extend(self.args.drain(..));
            } else if let Some(long) = bytes.strip_prefix(b"--") {
                return self.long(long).map(Some);
            } else if bytes.len() > 1 && bytes[0] == b'-' {
                self.bundle = bytes[1..].to_vec();
            } else {
                self.words.push(arg);
                if self.order == Order::WordsLast {
                    self.words.extend(self.args.drain(..));
                }
            }
        }
    }

    /// The words that are no options, in their order: ask when `next` has come to its end.
    pub fn words(self) -> Vec<OsString> {
        self.words
    }

    /// All that was not looked at yet, as it stands: what follows an option whose value is the rest of the line.
    pub fn rest(&mut self) -> Vec<OsString> {
        self.args.drain(..).collect()
    }

    fn short(&mut self) -> Result<Found, Stop> {
        let letter = self.bundle.remove(0);
        let found = self.known.iter().find(|opt| opt.short != '\0' && opt.short == char::from(letter));
        // A colon means something to getopt and is never an option.
        let Some(opt) = found.filter(|_| letter != b':') else {
            return self.wrong(&format!("invalid option -- '{}'", char::from(letter)));
        };
        let attached =
            |bundle: &mut Vec<u8>| (!bundle.is_empty()).then(|| OsString::from_vec(std::mem::take(bundle)));
        let value = match opt.arg {
            Arg::Value(_) => match attached(&mut self.bundle).or_else(|| self.args.pop_front()) {
                Some(value) => Some(value),
                None => return self.wrong(&format!("option requires an argument -- '{}'", opt.short)),
            },
            Arg::Maybe(_) => attached(&mut self.bundle),
            Arg::No | Arg::Help | Arg::Version => None,
        };
        found_or_stop(opt, value)
    }

    fn long(&mut self, text: &[u8]) -> Result<Found, Stop> {
        let (name, attached) = match text.iter().position(|byte| *byte == b'=') {
            Some(at) => (&text[..at], Some(OsStr::from_bytes(&text[at + 1..]).to_owned())),
            None => (text, None),
        };
        let opt = self.by_long_name(name, text)?;
        let value = match (opt.arg, attached) {
            (Arg::Value(_), None) => match self.args.pop_front() {
                Some(value) => Some(value),
                None => return self.wrong(&format!("option '--{}' requires an argument", opt.long)),
            },
            (Arg::No | Arg::Help | Arg::Version, Some(_)) => {
                return self.wrong(&format!("option '--{}' doesn't allow an argument", opt.long));
            }
            (_, attached) => attached,
        };
        found_or_stop(opt, value)
    }

    /// The whole name, or the only one that it begins.
    fn by_long_name(&self, name: &[u8], text: &[u8]) -> Result<&'a Opt, Stop> {
        let named = || self.known.iter().filter(|opt| !opt.long.is_empty());
        if let Some(exact) = named().find(|opt| opt.long.as_bytes() == name) {
            return Ok(exact);
        }
        let begun: Vec<&Opt> = named().filter(|opt| opt.long.as_bytes().starts_with(name)).collect();
        match begun.as_slice() {
            [] => self.wrong(&format!("unrecognized option '--{}'", String::from_utf8_lossy(text))),
            // Two names of one option are no doubt.
            [first, rest @ ..] if rest.iter().all(|opt| opt.key == first.key) => Ok(first),
            begun => {
                let names: Vec<String> = begun.iter().map(|opt| format!("'--{}'", opt.long)).collect();
                let text = String::from_utf8_lossy(text);
                self.wrong(&format!("option '--{text}' is ambiguous; possibilities: {}", names.join(" ")))
            }
        }
    }

    fn wrong<T>(&self, what: &str) -> Result<T, Stop> {
        Err(Stop::Usage(format!("{}: {what}", self.program)))
    }
}

fn found_or_stop(opt: &Opt, value: Option<OsString>) -> Result<Found, Stop> {
    match opt.arg {
        Arg::Help => Err(Stop::Help),
        Arg::Version => Err(Stop::Version),
        _ => Ok(Found { key: opt.key, value }),
    }
}

#[cfg(test)]
mod tests;
