//! RESP, the protocol of Redis: of its replies those that are asked for. Pure.

use crate::net::talk::{Error, Taken};

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`, or a number.
    Line(String),
    /// `-ERR …`
    Error(String),
    /// A text of any bytes; none stands for one that is not there.
    Text(Vec<u8>),
}

/// A line that is longer is none.
const LONGEST_LINE: usize = 64 * 1024;

impl Reply {
    /// The first reply of these bytes, and its length.
    pub fn take(bytes: &[u8]) -> Taken<Self> {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            return if bytes.len() > LONGEST_LINE { Err(Error::Unreadable) } else { Ok(None) };
        };
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        let (kind, text) = line.split_first().ok_or(Error::Unreadable)?;
        let text = String::from_utf8_lossy(text).into_owned();
        match kind {
            b'+' | b':' => Ok(Some((Self::Line(text), end + 1))),
            b'-' => Ok(Some((Self::Error(text), end + 1))),
            b'$' if text == "-1" => Ok(Some((Self::Text(Vec::new()), end + 1))),
            b'$' => {
                let length: usize = text.parse().map_err(|_| Error::Unreadable)?;
                let after =
                    (end + 1).checked_add(length).and_then(|end| end.checked_add(2)).ok_or(Error::TooLong)?;
                Ok(bytes.get(end + 1..after).map(|body| (Self::Text(body[..length].to_vec()), after)))
            }
            _ => Err(Error::Unreadable),
        }
    }
}

/// A command, as an array of texts.
pub fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_when_they_are_whole() {
        let taken = |bytes: &[u8]| Reply::take(bytes).ok().flatten();
        assert_eq!(taken(b"+OK\r\nmore"), Some((Reply::Line("OK".to_owned()), 5)));
        assert_eq!(taken(b"-NOAUTH x\r\n"), Some((Reply::Error("NOAUTH x".to_owned()), 11)));
        assert_eq!(taken(b"$5\r\na\r\nbc\r\n+"), Some((Reply::Text(b"a\r\nbc".to_vec()), 11)));
        assert_eq!(taken(b"$-1\r\n"), Some((Reply::Text(Vec::new()), 5)));
        for part in ["", "+OK", "$5\r\nabc", "$5\r\nabcde\r"] {
            assert!(matches!(Reply::take(part.as_bytes()), Ok(None)), "{part}");
        }
        for text in ["\r\n", "HTTP/1.1 400 Bad\r\n", "$x\r\n", "$-2\r\n", "$99999999999999999999\r\n"] {
            assert!(Reply::take(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Reply::take(&[b'x'; LONGEST_LINE + 1]).is_err());
        assert_eq!(command(&["AUTH", "pass word"]), b"*2\r\n$4\r\nAUTH\r\n$9\r\npass word\r\n");
    }
}
