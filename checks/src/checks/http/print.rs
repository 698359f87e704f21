//! What is printed of a page.

use super::config::Config;
use super::judge::Verdict;
use super::probe::Measured;
use crate::http::Exchange;
use crate::output::Output;
use crate::perfdata::{Form, Number, Perfdata};
use crate::range::Range;
use crate::state::State;

/// A line of a page, and its perfdata.
pub(super) fn print(
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
pub(super) fn link(config: &Config) -> String {
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
pub(super) fn verbose(config: &Config, output: Output, measured: &Measured, exchange: &Exchange) -> Output {
    let response = &exchange.response;
    let output = match config.curl {
        true => output.line(format!("* curl CURLOPT_URL: {}", measured.place.shown())),
        false => output,
    };
    output
        .line(String::from_utf8_lossy(&measured.request.to_bytes()))
        .line(format!("{} is {} characters", measured.place.shown(), response.received))
        .line(format!("STATUS: {}", response.status_line()))
        .line(format!("**** HEADER ****\n{}", response.headers()))
        .line(format!("**** CONTENT ****\n{}", String::from_utf8_lossy(&response.body)))
}
