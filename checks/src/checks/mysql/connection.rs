//! The measuring: a connection, a login, and what a server says to commands.

use super::login::{Answer, Method};
use super::packet::{self, Greeting, Packet, Reader, Reply};
use crate::deadline::Deadline;
use crate::net::talk::{Error, Talk};
use crate::net::{self, Family, Stream};
use crate::tls::{self, Transport};

/// Where a server is, and who asks it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::checks) struct Place {
    /// A name or an address; of `localhost` and of nothing the socket.
    pub(in crate::checks) host: String,
    pub(in crate::checks) port: u16,
    pub(in crate::checks) socket: String,
    pub(in crate::checks) user: String,
    pub(in crate::checks) password: String,
    pub(in crate::checks) database: String,
    /// How TLS has to be spoken, if it has to.
    pub(in crate::checks) tls: Option<tls::Wanted>,
}

/// A connection that is logged in.
pub(in crate::checks) struct Connection {
    talk: Talk<Box<dyn Transport>>,
    /// Of the next packet.
    number: u8,
    /// Whether nobody else hears what is said.
    private: bool,
    /// Who never stops to talk is never waited for.
    deadline: Deadline,
}

/// What a query gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::checks) struct Rows {
    /// None of what is no query.
    pub(in crate::checks) columns: Option<Vec<String>>,
    /// The first of them.
    pub(in crate::checks) kept: Vec<Vec<Option<Vec<u8>>>>,
}

/// Why there is none of it.
#[derive(Debug, thiserror::Error)]
pub(in crate::checks) enum Fault {
    #[error("{0}")]
    Talk(#[from] Error),
    #[error("Can't connect to {0}")]
    Connect(String),
    #[error("TLS/SSL error: {0}")]
    Tls(tls::Error),
    #[error("TLS/SSL error: SSL is required, but the server does not support it")]
    NoTls,
    #[error("Authentication method '{0}' is not supported")]
    Method(String),
    #[error(
        "The password would go over the network as it is: the server has to speak TLS, or a socket be used"
    )]
    InPublic,
    #[error("Protocol mismatch. Server Version = {0} Client Version = 10")]
    Protocol(u8),
    /// The server does not know who logs in, but it is one: of this version.
    #[error("{text}")]
    Denied { text: String, version: String },
    #[error("{text}")]
    Refused { code: u16, text: String },
}

/// The bytes of the rows that are kept of an answer.
const MOST: usize = 1 << 20;
/// As many as there may be, in MySQL and in MariaDB.
const MOST_COLUMNS: u64 = 4096;
/// MySQL's and MariaDB's: no password is known for the user, or another one.
const DENIED: [u16; 2] = [1045, 1698];
/// What stands for utf8mb4 in a login.
const CHARSET: u8 = 45;

impl Connection {
    /// Connects and logs in. A login that has to say the password itself is made over TLS, where the server speaks it.
    pub(in crate::checks) fn open(place: &Place, deadline: Deadline) -> Result<Self, Fault> {
        match Self::attempt(place, place.tls.as_ref(), deadline) {
            Err(Fault::InPublic) if place.tls.is_none() => {
                match Self::attempt(place, Some(&tls::Wanted::default()), deadline) {
                    Err(Fault::NoTls) => Err(Fault::InPublic),
                    connected => connected,
                }
            }
            connected => connected,
        }
    }

