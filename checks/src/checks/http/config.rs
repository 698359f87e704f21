//! What the command line says.

use super::follow::Follow;
use super::probe::{Place, Probe, Version};
use crate::frame::Call;
use crate::help::version_words;
use crate::http::Wants;
use crate::http::url::split_port;
use crate::net::Family;
use crate::options::{Found, value};
use crate::output::{Output, Stop};
use crate::range::{Range, Thresholds};
use crate::regex::{Flags, Regex};
use crate::state::State;
use crate::tls::{self, Verify, Versions};

/// What to do about a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onto {
    /// Go there.
    Next(Follow),
    /// End in this state.
    State(State),
}

/// How a page is measured and judged.
#[derive(Debug)]
pub struct Config {
    /// What to measure.
    pub probe: Probe,
    /// What to do about a redirect.
    pub onto: Onto,
    /// What the first line is to have, if not what HTTP says.
    pub expect: Option<String>,
    /// What is to be among the headers.
    pub header_string: Vec<u8>,
    /// What is to be in the page.
    pub string: Vec<u8>,
    /// What is to be in the page, as an expression.
    pub regex: Option<Regex>,
    /// Whether it is not to be there.
    pub invert_regex: bool,
    /// How old the page may be, in seconds.
    pub max_age: Option<u64>,
    /// The least and the most bytes.
    pub size: (Option<u64>, Option<u64>),
    /// Of the time.
    pub thresholds: Thresholds,
    /// Whether the steps of the time are printed.
    pub extended: bool,
    /// Whether the line is a link.
    pub link: bool,
    /// Whether the page is shown.
    pub show_body: bool,
    warning: Option<String>,
    critical: Option<String>,
    port_given: bool,
    address: Option<String>,
    host: Option<String>,
    redirects: u32,
    flags: Flags,
}

/// How much of a page is looked through; all of it is counted.
const KEEP: usize = 16 << 20;

impl Config {
    /// Reads it.
    pub fn read(call: &mut Call) -> Result<Self, Stop> {
        if call.args.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        for arg in &mut call.args {
            // As older versions wrote them.
            for (old, new) in [("-to", "-t"), ("-hn", "-H"), ("-wt", "-w"), ("-ct", "-c"), ("-nohtml", "-n")]
            {
                if arg == old {
                    *arg = new.into();
                }
            }
        }
        let mut config = Self::new(&call.name);
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        let mut words = options.words().into_iter().map(|word| word.to_string_lossy().into_owned());
        config.address = config.address.take().or_else(|| words.next());
        config.host = config.host.take().or_else(|| words.next());
        config.finish(call)?;
        Ok(config)
    }

    /// Whether the first line is one that was expected.
    pub fn expected(&self, line: &str) -> bool {
        let expect = self.expect.as_deref().unwrap_or("HTTP/1.");
        expect.split(',').any(|part| !part.is_empty() && line.contains(part))
    }

