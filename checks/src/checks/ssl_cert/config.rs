//! What the command line says.

use crate::frame::Call;
use crate::net::Family;
use crate::options::{Found, value};
use crate::output::Stop;
use crate::regex::{Flags, Regex};
use crate::tls::start::Start;
use crate::tls::{self, Verify, Versions};

/// Where the certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// At a server.
    Host {
        /// Its name.
        name: String,
        /// Where it is.
        address: String,
        /// Its port.
        port: u16,
    },
    /// In a file.
    File(String),
}

/// How a certificate is got and judged.
#[derive(Debug)]
pub struct Config {
    /// Where it is.
    pub from: From,
    /// Which addresses of a name.
    pub family: Family,
    /// What is said before TLS.
    pub start: Start,
    /// The name of that, for the line.
    pub protocol: String,
    /// How TLS is spoken.
    pub tls: tls::Wanted,
    /// Whether to ask who vouches for it.
    pub vouched: bool,
    /// Whether it may vouch for itself.
    pub self_signed: bool,
    /// The authorities, where they are not the system's.
    pub authorities: Option<String>,
    /// Days for a warning and for critical.
    pub limits: [Days; 2],
    /// Whether days matter.
    pub expires: bool,
    /// Whether it has to be for the host.
    pub for_host: bool,
    /// What else it has to be for.
    pub names: Vec<String>,
    /// What its issuer, organization and serial number have to match.
    pub patterns: [Option<(String, Regex)>; 3],
    /// How many of the chain are looked at.
    pub most: usize,
    host: Option<String>,
    address: Option<String>,
    file: Option<String>,
    port: Option<u16>,
}

/// A number of days, as it was given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Days {
    /// The number.
    pub days: f64,
    /// How many digits it has after the point.
    pub decimals: u8,
}

impl Config {
    /// Reads it.
    pub fn read(call: &mut Call) -> Result<Self, Stop> {
        call.set_timeout(120);
        let mut config = Self::new();
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.from = match (config.file.take(), config.host.take()) {
            (Some(path), _) => From::File(path),
            (None, Some(name)) => {
                let address = config.address.take().unwrap_or_else(|| name.clone());
                let usual = usual_port(&config.protocol);
                From::Host { name, address, port: config.port.unwrap_or(usual) }
            }
            (None, None) => return Err(wrong("No host specified")),
        };
        let [warning, critical] = config.limits;
        if warning.days <= critical.days {
            let (warning, critical) = (warning.days, critical.days);
            return Err(wrong(&format!(
                "--warning ({warning}) is less than or equal to --critical ({critical})"
            )));
        }
        if config.vouched {
            config.tls.verify = Some(Verify { key: true, ..Verify::default() });
        }
        Ok(config)
    }

    /// Whom a line is about, when there is no certificate yet.
    pub fn subject(&self) -> &str {
        match &self.from {
            From::Host { name, .. } => name,
            From::File(path) => path,
        }
    }

    fn new() -> Self {
        Self {
            from: From::File(String::new()),
            family: Family::Any,
            start: Start::AtOnce,
            protocol: "https".to_owned(),
            tls: tls::Wanted::default(),
            vouched: true,
            self_signed: false,
            authorities: None,
            limits: [Days { days: 20.0, decimals: 0 }, Days { days: 15.0, decimals: 0 }],
            expires: true,
            for_host: true,
            names: Vec::new(),
            patterns: [const { None }; 3],
            most: usize::MAX,
            host: None,
            address: None,
            file: None,
            port: None,
        }
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "t" if call.take_timeout(&text) => {}
            "t" => return Err(wrong("Timeout interval must be a positive integer")),
            "H" => self.host = Some(text),
            "f" => self.file = Some(text),
            "p" => {
                let port = value::port(&text);
                self.port = Some(port.ok_or_else(|| wrong(&format!("invalid port number '{text}'")))?);
            }
            "P" => {
                let unknown = || wrong(&format!("Error: unsupported protocol {text}"));
                self.start = Start::by_name(&text).ok_or_else(unknown)?;
                self.protocol = text;
            }
            "w" => self.limits[0] = days("warning", &text)?,
            "c" => self.limits[1] = days("critical", &text)?,
            "A" => self.vouched = false,
            "s" => self.self_signed = true,
            "m" | "n" => self.names.push(text),
            "i" => self.patterns[0] = Some(pattern(text)?),
            "o" => self.patterns[1] = Some(pattern(text)?),
            "serial" => self.patterns[2] = Some(pattern(text)?),
            "r" | "rootcert-file" => self.authorities = Some(text),
            "first-element-only" => self.most = 1,
            "element" => {
                let number =
                    value::positive(&text).ok_or_else(|| wrong("--element: not a positive number"))?;
                self.most = number as usize;
            }
            "ignore-exp" => self.expires = false,
            "ignore-host-cn" => self.for_host = false,
            "resolve" => self.address = Some(text),
            _ => self.take_tls(call, found)?,
        }
        Ok(())
    }

    fn take_tls(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "sni" => self.tls.sni = Some(text),
            "tls1_2" => self.tls.versions = Versions::parse("1.2").unwrap_or_default(),
            "tls1_3" => self.tls.versions = Versions::parse("1.3").unwrap_or_default(),
            "C" => self.tls.identity.get_or_insert_default().0 = text,
            "K" => self.tls.identity.get_or_insert_default().1 = text,
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }
}

fn wrong(what: &str) -> Stop {
    Stop::unknown(format!("SSL_CERT UNKNOWN: {what}"))
}

fn days(option: &str, text: &str) -> Result<Days, Stop> {
    let what = || wrong(&format!("--{option}: the number of days should be an integer or a float"));
    let days = value::number(text).filter(|days| *days >= 0.0).ok_or_else(what)?;
    let decimals =
        text.split_once('.').map_or(0, |(_, digits)| u8::try_from(digits.len().min(6)).unwrap_or(6));
    Ok(Days { days, decimals })
}

fn pattern(text: String) -> Result<(String, Regex), Stop> {
    let flags = Flags { ignore_case: true, line_span: true };
    let regex = Regex::new(text.as_bytes(), flags).map_err(|error| wrong(&error.to_string()))?;
    Ok((text, regex))
}

fn usual_port(protocol: &str) -> u16 {
    match protocol {
        "smtp" => 25,
        "smtps" => 465,
        "imap" => 143,
        "imaps" => 993,
        "pop3" => 110,
        "pop3s" => 995,
        "ftp" => 21,
        "ftps" => 990,
        "ldaps" => 636,
        "ircs" => 6697,
        "postgres" => 5432,
        _ => 443,
    }
}
