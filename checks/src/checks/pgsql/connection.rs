//! The measuring: a connection, a login, a query.

use super::message::{Message, message, startup};
use super::scram::Scram;
use crate::deadline::Deadline;
use crate::net::talk::{Error, Talk};
use crate::net::{self, Family, Stream};
use crate::tls::{self, Transport, Verify};

/// Where a server is, and who asks it for what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// A name, an address, or the directory of a socket.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) tls: Tls,
    /// What libpq calls `options`.
    pub(super) options: Option<String>,
}

/// Whether TLS is spoken, by libpq's `sslmode`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Tls {
    Never,
    /// If the server will.
    #[default]
    Perhaps,
    /// With what is to be true of the certificate.
    Always(Option<Verify>),
}

/// A connection that is logged in.
pub(super) struct Connection {
    talk: Talk<Box<dyn Transport>>,
}

/// What a query gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// None of what is no query.
    pub(super) columns: Option<usize>,
    pub(super) count: u64,
    /// Of the first row the first column.
    pub(super) first: Option<Vec<u8>>,
}

/// Why there is none of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Talk(#[from] Error),
    #[error("{0}\n\tIs the server running {1}?")]
    Connect(net::Error, &'static str),
    #[error("{0}")]
    Tls(tls::Error),
    #[error("server does not support SSL, but SSL was required")]
    NoTls,
    #[error("fe_sendauth: no password supplied")]
    NoPassword,
    #[error("authentication method {0} not supported")]
    Method(i32),
    #[error("the server does not know the password either")]
    Impostor,
    #[error("{0}")]
    Refused(String),
}

impl Connection {
    /// Connects and logs in.
    pub(super) fn open(place: &Place, deadline: Deadline) -> Result<Self, Fault> {
        let stream = connect(place, deadline)?;
        let mut connection = Self { talk: Talk::new(secure(stream, place)?) };
        let mut pairs = vec![("user", place.user.as_str()), ("database", place.database.as_str())];
        pairs.push(("application_name", "check_pgsql"));
        pairs.extend(place.options.as_deref().map(|options| ("options", options)));
        connection.talk.say(&startup(&pairs))?;
        connection.log_in(place)?;
        while connection.hear()?.kind != b'Z' {}
        Ok(connection)
    }

    /// Asks, and hears the answer out; of its rows only the first is kept.
    pub(super) fn query(&mut self, query: &str) -> Result<Rows, Fault> {
        self.talk.say(&message(b'Q', &[query.as_bytes(), b"\0"].concat()))?;
        let mut rows = Rows::default();
        loop {
            let message = self.hear()?;
            match message.kind {
                b'Z' => return Ok(rows),
                b'T' => rows = Rows { columns: message.columns(), ..Rows::default() },
                b'D' => {
                    if rows.count == 0 {
                        rows.first = message.first_column().map(<[u8]>::to_vec);
                    }
                    rows.count += 1;
                }
                _ => {}
            }
        }
    }

    fn log_in(&mut self, place: &Place) -> Result<(), Fault> {
        let password = || place.password.as_deref().ok_or(Fault::NoPassword);
        let mut expected = None;
        let mut scram = None;
        loop {
            let message = self.hear()?;
            if message.kind != b'R' {
                return Err(Error::Unreadable.into());
            }
            let text = || String::from_utf8_lossy(message.body.get(4..).unwrap_or_default()).into_owned();
            match message.number(0).ok_or(Error::Unreadable)? {
                0 => return Ok(()),
                3 => self.say(&[password()?.as_bytes(), b"\0"].concat())?,
                10 if text().split('\0').any(|name| name == "SCRAM-SHA-256") => {
                    let begun = Scram::new(password()?, &nonce());
                    let first = begun.begin();
                    let length = u32::try_from(first.len()).unwrap_or(u32::MAX).to_be_bytes();
                    self.say(&[b"SCRAM-SHA-256\0", &length[..], first.as_bytes()].concat())?;
                    scram = Some(begun);
                }
                11 => {
                    let answer = scram.as_ref().and_then(|scram| scram.answer(&text()));
                    let (say, wanted) = answer.ok_or(Error::Unreadable)?;
                    self.say(say.as_bytes())?;
                    expected = Some(wanted);
                }
                12 if expected.as_ref() == Some(&text()) => {}
                12 => return Err(Fault::Impostor),
                other => return Err(Fault::Method(other)),
            }
        }
    }

