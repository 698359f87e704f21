//! The command line.

use super::{Probe, Tls};
use crate::frame::Call;
use crate::host::Host;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::Stop;
use crate::regex::{Flags, Regex};
use crate::tls::Wanted;

pub(super) const OPTIONS: &[Opt] = &[
    common::HOSTNAME,
    Opt::new("p", "port", Arg::Value("NUMBER"), "Port (25, with -s 465)"),
    common::IPV4,
    common::IPV6,
    Opt::new(
        "e",
        "expect",
        Arg::Value("STRING"),
        "What is to be in the greeting or in the answer to the hello (220)",
    ),
    Opt::new("C", "command", Arg::Value("STRING"), "A command to say; may be repeated"),
    Opt::new(
        "R",
        "response",
        Arg::Value("REGEX"),
        "What its answer is to match; may be repeated, the first is for the first -C",
    ),
    Opt::new("f", "from", Arg::Value("ADDRESS"), "Also say that mail is from this address"),
    Opt::new("F", "fqdn", Arg::Value("NAME"), "Who to say we are (this host's name)"),
    Opt::new("r", "proxy", Arg::No, "Begin with a line of the PROXY protocol"),
    Opt::new(
        "D",
        "certificate",
        Arg::Value("DAYS[,DAYS]"),
        "Warn, or be critical, when the certificate has fewer days left; says STARTTLS without -s",
    ),
    Opt::new("S", "starttls", Arg::No, "Speak TLS after STARTTLS"),
    Opt::new("s", "ssl", Arg::No, "Speak TLS from the start"),
    // Its other name.
    Opt { short: '\0', long: "tls", arg: Arg::No, help: "", key: "s" },
    Opt::new("sni", "sni", Arg::No, "Ask for the certificate of the host, as is done without it too"),
    Opt::new("A", "authtype", Arg::Value("TYPE"), "Log in; only LOGIN is known"),
    Opt::new("U", "authuser", Arg::Value("STRING"), "As whom"),
    Opt::new("P", "authpass", Arg::Value("STRING"), "With what"),
    Opt::new("L", "lmtp", Arg::No, "Say LHLO instead of HELO or EHLO"),
    Opt::new("q", "ignore-quit-failure", Arg::No, "It is no fault that the server is gone before QUIT"),
    Opt::new("w", "warning", Arg::Value("SECONDS"), "Warn when it takes longer"),
    Opt::new("c", "critical", Arg::Value("SECONDS"), "Critical when it takes longer"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

#[derive(Debug)]
pub(super) struct Config {
    pub(super) host: Host,
    pub(super) probe: Probe,
    pub(super) responses: Vec<Regex>,
    pub(super) warning: Option<f64>,
    pub(super) critical: Option<f64>,
}

/// What is known only when all options are read.
#[derive(Default)]
struct Seen {
    host: bool,
    starttls: bool,
    ssl: bool,
    days: Option<(u32, u32)>,
    lmtp: bool,
}

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        for arg in &mut call.args {
            // As older versions wrote them.
            for (old, new) in [("-to", "-t"), ("-wt", "-w"), ("-ct", "-c")] {
                if arg == old {
                    *arg = new.into();
                }
            }
        }
        let (mut config, mut seen) = (Self::new(), Seen::default());
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found, &mut seen)?;
        }
        if let Some(word) = options.words().first().filter(|_| !seen.host) {
            config.host.name = word.to_string_lossy().into_owned();
        }
        if seen.starttls && seen.ssl {
            return Err(call.usage("Set either -s/--ssl/--tls or -S/--starttls"));
        }
        let wanted = Wanted { days: seen.days, ..Wanted::default() };
        config.probe.tls = match (seen.ssl, seen.starttls || seen.days.is_some()) {
            (true, _) => Some((Tls::First, wanted)),
            (false, true) => Some((Tls::Later, wanted)),
            (false, false) => None,
        };
        if config.host.port == 0 {
            config.host.port = if seen.ssl { 465 } else { 25 };
        }
        let extended = config.probe.login.as_ref().is_some_and(|login| !login.kind.is_empty());
        config.probe.hello = match (seen.lmtp, config.probe.tls.is_some() || extended) {
            (true, _) => "LHLO",
            (false, true) => "EHLO",
            (false, false) => "HELO",
        };
        // Without a kind nobody logs in.
        config.probe.login = config.probe.login.filter(|_| extended);
        config.probe.tolerant |= seen.days.is_some();
        Ok(config)
    }

    fn new() -> Self {
        Self {
            host: Host { name: "127.0.0.1".to_owned(), port: 0, family: Family::Any },
            probe: Probe {
                hello: "HELO",
                name: String::new(),
                proxy: false,
                tls: None,
                expect: "220".to_owned(),
                from: None,
                commands: Vec::new(),
                login: None,
                tolerant: false,
            },
            responses: Vec::new(),
            warning: None,
            critical: None,
        }
    }

    fn take(&mut self, call: &mut Call, found: &Found, seen: &mut Seen) -> Result<(), Stop> {
        let text = found.text();
        let seconds = |what: &str| {
            let given = value::number(&text).filter(|seconds| *seconds >= 0.0);
            given.map(Some).ok_or_else(|| call.usage(what))
        };
        match found.key {
            "H" => (self.host.name, seen.host) = (text, true),
            "p" => {
                let wrong = || call.usage("Port must be a positive integer");
                self.host.port = value::port(&text).ok_or_else(wrong)?;
            }
            "e" => self.probe.expect = text,
            "C" => self.probe.commands.push(text),
            "R" => {
                let regex = Regex::new(found.bytes(), Flags::default());
                self.responses.push(regex.map_err(|error| call.usage(&error.to_string()))?);
            }
            "f" => {
                let bare = text.trim_start_matches('<').split('>').next().unwrap_or_default();
                self.probe.from = Some(bare.to_owned());
            }
            "F" => self.probe.name = text,
            "r" => self.probe.proxy = true,
            "S" => seen.starttls = true,
            "s" => seen.ssl = true,
            "D" => seen.days = Some(days(call, &text)?),
            "A" => self.probe.login.get_or_insert_default().kind = text,
            "U" => self.probe.login.get_or_insert_default().user = Some(text),
            "P" => self.probe.login.get_or_insert_default().password = Some(text),
            "L" => seen.lmtp = true,
            "q" => self.probe.tolerant = true,
            "w" => self.warning = seconds("Warning time must be a positive")?,
            "c" => self.critical = seconds("Critical time must be a positive")?,
            _ => {
                self.host.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }
}

fn days(call: &Call, text: &str) -> Result<(u32, u32), Stop> {
    let (warning, critical) = text.split_once(',').unwrap_or((text, "0"));
    let number = |text: &str| {
        let wrong = || call.usage(&format!("Invalid certificate expiration period - {text}"));
        value::not_negative(text).ok_or_else(wrong)
    };
    Ok((number(warning)?, number(critical)?))
}
