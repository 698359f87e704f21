//! A connection, and what is heard and said in it, line by line.

use plimsoll_checks::net::talk::{Error as TalkError, Talk};
use plimsoll_checks::net::{self, Protocol, Stream};
use plimsoll_checks::tls::{self, Session, Shown, Transport};
use regex::bytes::Captures;

use super::module::{Family, Step, Tcp, Tls};
use super::place::{self, Bounds};
use super::report::{Gauge, Report};
use super::{End, certificate};

pub(super) static FAILED_DUE_TO_REGEX: Gauge =
    Gauge::new("probe_failed_due_to_regex", "Indicates if probe failed due to regex");

/// A line that is longer is none.
const LONGEST: usize = 64 << 10;

/// Probes; gives what TLS showed.
pub(super) fn probe(
    module: &Tcp,
    target: &str,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<Option<Shown>, End> {
    report.set(&FAILED_DUE_TO_REGEX, 0.0);
    let Some((host, Some(port))) = place::split(target) else {
        return Err(End::Failed(format!("{target}: expected HOST:PORT")));
    };
    let stream = connect(host, port, module.family, module.source, bounds, report)?;
    if module.speaks_tls {
        let (session, shown) = shake_hands(stream, host, &module.tls, report)?;
        converse(Talk::new(session), &module.steps, bounds, report)?;
        return Ok(Some(shown));
    }
    let mut talk = Talk::new(stream);
    for (number, step) in module.steps.iter().enumerate() {
        take(&mut talk, step, bounds, report)?;
        if step.starttls {
            let (session, shown) = shake_hands(talk.into_inner(), host, &module.tls, report)?;
            let rest = module.steps.get(number + 1..).unwrap_or_default();
            converse(Talk::new(session), rest, bounds, report)?;
            return Ok(Some(shown));
        }
    }
    Ok(None)
}

/// Connects to a host that may be probed.
fn connect(
    host: &str,
    port: u16,
    family: Family,
    source: Option<std::net::IpAddr>,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<Stream, End> {
    let (address, _) = place::find(host, port, family, bounds, report)?;
    net::connect_to(address, Protocol::Tcp, source, bounds.deadline)
        .map_err(|error| End::Failed(format!("connect to {address}: {error}")))
}

fn shake_hands(stream: Stream, host: &str, tls: &Tls, report: &mut Report) -> Result<(Session, Shown), End> {
    let session =
        tls::connect(stream, host, &tls.wanted(&[])).map_err(|error| End::Failed(format!("TLS: {error}")))?;
    let shown = certificate::tell_chain(&session, tls, report);
    Ok((session, shown))
}

/// All steps that are left.
fn converse(
    mut talk: Talk<impl Transport>,
    steps: &[Step],
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<(), End> {
    for step in steps {
        take(&mut talk, step, bounds, report)?;
        if step.starttls {
            return Err(End::Failed("TLS is spoken already".to_owned()));
        }
    }
    Ok(())
}

fn take(
    talk: &mut Talk<impl Transport>,
    step: &Step,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<(), End> {
    let mut send = step.send.clone().into_bytes();
    if let Some(expect) = &step.expect {
        let line = loop {
            // Who always has more to say never has to be waited for.
            bounds.deadline.remaining().map_err(|_| End::Failed(TalkError::Expired.to_string()))?;
            let Some(line) = hear(talk)? else {
                report.set(&FAILED_DUE_TO_REGEX, 1.0);
                return Err(End::Failed(format!("no line has {}", expect.regex())));
            };
            if expect.is_in(&line) {
                break line;
            }
        };
        report.note(format_args!("expected, and there: {}", expect.regex()));
        if let Some(captures) = expect.regex().captures(&line) {
            send = expand(&captures, &step.send);
        }
    }
    if !send.is_empty() {
        send.push(b'\n');
        talk.say(&send).map_err(|error| End::Failed(format!("saying a line: {error}")))?;
    }
    Ok(())
}

fn expand(captures: &Captures<'_>, send: &str) -> Vec<u8> {
    let mut out = Vec::new();
    captures.expand(send.as_bytes(), &mut out);
    out
}

/// The next line without its end; what stands before the end of all is one too. None when there are no more.
fn hear(talk: &mut Talk<impl Transport>) -> Result<Option<Vec<u8>>, End> {
    let line = |bytes: &[u8]| match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some((without_return(&bytes[..end]).to_vec(), end + 1))),
        None if bytes.len() >= LONGEST => Err(TalkError::TooLong),
        None => Ok(None),
    };
    match talk.hear(line) {
        Ok(line) => Ok(Some(line)),
        Err(TalkError::Ended) if talk.ahead().is_empty() => Ok(None),
        Err(TalkError::Ended) => {
            let all = |bytes: &[u8]| Ok((!bytes.is_empty()).then(|| (bytes.to_vec(), bytes.len())));
            let rest = talk.hear(all).map_err(|error| End::Failed(error.to_string()))?;
            Ok(Some(without_return(&rest).to_vec()))
        }
        Err(error) => Err(End::Failed(format!("waiting for a line: {error}"))),
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
