//! `push`: what is pushed, and where to, with the field names of Prometheus' `remote_write`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_checks::http::Url;

use super::fields::{Fields, items, text};
use super::yaml::{Node, Value};
use super::{At, Fault};
use crate::config::units::{UnitError, parse_duration, parse_size, within};
use crate::identity::tags::is_label_name;
use crate::push_metrics::{Login, Protocol, Settings, Target, Tls};

/// More receivers than this are a mistake.
const MAX_RECEIVERS: usize = 16;
/// More labels for every series are a mistake.
const MAX_LABELS: usize = 32;
/// A longer name is none of a directory.
const MAX_NAME: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);
const MIB: u64 = 1 << 20;
/// Headers that are ours to write.
const OURS: [&str; 9] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-prometheus-remote-write-version",
];

/// What is said in the section.
pub(super) fn push(node: &Node<'_>, faults: &mut Vec<Fault>) -> Option<Settings> {
    let before = faults.len();
    let mut fields = Fields::of(node, "push", faults);
    let interval = fields.parsed("interval", faults, between(Duration::from_secs(1), "1s to 1d"));
    let job = fields.parsed("job", faults, filled);
    let instance = fields.parsed("instance", faults, filled);
    let external_labels = external_labels(&mut fields, faults);
    let directory = fields.parsed("directory", faults, crate::config::directory);
    let mut targets = Vec::new();
    for (field, read) in [("remote_write", remote_write as Read), ("influx", influx as Read)] {
        let Some(node) = fields.take(field) else { continue };
        let path = fields.name(field);
        for (number, node) in items(node, &path, faults).iter().enumerate() {
            let target = read(node, &format!("{path}[{number}]"), faults);
            targets.extend(target.map(|target| (node.at, format!("{path}[{number}]"), target)));
        }
    }
    fields.refuse_the_rest(faults);
    if targets.is_empty() && faults.len() == before {
        faults.push(Fault::new(node.at, "push", "there is nobody to push to: remote_write or influx"));
    }
    if let Some((at, path, _)) = targets.get(MAX_RECEIVERS) {
        faults.push(Fault::new(*at, path, format!("more than {MAX_RECEIVERS} receivers")));
    }
    let mut names = BTreeSet::new();
    for (at, path, target) in &targets {
        if !names.insert(target.name.as_str()) {
            let text = format!("a receiver is called {:?} already: give one a name of its own", target.name);
            faults.push(Fault::new(*at, path, text));
        }
    }
    Some(Settings {
        interval: interval.unwrap_or(Duration::from_secs(15)),
        job: job.unwrap_or_else(|| "plimsoll".to_owned()),
        instance,
        external_labels,
        directory: directory.unwrap_or_else(|| PathBuf::from("/var/lib/plimsoll/metrics")),
        targets: targets.into_iter().map(|(.., target)| target).collect(),
    })
}

