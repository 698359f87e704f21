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
    /// The object that it is.
    pub path: String,
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number that is never below zero.
    Number(u64),
}

/// What a method is given.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// Nothing.
    Nothing,
    /// A list of words.
    List(&'a [String]),
    /// Two words.
    Pair(&'a str, &'a str),
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
            let (load, active, sub) = (cursor.text()?, cursor.text()?, cursor.text()?);
            let _follows = cursor.text()?;
            let path = cursor.text()?;
            let _job = (cursor.number()?, cursor.text()?, cursor.text()?);
            units.push(Unit { name, load, active, sub, path });
        }
        Some(units)
    }

    /// The value that it is, if it is a text or a number.
    pub fn value(&self) -> Option<Value> {
        let mut cursor = self.cursor();
        if self.signature != "v" {
            return None;
        }
        match cursor.signature()?.as_str() {
            "s" | "o" => cursor.text().map(Value::Text),
            "u" | "b" => cursor.number().map(|number| Value::Number(number.into())),
            "t" => cursor.long().map(Value::Number),
            _ => None,
        }
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

    fn long(&mut self) -> Option<u64> {
        self.align(8);
        let bytes = self.bytes.get(self.at..self.at.checked_add(8)?)?.try_into().ok()?;
        self.at += 8;
        Some(if self.little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
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

impl Given<'_> {
    fn signature(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::List(_) => "as",
            Self::Pair(..) => "ss",
        }
    }

    fn body(self) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::Nothing => {}
            Self::List(words) => {
                // The list's own length stands before it.
                body.extend([0; 4]);
                words.iter().for_each(|word| text(&mut body, word));
                let length = number(body.len() - 4);
                body[..4].copy_from_slice(&length);
            }
            Self::Pair(first, second) => [first, second].iter().for_each(|word| text(&mut body, word)),
        }
        body
    }
}

/// The call of a method: of an object, an interface and a name, to somebody, and what it is given.
pub(super) fn call(
    serial: u32,
    (path, interface, member): (&str, &str, &str),
    to: Option<&str>,
    given: Given<'_>,
) -> Vec<u8> {
    let (body, signature) = (given.body(), given.signature());
    let mut fields = Vec::new();
    let named = [(1, "o", Some(path)), (2, "s", Some(interface)), (3, "s", Some(member)), (6, "s", to)];
    for (code, kind, value) in named {
        let Some(value) = value else { continue };
        align(&mut fields, 8);
        fields.extend([code, 1, kind.as_bytes()[0], 0]);
        text(&mut fields, value);
    }
    if !signature.is_empty() {
        align(&mut fields, 8);
        fields.extend(*b"\x08\x01g\0");
        fields.push(signature.len() as u8);
        fields.extend(signature.as_bytes());
        fields.push(0);
    }
    // Nothing is to be started that does not run.
    let mut bytes = b"l\x01\x02\x01".to_vec();
    bytes.extend(number(body.len()));
    bytes.extend(serial.to_le_bytes());
    bytes.extend(number(fields.len()));
    bytes.extend(fields);
    align(&mut bytes, 8);
    bytes.extend(body);
    bytes
}

fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// At a multiple of four.
fn text(bytes: &mut Vec<u8>, text: &str) {
    align(bytes, 4);
    bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}