    fn say(&mut self, body: &[u8]) -> Result<(), Fault> {
        Ok(self.talk.say(&message(b'p', body))?)
    }

    /// The next message that is no notice; an error is one here too.
    fn hear(&mut self) -> Result<Message, Fault> {
        loop {
            let message = self.talk.hear(Message::take)?;
            match message.kind {
                b'E' => return Err(Fault::Refused(message.error())),
                b'N' | b'S' | b'A' | b'K' => {}
                _ => return Ok(message),
            }
        }
    }
}

impl Fault {
    /// What stands before it, as libpq says it.
    pub(super) fn place(&self, place: &Place) -> String {
        let Place { host, port, .. } = place;
        match host.starts_with('/') {
            true => format!("connection to server on socket \"{host}/.s.PGSQL.{port}\" failed: "),
            false => format!("connection to server at \"{host}\", port {port} failed: "),
        }
    }
}

fn connect(place: &Place, deadline: Deadline) -> Result<Stream, Fault> {
    let fault = |error: net::Error, words| match error {
        net::Error::Expired => Fault::Talk(Error::Expired),
        error => Fault::Connect(error, words),
    };
    if place.host.starts_with('/') {
        let path = format!("{}/.s.PGSQL.{}", place.host, place.port);
        let words = "locally and accepting connections on that socket";
        return net::connect_socket(&path, deadline).map_err(|error| fault(error, words));
    }
    let words = "on that host and accepting TCP/IP connections";
    let addresses = net::resolve(&place.host, place.port, Family::Any, deadline);
    let addresses = addresses.map_err(|error| match error {
        net::resolve::Error::Expired => Fault::Talk(Error::Expired),
        error => Fault::Refused(error.to_string()),
    })?;
    net::connect(&addresses, deadline).map_err(|failed| fault(failed.last, words))
}

/// By a socket in the file system TLS is never spoken.
fn secure(mut stream: Stream, place: &Place) -> Result<Box<dyn Transport>, Fault> {
    if place.tls == Tls::Never || place.host.starts_with('/') {
        return Ok(Box::new(stream));
    }
    let asked = tls::start::Start::Postgres.say(&mut stream);
    match (asked, &place.tls) {
        (Ok(()), wanted) => {
            let verify = if let Tls::Always(verify) = wanted { verify.clone() } else { None };
            let wanted = tls::Wanted { verify, ..tls::Wanted::default() };
            let session = tls::connect(stream, &place.host, &wanted).map_err(|error| match error {
                tls::Error::Expired => Fault::Talk(Error::Expired),
                error => Fault::Tls(error),
            })?;
            Ok(Box::new(session))
        }
        (Err(tls::start::Failed::Net(net::Error::Expired)), _) => Err(Fault::Talk(Error::Expired)),
        (Err(tls::start::Failed::Net(net::Error::System(error))), _) => Err(Error::System(error).into()),
        (Err(tls::start::Failed::Refused(word)), Tls::Always(_)) if word == "N" => Err(Fault::NoTls),
        (Err(tls::start::Failed::Refused(word)), _) if word == "N" => Ok(Box::new(stream)),
        (Err(tls::start::Failed::Refused(_)), _) => Err(Error::Unreadable.into()),
    }
}

fn nonce() -> [u8; 18] {
    let mut bytes = [0; 18];
    // Without any the login fails by itself: the server adds its own.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes
}
