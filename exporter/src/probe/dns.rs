//! A question to a name server.

use std::time::Instant;

use plimsoll_checks::net::dns::{Message, Question, Record, kind};
use plimsoll_checks::net::{self, Protocol, Stream, ask};
use plimsoll_checks::tls::{self, Shown};

use super::End;
use super::module::{Dns, Records};
use super::place::{self, Bounds};
use super::report::{Gauge, Report};

static DURATION: Gauge =
    Gauge::labelled("probe_dns_duration_seconds", "Duration of DNS request by phase", &["phase"]);
static SUCCEEDED: Gauge =
    Gauge::new("probe_dns_query_succeeded", "Displays whether or not the query was executed successfully");
static SERIAL: Gauge = Gauge::new("probe_dns_serial", "Returns the serial number of the zone");
/// Of the answer, of who has the say, and the others.
static COUNTS: [Gauge; 3] = [
    Gauge::new("probe_dns_answer_rrs", "Returns number of entries in the answer resource record list"),
    Gauge::new("probe_dns_authority_rrs", "Returns number of entries in the authority resource record list"),
    Gauge::new(
        "probe_dns_additional_rrs",
        "Returns number of entries in the additional resource record list",
    ),
];

/// Probes; gives what TLS showed.
pub(super) fn probe(
    module: &Dns,
    target: &str,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<Option<Shown>, End> {
    for phase in ["resolve", "connect", "request"] {
        report.set_of(&DURATION, &[phase], 0.0);
    }
    COUNTS.iter().chain([&SUCCEEDED]).for_each(|gauge| report.set(gauge, 0.0));
    let wrong = || End::Failed(format!("{target}: expected HOST or HOST:PORT"));
    let (host, port) = place::split(target).ok_or_else(wrong)?;
    let port = port.unwrap_or(if module.speaks_tls { 853 } else { 53 });
    let (address, took) = place::find(host, port, module.family, bounds, report)?;
    report.set_of(&DURATION, &["resolve"], took.as_secs_f64());
    let start = Instant::now();
    let stream = net::connect_to(address, module.protocol, module.source, bounds.deadline)
        .map_err(|error| End::Failed(format!("connect to {address}: {error}")))?;
    report.set_of(&DURATION, &["connect"], start.elapsed().as_secs_f64());
    let (message, shown) = ask(module, host, stream, start, report)?;
    report.set(&SUCCEEDED, 1.0);
    judge(module, &message, report)?;
    Ok(shown)
}

fn ask(
    module: &Dns,
    host: &str,
    mut stream: Stream,
    start: Instant,
    report: &mut Report,
) -> Result<(Message, Option<Shown>), End> {
    let question = Question { recurse: module.recurse, ..Question::new(module.name.as_str(), module.kind) };
    let (mut asked, mut shown) = (Instant::now(), None);
    let answer = if module.speaks_tls {
        let wanted = module.tls.wanted(&[]);
        let mut session =
            tls::connect(stream, host, &wanted).map_err(|error| End::Failed(format!("TLS: {error}")))?;
        // The handshake is a part of the connection.
        report.set_of(&DURATION, &["connect"], start.elapsed().as_secs_f64());
        shown = Some(session.shown());
        asked = Instant::now();
        ask::over_tcp(&mut session, &question)
    } else if module.protocol == Protocol::Tcp {
        ask::over_tcp(&mut stream, &question)
    } else {
        // One that does not fit into a datagram is taken as far as it came.
        ask::over_udp(&mut stream, std::slice::from_ref(&question))
            .and_then(|all| all.into_iter().next().ok_or(ask::Error::Silent))
    };
    report.set_of(&DURATION, &["request"], asked.elapsed().as_secs_f64());
    let message = answer.map_err(|error| End::Failed(error.to_string()))?;
    if message.whole {
        Ok((message, shown))
    } else {
        Err(End::Failed("an answer that is cut short".to_owned()))
    }
}

fn judge(module: &Dns, message: &Message, report: &mut Report) -> Result<(), End> {
    let sections = [&message.answers, &message.authority, &message.additional];
    for (gauge, records) in COUNTS.iter().zip(sections) {
        report.set(gauge, records.len() as f64);
    }
    if module.kind == SOA {
        let last = message.answers.iter().rev().find_map(serial);
        report.set(&SERIAL, last.unwrap_or_default());
    }
    if !module.codes.contains(&message.code()) {
        return Err(End::Failed(format!("the code of the response is {}", message.code())));
    }
    for ((name, rules), records) in
        ["answer", "authority", "additional"].iter().zip(&module.records).zip(sections)
    {
        rules.judge(records).map_err(|why| End::Failed(format!("{name}: {why}")))?;
    }
    Ok(())
}

const SOA: u16 = 6;

/// The third word of what the record of a zone says.
fn serial(record: &Record) -> Option<f64> {
    (record.kind == SOA).then(|| record.data.to_string().split(' ').nth(2)?.parse().ok()).flatten()
}

/// As zone files have it, with tabs.
fn line(record: &Record) -> String {
    let dot = if record.name.ends_with('.') { "" } else { "." };
    let Record { name, ttl, kind: of, data } = record;
    format!("{name}{dot}\t{ttl}\tIN\t{}\t{data}", kind::name(*of))
}

impl Records {
    fn judge(&self, records: &[Record]) -> Result<(), String> {
        let needs = self.always.iter().chain(&self.any).next();
        if let Some(needed) = needs.filter(|_| records.is_empty()) {
            return Err(format!("no records, and one has to have {}", needed.regex()));
        }
        let lines: Vec<String> = records.iter().map(line).collect();
        for line in &lines {
            if let Some(never) = self.never.iter().find(|never| never.is_in(line)) {
                return Err(format!("{line:?} has {}", never.regex()));
            }
            if let Some(lacking) = self.always.iter().find(|always| !always.is_in(line)) {
                return Err(format!("{line:?} has no {}", lacking.regex()));
            }
        }
        let lacks = |line: &String| self.all.iter().any(|all| !all.is_in(line));
        if let Some(line) = lines.iter().find(|line| lacks(line)) {
            return Err(format!("{line:?} is not as all are to be"));
        }
        if !self.any.is_empty() && !lines.iter().any(|line| self.any.iter().any(|any| any.is_in(line))) {
            return Err("no record has any of what one has to have".to_owned());
        }
        Ok(())
    }
}
