//! Icinga's API: one result at a time, over TLS.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_checks::checks::http::client::Client;
use plimsoll_checks::checks::http::{self, Place, Probe, measure};
use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::http::Response;
use plimsoll_checks::tls::{self, Verify};
use serde_json::Value;

use super::Icinga;

/// Icinga's API.
#[derive(Clone, Debug)]
pub(super) struct Api {
    probe: Probe,
    login: Option<(String, PathBuf)>,
}

/// What became of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Icinga has it.
    Taken,
    /// Icinga will never have it.
    Refused(String),
}

/// Why nothing is known of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It never arrived.
    #[error("{0}")]
    Unreached(http::Error),
    /// It may have arrived.
    #[error("{0}")]
    Unsure(http::Error),
    /// Icinga does not want it now, or not from us.
    #[error("Icinga answers {0}")]
    NotNow(String),
    /// The file of the password.
    #[error("{0}: {1}")]
    Password(PathBuf, std::io::Error),
}

/// Icinga answers at once, or is busy with more than us.
const PATIENCE: Duration = Duration::from_secs(10);
/// `execution_start` comes back as Icinga writes numbers: to the microsecond.
const SAME: f64 = 1e-5;

impl Api {
    /// Of this Icinga. Nothing is asked yet.
    pub(super) fn new(icinga: Icinga) -> Self {
        let mut probe = Client::new("plimsoll", "/").probe;
        probe.place = Place {
            address: icinga.address,
            host: Some(icinga.name),
            port: icinga.port.into(),
            host_port: None,
            tls: true,
            path: String::new(),
        };
        probe.follow = None;
        probe.tls.verify = Some(Verify { chain: true, name: true, key: true, authorities: icinga.ca });
        probe.tls.identity = icinga.certificate;
        Self { probe, login: icinga.login }
    }

    /// Hands over a result.
    pub(super) fn send(&self, body: &[u8]) -> Result<Answer, Error> {
        let mut probe = self.probe("POST", "/v1/actions/process-check-result".to_owned())?;
        probe.post = Some(body.to_vec());
        let response = ask(&probe)?;
        answer(response.status(), &response.body).ok_or_else(|| Error::NotNow(response.status_line()))
    }

    /// Whether Icinga has this result as the last of its service or host. What it does not say, or not to us, it has not.
    pub(super) fn has(&self, body: &[u8]) -> Result<bool, Error> {
        let Ok(result) = serde_json::from_slice::<Value>(body) else { return Ok(false) };
        let (kind, name) = match (&result["service"], &result["host"]) {
            (Value::String(service), _) => ("services", service),
            (_, Value::String(host)) => ("hosts", host),
            _ => return Ok(false),
        };
        let path = format!("/v1/objects/{kind}/{}?attrs=last_check_result", escaped(name));
        let response = ask(&self.probe("GET", path)?)?;
        Ok(response.status() == Some(200) && is_last(&result, &response.body))
    }

    fn probe(&self, method: &str, path: String) -> Result<Probe, Error> {
        let mut probe = self.probe.clone();
        method.clone_into(&mut probe.method);
        probe.place.path = path;
        if let Some((user, file)) = &self.login {
            // Each time: it may be another by now.
            let password =
                std::fs::read_to_string(file).map_err(|error| Error::Password(file.clone(), error))?;
            probe.authorization = Some(format!("{user}:{}", password.trim_end_matches(['\r', '\n'])));
        }
        Ok(probe)
    }
}

fn ask(probe: &Probe) -> Result<Response, Error> {
    match measure(probe, Deadline::after(PATIENCE)) {
        Ok(measured) => match measured.exchange {
            Some(exchange) => Ok(exchange.response),
            None => Err(Error::NotNow("nothing".to_owned())),
        },
        // Before the request there was a connection to be made; what follows is not known.
        Err(error @ (http::Error::NoSuchName | http::Error::Connect { .. })) => Err(Error::Unreached(error)),
        Err(http::Error::Tls(error)) if !matches!(error, tls::Error::Expired) => {
            Err(Error::Unreached(error.into()))
        }
        Err(error) => Err(Error::Unsure(error)),
    }
}

