//! What the command line says.

use std::ffi::OsString;
use std::path::Path;

use super::answer::Listed;
use super::pair::{Bad, Pair};
use crate::api::Place;
use crate::frame::Call;
use crate::http::url::split_port;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, common};
use crate::output::Stop;
use crate::range::{Range, Thresholds};
use crate::regex::{Flags, Regex};
use crate::tls::{self, Verify};

/// Whom to ask, what of, and what may come of it.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) place: Place,
    pub(super) time: Thresholds,
    containers: Vec<Pattern>,
    excluded: Vec<Pattern>,
    pub(super) present: bool,
    pub(super) status: Option<String>,
    pub(super) health: bool,
    pub(super) cpu: Option<Pair>,
    pub(super) memory: Option<(Pair, Unit)>,
    pub(super) uptime: Option<Pair>,
    pub(super) restarts: Option<Pair>,
    pub(super) image_age: Option<Pair>,
    pub(super) terse: bool,
    pub(super) without_perfdata: bool,
    pub(super) state_file: Option<String>,
    given: Given,
}

/// What memory is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// As perfdata have it.
    pub(super) name: &'static str,
    /// So many bytes; none for percent of the limit.
    pub(super) bytes: Option<u64>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    regex: Regex,
}

/// What is put together when all options are read.
#[derive(Debug, Default)]
struct Given {
    connection: Option<String>,
    secure: bool,
    family: Family,
    wanted: tls::Wanted,
    memory: Option<String>,
    decimal: bool,
}

/// Where engines have their sockets.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/podman/podman.sock"];
const PORTS: [u16; 2] = [2375, 2376];

