//! What the command line says.

use crate::frame::Call;
use crate::net::Family;
use crate::output::Stop;
use crate::regex::Regex;
use crate::state::State;
use crate::tls::start::Start;
use crate::tls::{self, Verify};

mod fingerprint;
mod take;

pub use fingerprint::Fingerprint;

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
    /// What its issuer must not match.
    pub not_issued_by: Option<(String, Regex)>,
    /// What an address of mail in it has to match.
    pub email: Option<(String, Regex)>,
    /// What its fingerprint has to be.
    pub fingerprint: Option<Fingerprint>,
    /// For how many days it may be valid, from its first day and from now.
    pub longest: [Option<f64>; 2],
    /// How many of the chain are looked at.
    pub most: usize,
    /// Which of them are not, the first being 1.
    pub skipped: Vec<usize>,
    /// Whether a server may show no more than its own.
    pub incomplete: bool,
    /// The state of a server that cannot be reached, if not critical.
    pub unreachable: Option<State>,
    /// Whether perfdata is printed.
    pub perfdata: bool,
    /// The digits of a number of days, where they are not those of the limits.
    pub precision: Option<u8>,
    host: Option<String>,
    address: Option<String>,
    file: Option<String>,
    port: Option<u16>,
    algorithm: String,
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
        if let Some(fingerprint) = &mut config.fingerprint {
            fingerprint.algorithm = std::mem::take(&mut config.algorithm);
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
            not_issued_by: None,
            email: None,
            fingerprint: None,
            longest: [None; 2],
            skipped: Vec::new(),
            incomplete: false,
            unreachable: None,
            perfdata: true,
            precision: None,
            algorithm: "sha1".to_owned(),
            most: usize::MAX,
            host: None,
            address: None,
            file: None,
            port: None,
        }
    }
}

/// A fault of the command line.
fn wrong(what: &str) -> Stop {
    Stop::unknown(format!("SSL_CERT UNKNOWN: {what}"))
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
