//! What the command line says, and libpq's parameters in `-o`.

use super::connection::{Place, Tls};
use crate::deadline::Deadline;
use crate::frame::Call;
use crate::net::{self, Family};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::Stop;
use crate::passwd;
use crate::range::{Range, Thresholds};
use crate::tls::Verify;

/// Whom to ask, and what may come of it.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) place: Place,
    pub(super) warning: f64,
    pub(super) critical: f64,
    pub(super) query: Option<String>,
    pub(super) query_name: Option<String>,
    pub(super) thresholds: Thresholds,
    given_host: bool,
}

pub(super) const OPTIONS: &[Opt] = &[
    Opt::new(
        "H",
        "hostname",
        Arg::Value("ADDRESS"),
        "Host name, address, or the directory of a socket (/var/run/postgresql)",
    ),
    Opt::new("P", "port", Arg::Value("INTEGER"), "Port (5432)"),
    Opt::new("d", "database", Arg::Value("STRING"), "The database (template1)"),
    Opt::new("l", "logname", Arg::Value("STRING"), "Who logs in (who runs the check)"),
    Opt::new(
        "p",
        "password",
        Arg::Value("STRING"),
        "The password, which others see in the list of processes ($PGPASSWORD)",
    ),
    Opt::new("a", "authentication", Arg::Value("STRING"), ""),
    Opt::new(
        "o",
        "option",
        Arg::Value("STRING"),
        "Parameters as libpq has them, keyword=value: host, port, dbname, user, password, options, sslmode,\n\
         sslrootcert",
    ),
    Opt::new("w", "warning", Arg::Value("DOUBLE"), "Warn when it takes longer, in seconds (2)"),
    Opt::new("c", "critical", Arg::Value("DOUBLE"), "Critical when it takes longer (8)"),
    Opt::new(
        "q",
        "query",
        Arg::Value("STRING"),
        "A query; its first column of its first row has to be a number",
    ),
    Opt::new("queryname", "queryname", Arg::Value("STRING"), "What to call the query"),
    Opt::new("W", "query-warning", Arg::Value("RANGE"), "Warn when the number is outside of RANGE"),
    Opt::new("C", "query-critical", Arg::Value("RANGE"), "Critical when the number is outside of RANGE"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

/// As long as a name may be.
const LONGEST_NAME: usize = 63;

impl Config {
    pub(super) fn read(call: &mut Call) -> Result<Self, Stop> {
        let place = Place {
            host: "/var/run/postgresql".to_owned(),
            port: 5432,
            database: "template1".to_owned(),
            password: std::env::var("PGPASSWORD").ok(),
            ..Place::default()
        };
        let mut config = Self {
            place,
            warning: 2.0,
            critical: 8.0,
            query: None,
            query_name: None,
            thresholds: Thresholds::default(),
            given_host: false,
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        if config.place.user.is_empty() {
            config.place.user = std::env::var("PGUSER").unwrap_or_else(|_| passwd::own_name());
        }
        Ok(config)
    }

    /// A host that there is none of is a fault of the command line, as 2.x sees it.
    pub(super) fn resolve(&self, call: &Call, deadline: Deadline) -> Result<(), Stop> {
        let host = &self.place.host;
        if !self.given_host || host.starts_with('/') {
            return Ok(());
        }
        match net::resolve(host, self.place.port, Family::Any, deadline) {
            Ok(_) => Ok(()),
            Err(net::resolve::Error::Expired) => Err(Stop::Timeout),
            Err(_) => Err(call.usage(&format!("Invalid hostname/address - {host}"))),
        }
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let (text, place) = (found.text(), &mut self.place);
        let wrong = |what: &str| call.usage(&format!("{what} - {text}"));
        match found.key {
            "H" => (place.host, self.given_host) = (text, true),
            "P" => place.port = value::port(&text).ok_or_else(|| wrong("Port must be a positive integer"))?,
            "d" if text.len() > LONGEST_NAME => {
                return Err(wrong("Database name exceeds the maximum length"));
            }
            "d" => place.database = text,
            "l" => place.user = text,
            "p" => place.password = Some(text),
            "o" => self.take_parameters(call, &text)?,
            "w" | "c" => {
                let name = if found.key == "w" { "Warning" } else { "Critical" };
                let what = format!("{name} threshold must be a positive integer");
                let limit = value::number(&text).filter(|limit| *limit >= 0.0).ok_or_else(|| wrong(&what))?;
                *(if found.key == "w" { &mut self.warning } else { &mut self.critical }) = limit;
            }
            "q" => self.query = Some(text),
            "queryname" => self.query_name = Some(text),
            "W" => self.thresholds.warning = Some(Range::parse(&text)?),
            "C" => self.thresholds.critical = Some(Range::parse(&text)?),
            "t" if call.take_timeout(&text) => {}
            "t" => return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}"))),
            _ => call.common(found)?,
        }
        Ok(())
    }

    /// `keyword=value` with spaces between; values may be in quotes.
    fn take_parameters(&mut self, call: &Call, text: &str) -> Result<(), Stop> {
        let mut authorities = None;
        for (name, value) in parameters(text) {
            let place = &mut self.place;
            let wrong = || call.usage(&format!("Invalid connection parameter - {name}={value}"));
            match name.as_str() {
                "host" | "hostaddr" => place.host = value,
                "port" => place.port = value::port(&value).ok_or_else(wrong)?,
                "dbname" => place.database = value,
                "user" => place.user = value,
                "password" => place.password = Some(value),
                "options" => place.options = Some(value),
                "sslmode" => place.tls = mode(&value).ok_or_else(wrong)?,
                "sslrootcert" => authorities = Some(value),
                // What changes nothing about whether a server answers.
                "application_name" | "connect_timeout" | "client_encoding" | "keepalives" | "gssencmode" => {}
                _ => return Err(wrong()),
            }
        }
        // As in libpq a list of authorities has the certificate looked at wherever TLS has to be spoken.
        if let (Tls::Always(verify), Some(_)) = (&mut self.place.tls, &authorities) {
            let name = verify.as_ref().is_some_and(|verify| verify.name);
            *verify = Some(Verify { chain: true, name, key: true, authorities });
        }
        Ok(())
    }
}

fn mode(text: &str) -> Option<Tls> {
    Some(match text {
        "disable" | "allow" => Tls::Never,
        "prefer" => Tls::Perhaps,
        "require" => Tls::Always(None),
        "verify-ca" => Tls::Always(Some(Verify { chain: true, name: false, key: true, authorities: None })),
        "verify-full" => Tls::Always(Some(Verify { chain: true, name: true, key: true, authorities: None })),
        _ => return None,
    })
}

fn parameters(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap_or((quoted, "")),
            None => after.split_once(' ').unwrap_or((after, "")),
        };
        found.push((name.trim().to_owned(), value.to_owned()));
        rest = left.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_words_and_quoted_texts() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let found = parameters(" sslmode=require  options='-c x=1' user = me");
        assert_eq!(found, [pair("sslmode", "require"), pair("options", "-c x=1"), pair("user", "me")]);
        assert_eq!(mode("require"), Some(Tls::Always(None)));
        assert_eq!(mode("other"), None);
    }
}
