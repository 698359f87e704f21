//! The judging of certificates, and what is said of them.

use std::net::IpAddr;

use super::config::{Config, Days, From};
use crate::output::Output;
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;
use crate::tls::{Certificate, days};

/// What there is to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The certificates, that of the server first.
    pub chain: Vec<Certificate>,
    /// Why nobody who is trusted vouches for it.
    pub unknown: Option<String>,
    /// Its fingerprint, where it matters.
    pub fingerprint: Option<String>,
}

/// Judges, and says all that is wrong, the worst first.
pub fn judge(config: &Config, found: &Found, now: i64) -> Output {
    let Some(first) = found.chain.first() else {
        let text = format!("SSL_CERT CRITICAL {}: No certificate returned", config.subject());
        return Output::new(State::Critical, text);
    };
    let mut faults: Vec<(State, String)> = Vec::new();
    faults.extend(found.unknown.clone().map(|text| (State::Critical, text)));
    faults.extend(names(config, first).into_iter().map(|text| (State::Critical, text)));
    faults.extend(patterns(config, first).into_iter().map(|text| (State::Critical, text)));
    faults.extend(more(config, found, first, now).into_iter().map(|text| (State::Critical, text)));
    let elements = || {
        let counted = (1..).zip(&found.chain).take(config.most);
        counted.filter(|(number, _)| !config.skipped.contains(number))
    };
    if config.expires {
        faults.extend(elements().filter_map(|(number, one)| too_few(config, number, one, now)));
    }
    let state = faults.iter().fold(State::Ok, |state, (worse, _)| state.worst(*worse));
    faults.sort_by_key(|(worse, _)| *worse != state);
    let name = first.common_name.as_deref().unwrap_or_else(|| config.subject());
    let text = match state {
        State::Ok => fine(config, first, now),
        state => {
            let texts: Vec<String> = faults.into_iter().map(|(_, text)| text).collect();
            let word = if state == State::Warning { "WARN" } else { state.name() };
            format!("SSL_CERT {word} {name}: {}", texts.join(", "))
        }
    };
    let data = elements().filter(|_| config.perfdata);
    Output::new(state, text).perfs(data.map(|(number, one)| perfdata(config, number, one, now)))
}

/// What else may be asked of it.
fn more(config: &Config, found: &Found, first: &Certificate, now: i64) -> Vec<String> {
    let mut faults = Vec::new();
    let issuer_name = first.issuer_name.as_deref().unwrap_or(&first.issuer);
    if let Some((unwanted, regex)) = &config.not_issued_by
        && [issuer_name, &first.issuer].iter().any(|text| regex.is_match(text.as_bytes()))
    {
        faults.push(format!("invalid CA ('{unwanted}' matches '{issuer_name}')"));
    }
    if let Some((wanted, regex)) = &config.email
        && !first.emails.iter().any(|email| regex.is_match(email.as_bytes()))
    {
        faults.push(match first.emails.first() {
            None => "email field not present".to_owned(),
            Some(email) => format!("invalid email ('{wanted}' does not match '{email}')"),
        });
    }
    if let (Some(wanted), Some(has)) = (&config.fingerprint, &found.fingerprint)
        && !wanted.is(has)
    {
        let (algorithm, digits) = (wanted.algorithm.to_ascii_uppercase(), &wanted.digits);
        faults.push(format!("invalid {algorithm} Fingerprint ('{digits}' does not match '{has}')"));
    }
    let spans = [(first.not_before, "in all"), (now, "from now")];
    for (most, (since, what)) in config.longest.iter().zip(spans) {
        let days = (first.not_after - since) as f64 / DAY;
        if let Some(most) = most.filter(|most| days > *most) {
            faults.push(format!("it is valid for {:.0} days {what}, more than {most}", days.floor()));
        }
    }
    faults
}

fn fine(config: &Config, first: &Certificate, now: i64) -> String {
    let place = match &config.from {
        From::Host { name, port, .. } => format!("{name}:{port}, {}", config.protocol),
        From::File(path) => path.clone(),
    };
    let itself = if first.is_self_issued() { "self signed " } else { "" };
    let name = first.common_name.as_deref().unwrap_or("no name");
    let issuer = first.issuer_name.as_deref().unwrap_or(&first.issuer);
    let left = match left(config, first, now) {
        (days, _) if days < 1.0 => " (expires in less than a day)".to_owned(),
        (days, decimals) => format!(" (expires in {days:.*} days)", usize::from(decimals)),
    };
    let until = gmt(first.not_after);
    format!(
        "SSL_CERT OK - {place}, x509 {itself}certificate '{name}' from '{issuer}' valid until {until}{left}"
    )
}

