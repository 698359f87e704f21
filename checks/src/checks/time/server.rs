//! The time of a server by RFC 868, which says nothing but the seconds since 1900.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Given;
use crate::frame::Call;
use crate::host::Host;
use crate::net::{self, Family, Stream};
use crate::options::value;
use crate::output::{Outcome, Output, Stop};
use crate::perfdata::{Number, Perfdata};
use crate::state::State;

/// From 1900 to 1970.
const TO_1970: u32 = 2_208_988_800;

/// Whole seconds, each if given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Limits {
    difference: Option<u32>,
    time: Option<u32>,
}

pub(super) fn run(call: &mut Call, given: &Given, name: &str) -> Outcome {
    let warning = limits(call, "Warning", given.warning.as_deref(), given.warning_time)?;
    let critical = limits(call, "Critical", given.critical.as_deref(), given.critical_time)?;
    let deadline = call.deadline();
    let port = given.port.unwrap_or(37);
    let host = Host { name: name.to_owned(), port, family: Family::Any };
    let addresses = host.addresses(call, deadline)?;
    let state = match (critical.time, warning.time) {
        (Some(_), _) => State::Critical,
        (_, Some(_)) => State::Warning,
        _ => State::Unknown,
    };
    let failed = |what: &str| Stop::with(state, format!("TIME UNKNOWN - {what} server {name}, port {port}"));
    let connected =
        if given.udp { net::connect_udp(&addresses, deadline) } else { net::connect(&addresses, deadline) };
    let mut stream = connected.map_err(|error| match error.last {
        net::Error::Expired if deadline.remaining().is_err() => Stop::Timeout,
        last => {
            let told =
                Output::new(state, format!("TIME UNKNOWN - could not connect to server {name}, port {port}"));
            told.line(format!("connect to address {name} and port {port}: {last}")).into()
        }
    })?;
    if given.udp && stream.send(b"").is_err() {
        return Err(failed("could not send UDP request to"));
    }
    let mut bytes = [0; 4];
    let read = receive(&mut stream, given.udp, &mut bytes);
    deadline.remaining()?;
    if read == 0 {
        return Err(failed("no data received from"));
    }
    let here = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let there = i64::from(u32::from_be_bytes(bytes).wrapping_sub(TO_1970));
    Ok(print(warning, critical, call.elapsed().as_secs(), (there - here).unsigned_abs()))
}

/// What comes of the four bytes.
fn receive(stream: &mut Stream, by_udp: bool, bytes: &mut [u8; 4]) -> usize {
    use std::io::Read as _;
    if by_udp {
        return stream.receive(bytes).unwrap_or(0);
    }
    stream.read(bytes).unwrap_or(0)
}

fn limits(call: &Call, name: &str, text: Option<&str>, time: Option<u32>) -> Result<Limits, Stop> {
    let Some(text) = text else { return Ok(Limits { difference: None, time }) };
    let (difference, other) = match text.split_once([':', ',']) {
        None => (value::not_negative(text), Some(None)),
        Some((difference, other)) => (value::not_negative(difference), value::not_negative(other).map(Some)),
    };
    let two = if text.contains([':', ',']) { "s" } else { "" };
    let wrong = || call.usage(&format!("{name} threshold{two} must be a positive integer"));
    let (difference, other) = difference.zip(other).ok_or_else(wrong)?;
    Ok(Limits { difference: Some(difference), time: other.or(time) })
}

fn print(warning: Limits, critical: Limits, seconds: u64, difference: u64) -> Output {
    let beyond = |value: u64, limit: Option<u32>| limit.is_some_and(|limit| value > u64::from(limit));
    let judge = |value: u64, of: fn(Limits) -> Option<u32>| {
        if beyond(value, of(critical)) {
            State::Critical
        } else if beyond(value, of(warning)) {
            State::Warning
        } else {
            State::Ok
        }
    };
    let datum = |label: &'static str, value: u64, of: fn(Limits) -> Option<u32>| {
        let number = |limit: Option<u32>| limit.map(|limit| Number::Integer(limit.into()));
        let datum = Perfdata::new(label, Number::Integer(value as i64)).unit("s");
        datum
            .warn(number(of(warning)))
            .crit(number(of(critical)))
            .min(Number::Integer(0))
            .form(crate::perfdata::Form::Padded)
    };
    let slow = judge(seconds, |limits| limits.time);
    let time = datum("time", seconds, |limits| limits.time);
    if slow != State::Ok {
        return Output::new(slow, format!("TIME {slow} - {seconds} second response time")).perf(time);
    }
    let state = judge(difference, |limits| limits.difference);
    Output::new(state, format!("TIME {state} - {difference} second time difference")).perf(time).perf(datum(
        "offset",
        difference,
        |limits| limits.difference,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(difference: u32, time: u32) -> Limits {
        Limits { difference: Some(difference), time: Some(time) }
    }

    #[test]
    fn the_line_is_that_of_2x() {
        assert_eq!(
            print(of(5, 3), of(9, 6), 1, 6).render(),
            "TIME WARNING - 6 second time difference|time=1s;3;6;0; offset=6s;5;9;0;\n"
        );
        assert_eq!(
            print(of(5, 3), of(9, 6), 7, 0).render(),
            "TIME CRITICAL - 7 second response time|time=7s;3;6;0;\n"
        );
        let none = Limits::default();
        assert_eq!(
            print(none, none, 0, 99).render(),
            "TIME OK - 99 second time difference|time=0s;;;0; offset=99s;;;0;\n"
        );
    }

    #[test]
    fn limits_are_whole_seconds_one_or_two() {
        let call = Call::new(&super::super::CHECK, "check_time", Vec::new());
        assert_eq!(limits(&call, "Warning", Some("5"), Some(3)), Ok(of(5, 3)));
        assert_eq!(limits(&call, "Warning", Some("5,7"), Some(3)), Ok(of(5, 7)));
        assert_eq!(limits(&call, "Warning", None, None), Ok(Limits::default()));
        for wrong in ["x", "-1", "5:", "5:x", ""] {
            assert!(limits(&call, "Warning", Some(wrong), None).is_err(), "{wrong}");
        }
    }
}
