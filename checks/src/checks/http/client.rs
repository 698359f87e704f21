//! What checks share that ask for a page which programs read: where it is and how it is asked for, by the same options.

use super::{Error, Follow, Place, Probe, measure};
use crate::deadline::Deadline;
use crate::frame::Call;
use crate::help::version_words;
use crate::http::url::split_port;
use crate::http::{self, Response, Url, Wants};
use crate::http2;
use crate::net::Family;
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::Stop;
use crate::state::State;
use crate::tls::{self, Verify};

/// Whom to ask, and how.
#[derive(Debug)]
pub struct Client {
    /// All of it, once `place` was called.
    pub probe: Probe,
    host: Option<String>,
    port: Option<u32>,
    url: Option<String>,
    /// What is asked for unless that is given; of a whole URL the host is only so unless one is given.
    default: &'static str,
}

/// What came, and how long it took.
#[derive(Debug)]
pub struct Answer {
    /// From the first connection to the last byte.
    pub seconds: f64,
    /// The answer of the page that was no redirect.
    pub response: Response,
}

/// The options.
pub const OPTIONS: &[Opt] = &[
    Opt::new("u", "url", Arg::Value("URL"), "What to ask for: a whole URL, or a path of the host"),
    Opt::new(
        "H",
        "hostname",
        Arg::Value("ADDRESS"),
        "The host; with a whole URL where to connect to instead",
    ),
    Opt::new("p", "port", Arg::Value("NUMBER"), "Port (that of the URL, or 80, or 443 with TLS)"),
    common::IPV4,
    common::IPV6,
    Opt::new("S", "ssl", Arg::No, "Speak TLS, which a URL with https does by itself"),
    Opt::new("D", "verify-cert", Arg::No, "The certificate has to be for the host, and from an authority"),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The same, with the authorities in this file, in PEM"),
    Opt::new("J", "client-cert", Arg::Value("FILE"), "A certificate to show the server, in PEM"),
    Opt::new("K", "private-key", Arg::Value("FILE"), "Its key, in PEM"),
    Opt::new("a", "authorization", Arg::Value("USER:PASSWORD"), "Log in to the server"),
    Opt::new("k", "header", Arg::Value("HEADER"), "One more header; may be repeated"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

/// A longer answer is not one to a program.
const KEEP: usize = 16 << 20;

impl Client {
    /// Of a check of this name, that asks for this URL or path unless it is told another.
    pub fn new(name: &str, default: &'static str) -> Self {
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
            beyond_certificate: true,
            family: Family::Any,
            method: String::new(),
            through_proxy: false,
            version: None,
            headers: vec!["Accept: application/json".to_owned()],
            user_agent: version_words(name),
            authorization: None,
            proxy_authorization: None,
            post: None,
            content_type: "application/json".to_owned(),
            wants: Wants { body: true, keep: KEEP },
            follow: Some(Follow { same_host: false, same_port: false, most: 5 }),
            cookies: None,
            compressed: false,
        };
        Self { probe, host: None, port: None, url: None, default }
    }

    /// Takes one of the options.
    pub fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let (text, probe) = (found.text(), &mut self.probe);
        match found.key {
            "H" => self.host = Some(text),
            "p" => {
                let wrong = || call.usage(&format!("Invalid port number - {text}"));
                self.port = Some(value::port(&text).ok_or_else(wrong)?.into());
            }
            "u" => self.url = Some(text),
            "S" => probe.place.tls = true,
            "D" => {
                let authorities = probe.tls.verify.take().and_then(|verify| verify.authorities);
                probe.tls.verify = Some(Verify { chain: true, name: true, key: true, authorities });
            }
            "ca-cert" => {
                let verify = Verify { chain: true, name: true, key: true, authorities: Some(text) };
                probe.tls.verify = Some(verify);
            }
            "J" => probe.tls.identity.get_or_insert_default().0 = text,
            "K" => probe.tls.identity.get_or_insert_default().1 = text,
            "a" => probe.authorization = Some(text),
            "k" => probe.headers.push(text),
            "t" if call.take_timeout(&text) => {}
            "t" => {
                return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}")));
            }
            _ => {
                probe.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    /// What to ask for, in place of `-u`.
    pub fn set_url(&mut self, url: String) {
        self.url = Some(url);
    }

    /// A whole URL says where; what the options say goes before.
    pub fn place(&mut self, call: &Call) -> Result<(), Stop> {
        let place = &mut self.probe.place;
        let mut port = None;
        let url = self.url.as_deref().unwrap_or(self.default);
        if let Some(parsed) = Url::parse(url) {
            (place.tls, place.path, port) = (place.tls || parsed.tls, parsed.path, Some(parsed.port));
            place.host = Some(parsed.host).filter(|_| self.url.is_some() || self.host.is_none());
        } else if url.starts_with('/') {
            url.clone_into(&mut place.path);
        } else {
            return Err(call.usage(&format!("Invalid URL - {url}")));
        }
        if let Some(host) = &self.host {
            let wrong = || call.usage(&format!("Invalid host - {host}"));
            let (name, of_host) = split_port(host).ok_or_else(wrong)?;
            place.host.get_or_insert_with(|| name.to_owned());
            place.address = name.to_owned();
            port = of_host.or(port);
        } else if let Some(host) = &place.host {
            place.address.clone_from(host);
        } else {
            return Err(call.usage("You must specify a server address or host name"));
        }
        place.port = self.port.or(port).unwrap_or(if place.tls { 443 } else { 80 });
        Ok(())
    }
}

impl Answer {
    /// The page, if the server gives it: another status is critical.
    pub fn page(self, title: &str) -> Result<(f64, Vec<u8>), Stop> {
        if self.response.status().is_some_and(|status| (200..300).contains(&status)) {
            return Ok((self.seconds, self.response.body));
        }
        let line = self.response.status_line();
        Err(Stop::with(State::Critical, format!("{title} CRITICAL - {line}")))
    }
}

/// Asks; whatever keeps an answer from coming is critical, in a line that begins with the title.
pub fn ask(probe: &Probe, title: &str, deadline: Deadline) -> Result<Answer, Stop> {
    let measured = measure(probe, deadline).map_err(|error| match error {
        Error::Expired
        | Error::Http2(http2::Error::Expired)
        | Error::Http(http::Error::Expired { .. })
        | Error::Tls(tls::Error::Expired) => Stop::Timeout,
        error => Stop::with(State::Critical, format!("{title} CRITICAL - {error}")),
    })?;
    match measured.exchange {
        Some(exchange) => Ok(Answer { seconds: measured.seconds, response: exchange.response }),
        None => Err(Stop::unknown(format!("{title} UNKNOWN - no answer"))),
    }
}