/// Whom it is not for.
fn names(config: &Config, first: &Certificate) -> Vec<String> {
    let mut wanted: Vec<&str> = config.names.iter().map(String::as_str).collect();
    if let From::Host { name, .. } = &config.from {
        // As the contributed plugin has it, an address is no name to look for.
        if config.for_host && wanted.is_empty() && name.parse::<IpAddr>().is_err() {
            wanted.push(config.tls.sni.as_deref().unwrap_or(name));
        }
    }
    wanted.retain(|name| !first.is_for(name));
    wanted.into_iter().map(|name| format!("'{name}' does not match the CN nor an alternative name")).collect()
}

fn patterns(config: &Config, first: &Certificate) -> Vec<String> {
    let [issuer, organization, serial] = &config.patterns;
    let issuer_name = first.issuer_name.as_deref().unwrap_or(&first.issuer);
    let own = part(&first.subject, "O=").unwrap_or_default();
    let rows = [
        (issuer, "CA", vec![issuer_name, &first.issuer]),
        (organization, "organization", vec![own]),
        (serial, "serial number", vec![&first.serial]),
    ];
    let mut faults = Vec::new();
    for (wanted, what, texts) in rows {
        let Some((wanted, regex)) = wanted else { continue };
        if !texts.iter().any(|text| regex.is_match(text.as_bytes())) {
            let text = texts.first().copied().unwrap_or_default();
            faults.push(format!("invalid {what} ('{wanted}' does not match '{text}')"));
        }
    }
    faults
}

/// One part of a name as it is written out.
fn part<'a>(name: &'a str, key: &str) -> Option<&'a str> {
    name.split(", ").find_map(|part| part.strip_prefix(key))
}

fn too_few(config: &Config, number: usize, one: &Certificate, now: i64) -> Option<(State, String)> {
    let [warning, critical] = config.limits;
    let name = one.common_name.as_deref().unwrap_or("no name");
    let element = format!("x509 certificate element {number} ({name})");
    let (until, (days, decimals)) = (gmt(one.not_after), left(config, one, now));
    let seconds = one.not_after - now;
    let soon = format!("{element} will expire in {days:.*} day(s) on {until}", usize::from(decimals));
    if one.not_before > now {
        Some((State::Critical, format!("{element} is not valid before {}", gmt(one.not_before))))
    } else if seconds < 0 {
        Some((State::Critical, format!("{element} is expired (was valid until {until})")))
    } else if (seconds as f64) < critical.days * DAY {
        Some((State::Critical, soon))
    } else if (seconds as f64) < warning.days * DAY {
        Some((State::Warning, soon))
    } else {
        None
    }
}

const DAY: f64 = 86400.0;

fn perfdata(config: &Config, number: usize, one: &Certificate, now: i64) -> Perfdata {
    let printed = |days: f64, decimals: u8| match decimals {
        0 => Number::Integer(days as i64),
        decimals => Number::Fixed(days, decimals),
    };
    let (days, decimals) = left(config, one, now);
    let limit = |limit: Days| printed(limit.days, limit.decimals);
    let [warning, critical] = config.limits.map(limit);
    let label = format!("days_chain_elem{number}");
    Perfdata::new(label, printed(days, decimals)).warn(warning).crit(critical).form(Form::Padded)
}

/// Whole days where the limits are, else with two decimals, if nothing else was asked for.
fn left(config: &Config, one: &Certificate, now: i64) -> (f64, u8) {
    let days = (one.not_after - now) as f64 / DAY;
    let whole = config.limits.iter().all(|limit| limit.decimals == 0);
    match config.precision.unwrap_or(if whole { 0 } else { 2 }) {
        0 => (days.trunc(), 0),
        decimals => (days, decimals),
    }
}

/// As OpenSSL writes a date: the same without the day of the week.
fn gmt(seconds: i64) -> String {
    let date = days::date(seconds);
    let words: Vec<&str> = date.split_ascii_whitespace().collect();
    match words.as_slice() {
        [_, month, day, time, year, _] => format!("{month} {day:>2} {time} {year} GMT"),
        _ => date,
    }
}
