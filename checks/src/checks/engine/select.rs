//! Which containers: by expressions of their names.

use std::ffi::OsString;

use crate::output::Stop;
use crate::regex::{Flags, Regex};

/// Those that are to be looked at.
#[derive(Debug, Default)]
pub struct Selection {
    chosen: Vec<Pattern>,
    excluded: Vec<Pattern>,
    /// Whether there has to be one for each expression.
    pub present: bool,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    regex: Regex,
}

impl Selection {
    /// One more expression of those to look at.
    pub fn add(&mut self, text: String) -> Result<(), Stop> {
        self.chosen.push(Pattern::new(text)?);
        Ok(())
    }

    /// One more of those to leave out.
    pub fn exclude(&mut self, text: String) -> Result<(), Stop> {
        self.excluded.push(Pattern::new(text)?);
        Ok(())
    }

    /// Whether any was named.
    pub const fn is_given(&self) -> bool {
        !self.chosen.is_empty() || self.present
    }

    /// Whether a container that is called so, by one name or several, is one to look at.
    pub fn takes(&self, names: &[&str]) -> bool {
        let named = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(names));
        (self.chosen.is_empty() || named(&self.chosen)) && !named(&self.excluded)
    }

    /// The expressions that none of these is called by.
    pub fn unmatched<'a>(&self, all: impl Iterator<Item = Vec<&'a str>> + Clone) -> Vec<String> {
        let is = |pattern: &Pattern| all.clone().any(|names| pattern.matches(&names) && self.takes(&names));
        let unmatched = self.chosen.iter().filter(|pattern| !is(pattern));
        unmatched.map(|pattern| pattern.text.clone()).collect()
    }

    /// What a file for the next run is about.
    pub fn about(&self) -> String {
        let patterns = |all: &[Pattern]| all.iter().map(|one| one.text.clone()).collect::<Vec<_>>().join(" ");
        format!("{} {}", patterns(&self.chosen), patterns(&self.excluded))
    }
}

impl Pattern {
    fn new(text: String) -> Result<Self, Stop> {
        let regex = if text == "all" { ".*".to_owned() } else { format!("^({text})$") };
        match Regex::new(regex.as_bytes(), Flags::default()) {
            Ok(regex) => Ok(Self { text, regex }),
            Err(error) => Err(Stop::unknown(format!("UNKNOWN - '{text}': {}", error.words()))),
        }
    }

    fn matches(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.regex.is_match(name.as_bytes()))
    }
}

/// Words that follow an expression are more of them: each gets its option.
pub fn apart(args: Vec<OsString>) -> Vec<OsString> {
    let (mut out, mut list, mut value) = (Vec::new(), None::<String>, false);
    for arg in args {
        let text = arg.to_string_lossy().into_owned();
        if text.starts_with('-') {
            list = Some(text.clone()).filter(|text| text == "--containers" || text == "--exclude-containers");
            value = list.is_some();
        } else if let Some(name) = list.as_ref().filter(|_| !value) {
            out.push(name.into());
        } else {
            value = false;
        }
        out.push(arg);
    }
    out
}
