//! What is said when there is no answer: by the name of `check_http` in its own words, by that of `check_curl` in those of
//! libcurl.

use rustls::CertificateError;

use super::config::Config;
use super::follow;
use super::print::link;
use super::probe::Error;
use crate::frame::Call;
use crate::http;
use crate::http2;
use crate::output::{Output, Stop};
use crate::state::State;
use crate::tls;

/// Why there is no answer, and the state of that.
pub(super) fn failed(call: &Call, config: &Config, error: Error) -> Stop {
    let error = match config.curl {
        true => match of_curl(call, config, &error) {
            Some(stop) => return stop,
            None => error,
        },
        false => error,
    };
    let critical = |text: &str| Stop::with(State::Critical, format!("HTTP CRITICAL - {text}"));
    match error {
        Error::Expired | Error::Http(http::Error::Expired { .. }) | Error::Http2(http2::Error::Expired) => {
            Stop::Timeout
        }
        Error::NoSuchName | Error::Connect { .. } => {
            let line = format!("{}{error}", link(config));
            Output::new(State::Critical, line).line("HTTP CRITICAL - Unable to open TCP socket").into()
        }
        Error::Tls(tls::Error::File { path, why }) if config.probe.tls.identity.is_some() => {
            let line = "CRITICAL - Unable to open certificate chain file!";
            Output::new(State::Critical, line).line(format!("{path}: {why}")).into()
        }
        Error::Tls(error) => error.into(),
        Error::Http(http::Error::Empty) => critical("No data received from host"),
        Error::Http(http::Error::Receive(_)) => critical("Error on receive"),
        Error::Http2(error) => critical(&error.to_string()),
        Error::Proxy(line) => critical(&format!("The proxy does not connect: {line}")),
        Error::Redirect(error) => {
            let state = match error {
                follow::Error::Loop(_) => State::Critical,
                follow::Error::TooMany { .. } => State::Warning,
                _ => State::Unknown,
            };
            Stop::with(state, format!("HTTP {state} - {error}"))
        }
    }
}

/// None of what `check_curl` itself says as `check_http` does.
fn of_curl(call: &Call, config: &Config, error: &Error) -> Option<Stop> {
    let place = &config.probe.place;
    let elapsed = call.elapsed().as_millis();
    let mut state = State::Critical;
    let (code, text) = match error {
        Error::Expired | Error::Tls(tls::Error::Expired) => {
            state = call.timeout_state();
            (28, format!("Connection timed out after {elapsed} milliseconds"))
        }
        Error::Http(http::Error::Expired { partial }) => {
            state = call.timeout_state();
            let body = partial.body_received();
            (28, format!("Operation timed out after {elapsed} milliseconds with {body} bytes received"))
        }
        Error::NoSuchName if place.tls && place.host.is_some() => {
            let why = "getaddrinfo returned -2 - Name or service not known";
            let text = format!("HTTP CRITICAL - Unable to lookup IP address for '{}': {why}", place.address);
            return Some(Stop::with(state, text));
        }
        Error::NoSuchName => (6, format!("Could not resolve host: {}", place.address)),
        Error::Connect { address, port, .. } => (
            7,
            format!(
                "Failed to connect to {address} port {port} after {elapsed} ms: Couldn't connect to server"
            ),
        ),
        Error::Http(http::Error::Empty) => (52, "Empty reply from server".to_owned()),
        Error::Http(http::Error::Receive(error)) => (56, format!("Recv failure: {}", crate::words(error))),
        Error::Tls(tls::Error::Tls(rustls::Error::InvalidCertificate(fault))) => {
            (60, untrusted(config, fault))
        }
        Error::Tls(tls::Error::File { .. } | tls::Error::Version(_)) => return None,
        Error::Tls(error) => (35, error.to_string()),
        Error::Http2(_) | Error::Proxy(_) | Error::Redirect(_) => return None,
    };
    let what = format!("Invalid HTTP response received from host on port {}", place.port);
    Some(Stop::with(state, format!("HTTP {state} - {what}: cURL returned {code} - {text}")))
}

fn untrusted(config: &Config, fault: &CertificateError) -> String {
    let what = match fault {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let place = &config.probe.place;
            let name = place.host.as_deref().unwrap_or(&place.address);
            return format!("SSL: no alternative certificate subject name matches target host name '{name}'");
        }
        CertificateError::UnknownIssuer => "unable to get local issuer certificate".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate is not yet valid".to_owned()
        }
        other => other.to_string(),
    };
    format!("SSL certificate problem: {what}")
}
