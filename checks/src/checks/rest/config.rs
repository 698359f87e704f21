//! What the command line says.

use super::path::Path;
use crate::checks::http::{Follow, Place, Probe};
use crate::frame::Call;
use crate::help::version_words;
use crate::http::url::split_port;
use crate::http::{Url, Wants};
use crate::net::Family;
use crate::options::{Found, value};
use crate::output::Stop;
use crate::range::{Range, Thresholds};
use crate::tls::{self, Verify};

/// What is asked for, and what is looked at in the answer.
#[derive(Debug)]
pub struct Config {
    /// How to ask.
    pub probe: Probe,
    /// What to look at.
    pub queries: Vec<Query>,
    /// Of the time.
    pub time: Thresholds,
    host: Option<String>,
    port: Option<u32>,
    url: String,
}

/// One value of the answer.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where it is.
    pub path: Path,
    /// What it is called, in the line and in the perfdata.
    pub label: String,
    /// Its unit.
    pub unit: &'static str,
    /// What it is judged by, as a number.
    pub thresholds: Thresholds,
    /// What it has to be, as a text.
    pub expect: Option<String>,
}

/// The units that readers of perfdata know.
const UNITS: &[&str] =
    &["", "s", "ms", "us", "%", "B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "c"];

/// A longer answer is not one to a program.
const KEEP: usize = 16 << 20;

impl Config {
    /// Reads it.
    pub fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self::new(&call.name);
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.place(call)?;
        if config.probe.method.is_empty() {
            config.probe.method = "GET".to_owned();
        }
        Ok(config)
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
        let url = "/".to_owned();
        Self { probe, queries: Vec::new(), time: Thresholds::default(), host: None, port: None, url }
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let wrong = |what: &str| call.usage(&format!("{what} - {text}"));
        match found.key {
            "H" => self.host = Some(text),
            "p" => {
                self.port = Some(value::port(&text).ok_or_else(|| wrong("Invalid port number"))?.into());
            }
            "u" => self.url = text,
            "q" => {
                let path = Path::parse(&text).ok_or_else(|| wrong("Invalid path"))?;
                let thresholds = Thresholds::default();
                self.queries.push(Query { path, label: text, unit: "", thresholds, expect: None });
            }
            "w" | "c" | "l" | "unit" | "e" => self.take_of_query(call, found)?,
            "warning-time" => self.time.warning = Some(Range::parse(&text)?),
            "critical-time" => self.time.critical = Some(Range::parse(&text)?),
            _ => self.take_request(call, found)?,
        }
        Ok(())
    }

    /// What is said of the query before it.
    fn take_of_query(&mut self, call: &Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        let Some(query) = self.queries.last_mut() else {
            return Err(call.usage("-q has to come before what is said of its value"));
        };
        match found.key {
            "w" => query.thresholds.warning = Some(Range::parse(&text)?),
            "c" => query.thresholds.critical = Some(Range::parse(&text)?),
            "l" => query.label = text,
            "e" => query.expect = Some(text),
            _ => {
                let known = UNITS.iter().find(|unit| **unit == text);
                query.unit = known.ok_or_else(|| call.usage(&format!("Invalid unit - {text}")))?;
            }
        }
        Ok(())
    }

    /// What of the command line goes into the request.
    fn take_request(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let (text, probe) = (found.text(), &mut self.probe);
        match found.key {
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
            "j" => probe.method = text,
            "T" => probe.content_type = text,
            "P" => {
                probe.post = Some(found.bytes().to_vec());
                if probe.method.is_empty() {
                    probe.method = "POST".to_owned();
                }
            }
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

    /// A whole URL says where; what the options say goes before.
    fn place(&mut self, call: &Call) -> Result<(), Stop> {
        let place = &mut self.probe.place;
        let mut port = None;
        if let Some(url) = Url::parse(&self.url) {
            (place.tls, place.path, port) = (place.tls || url.tls, url.path, Some(url.port));
            place.host = Some(url.host);
        } else if self.url.starts_with('/') {
            place.path.clone_from(&self.url);
        } else {
            return Err(call.usage(&format!("Invalid URL - {}", self.url)));
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
