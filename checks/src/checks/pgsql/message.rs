//! Messages of version 3 of PostgreSQL's protocol. Pure.

use crate::net::talk::{Error, Taken};

/// One that a server sends: a letter, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: u8,
    /// The rest of it.
    pub body: Vec<u8>,
}

/// A longer one is none that anybody waits for.
const LONGEST: usize = 1 << 20;

impl Message {
    /// The first of these bytes, and its length.
    pub fn take(bytes: &[u8]) -> Taken<Self> {
        let Some((head, _)) = bytes.split_at_checked(5) else { return Ok(None) };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !head[0].is_ascii_alphabetic() || length < 4 {
            return Err(Error::Unreadable);
        }
        if length > LONGEST {
            return Err(Error::TooLong);
        }
        let whole = bytes.get(5..length + 1);
        Ok(whole.map(|body| (Self { kind: head[0], body: body.to_vec() }, length + 1)))
    }

    /// A number at a place of it.
    pub fn number(&self, at: usize) -> Option<i32> {
        self.body.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes)
    }

    /// The number of columns of a row, or of its description.
    pub fn columns(&self) -> Option<usize> {
        let bytes = self.body.get(..2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]).into())
    }

    /// The first column of a row; none if it is null.
    pub fn first_column(&self) -> Option<&[u8]> {
        let length = usize::try_from(self.number(2)?).ok()?;
        self.body.get(6..)?.get(..length)
    }

    /// What an error says, as `psql` shows it.
    pub fn error(&self) -> String {
        let field = |kind: u8| {
            let fields = self.body.split(|byte| *byte == 0);
            let found = fields.filter_map(|field| field.split_first()).find(|(found, _)| **found == kind);
            found.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
        };
        format!("{}:  {}", field(b'S'), field(b'M'))
    }
}

/// What a client says, by its letter.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&framed(body));
    bytes
}

/// The same without a letter, as the first one is.
pub fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], body].concat()
}

/// What a client says first.
pub fn startup(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for (name, value) in pairs {
        for text in [name, value] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
    }
    body.push(0);
    framed(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_when_they_are_whole() {
        let bytes = b"D\0\0\0\x0c\0\x01\0\0\0\x02okZ\0\0\0\x05I";
        let (row, length) = Message::take(bytes).unwrap().unwrap();
        assert_eq!(
            (row.kind, length, row.columns(), row.first_column()),
            (b'D', 13, Some(1), Some(&b"ok"[..]))
        );
        assert_eq!(
            Message::take(&bytes[13..]).unwrap(),
            Some((Message { kind: b'Z', body: b"I".to_vec() }, 6))
        );
        for end in 0..13 {
            assert!(matches!(Message::take(&bytes[..end]), Ok(None)));
        }
        for text in [&b"\0\0\0\0\x05I"[..], b"Z\0\0\0\x03", b"HTTP/1.1 "] {
            assert!(Message::take(text).is_err(), "{text:?}");
        }
        let null = Message { kind: b'D', body: b"\0\x01\xff\xff\xff\xff".to_vec() };
        assert_eq!(null.first_column(), None);
        let cut = Message { kind: b'D', body: b"\0\x01\0\0\0\x09x".to_vec() };
        assert_eq!(cut.first_column(), None);
        let error = Message { kind: b'E', body: b"SFATAL\0C3D000\0Mno such thing\0\0".to_vec() };
        assert_eq!(error.error(), "FATAL:  no such thing");
    }

    #[test]
    fn what_is_said_has_its_length() {
        assert_eq!(startup(&[("user", "a")]), b"\0\0\0\x10\0\x03\0\0user\0a\0\0");
        assert_eq!(message(b'Q', b"x\0"), b"Q\0\0\0\x06x\0");
    }
}