    /// What the server says of itself in a line.
    pub(in crate::checks) fn statistics(&mut self) -> Result<String, Fault> {
        self.command(b"\x09")?;
        let body = self.hear()?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Asks, and hears the answer out.
    pub(in crate::checks) fn query(&mut self, query: &str) -> Result<Rows, Fault> {
        self.command(&[b"\x03", query.as_bytes()].concat())?;
        let head = self.hear()?;
        if head.first() == Some(&0) {
            return Ok(Rows::default());
        }
        let count = Reader(&head).count().filter(|count| (1..=MOST_COLUMNS).contains(count));
        let mut columns = Vec::new();
        for _ in 0..count.ok_or(Error::Unreadable)? {
            columns.push(packet::column_name(&self.hear()?).ok_or(Error::Unreadable)?);
        }
        if !packet::is_end(&self.hear()?) {
            return Err(Error::Unreadable.into());
        }
        let (mut kept, mut bytes) = (Vec::new(), 0);
        loop {
            let body = self.hear()?;
            if packet::is_end(&body) {
                return Ok(Rows { columns: Some(columns), kept });
            }
            let row = packet::row(&body, columns.len()).ok_or(Error::Unreadable)?;
            if bytes < MOST {
                bytes += body.len().max(columns.len());
                kept.push(row);
            }
        }
    }

    fn attempt(place: &Place, wanted: Option<&tls::Wanted>, deadline: Deadline) -> Result<Self, Fault> {
        let (stream, local) = connect(place, deadline)?;
        let mut talk = Talk::new(stream);
        let first = talk.hear(Packet::take)?;
        let greeting = greeting(&first)?;
        let capabilities = capabilities(place, wanted.is_some());
        let mut connection = match wanted {
            None => Self {
                talk: Talk::new(Box::new(talk.into_inner())),
                number: first.number,
                private: local,
                deadline,
            },
            Some(_) if greeting.capabilities & packet::TLS == 0 => return Err(Fault::NoTls),
            Some(wanted) => {
                let number = first.number.wrapping_add(1);
                talk.say(&Packet { number, body: login_head(capabilities) }.to_bytes())?;
                let session = tls::connect(talk.into_inner(), &place.host, wanted);
                let session = session.map_err(|error| match error {
                    tls::Error::Expired => Fault::Talk(Error::Expired),
                    error => Fault::Tls(error),
                })?;
                Self { talk: Talk::new(Box::new(session)), number, private: true, deadline }
            }
        };
        connection.log_in(place, &greeting, capabilities)?;
        Ok(connection)
    }

    fn log_in(&mut self, place: &Place, greeting: &Greeting, capabilities: u32) -> Result<(), Fault> {
        // Of a method that is not known here the server is told another, and says which it wants.
        let mut method = Method::by_name(&greeting.method).unwrap_or(Method::Native);
        let answer = self.answer(method, place, &greeting.nonce)?;
        self.say(&login(place, capabilities, method, &answer))?;
        loop {
            let body = self.next()?;
            match Reply::parse(&body).ok_or(Error::Unreadable)? {
                Reply::Done => return Ok(()),
                Reply::Refused { code, text } if DENIED.contains(&code) => {
                    return Err(Fault::Denied { text, version: greeting.version.clone() });
                }
                Reply::Refused { code, text } => return Err(Fault::Refused { code, text }),
                Reply::Switch { method: name, nonce } => {
                    method = Method::by_name(&name).ok_or(Fault::Method(name))?;
                    let answer = self.answer(method, place, &nonce)?;
                    self.say(&answer)?;
                }
                // The server has the password's hash at hand, or does not.
                Reply::More(more) if method == Method::CachingSha2 && more == [3] => {}
                Reply::More(more) if method == Method::CachingSha2 && more == [4] => {
                    let password = self.in_private(place)?;
                    self.say(&password)?;
                }
                Reply::More(_) => return Err(Error::Unreadable.into()),
            }
        }
    }

    fn answer(&self, method: Method, place: &Place, nonce: &[u8]) -> Result<Vec<u8>, Fault> {
        match method.answer(&place.password, nonce) {
            Answer::Say(bytes) => Ok(bytes),
            Answer::InPrivate => self.in_private(place),
        }
    }

    fn in_private(&self, place: &Place) -> Result<Vec<u8>, Fault> {
        let password = [place.password.as_bytes(), b"\0"].concat();
        if self.private { Ok(password) } else { Err(Fault::InPublic) }
    }

    fn command(&mut self, body: &[u8]) -> Result<(), Fault> {
        self.number = u8::MAX;
        self.say(body)
    }

    fn say(&mut self, body: &[u8]) -> Result<(), Fault> {
        self.number = self.number.wrapping_add(1);
        Ok(self.talk.say(&Packet { number: self.number, body: body.to_vec() }.to_bytes())?)
    }

    fn next(&mut self) -> Result<Vec<u8>, Fault> {
        self.deadline.remaining().map_err(|_| Error::Expired)?;
        let packet = self.talk.hear(Packet::take)?;
        self.number = self.number.wrapping_add(1);
        if packet.number == self.number { Ok(packet.body) } else { Err(Error::Unreadable.into()) }
    }

    /// The next packet of an answer; an error is one here too.
    fn hear(&mut self) -> Result<Vec<u8>, Fault> {
        let body = self.next()?;
        match Reply::parse(&body) {
            Some(Reply::Refused { code, text }) => Err(Fault::Refused { code, text }),
            _ => Ok(body),
        }
    }
}

impl Place {
    /// Whether the server is asked for by its socket.
    pub(in crate::checks) fn is_local(&self) -> bool {
        self.host.is_empty() || self.host == "localhost"
    }
}

/// A server that takes nobody says so instead.
fn greeting(packet: &Packet) -> Result<Greeting, Fault> {
    if let Some(Reply::Refused { code, text }) = Reply::parse(&packet.body) {
        return Err(Fault::Refused { code, text });
    }
    match (packet.number, packet.body.first()) {
        (0, Some(10)) => Ok(Greeting::parse(&packet.body).ok_or(Error::Unreadable)?),
        (0, Some(version @ 1..=9)) => Err(Fault::Protocol(*version)),
        _ => Err(Error::Unreadable.into()),
    }
}

const fn capabilities(place: &Place, tls: bool) -> u32 {
    let database = if place.database.is_empty() { 0 } else { packet::WITH_DATABASE };
    packet::USUAL | packet::METHODS | database | if tls { packet::TLS } else { 0 }
}

/// What a login begins with, and all that is said of it before TLS.
fn login_head(capabilities: u32) -> Vec<u8> {
    const LONGEST: u32 = 1 << 24;
    [&capabilities.to_le_bytes()[..], &LONGEST.to_le_bytes(), &[CHARSET], &[0; 23]].concat()
}

fn login(place: &Place, capabilities: u32, method: Method, answer: &[u8]) -> Vec<u8> {
    let mut body = login_head(capabilities);
    body.extend_from_slice(place.user.as_bytes());
    body.push(0);
    // No first answer is that long but a password said in private, which then is asked for again.
    let answer = if answer.len() < 251 { answer } else { &[] };
    body.push(answer.len() as u8);
    body.extend_from_slice(answer);
    if capabilities & packet::WITH_DATABASE != 0 {
        body.extend_from_slice(place.database.as_bytes());
        body.push(0);
    }
    body.extend_from_slice(method.name().as_bytes());
    body.push(0);
    body
}

/// A connection, and whether it is by a socket.
fn connect(place: &Place, deadline: Deadline) -> Result<(Stream, bool), Fault> {
    let fault = |error: net::Error, what: String| match error {
        net::Error::Expired => Fault::Talk(Error::Expired),
        net::Error::System(error) => {
            Fault::Connect(format!("{what} ({})", error.raw_os_error().unwrap_or_default()))
        }
    };
    if place.is_local() {
        let what = || format!("local server through socket '{}'", place.socket);
        let stream = net::connect_socket(&place.socket, deadline).map_err(|error| fault(error, what()))?;
        return Ok((stream, true));
    }
    let addresses = net::resolve(&place.host, place.port, Family::Any, deadline);
    let addresses = addresses.map_err(|error| match error {
        net::resolve::Error::Expired => Fault::Talk(Error::Expired),
        error => Fault::Connect(format!("server on '{}': {error}", place.host)),
    })?;
    let what = || format!("server on '{}'", place.host);
    let stream = net::connect(&addresses, deadline).map_err(|failed| fault(failed.last, what()))?;
    Ok((stream, false))
}

#[cfg(test)]
mod tests;