type Read = fn(&Node<'_>, &str, &mut Vec<Fault>) -> Option<Target>;

fn remote_write(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Option<Target> {
    let mut fields = Fields::of(node, path, faults);
    let url = url(node.at, &mut fields, faults);
    let protocol = fields.parsed("protobuf_message", faults, |text| match text {
        "prometheus.WriteRequest" => Ok(Protocol::RemoteWrite1),
        "io.prometheus.write.v2.Request" => Ok(Protocol::RemoteWrite2),
        _ => Err(format!("expected prometheus.WriteRequest or io.prometheus.write.v2.Request, not {text:?}")),
    });
    target(node, fields, url, protocol.unwrap_or(Protocol::RemoteWrite1), faults)
}

fn influx(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Option<Target> {
    let mut fields = Fields::of(node, path, faults);
    let url = url(node.at, &mut fields, faults);
    let (before, name) = (faults.len(), fields.name("database"));
    let database = fields.parsed("database", faults, filled);
    let policy = fields.parsed("retention_policy", faults, filled);
    if database.is_none() && faults.len() == before {
        faults.push(Fault::new(node.at, &name, "is missing: where the numbers go"));
    }
    let url = url.map(|url| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("db", database.as_deref().unwrap_or_default());
        if let Some(policy) = &policy {
            query.append_pair("rp", policy);
        }
        query.append_pair("precision", "ms");
        let path = format!("{}/write?{}", url.path.trim_end_matches('/'), query.finish());
        Url { path, ..url }
    });
    target(node, fields, url, Protocol::Influx, faults)
}

/// What all receivers have.
fn target(
    node: &Node<'_>,
    mut fields: Fields<'_>,
    url: Option<Url>,
    protocol: Protocol,
    faults: &mut Vec<Fault>,
) -> Option<Target> {
    let named = fields.parsed("name", faults, name);
    let tls = tls(&mut fields, faults);
    let login = login(node.at, &mut fields, faults);
    let headers = headers(&mut fields, faults);
    let timeout = fields.parsed("remote_timeout", faults, between(Duration::from_millis(100), "100ms to 1d"));
    let queue_path = fields.name("queue_config");
    let nothing = Node { at: node.at, value: Value::Null };
    let mut queue = Fields::of(fields.take("queue_config").unwrap_or(&nothing), &queue_path, faults);
    let max_bytes =
        queue.parsed("max_bytes", faults, |text| within(parse_size(text)?, MIB, 1 << 40, "1MiB to 1024GiB"));
    let max_samples = queue.number("max_samples_per_send", 1..=50_000, faults);
    let min_backoff = queue.parsed("min_backoff", faults, between(Duration::from_millis(10), "10ms to 1d"));
    let max_backoff = queue.parsed("max_backoff", faults, between(Duration::from_millis(10), "10ms to 1d"));
    queue.refuse_the_rest(faults);
    fields.refuse_the_rest(faults);
    let url = url?;
    // A host is a name of a directory, but for the colons of an address.
    let name = named.unwrap_or_else(|| url.host.to_ascii_lowercase().replace(':', "_"));
    Some(Target {
        name: name.chars().take(MAX_NAME).collect(),
        url,
        protocol,
        tls,
        login,
        headers,
        timeout: timeout.unwrap_or(Duration::from_secs(30)),
        max_bytes: max_bytes.unwrap_or(256 * MIB),
        max_samples: max_samples.unwrap_or(5000),
        min_backoff: min_backoff.unwrap_or(Duration::from_millis(500)),
        max_backoff: max_backoff.unwrap_or(Duration::from_secs(30)),
    })
}

fn url(at: At, fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Option<Url> {
    let before = faults.len();
    let url = fields.parsed("url", faults, |text| {
        let url = Url::parse(text).filter(|url| {
            let fine = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
            let known = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
            let host = url.host.chars().all(known) && !url.host.starts_with('.');
            host && fine(&url.path) && (1..=65_535).contains(&url.port)
        });
        match url {
            _ if text.split('/').nth(2).is_some_and(|place| place.contains('@')) => {
                Err("a password is no part of a URL here: basic_auth has a file for it")
            }
            Some(url) => Ok(url),
            _ => Err("expected http://HOST:PORT/PATH or https://HOST/PATH"),
        }
    });
    if url.is_none() && faults.len() == before {
        faults.push(Fault::new(at, &fields.name("url"), "is missing: where the numbers go"));
    }
    url
}

fn external_labels(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
    let labels = pairs("external_labels", fields, faults, |name, _| {
        let fine = is_label_name(name) && !name.starts_with("__") && !["job", "instance"].contains(&name);
        if fine { Ok(()) } else { Err("is no name of a label here") }
    });
    if let Some((at, path)) = labels.get(MAX_LABELS).map(|(at, path, ..)| (*at, path.clone())) {
        faults.push(Fault::new(at, &path, format!("more than {MAX_LABELS} labels")));
    }
    labels.into_iter().map(|(.., name, value)| (name, value)).collect()
}

fn headers(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
    let headers = pairs("headers", fields, faults, |name, value| {
        let lower = name.to_ascii_lowercase();
        if OURS.contains(&lower.as_str()) {
            return Err("is ours to write; who we are is said by basic_auth or authorization");
        }
        let fine = http::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && http::HeaderValue::from_str(value).is_ok();
        if fine { Ok(()) } else { Err("is no header") }
    });
    headers.into_iter().map(|(.., name, value)| (name, value)).collect()
}

/// The entries of a map whose keys are the user's, that are as they should be.
fn pairs(
    field: &'static str,
    fields: &mut Fields<'_>,
    faults: &mut Vec<Fault>,
    check: impl Fn(&str, &str) -> Result<(), &'static str>,
) -> Vec<(At, String, String, String)> {
    let path = fields.name(field);
    let Some(node) = fields.take(field) else { return Vec::new() };
    let mut pairs = Vec::new();
    for (key, node) in Fields::of(node, &path, faults).rest() {
        let path = format!("{path}.{}", key.name);
        let Some(value) = text(node, &path, faults) else { continue };
        match check(&key.name, value) {
            Ok(()) => pairs.push((key.at, path, key.name.to_string(), value.to_owned())),
            Err(wrong) => faults.push(Fault::new(key.at, &path, wrong)),
        }
    }
    pairs
}

fn tls(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Tls {
    let path = fields.name("tls_config");
    let Some(node) = fields.take("tls_config") else { return Tls::default() };
    let mut fields = Fields::of(node, &path, faults);
    let mut file = |name| {
        let path = fields.parsed(name, faults, crate::config::directory);
        path.map(|path| path.display().to_string())
    };
    let (authorities, certificate, key) = (file("ca_file"), file("cert_file"), file("key_file"));
    let server_name = fields.parsed("server_name", faults, filled);
    let insecure = fields.flag("insecure_skip_verify", faults).unwrap_or_default();
    fields.refuse_the_rest(faults);
    if certificate.is_some() != key.is_some() {
        faults.push(Fault::new(node.at, &path, "cert_file and key_file need each other"));
    }
    Tls { authorities, identity: certificate.zip(key), server_name, insecure }
}

/// Who we are; what is secret is in a file.
fn login(at: At, fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Option<Login> {
    let mut all = Vec::new();
    for (section, inline, file) in
        [("basic_auth", "password", "password_file"), ("authorization", "credentials", "credentials_file")]
    {
        let path = fields.name(section);
        let Some(node) = fields.take(section) else { continue };
        let before = faults.len();
        let mut fields = Fields::of(node, &path, faults);
        let basic = section == "basic_auth";
        let word = match basic {
            true => fields.parsed("username", faults, user),
            false => fields.parsed("type", faults, token).or_else(|| Some("Bearer".to_owned())),
        };
        if let Some((at, name)) = fields.place(inline) {
            fields.take(inline);
            faults.push(Fault::new(at, &name, format!("is not taken here: it belongs into {file}")));
        }
        let secret = fields.parsed(file, faults, crate::config::directory);
        let name = fields.name(if word.is_none() { "username" } else { file });
        if (word.is_none() || secret.is_none()) && faults.len() == before {
            faults.push(Fault::new(node.at, &name, "is missing"));
        }
        fields.refuse_the_rest(faults);
        if let (Some(word), Some(secret)) = (word, secret) {
            all.push(if basic { Login::Basic(word, secret) } else { Login::Token(word, secret) });
        }
    }
    if all.len() > 1 {
        let path = fields.name("authorization");
        faults.push(Fault::new(at, &path, "at most one of basic_auth and authorization"));
    }
    all.pop()
}

fn user(text: &str) -> Result<String, &'static str> {
    let fine = !text.is_empty() && !text.contains(char::is_control) && !text.contains(':');
    if fine { Ok(text.to_owned()) } else { Err("is no name of a user") }
}

fn token(text: &str) -> Result<String, &'static str> {
    let fine = http::HeaderName::from_bytes(text.as_bytes()).is_ok() && !text.eq_ignore_ascii_case("basic");
    if fine { Ok(text.to_owned()) } else { Err("expected a word such as Bearer; a password is basic_auth's") }
}

/// What a directory may be called, and a label shows.
fn name(text: &str) -> Result<String, String> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fine = (1..=MAX_NAME).contains(&text.len()) && text.chars().all(known) && !text.starts_with('.');
    let expected = format!("expected up to {MAX_NAME} letters, digits, \".\", \"_\" and \"-\"");
    if fine { Ok(text.to_owned()) } else { Err(expected) }
}

fn filled(text: &str) -> Result<String, &'static str> {
    let fine = !text.is_empty() && !text.contains(char::is_control);
    if fine { Ok(text.to_owned()) } else { Err("expected text") }
}

fn between(least: Duration, bounds: &'static str) -> impl Fn(&str) -> Result<Duration, UnitError> {
    move |text| within(parse_duration(text)?, least, DAY, bounds)
}

#[cfg(test)]
mod tests;
