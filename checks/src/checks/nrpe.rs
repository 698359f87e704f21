//! `check_nrpe`: has a server of NRPE run a check on its host, and says what that said.

use std::net::SocketAddr;

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::net::talk::{self, Talk};
use crate::net::{self, Stream};
use crate::output::{Outcome, Output, Stop};
use crate::state::State;
use crate::tls::anonymous::{self, Anonymous};
use crate::tls::{self, Transport};

mod config;
pub mod packet;

use config::{Config, Tls};
use packet::{ROOM, Response, Version};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_nrpe",
    aliases: &[],
    summary: "Has a server of NRPE run a check, and says what that said.",
    usage: "-H <host> [-2] [-3] [-4] [-6] [-n] [-u] [-V] [-l] [-d <dhopt>]\n\
            [-P <size>] [-S <ssl version>] [-L <cipherlist>] [-C <clientcert>]\n\
            [-K <key>] [-A <ca-certificate>] [-s <logopts>] [-b <bindaddr>]\n\
            [-f <cfg-file>] [-p <port>] [-t <interval>:<state>] [-g <log-file>]\n\
            [-c <command>] [-E] [-D] [-a <arglist...>]",
    options: config::OPTIONS,
    extra_opts: false,
    timed_out: "CHECK_NRPE STATE {}: Socket timeout",
    run,
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("timed out")]
    Expired,
    /// What each address said, and the host.
    #[error("{0}")]
    Connect(String, String),
    #[error("CHECK_NRPE: Error - Could not complete SSL handshake with {0}: {1}")]
    Tls(String, String),
    /// The connection went during the handshake.
    #[error("CHECK_NRPE: Error - Could not connect to {0}: {1}")]
    Broken(String, String),
    /// The connection was there; what came over it is no answer, or not of this version.
    #[error("{0}")]
    Talk(talk::Error),
}

/// Alerts of who would rather speak TLS otherwise: `handshake_failure`, `protocol_version`, `insufficient_security`.
const OTHERWISE: [u8; 3] = [40, 70, 71];

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let addresses = addresses(&config, deadline)?;
    let mut asked = ask(&config, config.version, &addresses, deadline);
    if config.version.number() > 2 && matches!(asked, Err(Fault::Talk(_))) {
        // One of NRPE 2 hangs up on whoever speaks a newer version.
        asked = ask(&config, Version::Two(ROOM), &addresses, deadline);
    }
    match asked {
        Ok(response) => Ok(said(&response)),
        Err(Fault::Expired) => Err(Stop::Timeout),
        Err(Fault::Talk(error)) => {
            let what = match error {
                talk::Error::Unreadable | talk::Error::TooLong => "Response packet cannot be read.",
                _ => "Receive header underflow - only 0 bytes received (4 expected).",
            };
            Ok(Output::new(State::Unknown, format!("CHECK_NRPE: {what}")).line(error.to_string()))
        }
        Err(Fault::Connect(text, more)) => Ok(Output::new(call.timeout_state(), text).line(more)),
        Err(fault) => Ok(Output::new(call.timeout_state(), fault.to_string())),
    }
}

/// What it said, its perfdata with it.
fn said(response: &Response) -> Output {
    let state = State::from_code(response.code.into()).unwrap_or(State::Unknown);
    let text = String::from_utf8_lossy(&response.text);
    match text.trim_end_matches(['\n', '\r']) {
        "" => Output::new(state, "CHECK_NRPE: No output returned from daemon."),
        text => Output::raw(state, text),
    }
}

/// A host that there is none of is a warning, as the C plugin has it.
fn addresses(config: &Config, deadline: Deadline) -> Result<Vec<SocketAddr>, Stop> {
    let host = &config.host;
    net::resolve(&host.name, host.port, host.family, deadline).map_err(|error| match error {
        net::resolve::Error::Expired => Stop::Timeout,
        error => {
            let why = match error {
                net::resolve::Error::NoSuchName(_) => "Name or service not known".to_owned(),
                error => error.to_string(),
            };
            Stop::with(State::Warning, format!("Could not resolve hostname {}: {why}", host.name))
        }
    })
}

fn ask(
    config: &Config,
    version: Version,
    addresses: &[SocketAddr],
    deadline: Deadline,
) -> Result<Response, Fault> {
    let transport = secure(config, addresses, deadline)?;
    let mut talk = Talk::new(transport);
    let expired = |error| match error {
        talk::Error::Expired => Fault::Expired,
        error => Fault::Talk(error),
    };
    talk.say(&version.query(&config.query)).map_err(expired)?;
    talk.hear(|bytes| version.take(bytes)).map_err(expired)
}

fn connect(config: &Config, addresses: &[SocketAddr], deadline: Deadline) -> Result<Stream, Fault> {
    net::connect_from(addresses, config.from, deadline).map_err(|failed| match failed.last {
        net::Error::Expired if deadline.remaining().is_err() => Fault::Expired,
        last => {
            let (name, port) = (&config.host.name, config.host.port);
            let last_address = addresses.last().map(|address| address.ip().to_string());
            let address = last_address.unwrap_or_else(|| name.clone());
            let text = format!("connect to address {address} port {port}: {last}");
            Fault::Connect(text, format!("connect to host {name} port {port}: {last}"))
        }
    })
}

fn secure(
    config: &Config,
    addresses: &[SocketAddr],
    deadline: Deadline,
) -> Result<Box<dyn Transport>, Fault> {
    let stream = connect(config, addresses, deadline)?;
    let peer = stream.peer().map_or_else(|| config.host.name.clone(), |peer| peer.ip().to_string());
    let certified = |stream, wanted| match tls::connect(stream, &config.host.name, wanted) {
        Ok(session) => Ok(Box::new(session) as Box<dyn Transport>),
        Err(tls::Error::Expired) => Err(Fault::Expired),
        Err(tls::Error::Ended) => Err(Fault::Broken(peer.clone(), reset())),
        Err(tls::Error::System(error)) => Err(Fault::Broken(peer.clone(), crate::words(&error))),
        Err(error) => Err(Fault::Tls(peer.clone(), error.to_string())),
    };
    match &config.tls {
        Tls::None => Ok(Box::new(stream)),
        Tls::Certificates(wanted) => certified(stream, wanted),
        tls => match (Anonymous::connect(stream), tls) {
            (Ok(anonymous), _) => Ok(Box::new(anonymous)),
            (Err(anonymous::Error::Expired), _) => Err(Fault::Expired),
            (Err(anonymous::Error::Ended), _) => Err(Fault::Broken(peer, reset())),
            (Err(anonymous::Error::System(error)), _) => Err(Fault::Broken(peer, crate::words(&error))),
            (Err(anonymous::Error::Refused(alert)), Tls::Either(wanted)) if OTHERWISE.contains(&alert) => {
                certified(connect(config, addresses, deadline)?, wanted)
            }
            (Err(error), _) => Err(Fault::Tls(peer, error.to_string())),
        },
    }
}

/// What the C plugin says of one that ends in the middle.
fn reset() -> String {
    crate::words(&rustix::io::Errno::CONNRESET.into())
}

#[cfg(test)]
mod tests;
