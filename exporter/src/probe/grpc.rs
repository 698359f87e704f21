//! A question after health, by `grpc.health.v1.Health`.

use std::time::Instant;

use plimsoll_checks::checks::grpc_health::message::{LONGEST, Serving, request};
use plimsoll_checks::http::url::bracketed;
use plimsoll_checks::http2::{self, Answer};
use plimsoll_checks::net::{self, Protocol};
use plimsoll_checks::tls::{self, Shown};

use super::module::Grpc;
use super::place::{self, Bounds};
use super::report::{Gauge, Report};
use super::{AGENT, End, certificate};

static DURATION: Gauge =
    Gauge::labelled("probe_grpc_duration_seconds", "Duration of gRPC request by phase", &["phase"]);
static TLS: Gauge = Gauge::new("probe_grpc_ssl", "Indicates if SSL was used for the connection");
static STATUS: Gauge = Gauge::new("probe_grpc_status_code", "Response gRPC status code");
static HEALTH: Gauge =
    Gauge::labelled("probe_grpc_healthcheck_response", "Response HealthCheck response", &["serving_status"]);

/// Codes of gRPC.
const UNKNOWN: u32 = 2;
const DEADLINE_EXCEEDED: u32 = 4;
const PERMISSION_DENIED: u32 = 7;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

/// Probes; gives what TLS showed.
pub(super) fn probe(
    module: &Grpc,
    target: &str,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<Option<Shown>, End> {
    report.set_of(&DURATION, &["resolve"], 0.0);
    [&TLS, &STATUS, &certificate::EARLIEST].into_iter().for_each(|gauge| report.set(gauge, 0.0));
    let place = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")).unwrap_or(target);
    let place = place.split('/').next().unwrap_or_default();
    let wrong = || End::Failed(format!("{target}: expected HOST or HOST:PORT"));
    let (host, port) = place::split(place).ok_or_else(wrong)?;
    let port = port.unwrap_or(if module.speaks_tls { 443 } else { 80 });
    let (address, took) = place::find(host, port, module.family, bounds, report)?;
    report.set_of(&DURATION, &["resolve"], took.as_secs_f64());
    let start = Instant::now();
    let mut shown = None;
    let answer = net::connect_to(address, Protocol::Tcp, None, bounds.deadline)
        .map_err(|error| (of_net(&error), format!("connect to {address}: {error}")))
        .and_then(|stream| ask(module, host, port, stream, bounds, &mut shown, report));
    report.set_of(&DURATION, &["check"], start.elapsed().as_secs_f64());
    for (_, name) in SERVING {
        report.set_of(&HEALTH, &[name], 0.0);
    }
    let said = answer.and_then(|answer| said(&answer));
    let (code, why) = match said {
        Ok(serving) => {
            let name = SERVING.iter().find(|(of, _)| *of == serving).map_or("", |(_, name)| name);
            report.set_of(&HEALTH, &[name], 1.0);
            if shown.is_some() {
                report.set(&TLS, 1.0);
            }
            if serving == Serving::Serving {
                return Ok(shown);
            }
            (0, format!("the service is {name}"))
        }
        Err(failed) => failed,
    };
    report.set(&STATUS, code.into());
    Err(End::Failed(why))
}

/// As the protocol names them.
const SERVING: [(Serving, &str); 4] = [
    (Serving::Unknown, "UNKNOWN"),
    (Serving::Serving, "SERVING"),
    (Serving::NotServing, "NOT_SERVING"),
    (Serving::ServiceUnknown, "SERVICE_UNKNOWN"),
];

/// A code of gRPC, and why it is that.
type Failed = (u32, String);

fn ask(
    module: &Grpc,
    host: &str,
    port: u16,
    mut stream: net::Stream,
    bounds: Bounds<'_>,
    shown: &mut Option<Shown>,
    report: &mut Report,
) -> Result<Answer, Failed> {
    let authority = format!("{}:{port}", bracketed(host));
    let request = request(&module.service, module.speaks_tls, authority, AGENT.to_owned(), &[]);
    let exchanged = if module.speaks_tls {
        let mut session = tls::connect(stream, host, &module.tls.wanted(&[b"h2"])).map_err(|error| {
            let code = if matches!(error, tls::Error::Expired) { DEADLINE_EXCEEDED } else { UNAVAILABLE };
            (code, format!("TLS: {error}"))
        })?;
        *shown = Some(certificate::tell(&session, report));
        http2::exchange(&mut session, &request, LONGEST, bounds.deadline)
    } else {
        http2::exchange(&mut stream, &request, LONGEST, bounds.deadline)
    };
    exchanged.map(|exchange| exchange.answer).map_err(|error| {
        let code = if matches!(error, http2::Error::Expired) { DEADLINE_EXCEEDED } else { UNAVAILABLE };
        (code, error.to_string())
    })
}

const fn of_net(error: &net::Error) -> u32 {
    if matches!(error, net::Error::Expired) { DEADLINE_EXCEEDED } else { UNAVAILABLE }
}

/// What an answer comes to; where it says nothing of gRPC, the code that stands for its status of HTTP.
fn said(answer: &Answer) -> Result<Serving, Failed> {
    let code = answer.header("grpc-status").and_then(|code| code.parse().ok());
    let status = answer.status();
    match (code, status) {
        (Some(0), Some(200)) => Serving::parse(&answer.body)
            .ok_or_else(|| (INTERNAL, "an answer that says nothing of health".to_owned())),
        (Some(code), Some(200)) => {
            let message = answer.header("grpc-message").unwrap_or_default();
            Err((code, format!("status {code} {message}").trim_end().to_owned()))
        }
        (_, status) => {
            let code = match status {
                Some(400) => INTERNAL,
                Some(401) => UNAUTHENTICATED,
                Some(403) => PERMISSION_DENIED,
                Some(404) => UNIMPLEMENTED,
                Some(429 | 502..=504) => UNAVAILABLE,
                _ => UNKNOWN,
            };
            Err((code, format!("HTTP status {}", status.unwrap_or_default())))
        }
    }
}
