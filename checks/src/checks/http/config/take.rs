//! One option after the other.

use super::{Config, Onto};
use crate::checks::http::{Follow, Version};
use crate::frame::Call;
use crate::http::url::split_port;
use crate::options::{Found, value};
use crate::output::{Output, Stop};
use crate::regex::Regex;
use crate::state::State;
use crate::tls::{Verify, Versions};

impl Config {
    /// One option of the command line.
    pub(super) fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
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
            "enable-automatic-decompression" => probe.compressed = true,
            "cookie-jar" => self.cookie_jar = Some(text),
            "http-version" => {
                probe.version = match text.as_str() {
                    "1.0" => Some(Version::V10),
                    "1.1" => Some(Version::V11),
                    "2" | "2.0" => Some(Version::V2),
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
                *verify =
                    Verify { chain: true, name: true, key: true, authorities: verify.authorities.take() };
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
