//! The measuring: some answers of every address of a server, and of the best one the mean offset.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::deadline::Deadline;
use crate::net::ntp::{self, Packet, Stamp};
use crate::net::{Stream, connect_udp};

/// How many answers of an address are enough.
const ENOUGH: usize = 4;
/// How long one answer is waited for before the question is put again.
const AGAIN: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Seconds that the server's clock is ahead of ours.
    pub offset: f64,
    /// How far the server is from a reference clock.
    pub stratum: u8,
}

/// Why there is no measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody answers.
    #[error("no answer")]
    Silent,
    /// Those that answer have no time.
    #[error("no server has the time")]
    NoTime,
}

struct Server {
    stream: Stream,
    asked: Option<(Instant, Stamp)>,
    offsets: Vec<f64>,
    last: Option<Packet>,
    refuses: bool,
}

/// Asks until every address has answered often enough, or the time is over.
pub fn measure(addresses: &[SocketAddr], deadline: Deadline) -> Result<Measured, Error> {
    let sockets = addresses.iter().filter_map(|address| connect_udp(&[*address], deadline).ok());
    let mut servers: Vec<Server> = sockets
        .map(|stream| Server { stream, asked: None, offsets: Vec::new(), last: None, refuses: false })
        .collect();
    while let Ok(left) = deadline.remaining() {
        servers.iter_mut().for_each(Server::ask);
        let mut waiting: Vec<&mut Server> = servers.iter_mut().filter(|server| server.waits()).collect();
        if waiting.is_empty() {
            break;
        }
        let left = left.min(AGAIN);
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        let ready: Vec<bool> = {
            let mut polled: Vec<PollFd<'_>> =
                waiting.iter().map(|server| PollFd::new(&server.stream, PollFlags::IN)).collect();
            // Interrupted, it looks again.
            let _ = poll(&mut polled, Some(&left));
            polled.iter().map(|fd| !fd.revents().is_empty()).collect()
        };
        for (server, _) in waiting.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            server.hear();
        }
    }
    best(&servers)
}

impl Server {
    const fn waits(&self) -> bool {
        !self.refuses && self.offsets.len() < ENOUGH
    }

    fn ask(&mut self) {
        if self.waits() && self.asked.is_none_or(|(at, _)| at.elapsed() >= AGAIN) {
            let sent = Stamp::now();
            self.asked = Some((Instant::now(), sent));
            // What keeps it from being sent is seen when the answer is read, or does not come.
            let _ = self.stream.send(&ntp::request(sent));
        }
    }

    fn hear(&mut self) {
        let mut buffer = [0; 1024];
        // It is ready; what makes it wait is a packet that is none.
        self.stream.set_deadline(Deadline::after(Duration::from_millis(1)));
        let length = match self.stream.receive(&mut buffer) {
            Ok(length) => length,
            Err(crate::net::Error::Expired) => return,
            Err(crate::net::Error::System(_)) => {
                self.refuses = true;
                return;
            }
        };
        let came = Stamp::now();
        let packet = buffer.get(..length).and_then(Packet::parse);
        // An answer to another question than the last is late, or not the server's.
        let asked = self.asked.map(|(_, sent)| sent);
        let Some(packet) = packet.filter(|packet| Some(packet.origin) == asked) else { return };
        self.asked = None;
        self.offsets.push(packet.offset(came));
        self.last = Some(packet);
    }
}

/// As in 2.x: nearer to a reference clock, and of these the one that is less off and nearer to us.
fn best(servers: &[Server]) -> Result<Measured, Error> {
    let answered = || servers.iter().filter_map(|server| Some((server, server.last?)));
    if answered().next().is_none() {
        return Err(Error::Silent);
    }
    let mut best: Option<(&Server, Packet)> = None;
    for (server, packet) in answered().filter(|(_, packet)| packet.stratum > 0 && packet.leap != ntp::ALARM) {
        let better = best.as_ref().is_none_or(|(_, best)| {
            packet.stratum <= best.stratum
                && packet.root_dispersion <= best.root_dispersion
                && packet.root_delay < best.root_delay
        });
        if better {
            best = Some((server, packet));
        }
    }
    let (server, packet) = best.ok_or(Error::NoTime)?;
    let mean = server.offsets.iter().sum::<f64>() / server.offsets.len() as f64;
    Ok(Measured { offset: mean, stratum: packet.stratum })
}
