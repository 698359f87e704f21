//! What a mail server answers: lines of one code, all but the last with a dash after it. Pure.

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    bytes: Vec<u8>,
}

/// The longest that is listened to.
pub const LONGEST: usize = 64 * 1024;

impl Reply {
    /// The first whole answer of what was heard, and how long it is; none if it has not come to its end.
    pub fn take(heard: &[u8]) -> Option<(Self, usize)> {
        let mut at = 0;
        loop {
            let line = heard.get(at..)?;
            let end = line.iter().position(|byte| *byte == b'\n')? + 1;
            at += end;
            let goes_on =
                matches!(line, [a, b, c, b'-', ..] if [a, b, c].iter().all(|byte| byte.is_ascii_digit()));
            if !goes_on {
                return Some((Self { bytes: heard[..at].to_vec() }, at));
            }
        }
    }

    /// What it says, without the end of its last line.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes.trim_ascii_end()).into_owned()
    }

    /// Whether it begins with a code.
    pub fn begins(&self, code: &str) -> bool {
        self.bytes.starts_with(code.as_bytes())
    }

    /// Whether the server can do something, as it says after EHLO.
    pub fn offers(&self, what: &str) -> bool {
        let lines = self.bytes.split(|byte| *byte == b'\n');
        let said = lines.filter_map(|line| line.strip_prefix(b"250-").or_else(|| line.strip_prefix(b"250 ")));
        let mut words = said.filter_map(|line| line.trim_ascii().split(|byte| *byte == b' ').next());
        words.any(|word| word.eq_ignore_ascii_case(what.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_the_first_line_that_has_no_dash() {
        let take = |heard: &[u8]| Reply::take(heard).map(|(reply, length)| (reply.text(), length));
        assert_eq!(take(b"220 a\r\n250 b\r\n"), Some(("220 a".to_owned(), 7)));
        assert_eq!(take(b"250-a\r\n250-b\r\n250 c\r\nx"), Some(("250-a\r\n250-b\r\n250 c".to_owned(), 21)));
        assert_eq!(take(b"hello\n"), Some(("hello".to_owned(), 6)));
        assert_eq!(take(b"\n"), Some((String::new(), 1)));
        for part in [&b""[..], b"220 a", b"250-a\r\n", b"250-a\n250-"] {
            assert_eq!(take(part), None);
        }
    }

    #[test]
    fn what_a_server_offers_are_whole_words() {
        let (reply, _) = Reply::take(b"250-host STARTTLS\r\n250-startTLS\r\n250 AUTH LOGIN\r\n").unwrap();
        assert!(reply.offers("STARTTLS") && reply.offers("AUTH") && !reply.offers("LOGIN"));
        let (reply, _) = Reply::take(b"250-STARTTLSX\r\n250 host\r\n").unwrap();
        assert!(!reply.offers("STARTTLS") && reply.begins("250") && !reply.begins("220"));
    }
}
