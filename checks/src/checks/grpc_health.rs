//! `check_grpc_health`: what a server says of itself by `grpc.health.v1.Health`.

use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::grpc::{self, Refused};
use crate::help::version_words;
use crate::http::url::bracketed;
use crate::http2::{self, Answer, Request};
use crate::net::{self, Family};
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::range::{Range, Thresholds};
use crate::state::State;
use crate::tls::{self, Verify};

pub mod message;

use message::Serving;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_grpc_health",
    aliases: &[],
    summary: "Asks a gRPC server for the health of a service, by grpc.health.v1.Health.",
    usage: "-H host [-p port] [-s service] [-S] [--sni name] [-D] [--ca-cert file] [-J file -K file]\n\
            [--authority name] [-k header]... [-w range] [-c range] [-t seconds[:state]] [-4] [-6]",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &[
    common::HOSTNAME,
    Opt::new("p", "port", Arg::Value("NUMBER"), "Port (50051)"),
    common::IPV4,
    common::IPV6,
    Opt::new("s", "service", Arg::Value("NAME"), "The service (the server as a whole)"),
    Opt::new("S", "ssl", Arg::No, "Speak TLS"),
    Opt::new("sni", "sni", Arg::Value("NAME"), "Ask for the certificate of this name"),
    Opt::new("D", "verify-cert", Arg::No, "The certificate has to be for the host, and from an authority"),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The same, with the authorities in this file, in PEM"),
    Opt::new("J", "client-cert", Arg::Value("FILE"), "A certificate to show the server, in PEM"),
    Opt::new("K", "private-key", Arg::Value("FILE"), "Its key, in PEM"),
    Opt::new("authority", "authority", Arg::Value("NAME"), "The name of the host in the request"),
    Opt::new("k", "header", Arg::Value("HEADER"), "One more header, as a: b; may be repeated"),
    Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when the seconds are outside of RANGE"),
    Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when the seconds are outside of RANGE"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

#[derive(Debug, Default)]
struct Config {
    host: String,
    port: u16,
    family: Family,
    service: String,
    tls: Option<tls::Wanted>,
    wanted: tls::Wanted,
    authority: Option<String>,
    headers: Vec<(String, String)>,
    thresholds: Thresholds,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let start = std::time::Instant::now();
    let answer = measure(&config, deadline)?;
    Ok(judge(&config, call.timeout(), &answer, start.elapsed().as_secs_f64()))
}

fn measure(config: &Config, deadline: Deadline) -> Result<Answer, Stop> {
    let critical =
        |error: &dyn std::fmt::Display| Stop::with(State::Critical, format!("GRPC CRITICAL - {error}"));
    let addresses = net::resolve(&config.host, config.port, config.family, deadline);
    let addresses = addresses.map_err(|error| match error {
        net::resolve::Error::Expired => Stop::Timeout,
        error => critical(&error),
    })?;
    let mut stream = net::connect(&addresses, deadline).map_err(|failed| match failed.last {
        net::Error::Expired => Stop::Timeout,
        error => critical(&format!("connect to address {} and port {}: {error}", config.host, config.port)),
    })?;
    let request = config.request();
    let exchanged = match &config.tls {
        None => http2::exchange(&mut stream, &request, message::LONGEST, deadline),
        Some(wanted) => {
            let mut session = tls::connect(stream, &config.host, wanted).map_err(|error| match error {
                tls::Error::Expired => Stop::Timeout,
                error => critical(&format!("Cannot make SSL connection: {error}")),
            })?;
            http2::exchange(&mut session, &request, message::LONGEST, deadline)
        }
    };
    match exchanged {
        Ok(exchange) => Ok(exchange.answer),
        Err(http2::Error::Expired) => Err(Stop::Timeout),
        Err(error) => Err(critical(&error)),
    }
}

fn judge(config: &Config, timeout: u32, answer: &Answer, seconds: f64) -> Output {
    let (state, text) = said(answer);
    let state = state.worst(config.thresholds.judge(seconds));
    let time = Perfdata::seconds("time", seconds)
        .warn(config.thresholds.warning.as_ref())
        .crit(config.thresholds.critical.as_ref())
        .min(Number::float(0.0))
        .max(Number::float(timeout.into()));
    let service = if config.service.is_empty() { String::new() } else { format!("{} ", config.service) };
    Output::new(state, format!("GRPC {state} - {service}{text} in {seconds:.3} seconds")).perf(time)
}

/// What the answer comes to: of HTTP, of gRPC, of the health.
fn said(answer: &Answer) -> (State, String) {
    if let Err(refused) = grpc::outcome(answer) {
        let unknown = match &refused {
            Refused::Grpc { code, .. } if code == "5" => "is not a service of this server",
            Refused::Grpc { code, .. } if code == grpc::UNIMPLEMENTED => {
                "cannot be asked: the server has no health service"
            }
            refused => return (State::Critical, refused.to_string()),
        };
        return (State::Unknown, unknown.to_owned());
    }
    match Serving::parse(&answer.body) {
        Some(Serving::Serving) => (State::Ok, "is SERVING".to_owned()),
        Some(Serving::NotServing) => (State::Critical, "is NOT_SERVING".to_owned()),
        Some(Serving::Unknown) => (State::Unknown, "is UNKNOWN".to_owned()),
        Some(Serving::ServiceUnknown) => (State::Unknown, "is SERVICE_UNKNOWN".to_owned()),
        None => (State::Critical, "answers with no health".to_owned()),
    }
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        let mut config = Self { port: 50051, ..Self::default() };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        if config.host.is_empty() {
            return Err(call.usage("You must specify a server address or host name"));
        }
        if config.tls.is_some() {
            config.wanted.protocols = vec![b"h2"];
            config.tls = Some(std::mem::take(&mut config.wanted));
        }
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "t" if call.take_timeout(&text) => {}
            "t" => return Err(call.usage(&format!("Timeout interval must be a positive integer - {text}"))),
            "H" => self.host = text.trim_matches(['[', ']']).to_owned(),
            "p" => {
                let wrong = || call.usage(&format!("Invalid port number - {text}"));
                self.port = value::port(&text).ok_or_else(wrong)?;
            }
            "s" => self.service = text,
            "S" => self.tls = Some(tls::Wanted::default()),
            "sni" => self.wanted.sni = Some(text),
            "D" => {
                let verify = self.wanted.verify.take().unwrap_or_default();
                self.wanted.verify = Some(Verify { chain: true, name: true, key: true, ..verify });
            }
            "ca-cert" => {
                let verify = Verify { chain: true, name: true, key: true, authorities: Some(text) };
                self.wanted.verify = Some(verify);
            }
            "J" => self.wanted.identity.get_or_insert_default().0 = text,
            "K" => self.wanted.identity.get_or_insert_default().1 = text,
            "authority" => self.authority = Some(text),
            "k" => {
                let wrong = || call.usage(&format!("Invalid header - {text}"));
                let (name, value) = text.split_once(':').ok_or_else(wrong)?;
                self.headers.push((name.trim_ascii().to_ascii_lowercase(), value.trim_ascii().to_owned()));
            }
            "w" => self.thresholds.warning = Some(Range::parse(&text)?),
            "c" => self.thresholds.critical = Some(Range::parse(&text)?),
            _ => {
                self.family.take(found);
                call.common(found)?;
            }
        }
        Ok(())
    }

    fn request(&self) -> Request {
        let authority =
            self.authority.clone().unwrap_or_else(|| format!("{}:{}", bracketed(&self.host), self.port));
        let agent = version_words(CHECK.name);
        message::request(&self.service, self.tls.is_some(), authority, agent, &self.headers)
    }
}

#[cfg(test)]
mod tests;
