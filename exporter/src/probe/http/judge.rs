//! Whether an answer is as it is to be. Pure.

use plimsoll_checks::http::Response;
use plimsoll_checks::tls::Shown;

use super::{
    End, FAILED_DUE_TO_REGEX, KEEP, LENGTH, MODIFIED, REDIRECTS, Report, STATUS, UNPACKED, VERSION, Visited,
    seconds,
};
use crate::probe::module::{Expression, HeaderMatch, Http};

/// Tells of the answer, and judges it; gives what TLS showed.
pub(super) fn judge(
    module: &Http,
    visited: Visited,
    redirects: u32,
    report: &mut Report,
) -> Result<Option<Shown>, End> {
    let Visited { mut response, shown, mut broken } = visited;
    let status = response.status().unwrap_or_default();
    report.set(&STATUS, status.into());
    report.set(&REDIRECTS, redirects.into());
    report.set(&LENGTH, content_length(&response));
    if let Some(at) = seconds(&response, "last-modified") {
        report.set(&MODIFIED, at as f64);
    }
    let version = version(&response);
    report.set(&VERSION, version);
    let length = unpack(module, &mut response, &mut broken);
    let mut faults = Vec::new();
    let fine = match module.statuses.as_slice() {
        [] => (200..300).contains(&status),
        some => some.contains(&status),
    };
    if !fine {
        faults.push(format!("the status is {status}"));
    }
    if let Some(fault) = headers(module, &response).filter(|_| fine) {
        report.set(&FAILED_DUE_TO_REGEX, 1.0);
        faults.push(fault);
    }
    if let Some(fault) = body(module, &response).filter(|_| faults.is_empty()) {
        report.set(&FAILED_DUE_TO_REGEX, 1.0);
        faults.push(fault);
    }
    // What is not followed is not read.
    let read = if super::pointer(&response).is_some() { 0 } else { length };
    report.set(&UNPACKED, read as f64);
    faults.extend(broken);
    let named = if version == 2.0 { "HTTP/2.0".to_owned() } else { format!("HTTP/{version:.1}") };
    if !module.versions.is_empty() && !module.versions.contains(&named) {
        faults.push(format!("the version is {named}"));
    }
    if module.fail_if_tls && shown.is_some() {
        faults.push("TLS is spoken".to_owned());
    }
    if module.fail_if_not_tls && shown.is_none() {
        faults.push("no TLS is spoken".to_owned());
    }
    if faults.is_empty() { Ok(shown) } else { Err(End::Failed(faults.join("; "))) }
}

/// Unpacks the body if it is to come packed; how long it is then, within its bound.
fn unpack(module: &Http, response: &mut Response, broken: &mut Option<String>) -> u64 {
    let mut length = response.length;
    if let Some(compression) = &module.compression {
        if !response.unpack(compression, KEEP) {
            broken.get_or_insert_with(|| format!("the body is not {compression}"));
        }
        if compression != "identity" {
            length = response.body.len() as u64;
        }
    }
    if let Some(longest) = module.longest.filter(|longest| length > *longest) {
        broken.get_or_insert_with(|| format!("the body has more than {longest} bytes"));
        response.body.truncate(usize::try_from(longest).unwrap_or(usize::MAX));
        length = longest;
    }
    length
}

/// What the answer says of its body; -1 where it does not, as Go has it.
fn content_length(response: &Response) -> f64 {
    let chunked = response.header("transfer-encoding").is_some();
    let said = response.header("content-length").and_then(|value| value.parse::<u64>().ok());
    match (response.status(), chunked, said) {
        (Some(204 | 304), ..) => 0.0,
        (_, false, Some(said)) => said as f64,
        _ => -1.0,
    }
}

/// 1, 1.1 or 2; 0 of what is no HTTP.
fn version(response: &Response) -> f64 {
    let line = response.status_line();
    let version = line.strip_prefix("HTTP/").and_then(|rest| rest.split(' ').next()?.parse().ok());
    version.unwrap_or_default()
}

fn headers(module: &Http, response: &Response) -> Option<String> {
    let missing = |matched: &HeaderMatch| format!("there is no header {}", matched.header);
    for matched in &module.header_never {
        let values = response.values(&matched.header);
        if values.is_empty() && !matched.allow_missing {
            return Some(missing(matched));
        }
        if values.iter().any(|value| matched.regexp.is_in(value)) {
            return Some(format!("{} has {}", matched.header, matched.regexp.regex()));
        }
    }
    for matched in &module.header_always {
        let values = response.values(&matched.header);
        if values.is_empty() {
            if matched.allow_missing {
                continue;
            }
            return Some(missing(matched));
        }
        if !values.iter().any(|value| matched.regexp.is_in(value)) {
            return Some(format!("{} has no {}", matched.header, matched.regexp.regex()));
        }
    }
    None
}

fn body(module: &Http, response: &Response) -> Option<String> {
    let is_in = |expression: &&Expression| expression.is_in(&response.body);
    if let Some(never) = module.body_never.iter().find(is_in) {
        return Some(format!("the body has {}", never.regex()));
    }
    let lacking = module.body_always.iter().find(|always| !is_in(always))?;
    Some(format!("the body has no {}", lacking.regex()))
}
