//! A page, and where it points to. Each host on the way is looked up once, held against what may be probed, and connected to
//! by that address.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use plimsoll_checks::http::cookies::{Jar, Page};
use plimsoll_checks::http::{self, Exchange, Request, Response, Url, Wants, date};
use plimsoll_checks::http2;
use plimsoll_checks::net::{self, Protocol};
use plimsoll_checks::tls::{self, Shown, Transport, days};

use super::module::Http;
use super::place::{self, Bounds};
use super::report::{Gauge, Report};
use super::tcp::FAILED_DUE_TO_REGEX;
use super::{End, certificate};

mod judge;
mod request;

static DURATION: Gauge = Gauge::labelled(
    "probe_http_duration_seconds",
    "Duration of http request by phase, summed over all redirects",
    &["phase"],
);
static LENGTH: Gauge = Gauge::new("probe_http_content_length", "Length of http content response");
static UNPACKED: Gauge =
    Gauge::new("probe_http_uncompressed_body_length", "Length of uncompressed response body");
static REDIRECTS: Gauge = Gauge::new("probe_http_redirects", "The number of redirects");
static TLS: Gauge = Gauge::new("probe_http_ssl", "Indicates if SSL was used for the final redirect");
static STATUS: Gauge = Gauge::new("probe_http_status_code", "Response HTTP status code");
static VERSION: Gauge = Gauge::new("probe_http_version", "Returns the version of HTTP of the probe response");
static MODIFIED: Gauge = Gauge::new(
    "probe_http_last_modified_timestamp_seconds",
    "Returns the Last-Modified HTTP response header in unixtime",
);

/// More redirects are not followed.
const MOST: u32 = 10;
/// So much of a body is looked through; all of it is counted.
const KEEP: usize = 16 << 20;

/// Where a page is, and how it is asked for there.
#[derive(Clone, Debug)]
struct Visit {
    url: Url,
    /// Where that is.
    address: SocketAddr,
    /// What the `Host` is, where it is not that of the URL.
    host: Option<String>,
    /// Whether this is the target's own host, which alone is told who asks.
    own: bool,
    method: String,
    body: Vec<u8>,
}

/// An answer, and what TLS showed before it.
struct Visited {
    response: Response,
    shown: Option<Shown>,
    /// None but for an answer that came whole.
    broken: Option<String>,
}

