//! Questions of the domain name system, put to a server: by UDP, and by TCP what is too long for that.

use std::net::SocketAddr;
use std::time::Duration;

use super::Error as NetError;
use super::dns::{self, Message, Question};
use super::stream::{Stream, connect, connect_udp};
use crate::deadline::Deadline;
use crate::tls::Transport;

/// How to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By TCP from the start.
    pub tcp: bool,
    /// How often each address is asked.
    pub tries: u32,
    /// How long to wait for the answers of one try; until the time is over if none is said.
    pub wait: Option<Duration>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { tcp: false, tries: 1, wait: None }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What cannot be asked for.
    #[error("no such name can be asked for")]
    Question,
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// Nobody answers.
    #[error("no answer")]
    Silent,
    /// The connection fails, or the host says that nobody listens.
    #[error("{0}")]
    Network(NetError),
}

/// The answers to all questions, in their order, from the first address that gives them all.
pub fn ask(
    servers: &[SocketAddr],
    questions: &[Question],
    plan: &Plan,
    deadline: Deadline,
) -> Result<Vec<Message>, Error> {
    for _ in 0..plan.tries {
        // Those who say that nobody listens say it again: a next try is for those who say nothing.
        let (mut failed, mut silent) = (Error::Silent, false);
        for server in servers {
            let turn = plan.wait.map_or(deadline, |wait| deadline.within(wait));
            let answers = if plan.tcp {
                questions.iter().map(|question| by_tcp(*server, question, turn)).collect()
            } else {
                by_udp(*server, questions, turn)
            };
            match answers {
                Ok(answers) => return Ok(answers),
                Err(Error::Question) => return Err(Error::Question),
                Err(_) if deadline.remaining().is_err() => return Err(Error::Expired),
                Err(Error::Expired | Error::Silent) => silent = true,
                Err(error @ Error::Network(_)) => failed = error,
            }
        }
        if !silent {
            return Err(failed);
        }
    }
    Err(Error::Silent)
}

/// All questions at once, by one socket; by TCP what is too long for that.
fn by_udp(server: SocketAddr, questions: &[Question], deadline: Deadline) -> Result<Vec<Message>, Error> {
    let mut socket = connect_udp(&[server], deadline).map_err(|error| error.last)?;
    let mut answers = over_udp(&mut socket, questions)?;
    for (answer, question) in answers.iter_mut().zip(questions) {
        if answer.is_truncated() {
            *answer = by_tcp(server, question, deadline)?;
        }
    }
    Ok(answers)
}

fn by_tcp(server: SocketAddr, question: &Question, deadline: Deadline) -> Result<Message, Error> {
    let mut stream = connect(&[server], deadline).map_err(|error| error.last)?;
    over_tcp(&mut stream, question)
}

/// The answers as they come by a socket of UDP, in the order of their questions. What does not answer one of them is not
/// looked at.
pub fn over_udp(socket: &mut Stream, questions: &[Question]) -> Result<Vec<Message>, Error> {
    let base = random();
    let numbered: Vec<(u16, &Question)> = (0..).map(|n| base.wrapping_add(n)).zip(questions).collect();
    for (id, question) in &numbered {
        socket.send(&question.message(*id)?)?;
    }
    let mut answers: Vec<Option<Message>> = vec![None; questions.len()];
    let mut buffer = [0; 4096];
    while answers.iter().any(Option::is_none) {
        let length = socket.receive(&mut buffer)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        let Ok(message) = Message::parse(bytes) else { continue };
        let mine = |(id, question): &(u16, &Question)| message.answers(*id, &question.name, question.kind);
        let Some(at) = numbered.iter().position(mine) else { continue };
        answers[at] = Some(message);
    }
    Ok(answers.into_iter().flatten().collect())
}

/// The answer that comes in a connection, be it in TLS.
pub fn over_tcp(stream: &mut impl Transport, question: &Question) -> Result<Message, Error> {
    let id = random();
    let message = question.message(id)?;
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let said =
        stream.write_all(&[&length.to_be_bytes()[..], &message].concat()).and_then(|()| stream.flush());
    said.map_err(NetError::from)?;
    let mut length = [0; 2];
    read_all(stream, &mut length)?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    read_all(stream, &mut bytes)?;
    let message = Message::parse(&bytes).ok();
    message.filter(|message| message.answers(id, &question.name, question.kind)).ok_or(Error::Silent)
}

fn read_all(stream: &mut impl Transport, bytes: &mut [u8]) -> Result<(), Error> {
    Ok(stream.read_exact(bytes).map_err(NetError::from)?)
}

impl From<NetError> for Error {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Expired => Self::Expired,
            error => Self::Network(error),
        }
    }
}

impl From<dns::Error> for Error {
    fn from(_: dns::Error) -> Self {
        Self::Question
    }
}

/// A number that others cannot foresee, so that they cannot answer in the server's place.
fn random() -> u16 {
    let mut bytes = [0; 2];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    if filled.is_err() {
        let clock = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        bytes = u16::try_from(clock.tv_nsec & 0xffff).unwrap_or_default().to_ne_bytes();
    }
    u16::from_ne_bytes(bytes)
}
