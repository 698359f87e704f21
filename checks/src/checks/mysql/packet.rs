//! Packets of the protocol that MySQL and MariaDB speak, and what is in them. Pure.

use crate::net::talk::{Error, Taken};

/// One of either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its place in the conversation that a command begins.
    pub number: u8,
    /// What it holds.
    pub body: Vec<u8>,
}

/// What a server says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its version, without what MariaDB puts before it for old replicas.
    pub version: String,
    /// What it can do, of the constants below.
    pub capabilities: u32,
    /// What the answer to it has to be made of.
    pub nonce: Vec<u8>,
    /// How it would have its clients log in.
    pub method: String,
}

/// What a server says of a command, and on the way of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// It is not.
    Refused {
        /// The server's number of the fault.
        code: u16,
        /// Its words.
        text: String,
    },
    /// The login has to be made otherwise.
    Switch {
        /// The other method.
        method: String,
        /// What the answer has to be made of.
        nonce: Vec<u8>,
    },
    /// What the method of the login has to say.
    More(Vec<u8>),
}

/// A packet whose parts are read one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

/// A database is named in the login.
pub const WITH_DATABASE: u32 = 1 << 3;
/// TLS is spoken.
pub const TLS: u32 = 1 << 11;
/// A method of login is named.
pub const METHODS: u32 = 1 << 19;
/// What every client of today says it can do: 4.1's protocol, its logins, long flags, transactions, several results.
pub const USUAL: u32 = 1 | 1 << 2 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 17;

/// A longer packet is none that anybody waits for.
const LONGEST: usize = 1 << 20;

impl Packet {
    /// The first of these bytes, and its length.
    pub fn take(bytes: &[u8]) -> Taken<Self> {
        let Some((head, rest)) = bytes.split_at_checked(4) else { return Ok(None) };
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
        if length > LONGEST {
            return Err(Error::TooLong);
        }
        let body = rest.get(..length);
        Ok(body.map(|body| (Self { number: head[3], body: body.to_vec() }, length + 4)))
    }

    /// As it goes over the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.body.len()).unwrap_or(u32::MAX).to_le_bytes();
        [&length[..3], &[self.number], &self.body].concat()
    }
}

impl Greeting {
    /// Of version 10 of the protocol.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        reader.number(1).filter(|version| *version == 10)?;
        let version = reader.text()?;
        reader.bytes(4)?;
        let mut nonce = reader.bytes(8)?.to_vec();
        reader.bytes(1)?;
        let mut capabilities = reader.number(2)?;
        // The charset and the status say nothing to a check.
        reader.bytes(3)?;
        capabilities |= reader.number(2)? << 16;
        let length = reader.number(1)? as usize;
        reader.bytes(10)?;
        nonce.extend_from_slice(reader.bytes(length.saturating_sub(8).max(13))?);
        nonce.pop();
        let method = reader.text().unwrap_or_default();
        let version = version.strip_prefix("5.5.5-").map(str::to_owned).unwrap_or(version);
        Some(Self { version, capabilities: capabilities as u32, nonce, method })
    }
}

impl Reply {
    /// None of what is none.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let (first, rest) = body.split_first()?;
        let mut reader = Reader(rest);
        Some(match first {
            0 => Self::Done,
            1 => Self::More(rest.to_vec()),
            0xff => {
                let code = u16::try_from(reader.number(2)?).ok()?;
                if reader.0.first() == Some(&b'#') {
                    reader.bytes(6)?;
                }
                Self::Refused { code, text: String::from_utf8_lossy(reader.0).into_owned() }
            }
            0xfe => {
                let method = reader.text()?;
                let nonce = reader.0.strip_suffix(b"\0").unwrap_or(reader.0).to_vec();
                Self::Switch { method, nonce }
            }
            _ => return None,
        })
    }
}