/// Probes; gives what TLS showed.
pub(super) fn probe(
    module: &Http,
    target: &str,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<Option<Shown>, End> {
    [&LENGTH, &UNPACKED, &REDIRECTS, &TLS, &STATUS, &VERSION, &FAILED_DUE_TO_REGEX]
        .into_iter()
        .for_each(|gauge| report.set(gauge, 0.0));
    report.set_of(&DURATION, &["resolve"], 0.0);
    let mut visit = first(module, target, bounds, report)?;
    for phase in ["connect", "tls", "processing", "transfer"] {
        report.set_of(&DURATION, &[phase], 0.0);
    }
    let (mut jar, mut redirects) = (Jar::default(), 0);
    loop {
        let visited = ask(module, &visit, &jar, bounds, report)?;
        let page = Page { host: &visit.url.host, path: &visit.url.path, tls: visit.url.tls };
        let set = visited.response.values("set-cookie");
        set.iter().for_each(|set| jar.take(page, set, days::now()));
        if let Some(location) = pointer(&visited.response) {
            redirects += 1;
            report.set(&REDIRECTS, redirects.into());
            report.note(format_args!("points to {location}"));
            if redirects <= MOST && module.follow {
                visit = next(module, visit, &visited.response, &location, bounds, report)?;
                continue;
            }
        }
        return judge::judge(module, visited, redirects, report);
    }
}

fn first(module: &Http, target: &str, bounds: Bounds<'_>, report: &mut Report) -> Result<Visit, End> {
    let whole = if target.contains("://") { target.to_owned() } else { format!("http://{target}") };
    let url = Url::parse(&whole).ok_or_else(|| End::Failed(format!("{target}: no URL")))?;
    let port = port(&url)?;
    let (address, took) = place::find(&url.host, port, module.family, bounds, report)?;
    report.add_of(&DURATION, &["resolve"], took.as_secs_f64());
    let host = module.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    Ok(Visit {
        url,
        address,
        host: host.map(|(_, host)| host.clone()),
        own: true,
        method: module.method.clone(),
        body: module.body.clone().into_bytes(),
    })
}

fn port(url: &Url) -> Result<u16, End> {
    u16::try_from(url.port).map_err(|_| End::Failed(format!("there is no port {}", url.port)))
}

/// Where an answer points, if it is one that is followed.
fn pointer(response: &Response) -> Option<String> {
    let followed = matches!(response.status(), Some(301..=303 | 307 | 308));
    response.header("location").filter(|location| followed && !location.is_empty())
}

/// The page that this one points to. What stays on the host stays at its address.
fn next(
    module: &Http,
    from: Visit,
    response: &Response,
    location: &str,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<Visit, End> {
    let wrong = || End::Failed(format!("points to {location:?}, which is no page"));
    let url = from.url.join(location).ok_or_else(wrong)?;
    let there =
        (url.host.eq_ignore_ascii_case(&from.url.host), url.port == from.url.port, url.tls == from.url.tls);
    let relative = !location.contains("://") && !location.starts_with("//");
    let address = if there.0 {
        SocketAddr::new(from.address.ip(), port(&url)?)
    } else {
        let start = Instant::now();
        let found = place::look_up(&url.host, port(&url)?, module.family, bounds);
        report.add_of(&DURATION, &["resolve"], start.elapsed().as_secs_f64());
        // The target itself may be probed: that it points elsewhere is its fault.
        found.map_err(|end| match end {
            End::Refused(refused) => End::Failed(refused.to_string()),
            end => end,
        })?
    };
    let keeps =
        matches!(response.status(), Some(307 | 308)) || matches!(from.method.as_str(), "GET" | "HEAD");
    Ok(Visit {
        address,
        host: from.host.filter(|_| relative),
        own: from.own && there == (true, true, true),
        method: if keeps { from.method } else { "GET".to_owned() },
        body: if keeps { from.body } else { Vec::new() },
        url,
    })
}

fn ask(
    module: &Http,
    visit: &Visit,
    jar: &Jar,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<Visited, End> {
    let request = request::of(module, visit, jar).map_err(End::Failed)?;
    let start = Instant::now();
    let mut stream = net::connect_to(visit.address, Protocol::Tcp, None, bounds.deadline)
        .map_err(|error| End::Failed(format!("connect to {}: {error}", visit.address)))?;
    report.add_of(&DURATION, &["connect"], start.elapsed().as_secs_f64());
    if !visit.url.tls {
        report.set(&TLS, 0.0);
        return exchange(&mut stream, false, visit, &request, bounds, report)
            .map(|(response, broken)| Visited { response, broken, shown: None });
    }
    let protocols: &[&'static [u8]] = if module.version_2 { &[b"h2", b"http/1.1"] } else { &[] };
    let mut wanted = module.tls.wanted(protocols);
    // The name of the module is that of the target's own host.
    wanted.sni = wanted.sni.filter(|_| visit.own);
    let name = visit.host.as_deref().unwrap_or(&visit.url.host);
    let start = Instant::now();
    let mut session =
        tls::connect(stream, name, &wanted).map_err(|error| End::Failed(format!("TLS: {error}")))?;
    report.add_of(&DURATION, &["tls"], start.elapsed().as_secs_f64());
    let version_2 = session.protocol() == Some(b"h2");
    let (response, broken) = exchange(&mut session, version_2, visit, &request, bounds, report)?;
    let shown = match pointer(&response).filter(|_| module.follow) {
        // Only the last of them is told of.
        Some(_) => session.shown(),
        None => {
            report.set(&TLS, 1.0);
            certificate::tell_chain(&session, &module.tls, report)
        }
    };
    Ok(Visited { response, broken, shown: Some(shown) })
}

/// The answer, and what keeps it from being whole.
fn exchange(
    stream: &mut impl Transport,
    version_2: bool,
    visit: &Visit,
    request: &Request,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<(Response, Option<String>), End> {
    let failed = |error: &dyn std::fmt::Display| End::Failed(format!("{}: {error}", visit.url.host));
    if version_2 {
        let request = http2::Request::of_version_1(request, true, &visit.url.host);
        let found =
            http2::exchange(stream, &request, KEEP, bounds.deadline).map_err(|error| failed(&error))?;
        tell(found.first_byte, found.transfer, report);
        return Ok((Response::of_version_2(&found.answer), None));
    }
    let wants = Wants { body: true, keep: KEEP };
    match http::exchange(stream, request, wants, bounds.deadline) {
        Ok(Exchange { response, .. }) if response.status().is_none() => Err(failed(&"no HTTP")),
        Ok(Exchange { response, first_byte, transfer, .. }) => {
            tell(first_byte, transfer, report);
            let broken = response.is_cut().then(|| "the body is cut short".to_owned());
            Ok((response, broken))
        }
        Err(http::Error::Expired { partial }) if partial.has_head() => {
            Ok((*partial, Some("the body did not come in time".to_owned())))
        }
        Err(error) => Err(failed(&error)),
    }
}

fn tell(first_byte: Duration, transfer: Duration, report: &mut Report) {
    report.add_of(&DURATION, &["processing"], first_byte.as_secs_f64());
    report.add_of(&DURATION, &["transfer"], transfer.saturating_sub(first_byte).as_secs_f64());
}

/// The seconds of Unix that a header says.
fn seconds(response: &Response, name: &str) -> Option<i64> {
    date::parse(&response.header(name)?)
}
