//! What is asked for. Pure but for secrets that are in files.

use plimsoll_checks::http::cookies::{Jar, Page};
use plimsoll_checks::http::request::basic;
use plimsoll_checks::http::{Request, Url};
use plimsoll_checks::tls::days;

use super::Visit;
use crate::probe::AGENT;
use crate::probe::module::{Http, LoginKind};

/// The request for a page.
pub(super) fn of(module: &Http, visit: &Visit, jar: &Jar) -> Result<Request, String> {
    let named = |name: &str| module.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut headers = vec![format!("Host: {}", visit.host.clone().unwrap_or_else(|| authority(&visit.url)))];
    if !named("user-agent") {
        headers.push(format!("User-Agent: {AGENT}"));
    }
    headers.push("Connection: close".to_owned());
    let more = module.headers.iter().filter(|(name, _)| {
        let secret =
            ["authorization", "cookie", "www-authenticate"].iter().any(|of| name.eq_ignore_ascii_case(of));
        !name.eq_ignore_ascii_case("host")
            && !name.eq_ignore_ascii_case("connection")
            && (visit.own || !secret)
    });
    headers.extend(more.map(|(name, value)| format!("{name}: {value}")));
    if let Some(compression) = module.compression.as_ref().filter(|_| !named("accept-encoding")) {
        headers.push(format!("Accept-Encoding: {compression}"));
    }
    if let Some(login) = module.login.as_ref().filter(|_| visit.own && !named("authorization")) {
        let secret = login.secret.read()?;
        headers.push(match &login.kind {
            LoginKind::Basic(name) => format!("Authorization: {}", basic(&format!("{name}:{secret}"))),
            LoginKind::Token(kind) => format!("Authorization: {kind} {secret}"),
        });
    }
    let page = Page { host: &visit.url.host, path: &visit.url.path, tls: visit.url.tls };
    headers.extend(jar.header(page, days::now()).map(|cookies| format!("Cookie: {cookies}")));
    if !visit.body.is_empty() || matches!(visit.method.as_str(), "POST" | "PUT" | "PATCH") {
        headers.push(format!("Content-Length: {}", visit.body.len()));
    }
    if headers.iter().any(|header| header.contains(['\r', '\n'])) {
        return Err("a header with a line break in it".to_owned());
    }
    Ok(Request {
        method: visit.method.clone(),
        target: visit.url.path.clone(),
        version: "HTTP/1.1",
        headers,
        body: visit.body.clone(),
    })
}

/// The host, with its port if that is not the usual one.
fn authority(url: &Url) -> String {
    let usual = if url.tls { 443 } else { 80 };
    if url.port == usual { url.bracketed() } else { format!("{}:{}", url.bracketed(), url.port) }
}