    fn new(name: &str) -> Self {
        let place = Place {
            address: String::new(),
            host: None,
            port: 80,
            host_port: None,
            tls: false,
            path: "/".to_owned(),
        };
        let probe = Probe {
            place,
            tls: tls::Wanted::default(),
            beyond_certificate: false,
            family: Family::Any,
            method: String::new(),
            through_proxy: false,
            version: None,
            headers: Vec::new(),
            user_agent: version_words(name),
            authorization: None,
            proxy_authorization: None,
            post: None,
            content_type: "application/x-www-form-urlencoded".to_owned(),
            wants: Wants { body: true, keep: 0 },
            follow: None,
        };
        Self {
            probe,
            onto: Onto::State(State::Ok),
            expect: None,
            header_string: Vec::new(),
            string: Vec::new(),
            regex: None,
            invert_regex: false,
            max_age: None,
            size: (None, None),
            thresholds: Thresholds::default(),
            extended: false,
            link: false,
            show_body: false,
            warning: None,
            critical: None,
            port_given: false,
            address: None,
            host: None,
            redirects: 15,
            flags: Flags::default(),
        }
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let wrong = |what: &str| call.usage(&format!("{what} - {text}"));
        match found.key {
            "w" => self.warning = Some(text),
            "c" => self.critical = Some(text),
            "H" => self.take_host(call, &text)?,
            "I" => self.address = Some(text),
            "p" => {
                let port = value::not_negative(&text).filter(|port| *port <= u32::from(u16::MAX));
                self.probe.place.port = port.ok_or_else(|| wrong("Invalid port number"))?;
                self.port_given = true;
            }
            "u" => self.probe.place.path = text,
            "e" => self.expect = Some(text),
            "d" => self.header_string = found.bytes().to_vec(),
            "s" => self.string = found.bytes().to_vec(),
            "l" => self.flags.line_span = true,
            "r" | "ereg" | "R" => {
                self.flags.ignore_case |= found.key == "R";
                self.regex = Some(
                    Regex::new(found.bytes(), self.flags)
                        .map_err(|error| Stop::unknown(error.to_string()))?,
                );
            }
            "invert-regex" => self.invert_regex = true,
            "f" => self.onto = self.onto(&text).ok_or_else(|| wrong("Invalid onredirect option"))?,
            "max-redirs" => {
                self.redirects =
                    value::not_negative(&text).ok_or_else(|| wrong("Invalid max_redirs count"))?
            }
            "m" => self.size = size(&text)?,
            "M" => self.max_age = Some(age(&text)?),
            "E" => self.extended = true,
            "L" => self.link = true,
            "n" => self.link = false,
            "B" => self.show_body = true,
            "C" | "J" | "K" | "S" | "D" | "ca-cert" | "verify-host" | "continue-after-certificate" => {
                self.take_tls(call, found)?
            }
            _ => self.take_request(call, found)?,
        }
        Ok(())
    }

