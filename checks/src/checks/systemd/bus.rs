//! As much of D-Bus as asking systemd for its units takes: one method at a time, answered by a list of units, a value or an error.

mod wire;

use std::io::{Read as _, Write as _};

use crate::deadline::Deadline;
use crate::net::{self, Stream};

use self::wire::Kind;
pub use self::wire::{Given, Message, Unit, Value};

/// A connection that has been let in.
#[derive(Debug)]
pub struct Bus {
    stream: Stream,
    serial: u32,
    /// Whether there is a bus between, that has to be greeted and told whom a message is for.
    is_bus: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// The connection.
    #[error("{0}")]
    Connection(String),
    /// The bus or systemd refuses.
    #[error("{0}")]
    Refused(String),
    /// What it says cannot be read.
    #[error("not an answer of D-Bus: {0}")]
    Garbled(&'static str),
}

const SYSTEMD: &str = "org.freedesktop.systemd1";
/// The object that is systemd itself.
pub const MANAGER: &str = "/org/freedesktop/systemd1";
/// The longest message that is read: of more units than any host has.
const LONGEST: usize = 4 << 20;
/// The most messages that are no answer to the question.
const SIGNALS: usize = 1000;

impl From<net::Error> for Error {
    fn from(error: net::Error) -> Self {
        match error {
            net::Error::Expired => Self::Expired,
            error => Self::Connection(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::TimedOut {
            Self::Expired
        } else {
            Self::Connection(crate::words(&error))
        }
    }
}

impl Bus {
    /// Connects to a bus, or to systemd's own socket.
    pub fn connect(path: &str, deadline: Deadline) -> Result<Self, Error> {
        let mut stream = net::connect_socket(path, deadline)?;
        let user = rustix::process::geteuid().as_raw().to_string();
        let hex: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        // Not one after the other: of what comes together with BEGIN, systemd leaves the message lying.
        stream.write_all(format!("\0AUTH EXTERNAL {hex}\r\nBEGIN\r\n").as_bytes())?;
        let line = line(&mut stream)?;
        if !line.starts_with("OK ") {
            return Err(Error::Refused(line));
        }
        let mut bus = Self { stream, serial: 0, is_bus: !path.ends_with("/private") };
        if bus.is_bus {
            let place = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello");
            bus.call(place, "org.freedesktop.DBus", Given::Nothing)?;
        }
        Ok(bus)
    }

    /// The units that a method of systemd's manager gives for this.
    pub fn list(&mut self, method: &str, given: Given<'_>) -> Result<Vec<Unit>, Error> {
        let answer = self.call((MANAGER, "org.freedesktop.systemd1.Manager", method), SYSTEMD, given)?;
        answer.units().ok_or(Error::Garbled("no list of units"))
    }

    /// A property of an object of systemd's, of the last part of an interface's name; `None` if it has none that is a text or a
    /// number.
    pub fn property(&mut self, path: &str, interface: &str, name: &str) -> Result<Option<Value>, Error> {
        let interface = format!("{SYSTEMD}.{interface}");
        let place = (path, "org.freedesktop.DBus.Properties", "Get");
        match self.call(place, SYSTEMD, Given::Pair(&interface, name)) {
            Ok(answer) => Ok(answer.value()),
            // Its unit may be gone by now, or systemd too old to know this.
            Err(Error::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn call(&mut self, place: (&str, &str, &str), to: &str, given: Given<'_>) -> Result<Message, Error> {
        self.serial += 1;
        let to = self.is_bus.then_some(to);
        self.stream.write_all(&wire::call(self.serial, place, to, given))?;
        for _ in 0..SIGNALS {
            let message = self.message()?;
            if message.answers != Some(self.serial) {
                continue;
            }
            return match message.kind {
                Kind::Error => Err(Error::Refused(message.words())),
                _ => Ok(message),
            };
        }
        Err(Error::Garbled("no end of signals"))
    }

    fn message(&mut self) -> Result<Message, Error> {
        let mut bytes = vec![0; wire::FIXED];
        self.stream.read_exact(&mut bytes)?;
        let length = wire::length(&bytes).filter(|length| *length <= LONGEST);
        bytes.resize(length.ok_or(Error::Garbled("no header"))?, 0);
        self.stream.read_exact(bytes.get_mut(wire::FIXED..).unwrap_or_default())?;
        Message::parse(&bytes).ok_or(Error::Garbled("no message"))
    }
}

/// What is said before messages are.
fn line(stream: &mut Stream) -> Result<String, Error> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\r\n") && line.len() < 1024 {
        stream.read_exact(&mut byte)?;
        line.extend(byte);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
