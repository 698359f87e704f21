//! The file of `--web.config.file`, as exporter-toolkit has it.
//!
//! What that takes is done or refused. What it would take in silence and not do, as versions of TLS without a
//! certificate, is a fault here: whoever wrote it believes that it is done.

mod tls;
mod units;

use std::io;
use std::path::Path;

use http::{HeaderName, HeaderValue};

use self::units::{duration, no_duration};
use super::fields::{Fields, text};
use super::yaml::{self, Node, Value};
use super::{Fault, FileError};
use crate::http::{MAX_USERS, Rate, Rules, User};

/// Reads what a file names.
pub type Read<'r> = &'r dyn Fn(&Path) -> Result<Vec<u8>, FileError>;

/// The headers that may be set, and the values that make sense, where those are few.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// Validates a file's text, for a file in this directory.
pub(super) fn parse(file: &str, directory: &Path, read: Read<'_>) -> Result<Rules, Vec<Fault>> {
    let root = yaml::parse(file).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let mut fields = Fields::of(&root, "", &mut faults);
    let sections = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
    let [tls, http, users, rate] = sections.map(|name| fields.take(name));
    fields.refuse_the_rest(&mut faults);
    let mut rules = Rules::default();
    let mut http2 = true;
    if let Some(node) = http {
        (http2, rules.headers) = self::http(node, &mut faults);
    }
    if let Some(node) = tls {
        tls::take(node, directory, read, http2, &mut rules, &mut faults);
    }
    if let Some(node) = users {
        rules.users = self::users(node, &mut faults);
    }
    rules.rate = rate.and_then(|node| self::rate(node, &mut faults));
    if faults.is_empty() {
        return Ok(rules);
    }
    faults.sort_by_key(|fault| (fault.at.line, fault.at.column));
    Err(faults)
}

/// Whether HTTP/2 is spoken, which takes TLS, and the headers of every answer.
fn http(node: &Node<'_>, faults: &mut Vec<Fault>) -> (bool, Vec<(HeaderName, HeaderValue)>) {
    let mut fields = Fields::of(node, "http_server_config", faults);
    let http2 = fields.flag("http2", faults).unwrap_or(true);
    let headers = fields.take("headers");
    fields.refuse_the_rest(faults);
    (http2, headers.map(|node| self::headers(node, faults)).unwrap_or_default())
}

fn headers(node: &Node<'_>, faults: &mut Vec<Fault>) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = Fields::of(node, "http_server_config.headers", faults);
    let mut headers = Vec::new();
    for (name, values) in HEADERS {
        let value = fields.parsed(name, faults, |text| {
            if text.is_empty() || values.is_empty() || values.contains(&text) {
                return HeaderValue::from_str(text).map_err(|_| "no value of a header".to_owned());
            }
            Err(format!("expected {}, not {text:?}", values.join(" or ")))
        });
        // As in the toolkit, what is blank is not set.
        let value = value.filter(|value| !value.is_empty());
        headers.extend(value.map(|value| (HeaderName::from_bytes(name.as_bytes()), value)));
    }
    fields.refuse_the_rest(faults);
    headers.into_iter().filter_map(|(name, value)| Some((name.ok()?, value))).collect()
}

fn users(node: &Node<'_>, faults: &mut Vec<Fault>) -> Vec<User> {
    const PATH: &str = "basic_auth_users";
    // The names are the users' own, so there are none to take.
    let named = Fields::of(node, PATH, faults).rest();
    if named.is_empty() && !matches!(node.value, Value::Scalar(_) | Value::List(_)) {
        faults.push(Fault::new(node.at, PATH, "there are none: leave this out to let everybody in"));
    }
    if let Some((key, _)) = named.get(MAX_USERS) {
        faults.push(Fault::new(key.at, PATH, format!("more than {MAX_USERS} users")));
    }
    let mut users = Vec::new();
    for (key, value) in named.into_iter().take(MAX_USERS) {
        let path = format!("{PATH}.{}", key.name);
        let Some(hash) = text(value, &path, faults) else { continue };
        match User::new(&key.name, hash) {
            Ok(user) => users.push(user),
            Err(error) => faults.push(Fault::new(value.at, &path, error.to_string())),
        }
    }
    users
}

fn rate(node: &Node<'_>, faults: &mut Vec<Fault>) -> Option<Rate> {
    let mut fields = Fields::of(node, "rate_limit", faults);
    let before = faults.len();
    let interval = fields.parsed("interval", faults, |text| duration(text).ok_or_else(|| no_duration(text)));
    let burst = fields.number("burst", 0..=1_000_000, faults);
    let (at, missing) = (node.at, |field: &str| fields.name(field));
    let (needs_interval, needs_burst) = (missing("interval"), missing("burst"));
    fields.refuse_the_rest(faults);
    if faults.len() > before {
        return None;
    }
    match (interval, burst) {
        (Some(interval), _) if interval.is_zero() => None,
        (Some(interval), Some(burst @ 1..)) => Some(Rate { interval, burst: u32::try_from(burst).ok()? }),
        (Some(_), _) => {
            let text = "expected at least 1: nothing would ever be answered";
            faults.push(Fault::new(at, &needs_burst, text));
            None
        }
        (None, Some(_)) => {
            let text = "is missing: a duration such as 1s, or 0 for no limit";
            faults.push(Fault::new(at, &needs_interval, text));
            None
        }
        (None, None) => None,
    }
}

/// What is said of a file that could not be read.
fn unreadable(path: &Path, error: &FileError) -> String {
    match error {
        FileError::Read(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("{}: there is no such file", path.display())
        }
        error => format!("{}: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests;
