//! Messages of the domain name system, built and parsed. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Types of records.
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// Another name.
    pub const CNAME: u16 = 5;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
}

/// The class of the internet.
const IN: u16 = 1;

/// What makes a message no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends within something.
    #[error("the message is cut short")]
    Short,
    /// A name points at itself, or is longer than names are.
    #[error("a name in the message is not one")]
    Name,
    /// The name to ask for cannot be one.
    #[error("the name to ask for cannot be one")]
    Question,
}

/// A response, as far as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The number of the question it answers.
    pub id: u16,
    /// The second word: flags and the code of the response.
    pub flags: u16,
    /// The name that was asked for and the type of it, if the message repeats them.
    pub question: Option<(String, u16)>,
    /// The records of the answer.
    pub answers: Vec<Record>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: String,
    /// Its type.
    pub kind: u16,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Of `A` and `AAAA`.
    Address(IpAddr),
    /// Of `CNAME`.
    Name(String),
    /// Of any other.
    Other(Vec<u8>),
}

impl Message {
    /// Of the bytes of a datagram, or of a message without its length.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor { bytes, at: 0 };
        let (id, flags) = (cursor.word()?, cursor.word()?);
        let (questions, answers) = (cursor.word()?, cursor.word()?);
        cursor.take(4)?;
        let mut question = None;
        for _ in 0..questions {
            let name = cursor.name()?;
            let kind = cursor.word()?;
            cursor.word()?;
            question.get_or_insert((name, kind));
        }
        let mut records = Vec::new();
        for _ in 0..answers {
            records.extend(cursor.record()?);
        }
        Ok(Self { id, flags, question, answers: records })
    }

    /// The code of the response: 0 for none, 3 for a name that does not exist.
    pub const fn code(&self) -> u16 {
        self.flags & 0xf
    }

    /// Whether it was too long for a datagram.
    pub const fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    /// Whether it answers this question.
    pub fn answers(&self, id: u16, name: &str, kind: u16) -> bool {
        let same = |(asked, of): &(String, u16)| {
            *of == kind && asked.eq_ignore_ascii_case(name.trim_end_matches('.'))
        };
        self.id == id && self.flags & 0x8000 != 0 && self.question.as_ref().is_some_and(same)
    }
}

/// A question for the records of one type of a name, which servers are to resolve whole.
pub fn question(id: u16, name: &str, kind: u16) -> Result<Vec<u8>, Error> {
    let mut message = Vec::with_capacity(18 + name.len());
    for word in [id, 0x0100, 1, 0, 0, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > 253 {
        return Err(Error::Question);
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length));
        message.push(length.ok_or(Error::Question)?);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&IN.to_be_bytes());
    Ok(message)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length).ok_or(Error::Short)?;
        let taken = self.bytes.get(self.at..end).ok_or(Error::Short)?;
        self.at = end;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u16, Error> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A name, followed backwards where it is packed: each jump goes before the one that led to it, so it ends.
    fn name(&mut self) -> Result<String, Error> {
        let mut name = String::new();
        let mut after = None;
        let mut lowest = self.at;
        loop {
            let length = usize::from(self.take(1)?[0]);
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    let label = self.take(length)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    push_label(&mut name, label);
                }
                3 => {
                    let target = (length & 0x3f) << 8 | usize::from(self.take(1)?[0]);
                    after.get_or_insert(self.at);
                    if target >= lowest {
                        return Err(Error::Name);
                    }
                    lowest = target;
                    self.at = target;
                }
                _ => return Err(Error::Name),
            }
            if name.len() > 1024 {
                return Err(Error::Name);
            }
        }
        self.at = after.unwrap_or(self.at);
        Ok(name)
    }

    /// None for a record of another class.
    fn record(&mut self) -> Result<Option<Record>, Error> {
        let name = self.name()?;
        let (kind, class) = (self.word()?, self.word()?);
        let ttl = u32::from(self.word()?) << 16 | u32::from(self.word()?);
        let length = usize::from(self.word()?);
        let start = self.at;
        let bytes = self.take(length)?;
        let data = match (kind, bytes) {
            (kind::A, &[a, b, c, d]) => Data::Address(Ipv4Addr::new(a, b, c, d).into()),
            (kind::AAAA, bytes) => match <[u8; 16]>::try_from(bytes) {
                Ok(bytes) => Data::Address(Ipv6Addr::from(bytes).into()),
                Err(_) => return Err(Error::Short),
            },
            (kind::A, _) => return Err(Error::Short),
            (kind::CNAME, _) => Data::Name(Cursor { bytes: self.bytes, at: start }.name()?),
            (_, bytes) => Data::Other(bytes.to_vec()),
        };
        Ok((class == IN).then_some(Record { name, kind, ttl, data }))
    }
}

/// As zone files write it: what is no plain character is `\DDD`.
fn push_label(name: &mut String, label: &[u8]) {
    for byte in label {
        match byte {
            b'.' | b'\\' => name.extend(['\\', char::from(*byte)]),
            0x21..=0x7e => name.push(char::from(*byte)),
            byte => name.push_str(&format!("\\{byte:03}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer to `a.example`: a CNAME to `b.example` by a packed name, then its address.
    fn answer() -> Vec<u8> {
        let mut message = question(7, "a.example.", kind::A).unwrap();
        message[2] = 0x81;
        message[7] = 2;
        message.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01b\xc0\x0e");
        message.extend_from_slice(b"\x01b\xc0\x0e\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01");
        message
    }

    #[test]
    fn an_answer_has_its_names_unpacked() {
        let message = Message::parse(&answer()).unwrap();
        assert!(message.answers(7, "A.example", kind::A));
        assert!(!message.answers(8, "a.example", kind::A) && !message.answers(7, "a.example", kind::AAAA));
        assert_eq!((message.code(), message.is_truncated()), (0, false));
        let data: Vec<_> = message.answers.into_iter().map(|record| (record.name, record.data)).collect();
        assert_eq!(data[0], ("a.example".to_owned(), Data::Name("b.example".to_owned())));
        assert_eq!(data[1], ("b.example".to_owned(), Data::Address(Ipv4Addr::new(10, 0, 0, 1).into())));
    }

    #[test]
    fn what_is_cut_short_or_points_at_itself_is_an_error() {
        let whole = answer();
        for length in 0..whole.len() {
            assert_eq!(Message::parse(&whole[..length]), Err(Error::Short), "{length}");
        }
        let mut looped = whole[..12].to_vec();
        looped.extend_from_slice(b"\xc0\x0c\0\x01\0\x01");
        assert_eq!(Message::parse(&looped), Err(Error::Name));
    }

    #[test]
    fn only_a_name_can_be_asked_for() {
        for name in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(128), ".a"] {
            assert_eq!(question(1, name, kind::A), Err(Error::Question), "{name}");
        }
    }

    #[test]
    fn odd_bytes_in_a_name_are_written_as_numbers() {
        let mut name = String::new();
        push_label(&mut name, b"a.b\\\0\xff ");
        assert_eq!(name, "a\\.b\\\\\\000\\255\\032");
    }
}
