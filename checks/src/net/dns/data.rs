//! What a record says, and how it is written: as in zone files and by `dig`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Cursor, Error, kind};

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Of `A` and `AAAA`.
    Address(IpAddr),
    /// Of `CNAME`, `NS`, `PTR` and `DNAME`: without the last dot.
    Name(String),
    /// Of other types that are known, as they are written.
    Text(String),
    /// Of any other.
    Other(Vec<u8>),
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => write!(f, "{name}."),
            Self::Text(text) => f.write_str(text),
            Self::Other(bytes) if bytes.is_empty() => f.write_str("\\# 0"),
            Self::Other(bytes) => write!(f, "\\# {} {}", bytes.len(), hex(bytes)),
        }
    }
}

impl Data {
    /// Of the bytes where a record has them; names in them may be packed.
    pub(super) fn parse(message: &[u8], start: usize, length: usize, of: u16) -> Result<Self, Error> {
        let end = start.checked_add(length).filter(|end| *end <= message.len()).ok_or(Error::Short)?;
        // What follows the record is not of it.
        let mut at = Cursor { bytes: message.get(..end).ok_or(Error::Short)?, at: start };
        let data = match of {
            kind::A => Self::Address(Ipv4Addr::from(at.array::<4>()?).into()),
            kind::AAAA => Self::Address(Ipv6Addr::from(at.array::<16>()?).into()),
            2 | kind::CNAME | kind::PTR | 39 => Self::Name(at.name()?),
            6 => Self::Text(soa(&mut at)?),
            15 | 18 => Self::Text(format!("{} {}.", at.word()?, at.name()?)),
            13 | 16 | 99 => Self::Text(strings(&mut at)?),
            17 => Self::Text(format!("{}. {}.", at.name()?, at.name()?)),
            33 => Self::Text(format!("{} {} {} {}.", at.word()?, at.word()?, at.word()?, at.name()?)),
            43 | 59 => {
                let (tag, rest) = (at.word()?, at.array::<2>()?);
                Self::Text(format!("{tag} {} {} {}", rest[0], rest[1], hex(at.rest())))
            }
            44 => {
                let head = at.array::<2>()?;
                Self::Text(format!("{} {} {}", head[0], head[1], hex(at.rest())))
            }
            52 => {
                let head = at.array::<3>()?;
                Self::Text(format!("{} {} {} {}", head[0], head[1], head[2], hex(at.rest())))
            }
            257 => Self::Text(caa(&mut at)?),
            _ => Self::Other(at.rest().to_vec()),
        };
        if at.at == end { Ok(data) } else { Err(Error::Short) }
    }
}

fn soa(at: &mut Cursor<'_>) -> Result<String, Error> {
    let mut text = format!("{}. {}.", at.name()?, at.name()?);
    for _ in 0..5 {
        text.push_str(&format!(" {}", u32::from_be_bytes(at.array()?)));
    }
    Ok(text)
}

fn strings(at: &mut Cursor<'_>) -> Result<String, Error> {
    let mut texts = Vec::new();
    while at.at < at.bytes.len() {
        let length = at.array::<1>()?[0];
        texts.push(quoted(at.take(length.into())?));
    }
    Ok(texts.join(" "))
}

fn caa(at: &mut Cursor<'_>) -> Result<String, Error> {
    let [flags, length] = at.array()?;
    let tag = String::from_utf8_lossy(at.take(length.into())?).into_owned();
    Ok(format!("{flags} {tag} {}", quoted(at.rest())))
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = "\"".to_owned();
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            0x20..=0x7e => text.push(char::from(*byte)),
            byte => text.push_str(&format!("\\{byte:03}")),
        }
    }
    text + "\""
}

/// In groups of 56 digits, as `dig` has it.
fn hex(bytes: &[u8]) -> String {
    let groups = bytes.chunks(28).map(|chunk| chunk.iter().map(|byte| format!("{byte:02X}")).collect());
    groups.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(of: u16, bytes: &[u8]) -> Result<String, Error> {
        Data::parse(bytes, 0, bytes.len(), of).map(|data| data.to_string())
    }

    #[test]
    fn records_are_written_as_in_zone_files() {
        let soa = b"\x01a\0\x01b\0\0\0\0\x01\0\0\x0e\x10\0\0\0\x02\0\0\0\x03\0\0\0\x04";
        assert_eq!(written(6, soa).unwrap(), "a. b. 1 3600 2 3 4");
        assert_eq!(written(15, b"\0\x0a\x04mail\0").unwrap(), "10 mail.");
        assert_eq!(written(33, b"\0\x01\0\x02\x13\xc4\x01x\0").unwrap(), "1 2 5060 x.");
        assert_eq!(written(16, b"\x03a\"b\x02\xff\\").unwrap(), r#""a\"b" "\255\\""#);
        assert_eq!(written(257, b"\0\x05issueca").unwrap(), "0 issue \"ca\"");
        assert_eq!(written(44, b"\x04\x02\xab\xcd").unwrap(), "4 2 ABCD");
        assert_eq!(written(52, b"\x03\x01\x01\xab").unwrap(), "3 1 1 AB");
        assert_eq!(written(43, b"\x01\0\x0d\x02\xab").unwrap(), "256 13 2 AB");
        assert_eq!(written(65280, b"\x01\x02").unwrap(), "\\# 2 0102");
        assert_eq!(written(65280, b"").unwrap(), "\\# 0");
        assert_eq!(written(kind::PTR, b"\x01a\x01b\0").unwrap(), "a.b.");
    }

    #[test]
    fn what_is_too_long_or_too_short_is_none() {
        assert_eq!(written(kind::A, b"\x01\x02\x03"), Err(Error::Short));
        assert_eq!(written(kind::A, b"\x01\x02\x03\x04\x05"), Err(Error::Short));
        assert_eq!(written(16, b"\x05a"), Err(Error::Short));
        assert_eq!(Data::parse(b"\x01a\0", 0, 2, kind::PTR), Err(Error::Short));
        assert_eq!(Data::parse(b"", usize::MAX, 2, kind::A), Err(Error::Short));
    }
}
