//! `check_nginx_status`: the page of nginx's `stub_status`, with the options, texts and perfdata of the contributed plugin of
//! that name. The rates are those since its last run.

use serde_json::{Value, json};

use crate::checks::http::client::{self, Client};
use crate::frame::{Call, Check};
use crate::history::History;
use crate::http::url::split_port;
use crate::options::{Arg, Found, Opt, common, value};
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;
use crate::tls::Verify;

pub mod page;

use page::Page;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_nginx_status",
    aliases: &[],
    summary: "Judges how many connections nginx has, and how many requests and connections come a second.",
    usage: "-H host [-p port] [-u path] [-s servername] [-S] [--disable-sslverifyhostname]\n\
            [-U user -P password] [-w active,requests,connections] [-c active,requests,connections]\n\
            [--state-file file] [-t seconds[:state]] [-4] [-6]",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &[
    common::HOSTNAME,
    common::PORT,
    common::IPV4,
    common::IPV6,
    Opt::new("u", "url", Arg::Value("PATH"), "What to ask for (/nginx_status)"),
    Opt::new("s", "servername", Arg::Value("NAME"), "The name to ask for, where it is not the host's"),
    Opt::new("S", "ssl", Arg::No, "Speak TLS; the certificate has to be for the name, and from an authority"),
    Opt::new("disable-sslverifyhostname", "disable-sslverifyhostname", Arg::No, "It may be any certificate"),
    Opt::new("ca-cert", "ca-cert", Arg::Value("FILE"), "The authorities, where they are not the system's"),
    Opt::new("U", "user", Arg::Value("NAME"), "Log in to the server"),
    Opt::new("P", "pass", Arg::Value("PASSWORD"), "With this password"),
    Opt::new("r", "realm", Arg::Value("NAME"), "The realm of that, which does not matter"),
    Opt::new("m", "maxreach", Arg::Value("NUMBER"), "Means nothing to nginx"),
    Opt::new(
        "w",
        "warn",
        Arg::Value("ACTIVE,REQUESTS,CONNECTIONS"),
        "Warn when as many connections are open, or as many requests or connections come a second; -1 for never",
    ),
    Opt { short: '\0', long: "warning", arg: Arg::Value("LEVELS"), help: "", key: "w" },
    Opt::new("c", "critical", Arg::Value("ACTIVE,REQUESTS,CONNECTIONS"), "Critical when it is so"),
    Opt::new("d", "debug", Arg::No, "Show the page"),
    Opt::new("state-file", "state-file", Arg::Value("FILE"), "Where to keep what was seen, for the next run"),
    common::TIMEOUT,
    common::VERBOSE,
    common::HELP,
    common::VERSION,
];

/// Active connections, requests and connections a second.
type Levels = [Option<f64>; 3];

/// What 2.x's like has for each of them: critical, and a warning.
const WORDS: [(&str, &str); 3] = [
    ("Active Connections are critically high", "Active Connections are high"),
    ("Request per second ratios is critically high", "Requests per second ratio is high"),
    ("Connection per second ratio is critically high", "Connection per second ratio is high"),
];

/// Counters of longer ago say nothing of now.
const LONGEST: f64 = 1800.0;

#[derive(Debug)]
struct Config {
    client: Client,
    names: Names,
    warning: Levels,
    critical: Levels,
    state_file: Option<String>,
}

#[derive(Debug, Default)]
struct Names {
    host: Option<String>,
    server: Option<String>,
    user: Option<String>,
    password: String,
    verify: bool,
    authorities: Option<String>,
}

/// What came since the last run, a second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rates {
    requests: f64,
    connections: f64,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let answer = client::ask(&config.client.probe, "NGINX", deadline)?;
    let is_html = answer.response.header("content-type").is_some_and(|kind| kind.contains("text/html"));
    let (seconds, body) = answer.page("NGINX")?;
    let text = String::from_utf8_lossy(&body);
    let fault = if is_html { "an HTML page" } else { "something else" };
    let page = Page::parse(&text).filter(|_| !is_html).ok_or_else(|| {
        let what = "NGINX CRITICAL - We have a response page for our request, but it's";
        Stop::with(State::Critical, format!("{what} {fault}, quite certainly not the status report of nginx"))
    })?;
    let history = History::of(config.state_file.as_deref(), CHECK.name, &config.client.probe.place.shown())?;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
    let rates = history.read().and_then(|before| rates(&before, &page, now));
    history.write(&json!({ "at": now, "accepted": page.accepted, "requests": page.requests }))?;
    let output = judge(&config, &page, rates, seconds);
    Ok(if call.verbose > 0 { output.line(text) } else { output })
}

/// None if nothing is known of before, or nothing that could be compared.
fn rates(before: &Value, page: &Page, now: f64) -> Option<Rates> {
    let seconds = now - before["at"].as_f64()?;
    let grown = |name: &str, now: u64| now.checked_sub(before[name].as_u64()?).map(|grown| grown as f64);
    let (requests, connections) = (grown("requests", page.requests)?, grown("accepted", page.accepted)?);
    let comparable = seconds > 0.0 && seconds < LONGEST;
    comparable.then(|| Rates { requests: requests / seconds, connections: connections / seconds })
}

