//! Interfaces that programs ask: JSON by HTTP/1.1 over a socket of the file system, TCP or TLS, one question after the other on
//! one connection. It judges nothing.

use serde::de::DeserializeOwned;

use crate::deadline::Deadline;
use crate::http::url::bracketed;
use crate::http::{self, Request, Response, Wants};
use crate::net::{self, Family, Stream};
use crate::output::Stop;
use crate::state::State;
use crate::tls::{self, Certificate, Session};

/// Where a program listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file system.
    Socket(String),
    /// By TCP, and TLS where it is wanted.
    Host {
        /// A name or an address.
        name: String,
        /// The port.
        port: u16,
        /// Which of its addresses.
        family: Family,
        /// How TLS is to be spoken.
        tls: Option<Box<tls::Wanted>>,
    },
}

/// One program, and the connection to it while there is one.
#[derive(Debug)]
pub struct Api {
    place: Place,
    headers: Vec<String>,
    deadline: Deadline,
    open: Option<Connection>,
    certificate: Option<Certificate>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// What was asked for.
    pub path: String,
    /// The answer.
    pub response: Response,
}

/// Why there is no answer, or none that is of use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// No such name.
    #[error("{0}: Name or service not known")]
    NoSuchName(String),
    /// No connection.
    #[error("connect to {place}: {error}")]
    Connect {
        /// Where to.
        place: String,
        /// What the system says.
        error: net::Error,
    },
    /// No TLS.
    #[error("{place}: {error}")]
    Tls {
        /// With whom.
        place: String,
        /// What is wrong.
        error: tls::Error,
    },
    /// No answer.
    #[error("{path}: {error}")]
    Http {
        /// To what.
        path: String,
        /// What came instead.
        error: http::Error,
    },
    /// Another status than success.
    #[error("{path}: {line}{}{said}", if said.is_empty() { "" } else { ": " })]
    Status {
        /// Of what.
        path: String,
        /// The number; none where there is none.
        status: Option<u16>,
        /// The line of it.
        line: String,
        /// What the program says of it.
        said: String,
    },
    /// More than is read.
    #[error("{0}: an answer of more than {KEEP} bytes")]
    TooLong(String),
    /// Not what it should be.
    #[error("{path}: an answer that cannot be read: {error}")]
    Json {
        /// Of what.
        path: String,
        /// What is wrong.
        error: serde_json::Error,
    },
}

#[derive(Debug)]
enum Connection {
    Plain(Stream),
    Tls(Box<Session>),
}

/// A longer answer is none to a check.
const KEEP: usize = 16 << 20;
/// So much of what a program says of a fault is told.
const SAID: usize = 500;

impl Place {
    /// As texts show it.
    pub fn shown(&self) -> String {
        match self {
            Self::Socket(path) => path.clone(),
            Self::Host { name, port, .. } => format!("{}:{port}", bracketed(name)),
        }
    }

    fn connect(&self, deadline: Deadline) -> Result<Connection, Error> {
        let failed = |error| match error {
            net::Error::Expired => Error::Expired,
            error => Error::Connect { place: self.shown(), error },
        };
        match self {
            Self::Socket(path) => net::connect_socket(path, deadline).map(Connection::Plain).map_err(failed),
            Self::Host { name, port, family, tls } => {
                let addresses =
                    net::resolve(name, *port, *family, deadline).map_err(|error| match error {
                        net::resolve::Error::Expired => Error::Expired,
                        _ => Error::NoSuchName(name.clone()),
                    })?;
                let stream = net::connect(&addresses, deadline).map_err(|error| failed(error.last))?;
                let Some(wanted) = tls else { return Ok(Connection::Plain(stream)) };
                match tls::connect(stream, name, wanted) {
                    Ok(session) => Ok(Connection::Tls(Box::new(session))),
                    Err(tls::Error::Expired) => Err(Error::Expired),
                    Err(error) => Err(Error::Tls { place: self.shown(), error }),
                }
            }
        }
    }
}

impl Api {
    /// Asks nothing yet. The headers go with every question.
    pub fn new(place: Place, headers: Vec<String>, deadline: Deadline) -> Self {
        Self { place, headers, deadline, open: None, certificate: None }
    }