pub(super) const OPTIONS: &[Opt] = &[
    Opt::new(
        "H",
        "connection",
        Arg::Value("PLACE"),
        "Where the engine listens: a socket, or HOST:PORT (/var/run/docker.sock, or else Podman's)",
    ),
    Opt { short: 'H', long: "hostname", arg: Arg::Value("PLACE"), help: "", key: "H" },
    Opt::new("secure-connection", "secure-connection", Arg::Value("HOST:PORT"), "The same, by TLS"),
    common::IPV4,
    common::IPV6,
    Opt::new("D", "verify-cert", Arg::No, "The certificate has to be for the host, and from an authority"),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The same, with the authorities in this file, in PEM"),
    Opt::new("J", "client-cert", Arg::Value("FILE"), "A certificate to show the engine, in PEM"),
    Opt::new("K", "private-key", Arg::Value("FILE"), "Its key, in PEM"),
    Opt::new(
        "containers",
        "containers",
        Arg::Value("REGEX..."),
        "Only containers whose whole names match (all)",
    ),
    Opt::new("exclude-containers", "exclude-containers", Arg::Value("REGEX..."), "And none of these"),
    Opt::new("present", "present", Arg::No, "There has to be a container for each of --containers"),
    Opt::new("status", "status", Arg::Value("STATE"), "What each has to be: running, exited and so on"),
    Opt::new("health", "health", Arg::No, "Each has to be healthy by its own check"),
    Opt::new(
        "cpu",
        "cpu",
        Arg::Value("WARN:CRIT"),
        "Percent of its limit of CPU, or of all CPUs, since the last run",
    ),
    Opt::new("memory", "memory", Arg::Value("WARN:CRIT:UNIT"), "Memory; the unit is %, B, KB, MB, GB or TB"),
    Opt::new("uptime", "uptime", Arg::Value("WARN:CRIT"), "The least seconds since it was started"),
    Opt::new("restarts", "restarts", Arg::Value("WARN:CRIT"), "How often the engine has started it again"),
    Opt::new("image-age", "image-age", Arg::Value("WARN:CRIT"), "Days since its image was made"),
    Opt::new(
        "w",
        "warning",
        Arg::Value("RANGE"),
        "Warn when the seconds until the engine answers are outside of RANGE",
    ),
    Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when they are"),
    Opt::new("binary_units", "binary_units", Arg::No, "KB and so on are powers of 1024, as they are anyway"),
    Opt::new("decimal_units", "decimal_units", Arg::No, "They are powers of 1000"),
    Opt::new("no-ok", "no-ok", Arg::No, "Say nothing of what is fine"),
    Opt::new("no-performance", "no-performance", Arg::No, "No perfdata"),
    Opt::new("threads", "threads", Arg::Value("NUMBER"), "Means nothing: there are none"),
    Opt::new("state-file", "state-file", Arg::Value("FILE"), "Where to keep what was seen, for the next run"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        call.args = apart(std::mem::take(&mut call.args));
        let mut config = Self {
            place: Place::Socket(String::new()),
            time: Thresholds::default(),
            containers: Vec::new(),
            excluded: Vec::new(),
            present: false,
            status: None,
            health: false,
            cpu: None,
            memory: None,
            uptime: None,
            restarts: None,
            image_age: None,
            terse: false,
            without_perfdata: false,
            state_file: None,
            given: Given::default(),
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        if let Some(text) = config.given.memory.take() {
            config.memory = Some(memory(&text, config.given.decimal)?);
        }
        config.place = config.given.place(call)?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let pair = |bad| Pair::parse(&text, bad).map(Some);
        let given = &mut self.given;
        match found.key {
            "H" => given.connection = Some(text),
            "secure-connection" => (given.connection, given.secure) = (Some(text), true),
            "D" => {
                let authorities = given.wanted.verify.take().and_then(|verify| verify.authorities);
                given.wanted.verify = Some(Verify { chain: true, name: true, key: true, authorities });
            }
            "ca-cert" => {
                let verify = Verify { chain: true, name: true, key: true, authorities: Some(text) };
                given.wanted.verify = Some(verify);
            }
            "J" => given.wanted.identity.get_or_insert_default().0 = text,
            "K" => given.wanted.identity.get_or_insert_default().1 = text,
            "containers" => self.containers.push(Pattern::new(text)?),
            "exclude-containers" => self.excluded.push(Pattern::new(text)?),
            "present" => self.present = true,
            "status" => self.status = Some(text),
            "health" => self.health = true,
            "cpu" => self.cpu = pair(Bad::High)?,
            "memory" => given.memory = Some(text),
            "uptime" => self.uptime = pair(Bad::Low)?,
            "restarts" => self.restarts = pair(Bad::High)?,
            "image-age" => self.image_age = pair(Bad::High)?,
            "w" => self.time.warning = Some(Range::parse(&text)?),
            "c" => self.time.critical = Some(Range::parse(&text)?),
            "decimal_units" => given.decimal = true,
            "no-ok" => self.terse = true,
            "no-performance" => self.without_perfdata = true,
            "state-file" => self.state_file = Some(text),
            _ => {
                given.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    /// What a file for the next run is about.
    pub(super) fn about(&self) -> String {
        let patterns = |all: &[Pattern]| all.iter().map(|one| one.text.clone()).collect::<Vec<_>>().join(" ");
        format!("{} {} {}", self.place.shown(), patterns(&self.containers), patterns(&self.excluded))
    }

    /// Whether containers are to be looked at one by one.
    pub(super) const fn asks_of_containers(&self) -> bool {
        let named = !self.containers.is_empty() || self.present;
        named || self.status.is_some() || self.image_age.is_some() || self.inspects() || self.measures()
    }

    /// Whether each has to be asked for its state.
    pub(super) const fn inspects(&self) -> bool {
        self.health || self.uptime.is_some() || self.restarts.is_some() || self.cpu.is_some()
    }

    /// Whether each has to be asked for what it uses.
    pub(super) const fn measures(&self) -> bool {
        self.cpu.is_some() || self.memory.is_some()
    }

    /// Whether a container of this name is one to look at.
    pub(super) fn selects(&self, name: &str) -> bool {
        let named = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.containers.is_empty() || named(&self.containers)) && !named(&self.excluded)
    }

    /// The expressions that none of these is called by.
    pub(super) fn unmatched(&self, listed: &[Listed]) -> Vec<String> {
        let unmatched = self.containers.iter().filter(|pattern| {
            !listed.iter().any(|listed| pattern.matches(listed.name()) && self.selects(listed.name()))
        });
        unmatched.map(|pattern| pattern.text.clone()).collect()
    }
}

impl Pattern {
    fn new(text: String) -> Result<Self, Stop> {
        let regex = if text == "all" { ".*".to_owned() } else { format!("^({text})$") };
        match Regex::new(regex.as_bytes(), Flags::default()) {
            Ok(regex) => Ok(Self { text, regex }),
            Err(error) => Err(Stop::unknown(format!("DOCKER UNKNOWN - '{text}': {}", error.words()))),
        }
    }

    fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name.as_bytes())
    }
}

impl Given {
    fn place(&mut self, call: &Call) -> Result<Place, Stop> {
        let Some(given) = &self.connection else {
            let there = SOCKETS.into_iter().find(|path| Path::new(path).exists());
            return Ok(Place::Socket(there.unwrap_or(SOCKETS[0]).to_owned()));
        };
        let bare = given.strip_prefix("unix://").or_else(|| given.strip_prefix("tcp://")).unwrap_or(given);
        if bare.starts_with('/') {
            return Ok(Place::Socket(bare.to_owned()));
        }
        let wrong = || call.usage(&format!("Invalid connection - {given}"));
        let (name, port) =
            split_port(bare.trim_end_matches('/')).filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
        let port = port.map_or(Ok(PORTS[usize::from(self.secure)]), u16::try_from).map_err(|_| wrong())?;
        let secure = self.secure || self.wanted != tls::Wanted::default();
        let tls = secure.then(|| Box::new(std::mem::take(&mut self.wanted)));
        Ok(Place::Host { name: name.to_owned(), port, family: self.family, tls })
    }
}

/// `WARN:CRIT`, and its unit after a colon.
fn memory(text: &str, decimal: bool) -> Result<(Pair, Unit), Stop> {
    let base: u64 = if decimal { 1000 } else { 1024 };
    let names = if decimal { ["KB", "MB", "GB", "TB"] } else { ["KiB", "MiB", "GiB", "TiB"] };
    let unit = |text: &str| {
        let power = ["KB", "MB", "GB", "TB"].iter().position(|name| *name == text);
        Some(match (text, power) {
            ("%", _) => Unit { name: "%", bytes: None },
            ("B", _) => Unit { name: "B", bytes: Some(1) },
            (_, Some(at)) => Unit { name: names[at], bytes: Some((0..=at).map(|_| base).product()) },
            _ => return None,
        })
    };
    let (pair, unit) = match text.rsplit_once(':').and_then(|(pair, name)| Some((pair, unit(name)?))) {
        Some(both) => both,
        None => (text, Unit { name: "B", bytes: Some(1) }),
    };
    Ok((Pair::parse(pair, Bad::High)?, unit))
}

/// Words that follow an expression are more of them.
fn apart(args: Vec<OsString>) -> Vec<OsString> {
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
