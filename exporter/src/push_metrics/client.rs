//! One request, by the checks' client, and what its answer means.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plimsoll_checks::checks::http::client::Client;
use plimsoll_checks::checks::http::{self, Place, Probe, measure};
use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::http::{Wants, date};
use plimsoll_checks::tls::Verify;

use super::parcel::{Parcel, Protocol};
use super::{Login, Target};
use crate::telemetry::VERSION;

/// What is kept of an answer's body, for the log.
const KEEP: usize = 1024;
/// The longest pause that a receiver may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// What a receiver said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status, if there is one.
    pub status: Option<u16>,
    /// How many samples it says it has written.
    pub written: Option<u64>,
    /// When it wants to be asked again, as it wrote it.
    pub retry_after: Option<String>,
    /// The first line of what it says.
    pub text: String,
}

/// What that means for the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is over: so many samples are there, and the others will never be.
    Over {
        /// Those that were taken.
        taken: u64,
        /// Why the others were not, as a label has it.
        reason: String,
    },
    /// It is to be sent again, after such a pause if the receiver wants one.
    Again(Option<Duration>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The way there, or what came of it.
    #[error("{0}")]
    Http(#[from] http::Error),
    /// The server said nothing.
    #[error("no answer")]
    Nothing,
    /// The file of a password or token cannot be read.
    #[error("{0}: {1}")]
    Secret(PathBuf, std::io::Error),
    /// What is in it could end a header.
    #[error("{0}: more than one line, or none")]
    NoSecret(PathBuf),
}

/// What an answer means for a request of so many samples.
///
/// 5xx and 429 are sent again, as is what is neither success nor refusal, such as a redirect; any other 4xx never is: the
/// specification says so of both versions. A success of 2.0 that does not say what was written comes from a server that
/// knows 1.0 alone, and has nothing.
pub fn judge(protocol: Protocol, samples: u64, answer: &Answer, now: i64) -> Verdict {
    let over = |taken: u64, reason: String| Verdict::Over { taken: taken.min(samples), reason };
    let written = answer.written.filter(|_| protocol == Protocol::RemoteWrite2);
    match answer.status {
        Some(200..300) if protocol == Protocol::RemoteWrite2 => {
            over(written.unwrap_or_default(), "not_written".to_owned())
        }
        Some(200..300) => over(samples, String::new()),
        Some(status @ 400..500) if status != 429 => over(written.unwrap_or_default(), status.to_string()),
        _ => Verdict::Again(answer.retry_after.as_deref().and_then(|text| retry_after(text, now))),
    }
}

/// Seconds, or a date.
fn retry_after(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    let seconds = text.parse::<u64>().ok().or_else(|| u64::try_from(date::parse(text)? - now).ok());
    seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// The pause after so many failures in a row, at least what the receiver asks for.
pub(super) fn pause(target: &Target, failures: u32, asked: Option<Duration>) -> Duration {
    let doubled = target.min_backoff.saturating_mul(1 << failures.saturating_sub(1).min(30));
    doubled.min(target.max_backoff).max(asked.unwrap_or_default())
}

/// Unix seconds.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// Sends it once.
pub(super) fn send(target: &Target, parcel: &Parcel) -> Result<Answer, Error> {
    let exchange = measure(&probe(target, parcel)?, Deadline::after(target.timeout))?.exchange;
    let response = exchange.ok_or(Error::Nothing)?.response;
    let header = |name: &str| response.header(name);
    let written = header("x-prometheus-remote-write-samples-written");
    let text = String::from_utf8_lossy(&response.body);
    Ok(Answer {
        status: response.status(),
        written: written.and_then(|text| text.trim().parse().ok()),
        retry_after: header("retry-after"),
        text: text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(300).collect(),
    })
}

fn probe(target: &Target, parcel: &Parcel) -> Result<Probe, Error> {
    let mut probe = Client::new("plimsoll", "/").probe;
    let url = &target.url;
    probe.place = Place {
        address: url.host.clone(),
        host: Some(url.host.clone()),
        port: url.port,
        host_port: None,
        tls: url.tls,
        path: url.path.clone(),
    };
    "POST".clone_into(&mut probe.method);
    probe.user_agent = format!("plimsoll/{VERSION}");
    probe.follow = None;
    probe.wants = Wants { body: true, keep: KEEP };
    probe.tls.sni.clone_from(&target.tls.server_name);
    probe.tls.identity.clone_from(&target.tls.identity);
    let authorities = target.tls.authorities.clone();
    probe.tls.verify =
        (!target.tls.insecure).then_some(Verify { chain: true, name: true, key: true, authorities });
    let (kind, headers) = content(parcel.protocol);
    kind.clone_into(&mut probe.content_type);
    probe.headers = headers.iter().map(|header| (*header).to_owned()).collect();
    probe.headers.extend(target.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    match &target.login {
        Some(Login::Basic(user, file)) => probe.authorization = Some(format!("{user}:{}", secret(file)?)),
        Some(Login::Token(word, file)) => {
            probe.headers.push(format!("Authorization: {word} {}", secret(file)?));
        }
        None => {}
    }
    probe.post = Some(parcel.body.clone());
    Ok(probe)
}

/// The type of a body, and what else is said of it.
const fn content(protocol: Protocol) -> (&'static str, &'static [&'static str]) {
    match protocol {
        Protocol::RemoteWrite1 => (
            "application/x-protobuf",
            &["Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 0.1.0"],
        ),
        Protocol::RemoteWrite2 => (
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            &["Content-Encoding: snappy", "X-Prometheus-Remote-Write-Version: 2.0.0"],
        ),
        Protocol::Influx => ("text/plain; charset=utf-8", &["Content-Encoding: gzip"]),
    }
}

/// The one line of a file, which may be another by now.
fn secret(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Secret(path.to_owned(), error))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.contains(char::is_control) {
        return Err(Error::NoSecret(path.to_owned()));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(protocol: Protocol, status: u16, written: Option<u64>, retry_after: Option<&str>) -> Verdict {
        let retry_after = retry_after.map(str::to_owned);
        let answer = Answer { status: Some(status), written, retry_after, text: String::new() };
        judge(protocol, 10, &answer, 1_009_249_143)
    }

    #[test]
    fn what_is_sent_again_and_what_never_is() {
        use Protocol::{Influx, RemoteWrite1, RemoteWrite2};
        let over = |taken, reason: &str| Verdict::Over { taken, reason: reason.to_owned() };
        for protocol in [RemoteWrite1, Influx] {
            assert_eq!(judged(protocol, 204, None, None), over(10, ""));
            assert_eq!(judged(protocol, 400, Some(4), None), over(0, "400"), "1.0 does not count");
        }
        assert_eq!(judged(RemoteWrite2, 204, Some(10), None), over(10, "not_written"));
        assert_eq!(judged(RemoteWrite2, 200, None, None), over(0, "not_written"), "a server of 1.0");
        assert_eq!(judged(RemoteWrite2, 400, Some(4), None), over(4, "400"), "written in part");
        assert_eq!(judged(RemoteWrite2, 204, Some(11), None), over(10, "not_written"));
        for status in [301, 429, 500, 503, 100, 600] {
            assert_eq!(judged(RemoteWrite1, status, None, None), Verdict::Again(None), "{status}");
        }
        for status in [401, 404, 415, 422] {
            assert_eq!(judged(RemoteWrite1, status, None, Some("5")), over(0, &status.to_string()));
        }
        assert_eq!(judge(RemoteWrite1, 1, &Answer::default(), 0), Verdict::Again(None), "no HTTP");
    }

    #[test]
    fn a_receiver_may_ask_for_a_pause_but_not_for_any() {
        let after = |text| match judged(Protocol::RemoteWrite1, 503, None, Some(text)) {
            Verdict::Again(after) => after.map(|after| after.as_secs()),
            Verdict::Over { .. } => panic!("{text}"),
        };
        assert_eq!(after(" 7 "), Some(7));
        assert_eq!(after("86400"), Some(600));
        // 1009249143 is Tue, 25 Dec 2001 02:59:03.
        assert_eq!(after("Tue, 25 Dec 2001 02:59:33 GMT"), Some(30));
        assert_eq!(after("Tue, 25 Dec 2001 02:58:33 GMT"), None, "over");
        assert_eq!(after("soon"), None);
    }
}
