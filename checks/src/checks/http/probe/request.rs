//! The requests: what is said, in the order in which 2.x says it. Pure.

use super::{Place, Probe, Version};
use crate::http::url::bracketed;
use crate::http::{self, Jar, Request};
use crate::tls::days;

/// For a page.
pub(super) fn of(probe: &Probe, place: &Place, jar: Option<&Jar>) -> Request {
    let mut headers = vec![format!("User-Agent: {}", probe.user_agent), "Connection: close".to_owned()];
    let named = |name: &str| {
        let is = |header: &String| {
            header.split_once(':').is_some_and(|(found, _)| found.trim_ascii().eq_ignore_ascii_case(name))
        };
        probe.headers.iter().any(is)
    };
    if let Some(host) = place.host.as_deref().filter(|_| !named("host")) {
        let port = place.host_port.unwrap_or(place.port);
        let usual = if place.tls { 443 } else { 80 };
        let port = if port == usual || probe.through_proxy { String::new() } else { format!(":{port}") };
        headers.push(format!("Host: {}{port}", bracketed(host)));
    }
    headers.extend(probe.headers.iter().cloned());
    if let Some(pair) = &probe.authorization {
        headers.push(format!("Authorization: {}", http::request::basic(pair)));
    }
    if let Some(pair) = probe.proxy_authorization.as_ref().filter(|_| !probe.through_proxy) {
        headers.push(format!("Proxy-Authorization: {}", http::request::basic(pair)));
    }
    if let Some(cookies) = jar.and_then(|jar| jar.header(place.page(), days::now())) {
        headers.push(format!("Cookie: {cookies}"));
    }
    if probe.compressed {
        headers.push("Accept-Encoding: deflate, gzip".to_owned());
    }
    if let Some(post) = &probe.post {
        headers.push(format!("Content-Type: {}", probe.content_type));
        headers.push(format!("Content-Length: {}", post.len()));
    }
    let version = match (probe.version, &place.host) {
        (Some(Version::V10), _) | (None, None) => "HTTP/1.0",
        _ => "HTTP/1.1",
    };
    // Within the proxy's tunnel the server itself is asked, which wants the path alone.
    let target = match http::Url::parse(&place.path).filter(|_| probe.through_proxy) {
        Some(url) => url.path,
        None => place.path.clone(),
    };
    let body = probe.post.clone().unwrap_or_default();
    Request { method: probe.method.clone(), target, version, headers, body }
}

/// For a proxy that is to connect us to the host.
pub(super) fn connect(probe: &Probe, place: &Place) -> Request {
    let host = bracketed(place.host.as_deref().unwrap_or(&place.address));
    let mut headers = vec![format!("User-Agent: {}", probe.user_agent)];
    if let Some(pair) = &probe.proxy_authorization {
        headers.push(format!("Proxy-Authorization: {}", http::request::basic(pair)));
    }
    headers.extend(["Proxy-Connection: keep-alive".to_owned(), format!("Host: {host}")]);
    let port = place.host_port.unwrap_or(443);
    let target = format!("{host}:{port}");
    Request { method: "CONNECT".to_owned(), target, version: "HTTP/1.1", headers, body: Vec::new() }
}
