//! Messages of D-Bus as bytes.

/// What begins every message, up to the length of its fields.
pub(super) const FIXED: usize = 16;

/// What kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answer to a call.
    Return,
    /// That there is none.
    Error,
    /// Anything else.
    Other,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its kind.
    pub kind: Kind,
    /// The number of the call that it answers.
    pub answers: Option<u32>,
    error: Option<String>,
    signature: String,
    little: bool,
    body: Vec<u8>,
}

/// One unit, by what systemd tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name, as `ssh.service`.
    pub name: String,
    /// `loaded`, `not-found`, `masked` and so on.
    pub load: String,
    /// `active`, `failed`, `activating` and so on.
    pub active: String,
    /// The same more precisely, by the type of the unit.
    pub sub: String,
}

/// `(ssssssouso)`: name, description, three states, whom it follows, its path, and a job.
const UNITS: &str = "a(ssssssouso)";

impl Message {
    /// Of all of its bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor { bytes, at: 1, little: little(bytes)? };
        let kind = match cursor.byte()? {
            2 => Kind::Return,
            3 => Kind::Error,
            _ => Kind::Other,
        };
        let mut message = Self {
            kind,
            answers: None,
            error: None,
            signature: String::new(),
            little: cursor.little,
            body: Vec::new(),
        };
        cursor.at = 4;
        let length = usize::try_from(cursor.number()?).ok()?;
        cursor.at = 12;
        let end = usize::try_from(cursor.number()?).ok()?.checked_add(FIXED)?;
        while cursor.at < end {
            cursor.align(8);
            let code = cursor.byte()?;
            let signature = cursor.signature()?;
            match (code, signature.as_str()) {
                (4, "s") => message.error = Some(cursor.text()?),
                (5, "u") => message.answers = Some(cursor.number()?),
                (8, "g") => message.signature = cursor.signature()?,
                (_, "s" | "o") => drop(cursor.text()?),
                (_, "g") => drop(cursor.signature()?),
                (_, "u") => drop(cursor.number()?),
                _ => return None,
            }
        }
        cursor.align(8);
        message.body = bytes.get(cursor.at..cursor.at.checked_add(length)?)?.to_vec();
        Some(message)
    }

    /// The units that it lists.
    pub fn units(&self) -> Option<Vec<Unit>> {
        if self.signature != UNITS {
            return None;
        }
        let mut cursor = self.cursor();
        let length = usize::try_from(cursor.number()?).ok()?;
        cursor.align(8);
        let end = cursor.at.checked_add(length).filter(|end| *end <= self.body.len())?;
        let mut units = Vec::new();
        while cursor.at < end {
            cursor.align(8);
            let name = cursor.text()?;
            let _description = cursor.text()?;
            let unit = Unit { name, load: cursor.text()?, active: cursor.text()?, sub: cursor.text()? };
            // Whom it follows, its path, its job.
            let _ = (cursor.text()?, cursor.text()?, cursor.number()?, cursor.text()?, cursor.text()?);
            units.push(unit);
        }
        Some(units)
    }

    /// What an error says.
    pub(super) fn words(&self) -> String {
        let text = self.cursor().text().filter(|_| self.signature.starts_with('s'));
        text.or_else(|| self.error.clone()).unwrap_or_default()
    }

    fn cursor(&self) -> Cursor<'_> {
        Cursor { bytes: &self.body, at: 0, little: self.little }
    }
}

fn little(bytes: &[u8]) -> Option<bool> {
    match bytes.first()? {
        b'l' => Some(true),
        b'B' => Some(false),
        _ => None,
    }
}

/// How long a message is that begins so.
pub(super) fn length(fixed: &[u8]) -> Option<usize> {
    let mut cursor = Cursor { bytes: fixed, at: 4, little: little(fixed)? };
    let body = usize::try_from(cursor.number()?).ok()?;
    cursor.at = 12;
    let fields = usize::try_from(cursor.number()?).ok()?;
    FIXED.checked_add(fields)?.checked_next_multiple_of(8)?.checked_add(body)
}

/// Values one after the other, each at a multiple of its size.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    little: bool,
}

impl Cursor<'_> {
    const fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u32> {
        self.align(4);
        let bytes = self.bytes.get(self.at..self.at.checked_add(4)?)?.try_into().ok()?;
        self.at += 4;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn signature(&mut self) -> Option<String> {
        let length = self.byte()?.into();
        self.take(length)
    }

    /// So many bytes and the zero after them.
    fn take(&mut self, length: usize) -> Option<String> {
        let end = self.at.checked_add(length)?;
        let text = String::from_utf8_lossy(self.bytes.get(self.at..end)?).into_owned();
        self.at = end;
        (self.byte()? == 0).then_some(text)
    }
}

/// The call of a method: of an object, an interface and a name, to somebody, with a list of words.
pub(super) fn call(
    serial: u32,
    (path, interface, member): (&str, &str, &str),
    to: Option<&str>,
    words: Option<&[String]>,
) -> Vec<u8> {
    let mut body = Vec::new();
    for word in words.unwrap_or_default() {
        text(&mut body, word);
    }
    let mut fields = Vec::new();
    let named = [(1, "o", Some(path)), (2, "s", Some(interface)), (3, "s", Some(member)), (6, "s", to)];
    for (code, signature, value) in named {
        let Some(value) = value else { continue };
        align(&mut fields, 8);
        fields.extend([code, 1, signature.as_bytes()[0], 0]);
        text(&mut fields, value);
    }
    if words.is_some() {
        align(&mut fields, 8);
        fields.extend(*b"\x08\x01g\0\x02as\0");
    }
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    // The list's own length stands before it.
    let length = if words.is_some() { body.len() + 4 } else { 0 };
    // Nothing is to be started that does not run.
    let mut bytes = b"l\x01\x02\x01".to_vec();
    bytes.extend(number(length));
    bytes.extend(serial.to_le_bytes());
    bytes.extend(number(fields.len()));
    bytes.extend(fields);
    align(&mut bytes, 8);
    if words.is_some() {
        bytes.extend(number(body.len()));
        bytes.extend(body);
    }
    bytes
}

/// At a multiple of four, as the body is where it is alone: its length before it is one such.
fn text(bytes: &mut Vec<u8>, text: &str) {
    align(bytes, 4);
    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}
