//! `check_ssl_cert`: the certificate of a server, or in a file. Its options and texts are those of the plugin of that name
//! in the contributed ones.

use rustls::pki_types::{CertificateDer, UnixTime};

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net;
use crate::output::{Outcome, Output, Stop};
use crate::state::State;
use crate::tls::{self, Certificate, start};

mod config;
mod judge;
mod options;

pub use config::{Config, Fingerprint, From};
pub use judge::{Found, judge};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_ssl_cert",
    aliases: &[],
    summary: "Looks at the certificate of a server or in a file: how long it is valid yet, for whom, from whom.",
    usage: "-H host [-p port] [-P protocol] [--sni name] [-w days] [-c days] [-A] [-s] [-m name]... [-i issuer]\n\
            [--not-issued-by issuer] [-o organization] [-e address] [--serial number] [--fingerprint hash]\n\
            [-r file] [-C file -K file] [--resolve address] [--maximum-validity days] [--first-element-only]\n\
            [--ignore-exp] [--ignore-host-cn] [--ignore-connection-problems[=state]] [--no-perf]\n\
            [-t seconds[:state]] [-4] [-6]\n\
            -f file [-w days] [-c days] ...",
    options: options::OPTIONS,
    extra_opts: true,
    timed_out: "Timeout",
    run,
};

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let found = measure(&config, deadline)?;
    Ok(judge(&config, &found, tls::days::now()))
}

/// Gets the certificates; the words are those of the contributed plugin.
fn measure(config: &Config, deadline: Deadline) -> Result<Found, Stop> {
    let chain = match &config.from {
        From::File(path) => tls::certificates(path).map_err(|error| {
            let text = format!("SSL_CERT CRITICAL: Cannot read file {path}");
            Stop::from(Output::new(State::Critical, text).line(error.to_string()))
        })?,
        From::Host { .. } => shown(config, deadline)?,
    };
    let parsed: Vec<Certificate> = chain
        .iter()
        .map(|one| Certificate::parse(one))
        .collect::<Result<_, _>>()
        .map_err(|error| fault(config, &error))?;
    let unknown = if config.vouched { vouched(config, &chain, &parsed) } else { None };
    let hash = |one: &CertificateDer<'_>| config.fingerprint.as_ref().map(|wanted| wanted.of(one));
    Ok(Found { fingerprint: chain.first().and_then(hash), chain: parsed, unknown })
}

/// What the server shows.
fn shown(config: &Config, deadline: Deadline) -> Result<Vec<CertificateDer<'static>>, Stop> {
    let From::Host { name, address, port } = &config.from else { return Ok(Vec::new()) };
    let addresses = match net::resolve(address, *port, config.family, deadline) {
        Ok(addresses) => addresses,
        Err(net::resolve::Error::Expired) => return Err(Stop::Timeout),
        Err(_) => return Err(unreachable(config, &format!("{address} is not a valid hostname"))),
    };
    let mut stream = net::connect(&addresses, deadline).map_err(|failed| match failed.last {
        net::Error::Expired => Stop::Timeout,
        error => unreachable(config, &error),
    })?;
    config.start.say(&mut stream).map_err(|failed| match failed {
        start::Failed::Net(net::Error::Expired) => Stop::Timeout,
        failed => fault(config, &failed),
    })?;
    let session = tls::connect(stream, name, &config.tls).map_err(|error| match error {
        tls::Error::Expired => Stop::Timeout,
        error => fault(config, &format!("Cannot make SSL connection: {error}")),
    })?;
    Ok(session.chain().to_vec())
}

/// Why nobody this host trusts vouches for it. That it has expired is told by its days.
fn vouched(config: &Config, chain: &[CertificateDer<'static>], parsed: &[Certificate]) -> Option<String> {
    let first = parsed.first()?;
    let alone = first.is_self_issued();
    let shown_alone = chain.len() == 1 && config.incomplete;
    if alone && config.self_signed {
        return None;
    }
    // As of the last moment that all of them are valid, so that the days are not told twice.
    let until = parsed.iter().map(|one| one.not_after).min().unwrap_or_default().min(tls::days::now());
    let since = parsed.iter().map(|one| one.not_before).max().unwrap_or_default();
    let when = std::time::Duration::from_secs(u64::try_from(until.max(since)).unwrap_or_default());
    match tls::vouched_for(chain, config.authorities.as_deref(), UnixTime::since_unix_epoch(when)) {
        Ok(()) => None,
        Err(_) if alone => Some("Cannot verify certificate, self signed certificate".to_owned()),
        Err(tls::Error::Tls(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))) => {
            if shown_alone {
                return None;
            }
            Some("Cannot verify certificate, unable to get local issuer certificate".to_owned())
        }
        Err(error) => Some(format!("Cannot verify certificate, {error}")),
    }
}

fn fault(config: &Config, error: &dyn std::fmt::Display) -> Stop {
    Stop::with(State::Critical, format!("SSL_CERT CRITICAL {}: {error}", config.subject()))
}

/// Nobody is there to show one.
fn unreachable(config: &Config, error: &dyn std::fmt::Display) -> Stop {
    let state = config.unreachable.unwrap_or(State::Critical);
    Stop::with(state, format!("SSL_CERT {state} {}: {error}", config.subject()))
}

#[cfg(test)]
mod tests;
