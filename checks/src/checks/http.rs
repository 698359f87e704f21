//! `check_http`, and `check_curl`, which is the same.

use crate::frame::{Call, Check};
use crate::http::{self, Exchange};
use crate::options::{Arg, Opt, common};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::Range;
use crate::state::State;
use crate::tls;

mod config;
mod follow;
mod judge;
mod probe;

pub use config::{Config, Onto};
pub use follow::Follow;
pub use judge::{Verdict, judge};
pub use probe::{Error, Measured, Place, Probe, Version, measure};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_http",
    aliases: &["check_curl"],
    summary: "Asks a web server for a page, and looks at the answer, the time it took and the certificate.",
    usage: "-H vhost and/or -I address [-u path] [-p port] [-S[version[+]]] [--sni]\n\
            [-J file] [-K file] [-D] [--ca-cert file] [--verify-host]\n\
            [-w seconds] [-c seconds] [-t seconds[:state]] [-L] [-E] [-B] [-a user:password]\n\
            [-b user:password] [-f ok/warning/critical/unknown/follow/sticky/stickyport] [--max-redirs number]\n\
            [-e expect] [-d string] [-s string] [-l] [-r regex] [-R regex] [--invert-regex]\n\
            [-P data] [-T type] [-j method] [-m bytes[:bytes]] [-N] [-M age] [-A agent] [-k header]... [-4] [-6]\n\
            [-C days[,days] [--continue-after-certificate]] [--http-version version]",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &[
    Opt::new(
        "H",
        "hostname",
        Arg::Value("NAME"),
        "The name to ask for, perhaps with a port; the host too, without -I",
    ),
    Opt::new("I", "IP-address", Arg::Value("ADDRESS"), "The host, where the name is not its address"),
    Opt::new("p", "port", Arg::Value("NUMBER"), "Port (80, or 443 with TLS)"),
    common::IPV4,
    common::IPV6,
    Opt::new(
        "S",
        "ssl",
        Arg::Maybe("VERSION[+]"),
        "Speak TLS; 1.2 or 1.3 for one version, with a + for newer ones too",
    ),
    Opt::new("sni", "sni", Arg::No, "Ask for the certificate of the name, which is done anyway"),
    Opt::new(
        "C",
        "certificate",
        Arg::Value("DAYS[,DAYS]"),
        "Warn, or be critical, when the certificate has no more days left; the page is not asked for",
    ),
    Opt::new(
        "continue-after-certificate",
        "continue-after-certificate",
        Arg::No,
        "With -C: ask for the page too",
    ),
    Opt::new("J", "client-cert", Arg::Value("FILE"), "A certificate to show the server, in PEM"),
    Opt::new("K", "private-key", Arg::Value("FILE"), "Its key, in PEM"),
    Opt::new("D", "verify-cert", Arg::No, "The certificate has to be for the name, and from an authority"),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The authorities, where they are not the system's"),
    Opt::new("verify-host", "verify-host", Arg::No, "The certificate has to be for the name"),
    Opt::new(
        "e",
        "expect",
        Arg::Value("LIST"),
        "Strings with commas between, one of which has to be in the first line (HTTP/1.);\n\
         the number in that line means nothing then",
    ),
    Opt::new("d", "header-string", Arg::Value("STRING"), "What has to be among the headers"),
    Opt::new("s", "string", Arg::Value("STRING"), "What has to be in the page"),
    Opt::new("u", "url", Arg::Value("PATH"), "What to ask for (/)"),
    Opt::new("P", "post", Arg::Value("STRING"), "What to send, as a form does"),
    Opt::new(
        "j",
        "method",
        Arg::Value("METHOD"),
        "The method (GET, or POST with -P); CONNECT[:METHOD] with -S has a proxy connect",
    ),
    Opt::new("N", "no-body", Arg::No, "Read the headers alone"),
    Opt::new("M", "max-age", Arg::Value("AGE"), "Critical when the page is older: seconds, or 10m, 10h, 10d"),
    Opt::new("T", "content-type", Arg::Value("TYPE"), "What -P sends is of this type"),
    Opt::new("l", "linespan", Arg::No, "Expressions span lines (before -r or -R)"),
    Opt::new("r", "regex", Arg::Value("REGEX"), "An expression that has to be in the page"),
    Opt::new("ereg", "ereg", Arg::Value("REGEX"), ""),
    Opt::new("R", "eregi", Arg::Value("REGEX"), "The same, of either case"),
    Opt::new("invert-regex", "invert-regex", Arg::No, "It must not be there"),
    Opt::new("a", "authorization", Arg::Value("USER:PASSWORD"), "Log in to the server"),
    Opt::new("b", "proxy-authorization", Arg::Value("USER:PASSWORD"), "Log in to a proxy"),
    Opt::new("A", "useragent", Arg::Value("STRING"), "The user agent to be"),
    Opt::new("k", "header", Arg::Value("HEADER"), "One more header; may be repeated"),
    Opt::new("E", "extended-perfdata", Arg::No, "Print the steps of the time too"),
    Opt::new("B", "show-body", Arg::No, "Print the page below the line"),
    Opt::new("L", "link", Arg::No, "Make the line a link of HTML"),
    Opt::new("n", "nohtml", Arg::No, ""),
    Opt::new(
        "f",
        "onredirect",
        Arg::Value("WHAT"),
        "A redirect is ok, warning, critical or unknown, or to follow; sticky stays at the address, stickyport at\n\
         the port too",
    ),
    Opt::new("max-redirs", "max-redirs", Arg::Value("NUMBER"), "How many to follow (15)"),
    Opt::new("m", "pagesize", Arg::Value("MIN[:MAX]"), "Warn when all that came is less, or more, bytes"),
    Opt::new("http-version", "http-version", Arg::Value("VERSION"), "1.0 or 1.1"),
    Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when the seconds are outside of RANGE"),
    Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when the seconds are outside of RANGE"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let measured = measure(&config.probe, deadline).map_err(|error| failed(&config, error))?;
    let Some(exchange) = &measured.exchange else {
        return Ok(measured.certificate.map_or_else(|| Output::new(State::Ok, ""), |judged| judged.output()));
    };
    let verdict = judge(&config, &measured, exchange);
    let mut output = print(&config, call.timeout(), verdict, &measured, exchange);
    if config.show_body {
        output = output.line(String::from_utf8_lossy(&exchange.response.body));
    }
    Ok(if call.verbose > 0 { verbose(output, &measured, exchange) } else { output })
}