    /// What of the command line goes into the request.
    fn take_request(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let (text, probe) = (found.text(), &mut self.probe);
        match found.key {
            "t" if call.take_timeout(&text) => {}
            "t" => {
                return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}")));
            }
            "A" => probe.user_agent = text,
            "k" => probe.headers.push(text),
            "a" => probe.authorization = Some(text).filter(|text| !text.is_empty()),
            "b" => probe.proxy_authorization = Some(text).filter(|text| !text.is_empty()),
            "P" => {
                probe.post.get_or_insert_with(|| found.bytes().to_vec());
                if probe.method.is_empty() {
                    probe.method = "POST".to_owned();
                }
            }
            "j" => probe.method = text,
            "T" => probe.content_type = text,
            "N" => probe.wants.body = false,
            "http-version" => {
                probe.version = match text.as_str() {
                    "1.0" => Some(Version::V10),
                    "1.1" => Some(Version::V11),
                    _ => return Err(call.usage(&format!("Invalid HTTP version - {text}"))),
                }
            }
            _ => {
                probe.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    fn take_host(&mut self, call: &Call, text: &str) -> Result<(), Stop> {
        let wrong = || call.usage(&format!("Invalid port number - {text}"));
        let (host, port) = split_port(text).ok_or_else(wrong)?;
        // Brackets stay in what is shown.
        let end = if text.starts_with('[') { host.len() + 2 } else { host.len() };
        self.host = Some(text[..end].to_owned());
        if let Some(port) = port {
            self.probe.place.host_port = Some(port);
            if !self.port_given {
                self.probe.place.port = port;
            }
        }
        Ok(())
    }

    fn take_tls(&mut self, call: &Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let tls = &mut self.probe.tls;
        match found.key {
            "continue-after-certificate" => {
                self.probe.beyond_certificate = true;
                return Ok(());
            }
            "verify-host" => {
                tls.verify.get_or_insert_default().name = true;
                return Ok(());
            }
            "D" => {
                let verify = tls.verify.get_or_insert_default();
                *verify = Verify { chain: true, name: true, authorities: verify.authorities.take() };
            }
            "ca-cert" => {
                readable(call, &text)?;
                tls.verify.get_or_insert_default().authorities = Some(text);
            }
            "S" if found.has_value() => {
                let what =
                    "Invalid option - Valid SSL/TLS versions: 2, 3, 1, 1.1, 1.2 (with optional '+' suffix)";
                tls.versions = Versions::parse(&text).ok_or_else(|| call.usage(what))?;
            }
            "C" => {
                let (warning, critical) = text.split_once(',').unwrap_or((&text, "0"));
                let days = |text: &str| {
                    let wrong = || call.usage(&format!("Invalid certificate expiration period - {text}"));
                    value::not_negative(text).ok_or_else(wrong)
                };
                tls.days = Some((days(warning)?, days(critical)?));
            }
            "J" => {
                readable(call, &text)?;
                tls.identity.get_or_insert_default().0 = text;
            }
            "K" => {
                readable(call, &text)?;
                tls.identity.get_or_insert_default().1 = text;
            }
            _ => {}
        }
        self.probe.place.tls = true;
        if !self.port_given {
            self.probe.place.port = 443;
        }
        Ok(())
    }

    fn onto(&self, text: &str) -> Option<Onto> {
        let follow = |same_host, same_port| Onto::Next(Follow { same_host, same_port, most: 0 });
        Some(match text {
            "follow" | "curl" => follow(false, false),
            "sticky" => follow(true, false),
            "stickyport" => follow(true, true),
            "ok" => Onto::State(State::Ok),
            "warning" => Onto::State(State::Warning),
            "critical" => Onto::State(State::Critical),
            "unknown" => Onto::State(State::Unknown),
            _ => return None,
        })
    }

    /// What follows from the options together.
    fn finish(&mut self, call: &mut Call) -> Result<(), Stop> {
        let nobody = || call.usage("You must specify a server address or host name");
        let address = self.address.clone().or_else(|| self.host.clone()).ok_or_else(nobody)?;
        self.thresholds = Thresholds::parse(self.warning.as_deref(), self.critical.as_deref())?;
        let last = self.thresholds.critical.as_ref().map(Range::end).filter(|end| end.is_finite());
        if let Some(last) = last.filter(|end| *end > f64::from(call.timeout())) {
            call.set_timeout(last as u32 + 1);
        }
        let probe = &mut self.probe;
        if let Some((certificate, key)) = &probe.tls.identity {
            if certificate.is_empty() {
                probe.tls.identity = None;
            } else if key.is_empty() {
                let what = "If you use a client certificate you must also specify a private key file";
                return Err(call.usage(what));
            }
        }
        if let Some(verify) = &mut probe.tls.verify {
            verify.chain |= verify.authorities.is_some();
        }
        probe.place.address = address;
        probe.place.host = self.host.take();
        if probe.method.is_empty() && probe.post.is_none() {
            probe.method = "GET".to_owned();
        }
        let tunnel = probe.place.tls && probe.place.host.is_some();
        let inner = match probe.method.split_once(':') {
            None if probe.method == "CONNECT" => Some("GET"),
            Some(("CONNECT", method)) => Some(method),
            _ => None,
        };
        if let Some(method) = inner.filter(|_| tunnel) {
            (probe.through_proxy, probe.method) = (true, method.to_owned());
        }
        let looked_at = !self.string.is_empty() || self.regex.is_some() || self.show_body || call.verbose > 0;
        probe.wants.keep = if looked_at { KEEP } else { 0 };
        if let Onto::Next(follow) = &mut self.onto {
            follow.most = self.redirects;
            // As in 2.x an answer that was expected is where it ends.
            probe.follow = Some(*follow).filter(|_| self.expect.is_none());
        }
        Ok(())
    }
}

fn readable(call: &Call, path: &str) -> Result<(), Stop> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(_) => Err(call.usage(&format!("file does not exist or is not readable - {path}"))),
    }
}

/// `min` or `min:max`; of 2.x's making is that a wrong one is a warning.
fn size(text: &str) -> Result<(Option<u64>, Option<u64>), Stop> {
    let wrong = || Stop::with(State::Warning, "Bad format: try \"-m min:max\"");
    let number = |text: &str| value::not_negative(text.trim_ascii()).map(u64::from).ok_or_else(wrong);
    let above_zero = |number: u64| Some(number).filter(|number| *number > 0);
    Ok(match text.split_once(':') {
        None => (above_zero(number(text)?), None),
        Some((least, most)) => (above_zero(number(least)?), above_zero(number(most)?)),
    })
}

/// Seconds, or with a letter minutes, hours or days.
fn age(text: &str) -> Result<u64, Stop> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'd')) => (&text[..at], 24 * 3600),
        _ => (text, 1),
    };
    let wrong = || Stop::from(Output::new(State::Warning, format!("unparsable max-age: {text}")));
    value::not_negative(digits).map(|number| u64::from(number) * unit).ok_or_else(wrong)
}
