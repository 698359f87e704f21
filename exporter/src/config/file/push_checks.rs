//! The file of `plimsoll checks push`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::fields::{Fields, items, text};
use super::yaml::{self, Node};
use super::{At, Fault};
use crate::config::units::{UnitError, parse_duration, within};
use crate::push_checks::{Check, Icinga, Settings};

/// More checks than this are a mistake.
const MAX_CHECKS: usize = 1000;
/// Results that may wait at most.
const MAX_RESULTS: usize = 1_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// Validates a file's text; `host` is what this host calls itself.
pub(super) fn parse(file: &str, host: &str) -> Result<Settings, Vec<Fault>> {
    let root = yaml::parse(file).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let settings = settings(&root, host, &mut faults);
    match settings {
        Some(settings) if faults.is_empty() => Ok(settings),
        _ => {
            faults.sort_by_key(|fault| (fault.at.line, fault.at.column));
            Err(faults)
        }
    }
}

fn settings(root: &Node<'_>, host: &str, faults: &mut Vec<Fault>) -> Option<Settings> {
    let mut fields = Fields::of(root, "", faults);
    let icinga = needed(&mut fields, "icinga", root.at, faults).and_then(|node| icinga(node, faults));
    let host = fields.text("host", faults).unwrap_or_else(|| host.to_owned());
    let check_source = fields.text("check_source", faults).unwrap_or_else(|| host.clone());
    let queue = fields.parsed("queue", faults, absolute).unwrap_or_else(|| "/var/lib/plimsoll/push".into());
    let max_results = fields.number("max_results", 1..=MAX_RESULTS, faults).unwrap_or(10_000);
    let retry_max = fields.parsed("retry_max", faults, between(Duration::from_secs(1), "1s to 1d"));
    let parallel = fields.number("parallel", 1..=64, faults).unwrap_or(4);
    let programs = fields.parsed("programs", faults, absolute);
    let programs = programs.unwrap_or_else(|| "/usr/lib/plimsoll/plugins".into());
    let list = needed(&mut fields, "checks", root.at, faults);
    fields.refuse_the_rest(faults);
    let list = list.map(|node| items(node, "checks", faults)).unwrap_or_default();
    if let Some(node) = list.get(MAX_CHECKS) {
        faults.push(Fault::new(node.at, "checks", format!("more than {MAX_CHECKS} checks")));
    }
    let mut services = BTreeSet::new();
    let mut checks = Vec::new();
    for (number, node) in list.iter().take(MAX_CHECKS).enumerate() {
        let path = format!("checks[{number}]");
        let Some(check) = check(node, &path, &programs, faults) else { continue };
        if !services.insert(check.service.clone()) {
            faults.push(Fault::new(
                node.at,
                &path,
                "there is a check of this service, or of the host, already",
            ));
        }
        checks.push(check);
    }
    Some(Settings {
        icinga: icinga?,
        host,
        check_source,
        queue,
        max_results,
        retry_max: retry_max.unwrap_or(Duration::from_secs(60)),
        parallel,
        checks,
    })
}

fn icinga(node: &Node<'_>, faults: &mut Vec<Fault>) -> Option<Icinga> {
    let mut fields = Fields::of(node, "icinga", faults);
    let url = needed(&mut fields, "url", node.at, faults).and_then(|node| {
        let (address, port) = text(node, "icinga.url", faults).map(place)?.or_else(|| {
            faults.push(Fault::new(node.at, "icinga.url", "expected https://HOST or https://HOST:PORT"));
            None
        })?;
        Some((address, port))
    });
    let name = fields.text("name", faults);
    let ca = fields.parsed("ca", faults, absolute);
    let (user, password) = (fields.text("user", faults), fields.parsed("password_file", faults, absolute));
    let certificate =
        (fields.parsed("certificate", faults, absolute), fields.parsed("key", faults, absolute));
    let mut wrong = |text: &str| faults.push(Fault::new(node.at, "icinga", text));
    let login = match (user, password) {
        (Some(user), Some(file)) => Some((user, file)),
        (None, None) => None,
        _ => {
            wrong("user and password_file go together");
            None
        }
    };
    let shown = |path: PathBuf| path.display().to_string();
    let certificate = match certificate {
        (Some(certificate), Some(key)) => Some((shown(certificate), shown(key))),
        (None, None) => {
            if login.is_none() {
                wrong("who we are is missing: user and password_file, or certificate and key");
            }
            None
        }
        _ => {
            wrong("certificate and key go together");
            None
        }
    };
    fields.refuse_the_rest(faults);
    let (address, port) = url?;
    let name = name.unwrap_or_else(|| address.clone());
    Some(Icinga { address, port, name, ca: ca.map(shown), login, certificate })
}

fn check(node: &Node<'_>, path: &str, programs: &std::path::Path, faults: &mut Vec<Fault>) -> Option<Check> {
    let mut fields = Fields::of(node, path, faults);
    let service = fields.text("service", faults);
    let mut duration = |name, least, bounds| fields.parsed(name, faults, between(least, bounds));
    let interval =
        duration("interval", Duration::from_millis(100), "100ms to 1d").unwrap_or(Duration::from_secs(60));
    let timeout =
        duration("timeout", Duration::from_millis(100), "100ms to 1d").unwrap_or(Duration::from_secs(30));
    let ttl = duration("ttl", Duration::from_secs(1), "1s to 1d");
    let before = faults.len();
    let mut words = fields.list("command", faults, |text| Ok::<_, Infallible>(OsString::from(text)));
    let field = fields.name("command");
    fields.refuse_the_rest(faults);
    let Some(program) = words.first_mut() else {
        if faults.len() == before {
            faults.push(Fault::new(node.at, &field, "expected a program and its arguments"));
        }
        return None;
    };
    // A bare name is one of ours.
    *program = programs.join(&*program).into_os_string();
    // Long enough for one run to fail to come, and for the next to take its time.
    let ttl = ttl.unwrap_or((interval * 2 + timeout).min(DAY));
    Some(Check { service, command: words, interval, timeout, ttl })
}

