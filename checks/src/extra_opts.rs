//! `--extra-opts[=section@file]`: options from an ini file, put before those of the command line.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::output::{Output, Stop};
use crate::state::State;

pub mod ini;

/// The largest file that is read: a configuration, not a device that never ends.
const LARGEST: u64 = 1 << 20;

/// Where 2.x looks for a file that is not named.
const STANDARD: [&str; 11] = [
    "/usr/local/etc/monitoring-plugins/monitoring-plugins.ini",
    "/usr/local/etc/monitoring-plugins.ini",
    "/etc/monitoring-plugins/monitoring-plugins.ini",
    "/etc/monitoring-plugins.ini",
    "/etc/nagios/plugins.ini",
    "/usr/local/nagios/etc/plugins.ini",
    "/usr/local/etc/nagios/plugins.ini",
    "/etc/opt/nagios/plugins.ini",
    "/etc/nagios-plugins.ini",
    "/usr/local/etc/nagios-plugins.ini",
    "/etc/opt/nagios-plugins.ini",
];

/// What a file is called in the directories of `NAGIOS_CONFIG_PATH`.
const NAMES: [&str; 3] = ["monitoring-plugins.ini", "plugins.ini", "nagios-plugins.ini"];

/// Where the options of one `--extra-opts` are: what is not given has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locator {
    /// The section, if not the check's own.
    pub section: Option<OsString>,
    /// The file, if not the standard one; `-` is the standard input.
    pub file: Option<OsString>,
}

impl Locator {
    /// From `section@file`, either of which may be missing.
    pub fn parse(text: &OsStr) -> Self {
        let bytes = text.as_bytes();
        let (section, file) = match bytes.iter().position(|byte| *byte == b'@') {
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (bytes, &[] as &[u8]),
        };
        let given = |part: &[u8]| (!part.is_empty()).then(|| OsStr::from_bytes(part).to_owned());
        Self { section: given(section), file: given(file) }
    }
}

/// Splits a command line into what `--extra-opts` are in it and the rest. Pure, for `expand` to look up.
pub fn split(args: Vec<OsString>) -> (Vec<Locator>, Vec<OsString>) {
    let (mut locators, mut rest) = (Vec::new(), Vec::new());
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        if let Some(value) = arg.as_bytes().strip_prefix(b"--extra-opts=") {
            locators.push(Locator::parse(OsStr::from_bytes(value)));
        } else if arg == "--extra-opts" {
            let value = args.next_if(|next| !next.as_bytes().starts_with(b"-"));
            locators.push(Locator::parse(&value.unwrap_or_default()));
        } else {
            rest.push(arg);
        }
    }
    (locators, rest)
}

/// Whether there is anything to expand: the usual command line has nothing, and costs nothing.
pub fn asked_for(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg.as_bytes().starts_with(b"--extra-opts"))
}

/// The command line with the options of the files it names put before its own.
pub fn expand(args: Vec<OsString>, program: &str) -> Result<Vec<OsString>, Stop> {
    let (locators, rest) = split(args);
    let mut expanded = Vec::new();
    for locator in locators {
        let file = match locator.file {
            Some(file) => PathBuf::from(file),
            None => standard_file()
                .ok_or_else(|| Stop::unknown("Cannot find config file in any standard location."))?,
        };
        let text = read(&file)
            .map_err(|error| Stop::unknown(format!("Can't read config file: {}", crate::words(&error))))?;
        let section = locator.section.unwrap_or_else(|| program.into());
        match ini::section(&text, section.as_bytes()) {
            Ok(Some(options)) => expanded.extend(options.into_iter().map(OsString::from_vec)),
            Ok(None) => {
                let (section, file) = (section.to_string_lossy(), file.display());
                return Err(Stop::unknown(format!("Invalid section '{section}' in config file '{file}'")));
            }
            Err(error) => {
                return Err(Output::new(State::Unknown, "Config file error").line(error.to_string()).into());
            }
        }
    }
    expanded.extend(rest);
    Ok(expanded)
}

fn standard_file() -> Option<PathBuf> {
    if let Some(file) = std::env::var_os("MP_CONFIG_FILE") {
        return Some(file.into());
    }
    let path = std::env::var_os("NAGIOS_CONFIG_PATH").unwrap_or_default();
    let named = std::env::split_paths(&path)
        .filter(|directory| !directory.as_os_str().is_empty())
        .flat_map(|directory| NAMES.map(|name| directory.join(name)));
    named.chain(STANDARD.map(PathBuf::from)).find(|path| path.exists())
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(LARGEST).read_to_end(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(LARGEST).read_to_end(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    fn locator(section: &str, file: &str) -> Locator {
        let given = |text: &str| (!text.is_empty()).then(|| OsString::from(text));
        Locator { section: given(section), file: given(file) }
    }

    #[test]
    fn a_value_is_attached_or_the_next_word_that_is_no_option() {
        let (locators, rest) =
            split(words("-H a --extra-opts=s@f --extra-opts @g --extra-opts -v --extra-opts"));
        let wanted = [locator("s", "f"), locator("", "g"), locator("", ""), locator("", "")];
        assert_eq!(locators, wanted);
        assert_eq!(rest, words("-H a -v"));
        assert_eq!(Locator::parse("s@f@g".as_ref()), locator("s", "f@g"));
        assert_eq!(Locator::parse("s@".as_ref()), locator("s", ""));
    }

    #[test]
    fn options_of_files_come_first() {
        let file = std::env::temp_dir().join(format!("plimsoll-extra-opts-{}.ini", std::process::id()));
        std::fs::write(&file, "[check_x]\nport=1\n[other]\nw = 5 6\nv=\n").unwrap();
        let name = file.display();
        let expanded =
            expand(words(&format!("-p 2 --extra-opts=@{name} --extra-opts=other@{name} x")), "check_x");
        let wanted = ["--port=1", "-w5 6", "-v", "-p", "2", "x"].map(OsString::from).to_vec();
        assert_eq!(expanded, Ok(wanted));
        let none = expand(words(&format!("--extra-opts=none@{name}")), "check_x");
        assert_eq!(none, Err(Stop::unknown(format!("Invalid section 'none' in config file '{name}'"))));
        std::fs::remove_file(&file).unwrap();
        let gone = expand(words(&format!("--extra-opts=@{name}")), "check_x");
        assert_eq!(gone, Err(Stop::unknown("Can't read config file: No such file or directory")));
    }
}
