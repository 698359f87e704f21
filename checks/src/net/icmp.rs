//! Echoes by ICMP through sockets of our own: raw ones, or where that is not allowed those that Linux grants to the groups
//! of `net.ipv4.ping_group_range`.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketAddrAny, SocketFlags, SocketType, ipproto, sockopt};

use super::{Error as NetError, wait};
use crate::deadline::Deadline;

mod datagram;
pub mod packet;

use datagram::Datagram;
use packet::Message;
pub use packet::Unreachable;

/// How many packets, how often and how large.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Packets to each target.
    pub packets: u16,
    /// Between two rounds of them.
    pub interval: Duration,
    /// Between two targets of a round.
    pub target_interval: Duration,
    /// The intervals end early once nothing is under way.
    pub eager: bool,
    /// One echo of any target is enough.
    pub first: bool,
    /// How long to wait for what is missing after the last was sent.
    pub wait: Duration,
    /// Bytes after the header of ICMP, at least those of the token.
    pub payload: usize,
    /// The time to live, if not the system's.
    pub ttl: Option<u8>,
    /// Whether routers may not send it in parts.
    pub whole: bool,
    /// The address to send from, if not the system's choice.
    pub source: Option<IpAddr>,
}

/// What came back from one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Echoes {
    /// Packets that were sent, or would have been but for what the system said.
    pub sent: u32,
    /// How long each that came back took, in their order.
    pub times: Vec<Duration>,
    /// How many routers the last echo might still have passed: its time to live, or its hop limit.
    pub hops: Option<u8>,
    /// What a router or the system said instead of an echo, the last of it, and who.
    pub unreachable: Option<(Unreachable, Option<IpAddr>)>,
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither kind of socket is allowed.
    #[error("sending ICMP needs cap_net_raw, or a group of this process in net.ipv4.ping_group_range")]
    NotPermitted,
    /// The system's word.
    #[error("{}", crate::words(.0))]
    System(std::io::Error),
}

impl Echoes {
    /// The percentage that did not come back, rounded down.
    pub fn loss(&self) -> u32 {
        let came = u32::try_from(self.times.len()).unwrap_or(u32::MAX).min(self.sent);
        ((self.sent - came) * 100).checked_div(self.sent).unwrap_or(100)
    }

    /// The mean time of those that came back, in milliseconds.
    pub fn mean_ms(&self) -> Option<f64> {
        let sum: Duration = self.times.iter().sum();
        let count = u32::try_from(self.times.len()).ok().filter(|count| *count > 0)?;
        Some(sum.as_secs_f64() * 1e3 / f64::from(count))
    }
}

/// The number of a run: no two of this process have the same at the same time, nor is it that of a neighbour's first.
fn number() -> u16 {
    static RUNS: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() & 0xffff).unwrap_or_default();
    process.wrapping_add(RUNS.fetch_add(1, Ordering::Relaxed))
}

/// Sends to every target in rounds, and listens until all came back, there is nothing more to wait for, or the time is over.
pub fn echo(targets: &[SocketAddr], plan: &Plan, deadline: Deadline) -> Result<Vec<Echoes>, Error> {
    let mut run = Run::new(targets, plan)?;
    let total = targets.len() * usize::from(plan.packets);
    let step = |number: usize| {
        let (round, target) = (number / targets.len().max(1), number % targets.len().max(1));
        let target = u32::try_from(target).unwrap_or(u32::MAX);
        plan.interval.saturating_mul(u32::try_from(round).unwrap_or(u32::MAX))
            + plan.target_interval.saturating_mul(target)
    };
    let start = Instant::now();
    for number in 0..total {
        let due = step(number).saturating_sub(start.elapsed());
        run.listen(deadline.within(due), !plan.eager)?;
        if deadline.remaining().is_err() || run.is_enough() {
            break;
        }
        run.send(number)?;
    }
    run.listen(deadline.within(plan.wait), false)?;
    Ok(run.echoes)
}

/// A socket of one family.
#[derive(Debug)]
struct Socket {
    fd: OwnedFd,
    raw: bool,
    v6: bool,
}

#[derive(Debug)]
struct Run<'a> {
    targets: &'a [SocketAddr],
    sockets: Vec<Socket>,
    id: u16,
    token: [u8; packet::TOKEN],
    payload: usize,
    /// When each packet was sent that is neither back nor known to be lost.
    pending: Vec<Option<Instant>>,
    open: usize,
    first: bool,
    echoes: Vec<Echoes>,
}

impl<'a> Run<'a> {
    fn new(targets: &'a [SocketAddr], plan: &Plan) -> Result<Self, Error> {
        let mut sockets = Vec::new();
        for v6 in [false, true] {
            if targets.iter().any(|target| target.is_ipv6() == v6) {
                sockets.push(Socket::open(v6, plan)?);
            }
        }
        let mut token = [0; packet::TOKEN];
        // Not a secret: it tells our packets from those of another process with the same number.
        let _ = rustix::rand::getrandom(&mut token, rustix::rand::GetRandomFlags::empty());
        let total = targets.len() * usize::from(plan.packets);
        Ok(Self {
            targets,
            sockets,
            id: number(),
            token,
            payload: plan.payload,
            pending: vec![None; total],
            open: 0,
            first: plan.first,
            echoes: vec![Echoes::default(); targets.len()],
        })
    }

