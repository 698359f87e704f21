//! What the command line says, and the file of `-f`, which holds more of it.

use std::ffi::OsString;
use std::net::IpAddr;

use super::packet::{ROOM, Version};
use crate::frame::Call;
use crate::host::Host;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, Options, Order, common, value};
use crate::output::Stop;
use crate::state::State;
use crate::tls::{Verify, Versions, Wanted};

/// Whom to ask for what.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) host: Host,
    pub(super) from: Option<IpAddr>,
    pub(super) query: String,
    pub(super) version: Version,
    pub(super) tls: Tls,
}

/// What may be spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Nothing.
    None,
    /// TLS without certificates.
    Anonymous,
    /// TLS with the server's certificate.
    Certificates(Wanted),
    /// The first if the server will, else the second.
    Either(Wanted),
}

/// What was given so far: of the file only what the command line has not.
#[derive(Debug, Default)]
struct Given {
    host: Option<String>,
    port: Option<u16>,
    from: Option<IpAddr>,
    family: Family,
    file: Option<String>,
    command: Option<String>,
    args: Option<Vec<String>>,
    no_tls: bool,
    two: bool,
    three: bool,
    payload: Option<usize>,
    anonymous: Option<u32>,
    versions: Option<Versions>,
    certificate: Option<String>,
    key: Option<String>,
    authorities: Option<String>,
    timeout: Option<(Option<u32>, Option<State>)>,
}

pub(super) const OPTIONS: &[Opt] = &[
    Opt::new("H", "host", Arg::Value("HOST"), "Host name or address"),
    Opt::new("p", "port", Arg::Value("PORT"), "Port (5666)"),
    Opt::new(
        "c",
        "command",
        Arg::Value("COMMAND"),
        "The server's name of what to run; its version by default",
    ),
    Opt::new("a", "args", Arg::Value("LIST"), "Arguments of the command: all words to the end of the line"),
    Opt::new("n", "no-ssl", Arg::No, "Speak no TLS"),
    Opt::new(
        "u",
        "unknown-timeout",
        Arg::No,
        "UNKNOWN, not CRITICAL, where there is no connection or no answer",
    ),
    Opt::new("2", "v2-packets-only", Arg::No, "Packets of version 2, with room for 1,024 bytes"),
    Opt::new("3", "v3-packets-only", Arg::No, "Packets of version 3"),
    Opt::new("4", "ipv4", Arg::No, "Only IPv4"),
    Opt::new("6", "ipv6", Arg::No, "Only IPv6"),
    Opt::new(
        "P",
        "payload-size",
        Arg::Value("SIZE"),
        "Another room in packets of version 2, as NSClient++ has it",
    ),
    Opt::new(
        "d",
        "use-adh",
        Arg::Value("DHOPT"),
        "TLS without certificates: 0 never, 1 if the server will (the default without -A, -C and -K), 2 no other TLS 1.2",
    ),
    Opt::new("S", "ssl-version", Arg::Value("VERSION"), "TLSv1.2, TLSv1.3, or with + what is newer too"),
    Opt::new(
        "L",
        "cipher-list",
        Arg::Value("LIST"),
        "Ciphers of OpenSSL: those that are spoken here are always offered",
    ),
    Opt::new("C", "client-cert", Arg::Value("FILE"), "A certificate of our own, in PEM"),
    Opt::new("K", "key-file", Arg::Value("FILE"), "Its key"),
    Opt::new("A", "ca-cert-file", Arg::Value("FILE"), "Authorities in PEM: one has to vouch for the server"),
    Opt::new("b", "bind", Arg::Value("IPADDR"), "The address to ask from"),
    Opt::new(
        "f",
        "config-file",
        Arg::Value("FILE"),
        "A file with more of these options, which then need not be here",
    ),
    Opt::new("s", "ssl-logging", Arg::Value("OPTIONS"), "Taken: nothing is logged"),
    Opt::new("g", "log-file", Arg::Value("FILE"), "Taken: nothing is logged"),
    Opt::new("D", "disable-syslog", Arg::No, "Taken: nothing is logged"),
    Opt::new("E", "stderr-to-stdout", Arg::No, "Taken: all is said on standard output"),
    Opt::new("l", "license", Arg::Version, ""),
    common::TIMEOUT,
    common::HELP,
    common::VERSION,
];

/// What is asked for when nothing is.
const OWN_VERSION: &str = "_NRPE_CHECK";
/// As long as 2.x lets a command be.
const LONGEST: usize = 2047;
const FILE_WORDS: usize = 49;

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut given = Given::default();
        given.take_all(call, call.options(), false)?;
        if let Some(file) = given.file.clone() {
            let text = std::fs::read_to_string(&file);
            let text = text.map_err(|error| {
                Stop::usage(format!("Error: Could not open config file {file}: {}", crate::words(&error)))
            })?;
            let words: Vec<OsString> = text.split_ascii_whitespace().map(OsString::from).collect();
            if words.len() >= FILE_WORDS {
                return Err(Stop::usage(format!("Error: too many parameters in config file {file}")));
            }
            let options = Options::new(&call.program, call.check.options, Order::Any, &words);
            given.take_all(call, options, true)?;
        }
        given.finish(call)
    }
}

impl Given {
    fn take_all(&mut self, call: &mut Call, mut options: Options<'_>, file: bool) -> Result<(), Stop> {
        while let Some(found) = options.next()? {
            if file && ["f", "c", "a"].contains(&found.key) {
                let text = format!("Error: The config file should not have -{}.", found.key);
                return Err(Stop::usage(text));
            }
            if found.key == "a" {
                let rest = options.rest().into_iter().map(|word| word.to_string_lossy().into_owned());
                self.args = Some([found.text()].into_iter().chain(rest).collect());
                return Ok(());
            }
            self.take(call, &found)?;
        }
        Ok(())
    }

