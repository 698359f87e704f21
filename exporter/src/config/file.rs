//! The configuration file: what flags are too narrow for. Validated whole before any of it is used.
//!
//! Every fault has its line, its column and its field, and all of them are told, not only the first; only what is no
//! YAML at all ends the search. A field that is not known is a fault: it may be a known one misspelt.

mod fields;
mod labels;
mod probes;
mod push_checks;
mod push_metrics;
mod web;
mod yaml;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use self::fields::Fields;
pub use self::web::Read;
use crate::http::Rules;
use crate::identity::Labelling;
use crate::probe::Probing;
use crate::push_checks::Settings;
use crate::push_metrics::Settings as Push;

/// What the file says, complete and valid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileConfig {
    /// Labels of series, and of `container_info`.
    pub labelling: Labelling,
    /// What `/probe` may do.
    pub probing: Probing,
    /// What is pushed, and where to.
    pub push: Option<Push>,
}

/// Something wrong in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    at: At,
    /// As `labels[2].as`; empty where the document as a whole is meant.
    field: String,
    text: String,
}

/// A place in the file, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    line: usize,
    column: usize,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file could not be opened or read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// It is a directory, a device or a pipe.
    #[error("not a regular file")]
    NotRegular,
    /// Larger than any real one.
    #[error("more than {MAX_FILE} bytes")]
    TooLarge,
    /// Some bytes are no UTF-8.
    #[error("line {0}: no UTF-8")]
    NotUtf8(usize),
    /// It is not valid.
    #[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Fault>),
}

/// The most that is read.
const MAX_FILE: u64 = 1 << 20;

impl FileConfig {
    /// Reads and validates the file at `path`. `taken` are labels that series have already: no rule may give them.
    pub fn load(path: &Path, taken: &BTreeSet<&str>) -> Result<Self, FileError> {
        Self::parse(&read(path)?, taken).map_err(FileError::Faults)
    }

    /// Validates a file's text; `Err` has at least one fault, in the order of the file.
    pub fn parse(text: &str, taken: &BTreeSet<&str>) -> Result<Self, Vec<Fault>> {
        let root = yaml::parse(text).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut fields = Fields::of(&root, "", &mut faults);
        let rules = fields.take("labels");
        let info = fields.take("info");
        let (probe, modules) = (fields.take("probe"), fields.take("modules"));
        let push = fields.take("push");
        fields.refuse_the_rest(&mut faults);
        let (mut labelling, mut probing) = (Labelling::default(), Probing::default());
        if let Some(node) = rules {
            labelling.rules = labels::rules(node, taken, &mut faults);
        }
        if let Some(node) = info {
            labelling.info = labels::info(node, &mut faults);
        }
        if let Some(node) = probe {
            probing.allow = probes::allow(node, &mut faults).into();
        }
        if let Some(node) = modules {
            probing.modules = probes::modules(node, &mut faults);
        }
        let push = push.and_then(|node| self::push_metrics::push(node, &mut faults));
        if faults.is_empty() {
            return Ok(Self { labelling, probing, push });
        }
        faults.sort_by_key(|fault| (fault.at.line, fault.at.column));
        Err(faults)
    }
}

impl Settings {
    /// Reads and validates the file of `plimsoll checks push` at `path`; `host` is what this host calls itself.
    pub fn load(path: &Path, host: &str) -> Result<Self, FileError> {
        Self::parse(&read(path)?, host).map_err(FileError::Faults)
    }

    /// Validates a file's text, for a host that calls itself this.
    pub fn parse(text: &str, host: &str) -> Result<Self, Vec<Fault>> {
        push_checks::parse(text, host)
    }
}

impl Rules {
    /// Reads and validates the file of `--web.config.file` at `path`, and what it names; each is shown to `before`
    /// before it is read.
    pub fn load(path: &Path, before: &dyn Fn(&Path)) -> Result<Self, FileError> {
        let directory = path.parent().unwrap_or(Path::new(""));
        before(path);
        let read_named = |path: &Path| {
            before(path);
            read_bytes(path)
        };
        Self::parse(&read(path)?, directory, &read_named).map_err(FileError::Faults)
    }

    /// Validates a file's text, for a file in `directory`; what it names is read by `read`.
    pub fn parse(text: &str, directory: &Path, read: Read<'_>) -> Result<Self, Vec<Fault>> {
        web::parse(text, directory, read)
    }
}

/// The text of a file.
fn read(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read_bytes(path)?).map_err(|error| {
        let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        FileError::NotUtf8(1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count())
    })
}

/// What is in a file.
fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    // Not to wait for the other end of a FIFO.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(FileError::NotRegular);
    }
    let mut bytes = Vec::new();
    if file.take(MAX_FILE + 1).read_to_end(&mut bytes)? as u64 > MAX_FILE {
        return Err(FileError::TooLarge);
    }
    Ok(bytes)
}

impl Fault {
    fn new(at: At, field: &str, text: impl Into<String>) -> Self {
        Self { at, field: field.to_owned(), text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At { line, column } = self.at;
        write!(f, "line {line}, column {column}: ")?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
