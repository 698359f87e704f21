//! `check_ssl_cert`: the certificate of a server, or in a file. Its options and texts are those of the plugin of that name
//! in the contributed ones.

use rustls::pki_types::{CertificateDer, UnixTime};

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net;
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::state::State;
use crate::tls::{self, Certificate, start};

mod config;
mod judge;

pub use config::{Config, From};
pub use judge::{Found, judge};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_ssl_cert",
    aliases: &[],
    summary: "Looks at the certificate of a server or in a file: how long it is valid yet, for whom, from whom.",
    usage: "-H host [-p port] [-P protocol] [--sni name] [-w days] [-c days] [-A] [-s] [-m name]... [-i issuer]\n\
            [-o organization] [--serial number] [-r file] [-C file -K file] [--resolve address]\n\
            [--first-element-only] [--ignore-exp] [--ignore-host-cn] [-t seconds[:state]] [-4] [-6]\n\
            -f file [-w days] [-c days] ...",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Timeout",
    run,
};

const OPTIONS: &[Opt] = &[
    Opt::new(
        "H",
        "host",
        Arg::Value("NAME"),
        "Name or address of the server, which its certificate has to be for",
    ),
    Opt::new("p", "port", Arg::Value("NUMBER"), "Port (that of the protocol)"),
    Opt::new(
        "P",
        "protocol",
        Arg::Value("NAME"),
        "https (which is any that speaks TLS from the start), smtp, imap, pop3, ftp or postgres",
    ),
    Opt::new("f", "file", Arg::Value("FILE"), "The certificate in this file, in PEM, instead"),
    Opt::new("w", "warning", Arg::Value("DAYS"), "Warn when it is valid for less days (20)"),
    Opt::new("c", "critical", Arg::Value("DAYS"), "Critical when it is valid for less days (15)"),
    Opt::new("A", "noauth", Arg::No, "Do not ask who vouches for it"),
    Opt::new("s", "selfsigned", Arg::No, "It may vouch for itself"),
    Opt::new("m", "match", Arg::Value("NAME"), "It has to be for this name; may be repeated"),
    Opt::new("n", "cn", Arg::Value("NAME"), "The same"),
    Opt::new("N", "host-cn", Arg::No, "It has to be for the host, which is looked at anyway"),
    Opt::new("i", "issuer", Arg::Value("REGEX"), "Its issuer has to match"),
    Opt::new("o", "org", Arg::Value("REGEX"), "Its organization has to match"),
    Opt::new("serial", "serial", Arg::Value("REGEX"), "Its serial number has to match"),
    Opt::new("r", "rootcert", Arg::Value("FILE"), "The authorities, in PEM, where they are not the system's"),
    Opt::new("rootcert-file", "rootcert-file", Arg::Value("FILE"), "The same"),
    Opt::new("C", "clientcert", Arg::Value("FILE"), "A certificate to show the server, in PEM"),
    Opt::new("K", "clientkey", Arg::Value("FILE"), "Its key, in PEM"),
    Opt::new("sni", "sni", Arg::Value("NAME"), "Ask for the certificate of this name"),
    Opt::new("resolve", "resolve", Arg::Value("ADDRESS"), "Where the host is"),
    Opt::new(
        "first-element-only",
        "first-element-only",
        Arg::No,
        "Only its own days, not those of who vouches for it",
    ),
    Opt::new("element", "element", Arg::Value("NUMBER"), "So many certificates of the chain at most"),
    Opt::new("ignore-exp", "ignore-exp", Arg::No, "Do not look at the days"),
    Opt::new("ignore-host-cn", "ignore-host-cn", Arg::No, "Do not look for the host in it"),
    Opt::new("tls1_2", "tls1_2", Arg::No, "Speak TLS 1.2 alone"),
    Opt::new("tls1_3", "tls1_3", Arg::No, "Speak TLS 1.3 alone"),
    common::IPV4,
    common::IPV6,
    Opt::new(
        "t",
        "timeout",
        Arg::Value("SECONDS[:STATE]"),
        "When to give up (120), and the state to give then (CRITICAL): ok, warning, critical, unknown or its number",
    ),
    common::VERBOSE,
    common::HELP,
    common::VERSION,
    // What the contributed plugin is told not to look at, and this one never does.
    Opt::new("altnames", "altnames", Arg::No, ""),
    Opt::new("ignore-ocsp", "ignore-ocsp", Arg::No, ""),
    Opt::new("ignore-ocsp-errors", "ignore-ocsp-errors", Arg::No, ""),
    Opt::new("ignore-ocsp-timeout", "ignore-ocsp-timeout", Arg::No, ""),
    Opt::new("ignore-sct", "ignore-sct", Arg::No, ""),
    Opt::new("ignore-sig-alg", "ignore-sig-alg", Arg::No, ""),
    Opt::new("ignore-ssl-labs-cache", "ignore-ssl-labs-cache", Arg::No, ""),
    Opt::new("ignore-tls-renegotiation", "ignore-tls-renegotiation", Arg::No, ""),
    Opt::new("ignore-maximum-validity", "ignore-maximum-validity", Arg::No, ""),
    Opt::new("no-ssl2", "no-ssl2", Arg::No, ""),
    Opt::new("no-ssl3", "no-ssl3", Arg::No, ""),
    Opt::new("no-tls1", "no-tls1", Arg::No, ""),
    Opt::new("no-tls1_1", "no-tls1_1", Arg::No, ""),
];

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
    Ok(Found { chain: parsed, unknown })
}

/// What the server shows.
fn shown(config: &Config, deadline: Deadline) -> Result<Vec<CertificateDer<'static>>, Stop> {
    let From::Host { name, address, port } = &config.from else { return Ok(Vec::new()) };
    let addresses = match net::resolve(address, *port, config.family, deadline) {
        Ok(addresses) => addresses,
        Err(net::resolve::Error::Expired) => return Err(Stop::Timeout),
        Err(_) => return Err(fault(config, &format!("{address} is not a valid hostname"))),
    };
    let mut stream = net::connect(&addresses, deadline).map_err(|failed| match failed.last {
        net::Error::Expired => Stop::Timeout,
        error => fault(config, &error),
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
            Some("Cannot verify certificate, unable to get local issuer certificate".to_owned())
        }
        Err(error) => Some(format!("Cannot verify certificate, {error}")),
    }
}

fn fault(config: &Config, error: &dyn std::fmt::Display) -> Stop {
    Stop::with(State::Critical, format!("SSL_CERT CRITICAL {}: {error}", config.subject()))
}

#[cfg(test)]
mod tests;