/// What an answer means; none if it is to be tried again. A result that Icinga knows no object for would never be taken, and
/// would hold up all that follow.
pub fn answer(status: Option<u16>, body: &[u8]) -> Option<Answer> {
    let page: Option<Value> = serde_json::from_slice(body).ok();
    let results = page.as_ref().and_then(|page| page["results"].as_array());
    let first = results.and_then(|results| results.first());
    let text = |value: &Value| value["status"].as_str().unwrap_or("no word").to_owned();
    match status? {
        // Only Icinga itself says so, as a document: not a proxy before it.
        200 => match results?.first() {
            Some(one) if one["code"].as_f64().is_some_and(|code| (200.0..300.0).contains(&code)) => {
                Some(Answer::Taken)
            }
            Some(one) => Some(Answer::Refused(text(one))),
            None => Some(Answer::Refused("no such object".to_owned())),
        },
        400 | 404 => page.as_ref().map(|page| Answer::Refused(first.map_or_else(|| text(page), text))),
        _ => None,
    }
}

/// Whether the last result that Icinga has of an object is this one.
pub fn is_last(result: &Value, body: &[u8]) -> bool {
    let page: Value = serde_json::from_slice(body).unwrap_or_default();
    let last = &page["results"][0]["attrs"]["last_check_result"];
    ["execution_start", "execution_end"].iter().all(|name| {
        let (ours, theirs) = (result[name].as_f64(), last[name].as_f64());
        ours.zip(theirs).is_some_and(|(ours, theirs)| (ours - theirs).abs() < SAME)
    })
}

/// A part of a path.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_icinga_answers_is_understood() {
        let of = |status, body: &str| answer(Some(status), body.as_bytes());
        let refused = |text: &str| Some(Answer::Refused(text.to_owned()));
        assert_eq!(of(200, r#"{"results":[{"code":200.0,"status":"done"}]}"#), Some(Answer::Taken));
        assert_eq!(of(200, r#"{"results":[{"code":403,"status":"disabled"}]}"#), refused("disabled"));
        assert_eq!(of(200, r#"{"results":[]}"#), refused("no such object"));
        assert_eq!(of(404, r#"{"error":404,"status":"No objects found."}"#), refused("No objects found."));
        assert_eq!(of(400, r#"{"results":[{"code":400,"status":"Invalid"}]}"#), refused("Invalid"));
        for (status, body) in
            [(404, "<html>"), (401, "{}"), (403, "{}"), (500, "{}"), (503, "{}"), (200, "x"), (200, "{}")]
        {
            assert_eq!(of(status, body), None, "{status}: it is tried again");
        }
        assert_eq!(answer(None, b""), None);
    }

    #[test]
    fn a_result_is_known_by_when_it_was() {
        let ours = json!({ "execution_start": 1_700_000_000.123_456_7, "execution_end": 1_700_000_001.5 });
        let theirs = |start: f64| {
            let last = json!({ "execution_start": start, "execution_end": 1_700_000_001.5 });
            json!({ "results": [{ "attrs": { "last_check_result": last } }] }).to_string()
        };
        assert!(is_last(&ours, theirs(1_700_000_000.123_457).as_bytes()));
        assert!(!is_last(&ours, theirs(1_700_000_000.124).as_bytes()));
        let never = r#"{"results":[{"attrs":{"last_check_result":null}}]}"#;
        assert!(!is_last(&ours, never.as_bytes()));
        assert!(!is_last(&ours, b"garbage"));
    }

    #[test]
    fn names_may_have_anything_in_them() {
        assert_eq!(escaped("web-1!disk /ä?"), "web-1!disk%20%2F%C3%A4%3F");
    }
}