fn judge(config: &Config, page: &Page, rates: Option<Rates>, seconds: f64) -> Output {
    let Page { active, reading, writing, waiting, .. } = *page;
    let values =
        [Some(active as f64), rates.map(|rates| rates.requests), rates.map(|rates| rates.connections)];
    let per_connection = if page.accepted > 0 { page.requests as f64 / page.accepted as f64 } else { 0.0 };
    let reached = |levels: &Levels| {
        values
            .iter()
            .zip(levels)
            .position(|(value, level)| value.zip(*level).is_some_and(|(value, level)| value >= level))
    };
    let (state, words) = match (reached(&config.critical), reached(&config.warning)) {
        (Some(at), _) => (State::Critical, format!("{} ", WORDS[at].0)),
        (None, Some(at)) => (State::Warning, format!("{} ", WORDS[at].1)),
        (None, None) => (State::Ok, String::new()),
    };
    let a_second = rates.map_or_else(String::new, |rates| {
        format!(" ReqPerSec: {:.3} ConnPerSec: {:.3}", rates.requests, rates.connections)
    });
    let line = format!(
        "NGINX {state} - {words} {seconds:.3} sec. response time, Active: {active} (Writing: {writing} Reading: \
         {reading} Waiting: {waiting}){a_second} ReqPerConn: {per_connection:.3}"
    );
    let count = |label: &'static str, count: u64| {
        Perfdata::new(label, Number::Integer(i64::try_from(count).unwrap_or(i64::MAX))).form(Form::Padded)
    };
    let limited = |datum: Perfdata, at: usize| {
        datum.warn(config.warning[at].map(Number::shortest)).crit(config.critical[at].map(Number::shortest))
    };
    let float =
        |label: &'static str, value: f64| Perfdata::new(label, Number::float(value)).form(Form::Padded);
    let output = Output::new(state, line)
        .perfs([count("Writing", writing), count("Reading", reading), count("Waiting", waiting)])
        .perf(limited(count("Active", active), 0));
    let output = match rates {
        Some(rates) => output
            .perf(limited(float("ReqPerSec", rates.requests), 1))
            .perf(limited(float("ConnPerSec", rates.connections), 2)),
        None => output,
    };
    output.perf(float("ReqPerConn", per_connection))
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        call.set_timeout(15);
        let client = Client::new(&call.name, "/nginx_status");
        let names = Names { verify: true, ..Names::default() };
        let mut config = Self { client, names, warning: [None; 3], critical: [None; 3], state_file: None };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.finish(call)?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &Found) -> Result<(), Stop> {
        let (text, names) = (found.text(), &mut self.names);
        match found.key {
            "u" => {
                let slash = if text.starts_with('/') { "" } else { "/" };
                self.client.set_url(format!("{slash}{text}"));
            }
            "H" => {
                names.host = Some(text);
                self.client.take(call, found)?;
            }
            "s" => names.server = Some(text),
            "disable-sslverifyhostname" => names.verify = false,
            "ca-cert" => names.authorities = Some(text),
            "U" => names.user = Some(text),
            "P" => names.password = text,
            "r" | "m" => {}
            "w" => self.warning = levels(call, &text)?,
            "c" => self.critical = levels(call, &text)?,
            "d" => call.verbose += 1,
            "state-file" => self.state_file = Some(text),
            _ => self.client.take(call, found)?,
        }
        Ok(())
    }

    fn finish(&mut self, call: &Call) -> Result<(), Stop> {
        let names = std::mem::take(&mut self.names);
        if names.host.is_none() {
            return Err(Stop::unknown("NGINX UNKNOWN - -H host argument required"));
        }
        let parts = ["Active Process (1st", "ReqPerSec (2nd", "ConnPerSec (3rd"];
        for (part, (warning, critical)) in parts.iter().zip(self.warning.iter().zip(&self.critical)) {
            if warning.zip(*critical).is_some_and(|(warning, critical)| warning >= critical) {
                let what = format!("Check warning and critical values for {part} part of thresold)");
                return Err(Stop::unknown(format!(
                    "NGINX UNKNOWN - {what}, warning level must be < crit level!"
                )));
            }
        }
        self.client.place(call)?;
        let probe = &mut self.client.probe;
        probe.method = "GET".to_owned();
        if let Some((name, _)) = names.server.as_deref().and_then(split_port) {
            probe.place.host = Some(name.to_owned());
        }
        if let Some(user) = names.user {
            probe.authorization = Some(format!("{user}:{}", names.password));
        }
        if names.verify {
            probe.tls.verify =
                Some(Verify { chain: true, name: true, key: true, authorities: names.authorities });
        }
        Ok(())
    }
}

/// `-1` and nothing at all are none.
fn levels(call: &Call, text: &str) -> Result<Levels, Stop> {
    let mut levels = [None; 3];
    for (level, part) in levels.iter_mut().zip(text.split(',')) {
        *level = match part.trim() {
            "" | "-1" => None,
            part => {
                let wrong = || call.usage(&format!("Invalid threshold - {text}"));
                Some(value::number(part).filter(|level| *level >= 0.0).ok_or_else(wrong)?)
            }
        };
    }
    Ok(levels)
}

#[cfg(test)]
mod tests;
