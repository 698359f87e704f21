//! The command line, on which the order matters: limits hold for what is chosen after them.

use crate::frame::Call;
use crate::options::Found;
use crate::output::Stop;
use crate::range::{Range, Thresholds};
use crate::regex::{Flags, Regex};

/// What the line and the limits are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) bytes: u64,
}

/// What is judged, each by its own ranges.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Limits {
    pub(super) free: Thresholds,
    pub(super) free_percent: Thresholds,
    pub(super) used_percent: Thresholds,
    pub(super) free_inodes_percent: Thresholds,
}

/// One choice, as the options make them one after the other.
#[derive(Debug)]
pub(super) enum Step {
    /// What this path is on.
    Path { name: String, exact: bool, group: Option<String>, limits: Limits },
    /// All that match.
    Matching { text: String, regex: Regex, group: Option<String>, limits: Limits },
    /// None that matches.
    Without(Regex),
    /// All that is mounted.
    All { group: Option<String>, limits: Limits },
}

/// All of it.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) steps: Vec<Step>,
    pub(super) excluded: Vec<String>,
    pub(super) excluded_types: Vec<Regex>,
    pub(super) included_types: Vec<Regex>,
    pub(super) unit: Unit,
    pub(super) errors_only: bool,
    pub(super) without_reserved: bool,
    pub(super) inodes: bool,
    pub(super) local: bool,
    pub(super) look_at_remote: bool,
    pub(super) show_device: bool,
    pub(super) ignore_missing: bool,
    pub(super) verbose: bool,
}

const UNITS: [(&str, Unit); 11] = [
    ("bytes", Unit { name: "B", bytes: 1 }),
    ("kB", Unit { name: "kiB", bytes: 1 << 10 }),
    ("KiB", Unit { name: "kiB", bytes: 1 << 10 }),
    ("MB", MEGABYTES),
    ("MiB", MEGABYTES),
    ("GB", Unit { name: "GiB", bytes: 1 << 30 }),
    ("GiB", Unit { name: "GiB", bytes: 1 << 30 }),
    ("TB", Unit { name: "TiB", bytes: 1 << 40 }),
    ("TiB", Unit { name: "TiB", bytes: 1 << 40 }),
    ("PB", Unit { name: "PiB", bytes: 1 << 50 }),
    ("PiB", Unit { name: "PiB", bytes: 1 << 50 }),
];

const MEGABYTES: Unit = Unit { name: "MiB", bytes: 1 << 20 };

/// What is known of the options so far.
struct Reader {
    config: Config,
    limits: Limits,
    group: Option<String>,
    exact: bool,
    /// Whether anything has been chosen since the limits were forgotten.
    chosen: bool,
}

pub(super) fn configure(call: &mut Call) -> Result<Config, Stop> {
    if call.args.is_empty() {
        return Err(call.usage("Could not parse arguments"));
    }
    let mut reader = Reader::new()?;
    let mut options = call.options();
    while let Some(found) = options.next()? {
        if found.key == "t" && !call.take_timeout(&found.text()) {
            let text = format!("Timeout interval must be a positive integer - {}", found.text());
            return Err(call.usage(&text));
        }
        if !reader.limit(&found)? && !reader.choose(&found)? && !reader.filter(&found)? && found.key != "t" {
            call.common(&found)?;
        }
    }
    reader.words(options.words().iter().map(|word| word.to_string_lossy().into_owned()))?;
    if !reader.chosen {
        reader.all();
    }
    reader.config.verbose = call.verbose > 0;
    Ok(reader.config)
}

impl Reader {
    fn new() -> Result<Self, Stop> {
        let config = Config {
            steps: Vec::new(),
            excluded: Vec::new(),
            excluded_types: vec![whole("iso9660")?],
            included_types: Vec::new(),
            unit: MEGABYTES,
            errors_only: false,
            without_reserved: false,
            inodes: false,
            local: false,
            look_at_remote: false,
            show_device: false,
            ignore_missing: false,
            verbose: false,
        };
        Ok(Self { config, limits: Limits::default(), group: None, exact: false, chosen: false })
    }

