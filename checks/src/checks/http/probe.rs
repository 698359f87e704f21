//! The measuring: connects, asks, follows where it is told to go. It judges nothing but the certificate, as that may end it.

use std::time::{Duration, Instant};

use super::follow::{self, Follow};
use crate::deadline::Deadline;
use crate::http::url::bracketed;
use crate::http::{self, Exchange, Request, Wants};
use crate::net::{self, Family, Stream};
use crate::state::State;
use crate::tls::days::{self, Judged};
use crate::tls::{self, Transport};

/// Where the page is, and how it is asked for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whom to connect to.
    pub address: String,
    /// The name in the request, if one is to be.
    pub host: Option<String>,
    /// The port.
    pub port: u32,
    /// The port in the request, where it is another.
    pub host_port: Option<u32>,
    /// Whether by TLS.
    pub tls: bool,
    /// The path.
    pub path: String,
}

/// What to ask, and how.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The first page.
    pub place: Place,
    /// How TLS is to be spoken, where it is.
    pub tls: tls::Wanted,
    /// Whether to look at the page once the certificate was found good.
    pub beyond_certificate: bool,
    /// Which addresses of a name.
    pub family: Family,
    /// `GET` and so on.
    pub method: String,
    /// Whether a proxy is to connect us through to the host.
    pub through_proxy: bool,
    /// The version of HTTP that is asked for, if it matters.
    pub version: Option<Version>,
    /// More headers, as they are.
    pub headers: Vec<String>,
    /// What the `User-Agent` is.
    pub user_agent: String,
    /// `user:password` for the server.
    pub authorization: Option<String>,
    /// `user:password` for the proxy.
    pub proxy_authorization: Option<String>,
    /// What is sent with the request.
    pub post: Option<Vec<u8>>,
    /// What that is.
    pub content_type: String,
    /// What of the answer is wanted.
    pub wants: Wants,
    /// Whether to go where an answer points.
    pub follow: Option<Follow>,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.0
    V10,
    /// 1.1
    V11,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// From the first connection to the last byte.
    pub seconds: f64,
    /// The page that answered.
    pub place: Place,
    /// What it was asked.
    pub request: Request,
    /// Its answer; none if only the certificate was wanted.
    pub exchange: Option<Exchange>,
    /// To connect to it.
    pub connect: Duration,
    /// To shake hands with it.
    pub handshake: Option<Duration>,
    /// What is to be said of its certificate.
    pub certificate: Option<Judged>,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// No such name.
    #[error("Name or service not known")]
    NoSuchName,
    /// No connection.
    #[error("connect to address {address} and port {port}: {error}")]
    Connect {
        /// Where to.
        address: String,
        /// Where to.
        port: u32,
        /// What the system says.
        error: net::Error,
    },
    /// No TLS.
    #[error("{0}")]
    Tls(#[from] tls::Error),
    /// No answer.
    #[error("{0}")]
    Http(#[from] http::Error),
    /// The proxy would not connect us.
    #[error("the proxy does not connect: {0}")]
    Proxy(String),
    /// It points to what cannot be followed.
    #[error("{0}")]
    Redirect(#[from] follow::Error),
}

/// Asks until an answer is no redirect, or is not to be followed.
pub fn measure(probe: &Probe, deadline: Deadline) -> Result<Measured, Error> {
    let start = Instant::now();
    let (mut place, mut seen) = (probe.place.clone(), 0);
    loop {
        let mut measured = visit(probe, &place, deadline)?;
        let Some(Exchange { response, .. }) = &measured.exchange else { return Ok(measured) };
        match &probe.follow {
            Some(follow) if response.status().is_some_and(|status| (300..400).contains(&status)) => {
                seen += 1;
                place = follow.next(&place, response, seen)?;
            }
            _ => {
                measured.seconds = start.elapsed().as_secs_f64();
                return Ok(measured);
            }
        }
    }
}

fn visit(probe: &Probe, place: &Place, deadline: Deadline) -> Result<Measured, Error> {
    let start = Instant::now();
    let mut stream = connect(probe, place, deadline)?;
    let mut measured = Measured {
        seconds: 0.0,
        place: place.clone(),
        request: request(probe, place),
        exchange: None,
        connect: start.elapsed(),
        handshake: None,
        certificate: None,
    };
    if !place.tls {
        measured.exchange = Some(http::exchange(&mut stream, &measured.request, probe.wants, deadline)?);
        return Ok(measured);
    }
    let start = Instant::now();
    if probe.through_proxy {
        connect_through(probe, place, &mut stream, deadline)?;
    }
    let host = place.host.as_deref().unwrap_or(&place.address);
    let mut session = tls::connect(stream, host, &probe.tls)?;
    measured.handshake = Some(start.elapsed());
    if let Some(limits) = probe.tls.days {
        measured.certificate = Some(days::judge(&session.certificate()?, limits, days::now()));
        if !probe.beyond_certificate {
            return Ok(measured);
        }
    }
    measured.exchange = Some(http::exchange(&mut session, &measured.request, probe.wants, deadline)?);
    Ok(measured)
}

fn connect(probe: &Probe, place: &Place, deadline: Deadline) -> Result<Stream, Error> {
    let port = u16::try_from(place.port).unwrap_or_default();
    let name = place.address.trim_matches(['[', ']']);
    let addresses = match net::resolve(name, port, probe.family, deadline) {
        Ok(addresses) => addresses,
        Err(net::resolve::Error::Expired) => return Err(Error::Expired),
        Err(_) => return Err(Error::NoSuchName),
    };
    net::connect(&addresses, deadline).map_err(|failed| match failed.last {
        net::Error::Expired => Error::Expired,
        error => Error::Connect { address: place.address.clone(), port: place.port, error },
    })
}

/// Has the proxy connect us to the host, and takes its word that it did.
fn connect_through(
    probe: &Probe,
    place: &Place,
    stream: &mut impl Transport,
    deadline: Deadline,
) -> Result<(), Error> {
    let host = bracketed(place.host.as_deref().unwrap_or(&place.address));
    let mut headers = vec![format!("User-Agent: {}", probe.user_agent)];
    if let Some(pair) = &probe.proxy_authorization {
        headers.push(format!("Proxy-Authorization: {}", http::request::basic(pair)));
    }
    headers.extend(["Proxy-Connection: keep-alive".to_owned(), format!("Host: {host}")]);
    let port = place.host_port.unwrap_or(443);
    let target = format!("{host}:{port}");
    let request =
        Request { method: "CONNECT".to_owned(), target, version: "HTTP/1.1", headers, body: Vec::new() };
    let answer = http::exchange(stream, &request, Wants { body: false, keep: 0 }, deadline)?.response;
    match answer.status() {
        Some(200..300) => Ok(()),
        _ => Err(Error::Proxy(answer.status_line())),
    }
}

/// The lines of 2.x in the order of 2.x.
fn request(probe: &Probe, place: &Place) -> Request {
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

impl Place {
    /// As the texts of 2.x show it.
    pub fn shown(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let host = self.host.as_deref().unwrap_or(&self.address);
        format!("{scheme}://{host}:{}{}", self.port, self.path)
    }
}

impl Measured {
    /// Whether the certificate is fine, or was not asked for.
    pub fn certificate_state(&self) -> State {
        self.certificate.as_ref().map_or(State::Ok, |judged| judged.state)
    }
}
