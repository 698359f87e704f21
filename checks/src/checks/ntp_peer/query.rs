//! The measuring: the list of a server's sources, and of the chosen one, or of the candidates, what is known of it.

use std::time::Duration;

use crate::deadline::Deadline;
use crate::net::ntp::ALARM;
use crate::net::ntp::control::{Answer, Part, Peer, READSTAT, READVAR, peers, request, variable};
use crate::net::{self, Stream};

/// From this selection on a source agrees with the others.
const TRUECHIMER: u8 = 2;
/// From this one on it is a candidate.
const INCLUDED: u8 = 4;
/// From this one on it is the source.
const SOURCE: u8 = 6;
/// How long an answer is waited for before the question is put again.
const AGAIN: Duration = Duration::from_secs(1);
/// Candidates that are asked, where there is no source.
const MOST: usize = 64;
/// What is asked for, and what older servers know instead: the next one after an error.
const VARIABLES: [&str; 3] = ["stratum,offset,jitter", "stratum,offset,dispersion", ""];

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// Whether the server has chosen a source.
    pub synchronised: bool,
    /// Whether it says of itself that it has no time.
    pub alarm: bool,
    /// Sources that agree.
    pub truechimers: u32,
    /// The source, or the best of the candidates.
    pub source: Source,
}

/// What a server says of itself, and of its sources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Whether it has chosen one.
    pub synchronised: bool,
    /// Whether it says of itself that it has no time.
    pub alarm: bool,
    /// Sources that agree.
    pub truechimers: u32,
    /// The chosen one, or the candidates.
    pub chosen: Vec<Source>,
}

/// What is known of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Source {
    /// Seconds of offset.
    pub offset: Option<f64>,
    /// Milliseconds of jitter.
    pub jitter: Option<f64>,
    /// How far it is from a reference clock.
    pub stratum: Option<f64>,
}

/// Why there is no measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// Nobody answers.
    #[error("no answer")]
    Silent,
    /// What answers is no time server.
    #[error("an answer that is none")]
    Invalid,
}

/// Asks for both, and takes the best of those that are chosen.
pub fn measure(stream: Stream) -> Result<Measured, Error> {
    let Sources { synchronised, alarm, truechimers, chosen } = sources(stream)?;
    let size = |source: &Source| source.offset.map_or(f64::INFINITY, f64::abs);
    let best = chosen.into_iter().reduce(|best, source| {
        if best == Source::default() || size(&source) < size(&best) { source } else { best }
    });
    Ok(Measured { synchronised, alarm, truechimers, source: best.unwrap_or_default() })
}

/// The same, of each that is chosen.
pub fn sources(mut stream: Stream) -> Result<Sources, Error> {
    let deadline = stream.deadline();
    let Reply { alarm, data } = ask(&mut stream, deadline, READSTAT, 1, 0, "")?;
    let list = peers(&data.unwrap_or_default());
    let count = |from: u8| list.iter().filter(|peer| peer.selection >= from).count();
    let synchronised = count(SOURCE) > 0;
    let least = if synchronised { SOURCE } else { INCLUDED };
    let truechimers = u32::try_from(count(TRUECHIMER)).unwrap_or(u32::MAX);
    let (mut chosen, mut form) = (Vec::new(), 0);
    for peer in list.iter().filter(|peer| peer.selection >= least).take(MOST) {
        chosen.push(source(&mut stream, deadline, *peer, &mut form)?);
    }
    Ok(Sources { synchronised, alarm, truechimers, chosen })
}

fn source(stream: &mut Stream, deadline: Deadline, peer: Peer, form: &mut usize) -> Result<Source, Error> {
    loop {
        let reply = ask(stream, deadline, READVAR, 2, peer.association, VARIABLES[*form])?;
        let Some(data) = reply.data else {
            if *form + 1 == VARIABLES.len() {
                return Ok(Source::default());
            }
            *form += 1;
            continue;
        };
        let jitter = variable(&data, "jitter").or_else(|| variable(&data, "dispersion"));
        let offset = variable(&data, "offset").map(|ms| ms / 1e3);
        return Ok(Source { offset, jitter, stratum: variable(&data, "stratum") });
    }
}

/// An answer; without data where the server will not tell.
struct Reply {
    alarm: bool,
    data: Option<Vec<u8>>,
}

/// Asks, and asks again, until the whole answer is there.
fn ask(
    stream: &mut Stream,
    deadline: Deadline,
    operation: u8,
    sequence: u16,
    association: u16,
    variables: &str,
) -> Result<Reply, Error> {
    let mut buffer = [0; 2048];
    loop {
        stream.send(&request(operation, sequence, association, variables))?;
        stream.set_deadline(deadline.within(AGAIN));
        let mut answer = Answer::default();
        loop {
            let length = match stream.receive(&mut buffer) {
                Ok(length) => length,
                Err(net::Error::Expired) if deadline.remaining().is_ok() => break,
                Err(error) => return Err(error.into()),
            };
            let part = buffer.get(..length).and_then(Part::parse);
            let mine = |part: &Part| {
                (part.operation, part.sequence, part.association) == (operation, sequence, association)
            };
            let Some(part) = part.filter(mine) else { continue };
            let alarm = part.leap == ALARM;
            if part.error {
                return Ok(Reply { alarm, data: None });
            }
            if part.data.is_none() {
                return Err(Error::Invalid);
            }
            if let Some(data) = answer.add(&part) {
                return Ok(Reply { alarm, data: Some(data) });
            }
        }
    }
}

impl From<net::Error> for Error {
    fn from(error: net::Error) -> Self {
        match error {
            net::Error::Expired => Self::Expired,
            net::Error::System(_) => Self::Silent,
        }
    }
}