    fn send(&mut self, number: usize) -> Result<(), Error> {
        let target = number % self.targets.len();
        let (address, sequence) = (self.targets[target], u16::try_from(number).unwrap_or(u16::MAX));
        let Some(socket) = self.sockets.iter().find(|socket| socket.v6 == address.is_ipv6()) else {
            return Ok(());
        };
        let bytes = packet::request(address.is_ipv6(), self.id, sequence, &self.token, self.payload);
        self.echoes[target].sent += 1;
        // Before it is sent: on this host itself the echo is back before the call is.
        let now = Instant::now();
        match rustix::net::sendto(&socket.fd, &bytes, SendFlags::empty(), &SocketAddrAny::from(address)) {
            Ok(_) => {
                self.pending[number] = Some(now);
                self.open += 1;
            }
            Err(Errno::PERM | Errno::ACCESS) => {
                self.echoes[target].unreachable = Some((Unreachable::Filtered, None))
            }
            Err(errno) => match Unreachable::of_errno(errno) {
                Some(what) => self.echoes[target].unreachable = Some((what, None)),
                None => return Err(Error::System(errno.into())),
            },
        }
        Ok(())
    }

    fn is_enough(&self) -> bool {
        self.first && self.echoes.iter().any(|echoes| !echoes.times.is_empty())
    }

    /// Takes what comes until the time is over, or nothing more is to come.
    fn listen(&mut self, until: Deadline, more_follows: bool) -> Result<(), Error> {
        loop {
            for at in 0..self.sockets.len() {
                while let Some((message, datagram)) = self.sockets[at].receive()? {
                    self.take(&message, datagram);
                }
            }
            if (!more_follows && self.open == 0) || self.is_enough() {
                return Ok(());
            }
            // One socket is the usual case; two are looked at in turn.
            let turn = if self.sockets.len() > 1 { until.within(Duration::from_millis(2)) } else { until };
            let ready = self.sockets.first().map(|socket| wait(&socket.fd.as_fd(), PollFlags::IN, turn));
            match ready {
                Some(Err(NetError::System(error))) => return Err(Error::System(error)),
                Some(Ok(())) => {}
                Some(Err(NetError::Expired)) | None => {
                    if until.remaining().is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn take(&mut self, message: &Message, datagram: Datagram) {
        let (sequence, ours) = match message {
            // The number of one that the kernel gave is the kernel's; the token is ours in either case.
            Message::Reply { sequence, token, .. } => (*sequence, *token == Some(self.token)),
            Message::Unreachable { id, sequence, .. } => (*sequence, *id == self.id),
        };
        let number = usize::from(sequence);
        let Some(sent) = self.pending.get_mut(number).filter(|_| ours).and_then(Option::take) else { return };
        self.open -= 1;
        let echoes = &mut self.echoes[number % self.targets.len()];
        match message {
            Message::Reply { .. } => {
                echoes.times.push(sent.elapsed());
                echoes.hops = datagram.hops;
            }
            Message::Unreachable { what, .. } => echoes.unreachable = Some((*what, datagram.from)),
        }
    }
}

impl Socket {
    fn open(v6: bool, plan: &Plan) -> Result<Self, Error> {
        let (family, protocol) =
            if v6 { (AddressFamily::INET6, ipproto::ICMPV6) } else { (AddressFamily::INET, ipproto::ICMP) };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let open = |kind| rustix::net::socket_with(family, kind, flags, Some(protocol));
        let (fd, raw) = match open(SocketType::RAW) {
            Ok(fd) => (fd, true),
            Err(Errno::PERM | Errno::ACCESS) => match open(SocketType::DGRAM) {
                Ok(fd) => (fd, false),
                Err(Errno::PERM | Errno::ACCESS) => return Err(Error::NotPermitted),
                Err(errno) => return Err(Error::System(errno.into())),
            },
            Err(errno) => return Err(Error::System(errno.into())),
        };
        let set = || -> Result<(), Errno> {
            if let Some(source) = plan.source.filter(|source| source.is_ipv6() == v6) {
                rustix::net::bind(&fd, &SocketAddrAny::from(SocketAddr::new(source, 0)))?;
            }
            match plan.ttl {
                Some(ttl) if v6 => sockopt::set_ipv6_unicast_hops(&fd, Some(ttl)),
                Some(ttl) => sockopt::set_ip_ttl(&fd, ttl.into()),
                None => Ok(()),
            }
        };
        set().map_err(|errno| Error::System(errno.into()))?;
        datagram::tell_hops(&fd, v6);
        if plan.whole {
            datagram::never_in_parts(&fd, v6);
        }
        Ok(Self { fd, raw, v6 })
    }

    /// What has come, if it is any of what is looked for.
    fn receive(&self) -> Result<Option<(Message, Datagram)>, Error> {
        let mut buffer = [0; 2048];
        loop {
            match datagram::receive(&self.fd, &mut buffer) {
                Ok(datagram) => {
                    let bytes = buffer.get(..datagram.length).unwrap_or_default();
                    let bytes = if self.raw && !self.v6 { packet::within_ipv4(bytes) } else { Some(bytes) };
                    if let Some(message) = bytes.and_then(|bytes| packet::parse(self.v6, bytes)) {
                        return Ok(Some((message, datagram)));
                    }
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                // What the kernel was told of a packet of ours; the packet itself stays missing.
                Err(errno) if Unreachable::of_errno(errno).is_some() => {}
                Err(errno) => return Err(Error::System(errno.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_mean_are_of_what_was_sent() {
        let times = vec![Duration::from_millis(1), Duration::from_millis(2)];
        let some = Echoes { sent: 3, times, ..Echoes::default() };
        assert_eq!((some.loss(), some.mean_ms()), (33, Some(1.5)));
        let none = Echoes::default();
        assert_eq!((none.loss(), none.mean_ms()), (100, None));
    }
}