    fn take(&mut self, call: &Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let wrong = |what: &str| call.usage(&format!("{what} - {text}"));
        // The first one counts, since the file comes after the command line.
        let set = |place: &mut Option<String>, text: String| {
            place.get_or_insert(text);
        };
        match found.key {
            "H" => set(&mut self.host, text),
            "f" => set(&mut self.file, text),
            "c" => set(&mut self.command, text),
            "C" => set(&mut self.certificate, text),
            "K" => set(&mut self.key, text),
            "A" => set(&mut self.authorities, text),
            "p" => {
                let port = value::port(&text).ok_or_else(|| wrong("Port must be a positive integer"))?;
                self.port.get_or_insert(port);
            }
            "P" => {
                let size =
                    value::not_negative(&text).ok_or_else(|| wrong("Payload size must be an integer"))?;
                self.payload.get_or_insert(size as usize);
            }
            "b" => {
                let from = text.parse().map_err(|_| wrong("Invalid address to ask from"))?;
                self.from.get_or_insert(from);
            }
            "d" => {
                let option = value::not_negative(&text).filter(|option| *option <= 2);
                self.anonymous.get_or_insert(option.ok_or_else(|| wrong("-d is 0, 1 or 2"))?);
            }
            "S" => {
                let name = text.strip_prefix("TLSv").or_else(|| text.strip_prefix("SSLv"));
                let versions = name.and_then(Versions::parse).ok_or_else(|| wrong("Invalid SSL version"))?;
                self.versions.get_or_insert(versions);
            }
            "t" => {
                let timeout = timeout(&text)
                    .ok_or_else(|| Stop::unknown("Timeout value must be a positive integer"))?;
                self.timeout.get_or_insert(timeout);
            }
            "u" => self.take_unknown(),
            "n" => self.no_tls = true,
            "2" => self.two = true,
            "3" => self.three = true,
            "4" | "6" if self.family == Family::Any => self.family.take(found),
            _ => {}
        }
        Ok(())
    }

    /// The last of `-u` and of a state of `-t` counts.
    fn take_unknown(&mut self) {
        let (seconds, _) = self.timeout.unwrap_or_default();
        self.timeout = Some((seconds, Some(State::Unknown)));
    }

    fn finish(self, call: &mut Call) -> Result<Config, Stop> {
        if self.certificate.is_some() != self.key.is_some() {
            let text = "Error: the client certificate and the private key must both be given or neither";
            return Err(Stop::usage(text));
        }
        let payload = self.payload.filter(|size| *size > 0);
        if payload.is_some() && !self.two {
            let text = "Error: if a fixed payload size is specified, '-2' must also be specified";
            return Err(Stop::usage(text));
        }
        if self.two && self.three {
            return Err(Stop::usage(
                "Error: Only one of force_v2_packet (-2) and force_v3_packet (-3) can be specified.",
            ));
        }
        if let Some((seconds, state)) = self.timeout {
            call.set_timeout(seconds.unwrap_or(crate::frame::TIMEOUT));
            call.set_timeout_state(state.unwrap_or(State::Critical));
        }
        let tls = self.tls();
        let name = self.host.ok_or_else(|| call.usage("You must specify a host"))?;
        let mut query = self.command.unwrap_or_else(|| OWN_VERSION.to_owned());
        for arg in self.args.unwrap_or_default() {
            query.push('!');
            query.push_str(&arg);
        }
        while query.len() > LONGEST {
            query.pop();
        }
        let version = match (self.two, self.three) {
            (true, _) => Version::Two(payload.unwrap_or(ROOM)),
            (_, true) => Version::Three,
            _ => Version::Four,
        };
        let host = Host { name, port: self.port.unwrap_or(5666), family: self.family };
        Ok(Config { host, from: self.from, query, version, tls })
    }

    fn tls(&self) -> Tls {
        let verify = self.authorities.clone().map(|file| Verify {
            chain: true,
            name: false,
            key: true,
            authorities: Some(file),
        });
        let versions = self.versions.unwrap_or_default();
        let identity = self.certificate.clone().zip(self.key.clone());
        let known = verify.is_some() || identity.is_some();
        let wanted = Wanted { versions, identity, verify, ..Wanted::default() };
        let speaks = |wanted| versions.list().is_ok_and(|list| list.iter().any(|one| one.version == wanted));
        let twelve = speaks(rustls::ProtocolVersion::TLSv1_2);
        match self.anonymous {
            _ if self.no_tls => Tls::None,
            Some(0) => Tls::Certificates(wanted),
            _ if !twelve => Tls::Certificates(wanted),
            // As the C plugin has it, whose ciphers are those of TLS 1.2 alone.
            Some(2) if speaks(rustls::ProtocolVersion::TLSv1_3) => {
                let versions = Versions::parse("1.3").unwrap_or_default();
                Tls::Either(Wanted { versions, ..wanted })
            }
            Some(2) => Tls::Anonymous,
            _ if known => Tls::Certificates(wanted),
            _ => Tls::Either(wanted),
        }
    }
}

/// `N`, `N:STATE` or `:STATE`.
fn timeout(text: &str) -> Option<(Option<u32>, Option<State>)> {
    match text.strip_prefix(':') {
        Some(state) => Some((None, Some(State::parse(state)?))),
        None => value::timeout(text).map(|(seconds, state)| (Some(seconds), state)),
    }
}
