//! The measuring: the conversation. It judges nothing but whether to go on.

use std::time::Instant;

use super::reply::{LONGEST, Reply};
use crate::http::request::base64;
use crate::net::{self, Stream};
use crate::output::Stop;
use crate::tls::{self, Session, Transport, Wanted, days};

/// What to say, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `HELO`, `EHLO` or `LHLO`.
    pub hello: &'static str,
    /// Who we say we are.
    pub name: String,
    /// Whether to begin with a line of the PROXY protocol.
    pub proxy: bool,
    /// Whether to speak TLS, and how.
    pub tls: Option<(Tls, Wanted)>,
    /// What is to be in the greeting or in the answer to the hello.
    pub expect: String,
    /// Whom mail is said to be from.
    pub from: Option<String>,
    /// More to say.
    pub commands: Vec<String>,
    /// With what to log in.
    pub login: Option<Login>,
    /// Whether it is no fault that the server has gone before the farewell.
    pub tolerant: bool,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// At once.
    First,
    /// After the hello, by `STARTTLS`.
    Later,
}

/// A login; what is missing is told only when it would be said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// `LOGIN`.
    pub kind: String,
    /// Who.
    pub user: Option<String>,
    /// With what.
    pub password: Option<String>,
}

/// Why a login fails, in 2.x's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginFault {
    /// The command line lacks the user.
    #[error("no authuser specified")]
    NoUser,
    /// The command line lacks the password.
    #[error("no authpass specified")]
    NoPassword,
    /// Another kind than is known.
    #[error("only authtype LOGIN is supported")]
    Kind,
    /// No answer to the beginning.
    #[error("recv() failed after AUTH LOGIN")]
    Silent,
    /// Another answer to it.
    #[error("invalid response received after AUTH LOGIN")]
    Refused,
    /// No answer to the user.
    #[error("recv() failed after sending authuser")]
    SilentUser,
    /// Another answer to it.
    #[error("invalid response received after authuser")]
    User,
    /// No answer to the password.
    #[error("recv() failed after sending authpass")]
    SilentPassword,
    /// Another answer to it.
    #[error("invalid response received after authpass")]
    Password,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// From before the connection to its end.
    pub seconds: f64,
    /// Everything the server said.
    pub heard: Vec<Reply>,
    /// Its answers to the commands, where it gave any.
    pub answers: Vec<Option<Reply>>,
    /// Why the login failed, if it did.
    pub login: Option<LoginFault>,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// No greeting, or no answer to the hello.
    #[error("no answer")]
    Silent,
    /// What is expected is in neither.
    #[error("another answer: {0}")]
    Unexpected(String),
    /// The server does not offer TLS.
    #[error("no TLS")]
    NoTls,
    /// It offers it, and then will not.
    #[error("TLS refused")]
    TlsRefused,
    /// It says nothing over TLS.
    #[error("no answer over TLS")]
    SilentTls,
    /// It has gone before the farewell.
    #[error("gone")]
    Closed,
    /// What TLS has to say of it, or of the certificate.
    #[error("TLS")]
    Stop(Stop),
}

/// What makes a server take the address of a proxy's client from a first line.
const PROXY: &str = "PROXY TCP4 0.0.0.0 0.0.0.0 25 25\r\n";

/// Holds the conversation.
pub fn measure(mut stream: Stream, host: &str, probe: &Probe, start: Instant) -> Result<Measured, Error> {
    if probe.proxy {
        expired(stream.send(PROXY.as_bytes()))?;
    }
    let first = match &probe.tls {
        Some((Tls::First, wanted)) => {
            let session = secure(stream, host, wanted)?;
            judge_days(&session, wanted)?;
            return converse(Talk::new(session), probe, start);
        }
        Some((Tls::Later, wanted)) => Some(wanted),
        None => None,
    };
    let mut talk = Talk::new(stream);
    let Some(wanted) = first else { return converse(talk, probe, start) };
    let greeting = talk.hear()?.ok_or(Error::Silent)?;
    let hello = talk.hello(probe)?.ok_or(Error::Silent)?;
    if !hello.offers("STARTTLS") {
        talk.quit(true)?;
        return Err(Error::NoTls);
    }
    if !talk.ask("STARTTLS")?.is_some_and(|reply| reply.text().contains("220")) {
        talk.quit(true)?;
        return Err(Error::TlsRefused);
    }
    // What was said before in plain is forgotten, but for the greeting.
    let mut talk = Talk::new(secure(talk.transport, host, wanted)?);
    talk.heard.push(greeting);
    let hello = talk.hello(probe)?.ok_or(Error::SilentTls)?;
    if let Err(error) = judge_days(&talk.transport, wanted) {
        talk.quit(true)?;
        return Err(error);
    }
    go_on(talk, &hello, probe, start)
}

fn secure(stream: Stream, host: &str, wanted: &Wanted) -> Result<Session, Error> {
    tls::connect(stream, host, wanted).map_err(|error| Error::Stop(error.into()))
}

