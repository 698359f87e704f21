//! How long a certificate is valid yet, judged and told as 2.x does.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

use super::Certificate;
use crate::output::Output;
use crate::perfdata::{Form, Number, Perfdata};
use crate::state::State;

/// What is to be said of a certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// OK, or too few days.
    pub state: State,
    /// The line.
    pub text: String,
    /// The days that are left, with their limits; below zero when it has expired.
    pub perfdata: Perfdata,
}

/// Judges by the days up to which to warn and up to which it is critical.
pub fn judge(certificate: &Certificate, (warning, critical): (u32, u32), now: i64) -> Judged {
    let name = certificate.common_name.as_deref().unwrap_or("Unknown CN");
    let left = certificate.not_after - now;
    let days = left / DAY;
    let until = date(certificate.not_after);
    let near = if days > critical.into() { State::Warning } else { State::Critical };
    let (state, text) = if certificate.not_before > now {
        let from = date(certificate.not_before);
        (State::Critical, format!("CRITICAL - Certificate '{name}' is not valid before {from}."))
    } else if days > 0 && days <= warning.into() {
        (near, format!("{near} - Certificate '{name}' expires in {days} day(s) ({until})."))
    } else if days == 0 && left > 0 {
        let (count, unit) = if left >= HOUR { (left / HOUR, "hours") } else { (left / 60, "minutes") };
        (near, format!("{near} - Certificate '{name}' expires in {count} {unit} ({until})"))
    } else if left < 0 {
        (State::Critical, format!("CRITICAL - Certificate '{name}' expired on {until}."))
    } else if days == 0 {
        (near, format!("{near} - Certificate '{name}' expires today ({until})."))
    } else {
        (State::Ok, format!("OK - Certificate '{name}' will expire on {until}."))
    };
    let limit = |days: u32| Number::Integer(days.into());
    let perfdata = Perfdata::new("certificate_days", Number::Integer(days));
    let perfdata = perfdata.warn(limit(warning)).crit(limit(critical)).form(Form::Padded);
    Judged { state, text, perfdata }
}

/// The seconds of Unix, now.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// As C's `%c %z` writes a date in its own locale and in Greenwich.
pub fn date(seconds: i64) -> String {
    let Ok(date) = OffsetDateTime::from_unix_timestamp(seconds) else { return "never".to_owned() };
    let (weekday, month) = (date.weekday().to_string(), date.month().to_string());
    let (hour, minute, second) = date.to_hms();
    format!(
        "{weekday:.3} {month:.3} {:2} {hour:02}:{minute:02}:{second:02} {} +0000",
        date.day(),
        date.year()
    )
}

impl Judged {
    /// When this is all there is to say.
    pub fn output(self) -> Output {
        Output::new(self.state, self.text).perf(self.perfdata)
    }
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn judged(left: i64, limits: (u32, u32)) -> (State, String, String) {
        let certificate = Certificate {
            common_name: Some("x".to_owned()),
            subject: String::new(),
            issuer: String::new(),
            issuer_name: None,
            serial: String::new(),
            not_before: 0,
            not_after: NOW + left,
            names: Vec::new(),
            addresses: Vec::new(),
            emails: Vec::new(),
        };
        let judged = judge(&certificate, limits, NOW);
        (judged.state, judged.text, judged.perfdata.to_string())
    }

    #[test]
    fn few_days_are_judged_and_told_as_by_2x() {
        let text = |left, limits| judged(left, limits).1;
        assert_eq!(
            judged(40 * DAY, (30, 7)),
            (
                State::Ok,
                "OK - Certificate 'x' will expire on Wed Feb 24 08:00:00 2027 +0000.".to_owned(),
                "certificate_days=40;30;7;;".to_owned()
            )
        );
        assert_eq!(
            text(30 * DAY, (30, 7)),
            "WARNING - Certificate 'x' expires in 30 day(s) (Sun Feb 14 08:00:00 2027 +0000)."
        );
        assert_eq!(judged(31 * DAY - 1, (30, 7)).0, State::Warning);
        assert_eq!(judged(8 * DAY - 1, (30, 7)).0, State::Critical);
        assert_eq!(judged(31 * DAY, (30, 7)).0, State::Ok);
        let soon = text(2 * HOUR, (30, 0));
        assert!(soon.starts_with("CRITICAL - Certificate 'x' expires in 2 hours ("), "{soon}");
        assert!(text(119, (0, 0)).contains(" expires in 1 minutes ("));
        let gone = judged(-DAY, (30, 7));
        assert_eq!(gone.0, State::Critical);
        assert!(gone.1.starts_with("CRITICAL - Certificate 'x' expired on "), "{gone:?}");
        assert_eq!(gone.2, "certificate_days=-1;30;7;;");
    }

    #[test]
    fn what_is_not_valid_yet_is_critical() {
        let certificate = Certificate {
            common_name: None,
            subject: String::new(),
            issuer: String::new(),
            issuer_name: None,
            serial: String::new(),
            not_before: NOW + 1,
            not_after: NOW + 40 * DAY,
            names: Vec::new(),
            addresses: Vec::new(),
            emails: Vec::new(),
        };
        let judged = judge(&certificate, (0, 0), NOW);
        assert_eq!(judged.state, State::Critical);
        assert_eq!(
            judged.text,
            "CRITICAL - Certificate 'Unknown CN' is not valid before Fri Jan 15 08:00:01 2027 +0000."
        );
    }
}