impl<'a> Reader<'a> {
    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A number of so many bytes, eight at most, the lowest first.
    pub fn number(&mut self, count: usize) -> Option<u64> {
        Some(self.bytes(count)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A text up to its zero byte.
    pub fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let bytes = self.bytes(end + 1)?;
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    /// A number that takes as many bytes as it needs.
    pub fn count(&mut self) -> Option<u64> {
        match self.number(1)? {
            0xfc => self.number(2),
            0xfd => self.number(3),
            0xfe => self.number(8),
            0xff => None,
            small => Some(small),
        }
    }

    /// Bytes after their count.
    pub fn counted(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.count()?).ok()?;
        self.bytes(count)
    }

    /// A value of a row, of which the inner is none for `NULL`.
    pub fn value(&mut self) -> Option<Option<Vec<u8>>> {
        if let Some((0xfb, rest)) = self.0.split_first() {
            self.0 = rest;
            return Some(None);
        }
        self.counted().map(|bytes| Some(bytes.to_vec()))
    }
}

/// The name of a column, of its description.
pub fn column_name(body: &[u8]) -> Option<String> {
    let mut reader = Reader(body);
    // Catalog, schema, table and the table's own name stand before it.
    for _ in 0..4 {
        reader.counted()?;
    }
    Some(String::from_utf8_lossy(reader.counted()?).into_owned())
}

/// The values of a row of so many columns.
pub fn row(body: &[u8], columns: usize) -> Option<Vec<Option<Vec<u8>>>> {
    let mut reader = Reader(body);
    (0..columns).map(|_| reader.value()).collect()
}

/// Whether it ends descriptions or rows.
pub fn is_end(body: &[u8]) -> bool {
    body.first() == Some(&0xfe) && body.len() < 9
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As MariaDB 10.11 sends it.
    const GREETING: &[u8] =
        b"\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\0\x07\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15\
        \0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0";

    #[test]
    fn packets_are_taken_when_they_are_whole() {
        let bytes = b"\x03\0\0\x02abc\x01\0\0\x03d";
        let (packet, length) = Packet::take(bytes).unwrap().unwrap();
        assert_eq!((packet.number, packet.body.as_slice(), length), (2, &b"abc"[..], 7));
        assert_eq!(packet.to_bytes(), bytes[..7]);
        assert_eq!(Packet::take(&bytes[7..]).unwrap().map(|(packet, _)| packet.number), Some(3));
        for end in 0..7 {
            assert!(matches!(Packet::take(&bytes[..end]), Ok(None)));
        }
        assert!(matches!(Packet::take(b"\x01\0\x10\0"), Err(Error::TooLong)));
    }

    #[test]
    fn a_greeting_says_how_to_log_in() {
        let greeting = Greeting::parse(GREETING).unwrap();
        assert_eq!(greeting.version, "10.11.19-MariaDB-0+deb12u1");
        assert_eq!(greeting.nonce, b"abcdefghijklmnopqrst");
        assert_eq!(greeting.method, "mysql_native_password");
        assert_eq!(greeting.capabilities, 0x81ff_f7fe);
        // A server may leave out the last of it.
        let whole = GREETING.len() - "mysql_native_password\0".len();
        for end in 0..GREETING.len() {
            assert_eq!(Greeting::parse(&GREETING[..end]).is_some(), end >= whole, "{end}");
        }
        assert_eq!(Greeting::parse(&[b"\x09", &GREETING[1..]].concat()), None);
    }

    #[test]
    fn replies_are_told_apart() {
        assert_eq!(Reply::parse(b"\0\0\0\x02\0\0\0"), Some(Reply::Done));
        let refused = Reply::Refused { code: 1045, text: "Access denied".to_owned() };
        assert_eq!(Reply::parse(b"\xff\x15\x04#28000Access denied"), Some(refused));
        let early = Reply::Refused { code: 1040, text: "Too many connections".to_owned() };
        assert_eq!(Reply::parse(b"\xff\x10\x04Too many connections"), Some(early));
        let switch = Reply::Switch { method: "client_ed25519".to_owned(), nonce: b"abc".to_vec() };
        assert_eq!(Reply::parse(b"\xfeclient_ed25519\0abc\0"), Some(switch));
        assert_eq!(Reply::parse(b"\x01\x04"), Some(Reply::More(vec![4])));
        for none in [&b""[..], b"\x02", b"\xff\x10", b"\xfe", b"\xff\x15\x04#28"] {
            assert_eq!(Reply::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn rows_have_values_and_nothing() {
        assert_eq!(column_name(b"\x03def\0\0\0\x01x\0\x0c"), Some("x".to_owned()));
        assert_eq!(column_name(b"\x03def\0"), None);
        assert_eq!(row(b"\x01a\xfb\0", 3), Some(vec![Some(b"a".to_vec()), None, Some(Vec::new())]));
        assert_eq!(row(b"\x02a", 1), None);
        assert_eq!(row(b"\xff", 1), None);
        let long = [&b"\xfc\x2c\x01"[..], &[b'x'; 300]].concat();
        assert_eq!(row(&long, 1).unwrap()[0].as_ref().unwrap().len(), 300);
        assert!(is_end(b"\xfe\0\0\x02\0") && !is_end(b"\xfe\0\0\0\0\0\0\0\0x") && !is_end(b""));
    }
}
