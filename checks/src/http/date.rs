//! Dates as HTTP writes them: `Tue, 25 Dec 2001 02:59:03 GMT`.

use time::{Date, Month, OffsetDateTime, Time};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The seconds of Unix.
pub fn parse(text: &str) -> Option<i64> {
    let (weekday, rest) = text.split_once(", ")?;
    let mut words = rest.split_ascii_whitespace();
    let day = words.next()?.parse().ok()?;
    let month = words.next().and_then(|name| MONTHS.iter().position(|month| *month == name))?;
    let month = Month::try_from(u8::try_from(month + 1).ok()?).ok()?;
    let year = words.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u8>().ok().filter(|_| part.len() == 2));
    let mut part = || clock.next().flatten();
    let (hour, minute, second) = (part()?, part()?, part()?);
    let ends =
        words.next() == Some("GMT") && words.next().is_none() && part().is_none() && weekday.len() == 3;
    let date = Date::from_calendar_date(year, month, day).ok().filter(|_| ends)?;
    // A second may be the 60th.
    let time = Time::from_hms(hour, minute, second.min(59)).ok()?;
    Some(OffsetDateTime::new_utc(date, time).unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_in_its_one_form() {
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("Tue, 25 Dec 2001 02:59:03 GMT"), Some(1_009_249_143));
        assert_eq!(parse("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_799));
        for text in [
            "",
            "x",
            "Tue, 25 Dec 2001 02:59:03",
            "Tue, 25 Dec 2001 02:59:03 CET",
            "Tue, 32 Dec 2001 02:59:03 GMT",
            "Tue, 25 Dez 2001 02:59:03 GMT",
            "Tue, 25 Dec 2001 2:59:03 GMT",
            "Tue, 25 Dec 2001 25:59:03 GMT",
            "Tuesday, 25-Dec-01 02:59:03 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