/// What 2.x says when there is no answer.
fn failed(config: &Config, error: Error) -> Stop {
    let critical = |text: &str| Stop::with(State::Critical, format!("HTTP CRITICAL - {text}"));
    match &error {
        Error::Expired | Error::Http(http::Error::Expired) => Stop::Timeout,
        Error::NoSuchName | Error::Connect { .. } => {
            let line = format!("{}{error}", link(config));
            Output::new(State::Critical, line).line("HTTP CRITICAL - Unable to open TCP socket").into()
        }
        Error::Tls(tls::Error::File { path, why }) if config.probe.tls.identity.is_some() => {
            let line = "CRITICAL - Unable to open certificate chain file!";
            Output::new(State::Critical, line).line(format!("{path}: {why}")).into()
        }
        Error::Tls(_) => match error {
            Error::Tls(error) => error.into(),
            _ => Stop::Timeout,
        },
        Error::Http(http::Error::Empty) => critical("No data received from host"),
        Error::Http(http::Error::Receive(_)) => critical("Error on receive"),
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

fn print(
    config: &Config,
    timeout: u32,
    verdict: Verdict,
    measured: &Measured,
    exchange: &Exchange,
) -> Output {
    let (start, end) = (link(config), if config.link { "</A>" } else { "" });
    let (state, text) = match verdict {
        Verdict::NoPage(text) => return Output::new(State::Critical, format!("{start}HTTP CRITICAL{text}")),
        Verdict::Page(state, text) => (state, text),
    };
    let size = exchange.response.received;
    let seconds = measured.seconds;
    let line =
        format!("{start}HTTP {state}: {text} - {size} bytes in {seconds:.3} second response time {end}");
    let data = perfdata(config, timeout, measured, exchange);
    match &measured.certificate {
        None => Output::new(state, line).perfs(data),
        Some(judged) => {
            let output = Output::new(state, judged.text.clone()).perfs(data);
            output.perf(judged.perfdata.clone()).line(line)
        }
    }
}

/// What a line begins with that is to be a link.
fn link(config: &Config) -> String {
    let page = || format!("<A HREF=\"{}\" target=\"_blank\">", config.probe.place.shown());
    if config.link { page() } else { String::new() }
}

fn perfdata(config: &Config, timeout: u32, measured: &Measured, exchange: &Exchange) -> Vec<Perfdata> {
    let most = Number::float(timeout.into());
    let size = i64::try_from(exchange.response.received).unwrap_or(i64::MAX);
    let size = Perfdata::new("size", Number::Integer(size)).unit("B").min(Number::Integer(0));
    let least = config.size.0.map(|least| Number::Integer(i64::try_from(least).unwrap_or(i64::MAX)));
    let mut data = vec![
        limited(Perfdata::seconds("time", measured.seconds), config).min(Number::float(0.0)).max(most),
        size.warn(least).crit(least.map(|_| Number::Integer(0))).form(Form::Padded),
    ];
    if config.extended {
        let steps = [
            ("time_connect", Some(measured.connect)),
            ("time_ssl", measured.handshake),
            ("time_headers", Some(exchange.sent)),
            ("time_firstbyte", Some(exchange.first_byte)),
            ("time_transfer", Some(exchange.transfer)),
        ];
        let taken = steps.into_iter().filter_map(|(label, step)| Some((label, step?)));
        data.extend(taken.map(|(label, step)| Perfdata::seconds(label, step.as_secs_f64()).max(most)));
    }
    data
}

/// With the limits in the form of 2.x; a range that is more than a number stays one.
fn limited(time: Perfdata, config: &Config) -> Perfdata {
    let plain = |range: &Range| range.limit().map(|_| Number::float(range.end()));
    let (warning, critical) = (config.thresholds.warning.as_ref(), config.thresholds.critical.as_ref());
    let time = match warning.and_then(plain) {
        Some(number) => time.warn(number),
        None => time.warn(warning),
    };
    match critical.and_then(plain) {
        Some(number) => time.crit(number),
        None => time.crit(critical),
    }
}

/// What went over the wire, for a person who looks for a fault.
fn verbose(output: Output, measured: &Measured, exchange: &Exchange) -> Output {
    let response = &exchange.response;
    output
        .line(String::from_utf8_lossy(&measured.request.to_bytes()))
        .line(format!("{} is {} characters", measured.place.shown(), response.received))
        .line(format!("STATUS: {}", response.status_line()))
        .line(format!("**** HEADER ****\n{}", response.headers()))
        .line(format!("**** CONTENT ****\n{}", String::from_utf8_lossy(&response.body)))
}

#[cfg(test)]
mod tests;
