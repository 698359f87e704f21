//! The page of `stub_status`. Pure.

/// What it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Connections that are open.
    pub active: u64,
    /// Connections that came, since nginx was started.
    pub accepted: u64,
    /// Those of them that were not dropped.
    pub handled: u64,
    /// Requests that came.
    pub requests: u64,
    /// Connections whose request is being read.
    pub reading: u64,
    /// Connections that are being answered.
    pub writing: u64,
    /// Connections that wait for a request.
    pub waiting: u64,
}

impl Page {
    /// From its text; none if anything is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let after = |what: &str| {
            let rest = &text[text.find(what)? + what.len()..];
            Some(rest.trim_start())
        };
        let number = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().ok()
        };
        let one = |what: &str| number(after(what)?);
        // Some builds add the time of the requests.
        let line =
            text.lines().skip_while(|line| !line.starts_with("server accepts handled requests")).nth(1)?;
        let mut counters = line.split_ascii_whitespace().map(number);
        Some(Self {
            active: one("Active connections:")?,
            accepted: counters.next()??,
            handled: counters.next()??,
            requests: counters.next()??,
            reading: one("Reading:")?,
            writing: one("Writing:")?,
            waiting: one("Waiting:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Active connections: 10 \nserver accepts handled requests\n 38500 38499 50690 \n\
        Reading: 5 Writing: 4 Waiting: 1 \n";

    #[test]
    fn a_page_is_seven_numbers() {
        let page = Page {
            active: 10,
            accepted: 38500,
            handled: 38499,
            requests: 50690,
            reading: 5,
            writing: 4,
            waiting: 1,
        };
        assert_eq!(Page::parse(TEXT), Some(page));
        assert_eq!(Page::parse(&TEXT.replace("requests\n", "requests request_time\n")), Some(page));
    }

    #[test]
    fn what_lacks_one_of_them_is_none() {
        for part in ["10", "38500 ", "Waiting", "server", "Reading: 5"] {
            assert_eq!(Page::parse(&TEXT.replacen(part, "", 1)), None, "{part}");
        }
        assert_eq!(Page::parse(""), None);
        assert_eq!(Page::parse(&TEXT.replace("10", "99999999999999999999")), None);
    }
}
