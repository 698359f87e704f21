//! The measuring: connects, asks, follows where it is told to go. It judges nothing but the certificate, as that may end it.

use std::time::{Duration, Instant};

use super::follow::{self, Follow};
use crate::deadline::Deadline;
use crate::http::cookies::Page;
use crate::http::url::bracketed;
use crate::http::{self, Exchange, Jar, Request, Response, Wants};
use crate::http2;
use crate::net::{self, Family, Stream};
use crate::state::State;
use crate::tls::days::{self, Judged};
use crate::tls::{self, Transport};

mod request;

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
    /// Cookies to say and to take, if any are.
    pub cookies: Option<Jar>,
    /// Whether an answer may come compressed.
    pub compressed: bool,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.0
    V10,
    /// 1.1
    V11,
    /// 2, known beforehand: nobody is asked whether he speaks it
    V2,
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
    /// The cookies as they are then.
    pub cookies: Option<Jar>,
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
    /// No answer by HTTP/2.
    #[error("{0}")]
    Http2(#[from] http2::Error),
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
    let (mut place, mut seen, mut jar) = (probe.place.clone(), 0, probe.cookies.clone());
    loop {
        let mut measured = visit(probe, &place, jar.as_ref(), deadline)?;
        let Some(Exchange { response, .. }) = &mut measured.exchange else { return Ok(measured) };
        if let Some(jar) = &mut jar {
            let set = response.values("set-cookie");
            set.iter().for_each(|set| jar.take(place.page(), set, days::now()));
            measured.cookies = Some(jar.clone());
        }
        if probe.compressed {
            response.decompress(probe.wants.keep);
        }
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

fn visit(probe: &Probe, place: &Place, jar: Option<&Jar>, deadline: Deadline) -> Result<Measured, Error> {
    let start = Instant::now();
    let mut stream = connect(probe, place, deadline)?;
    let mut measured = Measured {
        seconds: 0.0,
        place: place.clone(),
        request: request::of(probe, place, jar),
        exchange: None,
        connect: start.elapsed(),
        handshake: None,
        certificate: None,
        cookies: None,
    };
    if !place.tls {
        measured.exchange = Some(ask(probe, place, &mut stream, &measured.request, deadline)?);
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
    measured.exchange = Some(ask(probe, place, &mut session, &measured.request, deadline)?);
    Ok(measured)
}

fn ask(
    probe: &Probe,
    place: &Place,
    stream: &mut impl Transport,
    request: &Request,
    deadline: Deadline,
) -> Result<Exchange, Error> {
    if probe.version != Some(Version::V2) {
        return Ok(http::exchange(stream, request, probe.wants, deadline)?);
    }
    let authority = format!("{}:{}", bracketed(&place.address), place.port);
    let asked = http2::Request::of_version_1(request, place.tls, &authority);
    let found = http2::exchange(stream, &asked, probe.wants.keep, deadline)?;
    Ok(Exchange {
        response: Response::of_version_2(&found.answer),
        sent: found.sent,
        first_byte: found.first_byte,
        transfer: found.transfer,
    })
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
    let request = request::connect(probe, place);
    let answer = http::exchange(stream, &request, Wants { body: false, keep: 0 }, deadline)?.response;
    match answer.status() {
        Some(200..300) => Ok(()),
        _ => Err(Error::Proxy(answer.status_line())),
    }
}

impl Place {
    /// As cookies know it.
    pub fn page(&self) -> Page<'_> {
        Page { host: self.host.as_deref().unwrap_or(&self.address), path: &self.path, tls: self.tls }
    }

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