/// A field that has to be there.
fn needed<'n>(
    fields: &mut Fields<'n>,
    name: &'static str,
    at: At,
    faults: &mut Vec<Fault>,
) -> Option<&'n Node<'n>> {
    let node = fields.take(name);
    if node.is_none() {
        faults.push(Fault::new(at, &fields.name(name), "this field is missing"));
    }
    node
}

fn absolute(text: &str) -> Result<PathBuf, &'static str> {
    crate::config::directory(text)
}

fn between(least: Duration, bounds: &'static str) -> impl Fn(&str) -> Result<Duration, UnitError> {
    move |text| within(parse_duration(text)?, least, DAY, bounds)
}

/// The host and the port of an URL without a path.
fn place(url: &str) -> Option<(String, u16)> {
    let rest = url.strip_prefix("https://")?.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port > 0)?),
        _ => (rest, 5665),
    };
    let bare = host.trim_matches(['[', ']']);
    let known = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    (!bare.is_empty() && bare.chars().all(known)).then(|| (bare.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
icinga:
  url: https://icinga.example.com:15665
  name: master
  ca: /etc/ca.pem
  user: box
  password_file: /etc/password
host: web-1
check_source: agent
queue: /var/lib/q
max_results: 5
retry_max: 30s
parallel: 2
programs: /opt/checks
checks:
  - service: load
    command: [check_load, -r, -w, \"5,4,3\"]
    interval: 10s
    timeout: 5s
    ttl: 1m
  - command: [/bin/true]
";

    fn faults(text: &str) -> Vec<String> {
        parse(text, "me").map_or_else(|faults| faults.iter().map(Fault::to_string).collect(), |_| Vec::new())
    }

    #[test]
    fn all_that_is_said_is_taken() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect();
        let load = Check {
            service: Some("load".to_owned()),
            command: words(&["/opt/checks/check_load", "-r", "-w", "5,4,3"]),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            ttl: Duration::from_secs(60),
        };
        let host = Check {
            service: None,
            command: words(&["/bin/true"]),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
            ttl: Duration::from_secs(150),
        };
        let wanted = Settings {
            icinga: Icinga {
                address: "icinga.example.com".to_owned(),
                port: 15665,
                name: "master".to_owned(),
                ca: Some("/etc/ca.pem".to_owned()),
                login: Some(("box".to_owned(), "/etc/password".into())),
                certificate: None,
            },
            host: "web-1".to_owned(),
            check_source: "agent".to_owned(),
            queue: "/var/lib/q".into(),
            max_results: 5,
            retry_max: Duration::from_secs(30),
            parallel: 2,
            checks: vec![load, host],
        };
        assert_eq!(parse(WHOLE, "me"), Ok(wanted));
    }

    #[test]
    fn little_is_needed() {
        let text = "icinga: {url: \"https://[2001:db8::1]\", certificate: /c, key: /k}\nchecks: [{command: [check_load]}]";
        let settings = parse(text, "me").unwrap();
        assert_eq!((settings.icinga.address.as_str(), settings.icinga.port), ("2001:db8::1", 5665));
        assert_eq!((settings.host.as_str(), settings.check_source.as_str()), ("me", "me"));
        assert_eq!(settings.icinga.certificate, Some(("/c".to_owned(), "/k".to_owned())));
        assert_eq!(settings.checks[0].command, ["/usr/lib/plimsoll/plugins/check_load"]);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        assert_eq!(
            faults(
                "icinga:\n  url: http://x\n  user: y\nqueue: here\nmax_results: 0\nretry_max: 2x\nfoo: 1\nchecks:\n  - service: a\n    command: check_load\n  - command: []\n  - interval: 5ms\n"
            ),
            [
                "line 2, column 3: icinga: user and password_file go together",
                "line 2, column 3: icinga: who we are is missing: user and password_file, or certificate and key",
                "line 2, column 8: icinga.url: expected https://HOST or https://HOST:PORT",
                "line 4, column 8: queue: expected an absolute path",
                "line 5, column 14: max_results: expected a number from 1 to 1000000, not \"0\"",
                "line 6, column 12: retry_max: expected a duration such as 500ms, 2m or 1h30m",
                "line 7, column 1: foo: no such field here; there are icinga, host, check_source, queue, max_results, \
                 retry_max, parallel, programs, checks",
                "line 10, column 14: checks[0].command: expected a list, each after a \"-\"",
                "line 11, column 5: checks[1].command: expected a program and its arguments",
                "line 12, column 5: checks[2].command: expected a program and its arguments",
                "line 12, column 15: checks[2].interval: not within 100ms to 1d",
            ]
        );
        let twice =
            "icinga: {url: https://x, certificate: /c, key: /k}\nchecks:\n- command: [a]\n- command: [b]\n";
        assert_eq!(
            faults(twice),
            ["line 4, column 3: checks[1]: there is a check of this service, or of the host, already"]
        );
        assert_eq!(
            faults(""),
            [
                "line 1, column 1: icinga: this field is missing",
                "line 1, column 1: checks: this field is missing"
            ]
        );
    }
}
