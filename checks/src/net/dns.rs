//! Messages of the domain name system, built and parsed. Pure.

mod cursor;
mod data;
pub mod kind;

use cursor::Cursor;
pub use data::Data;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The number of the question it answers.
    pub id: u16,
    /// The second word: flags and the code of the response.
    pub flags: u16,
    /// The name that was asked for and the type of it, if the message repeats them.
    pub question: Option<(String, u16)>,
    /// The records of the answer.
    pub answers: Vec<Record>,
    /// Those that say who has the say.
    pub authority: Vec<Record>,
    /// Those that may be of use.
    pub additional: Vec<Record>,
    /// Whether what follows the answer could be read: no question needs it.
    pub whole: bool,
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

/// What to ask, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: String,
    /// The type of its records.
    pub kind: u16,
    /// Whether the server is to ask others.
    pub recurse: bool,
    /// Whether answers may be longer than 512 bytes, by the extension of RFC 6891.
    pub extended: bool,
    /// Whether signatures are wanted too.
    pub signatures: bool,
    /// Whether the server is not to check them.
    pub unchecked: bool,
}

impl Question {
    /// For the records of one type of a name, as the C library asks.
    pub fn new(name: impl Into<String>, kind: u16) -> Self {
        let name = name.into();
        Self { name, kind, recurse: true, extended: false, signatures: false, unchecked: false }
    }

    /// The bytes of it.
    pub fn message(&self, id: u16) -> Result<Vec<u8>, Error> {
        let mut message = question(id, &self.name, self.kind)?;
        message[2] = u8::from(self.recurse);
        message[3] = if self.unchecked { 0x10 } else { 0 };
        if self.extended || self.signatures {
            message[11] = 1;
            // The root, OPT, 1232 bytes, no code and version 0, whether signatures are wanted, nothing more.
            message.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0]);
            message.extend_from_slice(&[if self.signatures { 0x80 } else { 0 }, 0, 0, 0]);
        }
        Ok(message)
    }
}

impl Message {
    /// Of the bytes of a datagram, or of a message without its length.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor { bytes, at: 0 };
        let (id, flags) = (cursor.word()?, cursor.word()?);
        let (questions, answers) = (cursor.word()?, cursor.word()?);
        let (authority, additional) = (cursor.word()?, cursor.word()?);
        let mut question = None;
        for _ in 0..questions {
            let name = cursor.name()?;
            let kind = cursor.word()?;
            cursor.word()?;
            question.get_or_insert((name, kind));
        }
        let answers = Record::take_all(&mut cursor, answers)?;
        let mut message = Self { id, flags, question, answers, ..Self::default() };
        if let Ok(authority) = Record::take_all(&mut cursor, authority) {
            message.authority = authority;
            if let Ok(additional) = Record::take_all(&mut cursor, additional) {
                (message.additional, message.whole) = (additional, true);
            }
        }
        Ok(message)
    }

    /// The code of the response: 0 for none, 3 for a name that does not exist.
    pub const fn code(&self) -> u16 {
        self.flags & 0xf
    }

    /// Whether the server says so as the one who has the say over the name.
    pub const fn is_authoritative(&self) -> bool {
        self.flags & 0x0400 != 0
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

impl Record {
    fn take_all(cursor: &mut Cursor<'_>, count: u16) -> Result<Vec<Self>, Error> {
        let mut records = Vec::new();
        for _ in 0..count {
            records.extend(Self::take(cursor)?);
        }
        Ok(records)
    }

    /// None for a record of another class.
    fn take(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Error> {
        let name = cursor.name()?;
        let (kind, class) = (cursor.word()?, cursor.word()?);
        let ttl = u32::from(cursor.word()?) << 16 | u32::from(cursor.word()?);
        let length = usize::from(cursor.word()?);
        let data = Data::parse(cursor.bytes, cursor.at, length, kind)?;
        cursor.take(length)?;
        Ok((class == IN).then_some(Self { name, kind, ttl, data }))
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

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
    fn a_question_may_ask_for_more() {
        let mut asked = Question::new("a", kind::A);
        assert_eq!(asked.message(7).unwrap(), question(7, "a", kind::A).unwrap());
        (asked.recurse, asked.signatures, asked.unchecked) = (false, true, true);
        let end = b"\0\0\x29\x04\xd0\0\0\x80\0\0\0";
        let whole = [b"\0\x07\0\x10\0\x01\0\0\0\0\0\x01\x01a\0\0\x01\0\x01", &end[..]].concat();
        assert_eq!(asked.message(7).unwrap(), whole);
    }

    #[test]
    fn only_a_name_can_be_asked_for() {
        for name in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(128), ".a"] {
            assert_eq!(question(1, name, kind::A), Err(Error::Question), "{name}");
        }
    }
}