    /// What is free is judged the other way round: a plain number is one at which there is too little.
    fn limit(&mut self, found: &Found) -> Result<bool, Stop> {
        let (name, warning) = match found.key {
            "w" => ("warning", true),
            "c" => ("critical", false),
            "W" => ("iwarning", true),
            "K" => ("icritical", false),
            _ => return Ok(false),
        };
        let text = found.text();
        let bare = text.replace('%', "");
        let range = Range::parse(&format!("@{}", bare.strip_prefix('@').unwrap_or(&bare)))
            .map_err(|_| Stop::unknown(format!("Argument for --{name} invalid or missing: {text}")))?;
        let thresholds = match found.key {
            "W" | "K" => &mut self.limits.free_inodes_percent,
            _ if text.contains('%') => &mut self.limits.free_percent,
            _ => &mut self.limits.free,
        };
        *if warning { &mut thresholds.warning } else { &mut thresholds.critical } = Some(range);
        Ok(true)
    }

    /// What is chosen, and how.
    fn choose(&mut self, found: &Found) -> Result<bool, Stop> {
        let text = found.text();
        match found.key {
            "p" => {
                self.needs_limits("-p")?;
                self.path(text);
            }
            "r" | "R" | "A" => {
                self.needs_limits("-r/-R")?;
                let text = if found.key == "A" { ".*".to_owned() } else { text };
                let regex = compile(&text, found.key != "r")?;
                let (group, limits) = (self.group.clone(), self.limits.clone());
                self.config.steps.push(Step::Matching { text, regex, group, limits });
                self.chosen = true;
            }
            "i" | "I" if !self.chosen => {
                return Err(Stop::unknown(
                    "DISK UNKNOWN: Paths need to be selected before using -i/-I. Use -A to select all paths explicitly",
                ));
            }
            "i" | "I" => self.config.steps.push(Step::Without(compile(&text, found.key == "I")?)),
            "E" if self.chosen => {
                return Err(Stop::unknown("DISK UNKNOWN: Must set -E before selecting paths"));
            }
            "E" => self.exact = true,
            "g" if self.chosen => {
                return Err(Stop::unknown("DISK UNKNOWN: Must set group value before selecting paths"));
            }
            "g" => self.group = Some(text),
            "C" => {
                if !self.chosen {
                    self.all();
                }
                (self.limits, self.group, self.chosen) = (Limits::default(), None, false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn filter(&mut self, found: &Found) -> Result<bool, Stop> {
        let text = found.text();
        let config = &mut self.config;
        match found.key {
            "x" => config.excluded.push(text),
            "X" => config.excluded_types.push(whole(&text)?),
            "N" => config.included_types.push(whole(&text)?),
            "k" => config.unit = UNITS[1].1,
            "m" => config.unit = MEGABYTES,
            "u" => {
                let known = UNITS
                    .iter()
                    .find(|(name, _)| *name == text || (*name == "bytes" && text.eq_ignore_ascii_case(name)));
                let wrong = || Stop::unknown(format!("unit type {text} not known"));
                config.unit = known.ok_or_else(wrong)?.1;
            }
            "e" => config.errors_only = true,
            "f" => config.without_reserved = true,
            "P" => config.inodes = true,
            "l" => config.local = true,
            "L" => (config.local, config.look_at_remote) = (true, true),
            "M" => config.show_device = true,
            "n" => config.ignore_missing = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The old words: percents that may be used, and a path.
    fn words(&mut self, words: impl Iterator<Item = String>) -> Result<(), Stop> {
        let mut words = words.peekable();
        for which in [true, false] {
            let number = |word: &String| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(word) = words.next_if(number) {
                let used = &mut self.limits.used_percent;
                *if which { &mut used.warning } else { &mut used.critical } = Some(Range::parse(&word)?);
            }
        }
        if let Some(path) = words.next() {
            self.path(path);
        }
        Ok(())
    }

    fn path(&mut self, name: String) {
        let (group, limits) = (self.group.clone(), self.limits.clone());
        self.config.steps.push(Step::Path { name, exact: self.exact, group, limits });
        self.chosen = true;
    }

    fn all(&mut self) {
        self.config.steps.push(Step::All { group: self.group.clone(), limits: self.limits.clone() });
    }

    fn needs_limits(&self, option: &str) -> Result<(), Stop> {
        if self.limits == Limits::default() {
            return Err(Stop::unknown(format!(
                "DISK UNKNOWN: Must set a threshold value before using {option}"
            )));
        }
        Ok(())
    }
}

/// Of a whole name, not a part of one.
fn whole(text: &str) -> Result<Regex, Stop> {
    // What is wrong with it is told of it as it was given.
    compile(text, false)?;
    compile(&format!("^({text})$"), false)
}

fn compile(text: &str, ignore_case: bool) -> Result<Regex, Stop> {
    Regex::new(text.as_bytes(), Flags { ignore_case, line_span: true }).map_err(|error| {
        Stop::unknown(format!("DISK UNKNOWN: Could not compile regular expression - {}", error.words()))
    })
}