/// As in 2.x the certificate is all there is to say, where days are asked for.
fn judge_days(session: &Session, wanted: &Wanted) -> Result<(), Error> {
    let Some(limits) = wanted.days else { return Ok(()) };
    let certificate = session.certificate().map_err(|error| Error::Stop(error.into()))?;
    Err(Error::Stop(days::judge(&certificate, limits, days::now()).output().into()))
}

fn converse(mut talk: Talk<impl Transport>, probe: &Probe, start: Instant) -> Result<Measured, Error> {
    talk.hear()?.ok_or(Error::Silent)?;
    let hello = talk.hello(probe)?.ok_or(Error::Silent)?;
    go_on(talk, &hello, probe, start)
}

fn go_on(
    mut talk: Talk<impl Transport>,
    hello: &Reply,
    probe: &Probe,
    start: Instant,
) -> Result<Measured, Error> {
    let greeting = talk.heard.first().map(Reply::text).unwrap_or_default();
    let both = format!("{greeting}\r\n{}", hello.text());
    if !both.contains(&probe.expect) {
        return Err(Error::Unexpected(both));
    }
    if let Some(from) = &probe.from {
        talk.ask(&format!("MAIL FROM:<{from}>"))?;
    }
    let mut answers = Vec::new();
    for command in &probe.commands {
        answers.push(talk.ask(command)?);
    }
    let login = match &probe.login {
        Some(login) => log_in(&mut talk, login)?,
        None => None,
    };
    talk.quit(probe.tolerant)?;
    let heard = std::mem::take(&mut talk.heard);
    drop(talk);
    Ok(Measured { seconds: start.elapsed().as_secs_f64(), heard, answers, login })
}

fn log_in(talk: &mut Talk<impl Transport>, login: &Login) -> Result<Option<LoginFault>, Error> {
    if login.kind != "LOGIN" {
        return Ok(Some(LoginFault::Kind));
    }
    let Some(user) = &login.user else { return Ok(Some(LoginFault::NoUser)) };
    let Some(password) = &login.password else { return Ok(Some(LoginFault::NoPassword)) };
    let steps = [
        ("AUTH LOGIN".to_owned(), "334", LoginFault::Silent, LoginFault::Refused),
        (base64(user.as_bytes()), "334", LoginFault::SilentUser, LoginFault::User),
        (base64(password.as_bytes()), "235", LoginFault::SilentPassword, LoginFault::Password),
    ];
    for (say, code, silent, other) in steps {
        match talk.ask(&say)? {
            None => return Ok(Some(silent)),
            Some(reply) if !reply.begins(code) => return Ok(Some(other)),
            Some(_) => {}
        }
    }
    Ok(None)
}

/// One side of a conversation.
struct Talk<T> {
    transport: T,
    /// Read, and not yet taken for an answer.
    ahead: Vec<u8>,
    heard: Vec<Reply>,
}

impl<T: Transport> Talk<T> {
    const fn new(transport: T) -> Self {
        Self { transport, ahead: Vec::new(), heard: Vec::new() }
    }

    /// Says a line; that nobody hears it shows in the answer.
    fn say(&mut self, line: &str) -> Result<(), net::Error> {
        self.transport.write_all(format!("{line}\r\n").as_bytes())?;
        Ok(self.transport.flush()?)
    }

    fn ask(&mut self, line: &str) -> Result<Option<Reply>, Error> {
        expired(self.say(line))?;
        self.hear()
    }

    fn hello(&mut self, probe: &Probe) -> Result<Option<Reply>, Error> {
        self.ask(&format!("{} {}", probe.hello, probe.name))
    }

    /// The next answer; none if the other side ends, breaks off, or does not come to an end of it.
    fn hear(&mut self) -> Result<Option<Reply>, Error> {
        let mut buffer = [0; 4096];
        loop {
            if let Some((reply, length)) = Reply::take(&self.ahead) {
                self.ahead.drain(..length);
                self.heard.push(reply.clone());
                return Ok(Some(reply));
            }
            let read = match self.transport.read(&mut buffer).map_err(net::Error::from) {
                Ok(read) => read,
                Err(net::Error::Expired) => return Err(Error::Expired),
                Err(net::Error::System(_)) => 0,
            };
            if read == 0 || self.ahead.len() >= LONGEST {
                return Ok(None);
            }
            self.ahead.extend_from_slice(&buffer[..read]);
        }
    }

    fn quit(&mut self, tolerant: bool) -> Result<(), Error> {
        match self.say("QUIT") {
            Ok(()) => self.hear().map(drop),
            Err(net::Error::Expired) => Err(Error::Expired),
            Err(net::Error::System(_)) if tolerant => Ok(()),
            Err(net::Error::System(_)) => Err(Error::Closed),
        }
    }
}

fn expired(result: Result<(), net::Error>) -> Result<(), Error> {
    match result {
        Err(net::Error::Expired) => Err(Error::Expired),
        Ok(()) | Err(net::Error::System(_)) => Ok(()),
    }
}
