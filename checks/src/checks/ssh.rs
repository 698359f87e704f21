//! `check_ssh`: what an SSH server says of itself.

use std::time::Instant;

use crate::frame::{Call, Check};
use crate::host::Host;
use crate::net::{self, Family, Stream};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::state::State;

pub mod identification;

pub use identification::Identification;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_ssh",
    aliases: &[],
    summary: "Connects to an SSH server, and looks at the protocol and the version it names.",
    usage: "[-4] [-6] [-t seconds[:state]] [-r version] [-P protocol] [-p port] host [port]",
    options: &[
        common::HOSTNAME,
        // Its older name.
        Opt { short: '\0', long: "host", help: "", ..common::HOSTNAME },
        Opt::new("p", "port", Arg::Value("NUMBER"), "Port (22)"),
        common::IPV4,
        common::IPV6,
        Opt::new(
            "r",
            "remote-version",
            Arg::Value("STRING"),
            "Critical for any other version (OpenSSH_9.2p1)",
        ),
        Opt::new("P", "remote-protocol", Arg::Value("STRING"), "Critical for any other protocol (2.0)"),
        common::TIMEOUT,
        common::VERBOSE,
        common::HELP,
        common::VERSION,
    ],
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

/// How much a server may say before its identification.
const LONGEST: usize = 64 * 1024;

#[derive(Debug)]
struct Config {
    host: Host,
    version: Option<String>,
    protocol: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// From before the connection to the identification.
    pub seconds: f64,
    /// What the server says of itself.
    pub identification: Identification,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server ended, or said too much, without an identification.
    #[error("No version control string received")]
    None,
    /// It is none that has a protocol and a version.
    #[error("Invalid protocol version control string {0}")]
    Invalid(String),
    /// The time is over.
    #[error("timed out")]
    Expired,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let start = Instant::now();
    let stream = config.host.connect(call, deadline)?;
    match measure(stream, start) {
        Ok(measured) => {
            let state = judge(&config, &measured);
            let output = print(&config, call.timeout(), state, &measured);
            let verbose = call.verbose > 0;
            Ok(if verbose { output.line(measured.identification.line.clone()) } else { output })
        }
        Err(Error::Expired) => Err(Stop::Timeout),
        Err(error) => Ok(Output::new(State::Critical, format!("SSH CRITICAL - {error}"))),
    }
}

/// Reads the identification, and answers with ours, since a server that hears nothing writes a complaint into its log.
pub fn measure(mut stream: Stream, start: Instant) -> Result<Measured, Error> {
    let line = identify(&mut stream)?;
    let invalid = || Error::Invalid(String::from_utf8_lossy(&line).into_owned());
    let identification = Identification::parse(&line).ok_or_else(invalid)?;
    let ours = format!("SSH-{}-check_ssh_{}\r\n", identification.protocol, env!("CARGO_PKG_VERSION"));
    if let Err(net::Error::Expired) = stream.send(ours.as_bytes()) {
        return Err(Error::Expired);
    }
    Ok(Measured { seconds: start.elapsed().as_secs_f64(), identification })
}

/// The first line that begins as an identification does; the lines before it are for people (RFC 4253, 4.2).
fn identify(stream: &mut Stream) -> Result<Vec<u8>, Error> {
    let (mut heard, mut buffer, mut looked) = (Vec::new(), [0; 1024], 0);
    while heard.len() < LONGEST {
        match stream.receive(&mut buffer) {
            Ok(0) | Err(net::Error::System(_)) => return Err(Error::None),
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
            Err(net::Error::Expired) => return Err(Error::Expired),
        }
        while let Some(end) = heard[looked..].iter().position(|byte| *byte == b'\n') {
            let line = heard[looked..looked + end].trim_ascii_end();
            if line.starts_with(b"SSH-") {
                return Ok(line.to_vec());
            }
            looked += end + 1;
        }
    }
    Err(Error::None)
}

fn judge(config: &Config, measured: &Measured) -> State {
    let other = |wanted: &Option<String>, is: &str| wanted.as_ref().is_some_and(|wanted| wanted != is);
    let Identification { protocol, version, .. } = &measured.identification;
    if other(&config.version, version) || other(&config.protocol, protocol) {
        State::Critical
    } else {
        State::Ok
    }
}

fn print(config: &Config, timeout: u32, state: State, measured: &Measured) -> Output {
    let Identification { protocol, version, .. } = &measured.identification;
    let mut text = format!("SSH {state} - {version} (protocol {protocol})");
    match (&config.version, &config.protocol) {
        (Some(wanted), _) if wanted != version => {
            text.push_str(&format!(" version mismatch, expected '{wanted}'"));
        }
        (_, Some(wanted)) if wanted != protocol => {
            text.push_str(&format!(" protocol version mismatch, expected '{wanted}'"));
        }
        _ => {}
    }
    let time = Perfdata::seconds("time", measured.seconds);
    Output::new(state, text).perf(time.min(Number::float(0.0)).max(Number::float(timeout.into())))
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self {
            host: Host { name: String::new(), port: 0, family: Family::Any },
            version: None,
            protocol: None,
        };
        if call.args.is_empty() {
            return Err(call.usage("Could not parse arguments"));
        }
        for arg in &mut call.args {
            // As older versions wrote it.
            if arg == "-to" {
                *arg = "-t".into();
            }
        }
        let mut options = call.options();
        let mut named = false;
        while let Some(found) = options.next()? {
            named |= found.key == "H";
            config.take(call, &found)?;
        }
        let mut words = options.words().into_iter().map(|word| word.to_string_lossy().into_owned());
        if !named {
            config.host.name = words.next().ok_or_else(|| call.usage("Could not parse arguments"))?;
        }
        if config.host.port == 0 {
            let port = words.next().map(|word| value::port(&word).ok_or(word)).transpose();
            let wrong =
                |word: String| call.usage(&format!("Port number must be a positive integer - {word}"));
            config.host.port = port.map_err(wrong)?.unwrap_or(22);
        }
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => self.host.name = text,
            "p" => {
                let wrong = || call.usage(&format!("Port number must be a positive integer - {text}"));
                self.host.port = value::port(&text).ok_or_else(wrong)?;
            }
            "r" => self.version = Some(text),
            "P" => self.protocol = Some(text),
            "t" if !call.take_timeout(&text) => {
                return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}")));
            }
            "t" => {}
            _ => {
                self.host.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