    /// The certificate that the other side has shown, once something was asked by TLS.
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Asks, whatever the status of the answer is.
    pub fn ask(&mut self, path: &str) -> Result<Answer, Error> {
        let kept = self.open.is_some();
        self.connect()?;
        let response = match self.exchange(path) {
            // It was left open, and the other side had enough of it.
            Err(http::Error::Empty | http::Error::Receive(_)) if kept => {
                self.open = None;
                self.connect()?;
                self.exchange(path)
            }
            other => other,
        };
        match response {
            Ok(response) if response.body.len() >= KEEP => Err(Error::TooLong(path.to_owned())),
            Ok(response) => Ok(Answer { path: path.to_owned(), response }),
            Err(http::Error::Expired { .. }) => Err(Error::Expired),
            Err(error) => Err(Error::Http { path: path.to_owned(), error }),
        }
    }

    /// Asks for what is JSON of this kind.
    pub fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Error> {
        self.ask(path)?.json()
    }

    /// Connects, unless it is connected.
    pub fn connect(&mut self) -> Result<(), Error> {
        if self.open.is_none() {
            let connection = self.place.connect(self.deadline)?;
            if let Connection::Tls(session) = &connection {
                let failed = |error| Error::Tls { place: self.place.shown(), error };
                self.certificate = Some(session.certificate().map_err(failed)?);
            }
            self.open = Some(connection);
        }
        Ok(())
    }

    fn exchange(&mut self, path: &str) -> Result<Response, http::Error> {
        let host = match &self.place {
            Place::Socket(_) => "localhost".to_owned(),
            place => place.shown(),
        };
        let mut headers = vec![format!("Host: {host}"), "Accept: application/json".to_owned()];
        headers.extend(self.headers.iter().cloned());
        let request = Request {
            method: "GET".to_owned(),
            target: path.to_owned(),
            version: "HTTP/1.1",
            headers,
            body: Vec::new(),
        };
        let wants = Wants { body: true, keep: KEEP };
        let exchanged = match self.open.as_mut() {
            Some(Connection::Plain(stream)) => http::exchange(stream, &request, wants, self.deadline),
            Some(Connection::Tls(session)) => {
                http::exchange(session.as_mut(), &request, wants, self.deadline)
            }
            None => Err(http::Error::Empty),
        };
        let response = exchanged?.response;
        let closes = response.header("connection").is_some_and(|word| word.eq_ignore_ascii_case("close"));
        if closes || !response.is_complete() {
            self.open = None;
        }
        Ok(response)
    }
}

impl Answer {
    /// The answer as JSON of this kind, if the status is one of success.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let answer = self.success()?;
        serde_json::from_slice(&answer.response.body)
            .map_err(|error| Error::Json { path: answer.path, error })
    }

    /// The answer, if its status is one of success.
    pub fn success(self) -> Result<Self, Error> {
        let status = self.response.status();
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return Ok(self);
        }
        let line = self.response.status_line();
        Err(Error::Status { path: self.path, status, line, said: said(&self.response.body) })
    }
}

impl Error {
    /// The number of a status that is none of success.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => *status,
            _ => None,
        }
    }

    /// The end of a check that cannot do without the answer, in a line that begins with the title.
    pub fn stop(self, title: &str) -> Stop {
        let state = match &self {
            Self::Expired => return Stop::Timeout,
            // That says nothing of the program, but of who asks.
            Self::Connect { error: net::Error::System(error), .. }
                if error.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                State::Unknown
            }
            _ => State::Critical,
        };
        Stop::with(state, format!("{title} {state} - {self}"))
    }
}

/// What a program says of a fault: the `message` of JSON, or the first line of a text.
fn said(body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = json.as_ref().and_then(|json| json.get("message")).and_then(|message| message.as_str());
    let text = String::from_utf8_lossy(body);
    let words = message.unwrap_or_else(|| text.lines().next().unwrap_or_default());
    words.trim().chars().take(SAID).collect()
}

#[cfg(test)]
mod tests;
