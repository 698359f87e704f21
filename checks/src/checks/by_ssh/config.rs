//! What the command line says, most of which is `ssh`'s.

use std::ffi::OsString;

use crate::frame::Call;
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::Stop;

/// What to run, and what may come of it.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// What follows `ssh`.
    pub(super) words: Vec<OsString>,
    /// What the other host is to run.
    pub(super) remote: String,
    pub(super) skipped: Skip,
    pub(super) skipped_errors: Skip,
    pub(super) warn_on_errors: bool,
    pub(super) unknown: bool,
    pub(super) passive: Option<Passive>,
    host: String,
    commands: Vec<String>,
    file: Option<String>,
    services: Vec<String>,
    name: Option<String>,
}

/// Where results go that are for Nagios to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passive {
    pub(super) file: String,
    pub(super) host: String,
    pub(super) services: Vec<String>,
}

/// How many lines are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    All,
    First(u32),
}

pub(super) const OPTIONS: &[Opt] = &[
    common::HOSTNAME,
    Opt { short: '\0', long: "host", help: "", ..common::HOSTNAME },
    Opt::new("p", "port", Arg::Value("INTEGER"), "Port (ssh's own)"),
    common::IPV4,
    common::IPV6,
    Opt::new("1", "proto1", Arg::No, "Protocol 1"),
    Opt::new("2", "proto2", Arg::No, "Protocol 2"),
    Opt::new("C", "command", Arg::Value("COMMAND"), "What to run there; several for passive results"),
    Opt::new("l", "logname", Arg::Value("USERNAME"), "Who logs in there"),
    Opt::new("u", "user", Arg::Value("USERNAME"), ""),
    Opt::new("i", "identity", Arg::Value("KEYFILE"), "The key of that user"),
    Opt::new("o", "ssh-option", Arg::Value("OPTION"), "An option of ssh_config, as often as needed"),
    Opt::new("F", "configfile", Arg::Value("FILE"), "A file of such options"),
    Opt::new("q", "quiet", Arg::No, "Without ssh's own warnings"),
    Opt::new("f", "fork", Arg::No, "ssh goes to the background: OK if it could be started"),
    Opt::new("S", "skip-stdout", Arg::Maybe("LINES"), "Leave out so many lines of the output, or all"),
    Opt { short: '\0', ..Opt::new("S", "skip", Arg::Maybe("LINES"), "") },
    Opt::new("E", "skip-stderr", Arg::Maybe("LINES"), "The same of what is said on standard error"),
    Opt::new("W", "warn-on-stderr", Arg::No, "A warning, not UNKNOWN, if anything is said there"),
    Opt::new(
        "O",
        "output",
        Arg::Value("FILE"),
        "Where Nagios takes external commands from, for passive results",
    ),
    Opt::new(
        "s",
        "services",
        Arg::Value("LIST"),
        "Its names of the services, with : between them, one for each command",
    ),
    Opt::new("n", "name", Arg::Value("NAME"), "Its name of the host"),
    Opt::new("U", "unknown-timeout", Arg::No, "UNKNOWN, not CRITICAL, where there is no connection"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

impl Default for Skip {
    fn default() -> Self {
        Self::First(0)
    }
}

impl Skip {
    /// What is left of them.
    pub(super) fn of(self, lines: &[String]) -> &[String] {
        match self {
            Self::All => &[],
            Self::First(count) => lines.get(count as usize..).unwrap_or_default(),
        }
    }
}

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        for arg in &mut call.args {
            // As older versions wrote it.
            if arg == "-to" {
                *arg = "-t".into();
            }
        }
        let mut config = Self::default();
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        let words = options.words();
        config.finish(call, &words)?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => self.host = text,
            "C" => self.commands.push(text),
            "O" => self.file = Some(text),
            "s" => self.services.extend(text.split(':').map(str::to_owned)),
            "n" => self.name = Some(text),
            "W" => self.warn_on_errors = true,
            "U" => self.unknown = true,
            "S" => {
                self.skipped =
                    skip(found).ok_or_else(|| call.usage("skip-stdout argument must be an integer"))?
            }
            "E" => {
                self.skipped_errors =
                    skip(found).ok_or_else(|| call.usage("skip-stderr argument must be an integer"))?
            }
            "t" if call.take_timeout(&text) => {}
            "t" => return Err(call.usage("Timeout interval must be a positive integer")),
            "p" => {
                let port = value::port(&text).ok_or_else(|| call.usage("Port must be a positive integer"))?;
                self.hand_on("-p", Some(port.to_string()));
            }
            "l" | "u" => self.hand_on("-l", Some(text)),
            "i" => self.hand_on("-i", Some(text)),
            "o" => self.hand_on("-o", Some(text)),
            "F" => self.hand_on("-F", Some(text)),
            "1" => self.hand_on("-1", None),
            "2" => self.hand_on("-2", None),
            "f" => self.hand_on("-f", None),
            "q" => self.hand_on("-q", None),
            "4" => self.hand_on("-4", None),
            "6" => self.hand_on("-6", None),
            _ => call.common(found)?,
        }
        Ok(())
    }

    fn hand_on(&mut self, option: &str, value: Option<String>) {
        self.words.push(option.into());
        self.words.extend(value.map(OsString::from));
    }

    fn finish(&mut self, call: &Call, words: &[OsString]) -> Result<(), Stop> {
        let name = &call.name;
        if self.host.is_empty() {
            return Err(Stop::unknown(format!("{name}: You must provide a host name")));
        }
        const STATUS: &str = ";echo STATUS CODE: $?;";
        self.remote = self.commands.join(STATUS);
        if self.remote.is_empty() {
            let words = words.iter().map(|word| word.to_string_lossy().into_owned());
            self.remote = words.collect::<Vec<_>>().join(" ");
        }
        if self.commands.len() > 1 || self.file.is_some() {
            self.remote.push_str(STATUS);
        }
        if self.remote.len() <= 1 {
            return Err(call.usage("No remotecmd"));
        }
        self.words.extend([OsString::from(&self.host), OsString::from(&self.remote)]);
        let Some(file) = self.file.clone() else { return Ok(()) };
        let need = |what: &str| Stop::unknown(format!("{name}: In passive mode, you must provide {what}"));
        if self.commands.len() != self.services.len() {
            return Err(need("a service name for each command."));
        }
        let host =
            self.name.clone().ok_or_else(|| need("the host short name from the monitoring configs."))?;
        self.passive = Some(Passive { file, host, services: self.services.clone() });
        Ok(())
    }
}

fn skip(found: &Found) -> Option<Skip> {
    if !found.has_value() {
        return Some(Skip::All);
    }
    value::not_negative(&found.text()).map(Skip::First)
}
