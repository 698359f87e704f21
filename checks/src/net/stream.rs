//! Connections: made, read and written under one deadline.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, ipproto, sockopt};

use super::{Error, wait};
use crate::deadline::Deadline;

/// A connected socket; every read and write ends with the deadline.
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
    deadline: Deadline,
}

/// Why no address would be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{last}")]
pub struct ConnectError {
    /// What the last address that was tried said.
    pub last: Error,
    /// Whether any of them refused.
    pub refused: bool,
}

/// Connects by TCP to the first of the addresses that takes it. None may use up the time of those after it.
pub fn connect(addresses: &[SocketAddr], deadline: Deadline) -> Result<Stream, ConnectError> {
    connect_from(addresses, None, deadline)
}

/// The same from an address of this host.
pub fn connect_from(
    addresses: &[SocketAddr],
    from: Option<IpAddr>,
    deadline: Deadline,
) -> Result<Stream, ConnectError> {
    let mut failed = ConnectError { last: Error::System(Errno::ADDRNOTAVAIL.into()), refused: false };
    for (number, address) in addresses.iter().enumerate() {
        let waiting = u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
        let turn = match deadline.remaining() {
            Ok(left) => deadline.within(left / waiting),
            Err(expired) => return Err(ConnectError { last: expired.into(), ..failed }),
        };
        match connect_one(*address, SocketType::STREAM, from, turn) {
            Ok(fd) => return Ok(Stream { fd, deadline }),
            Err(error) => {
                failed.refused |= matches!(&error, Error::System(error) if error.kind() == io::ErrorKind::ConnectionRefused);
                failed.last = error;
            }
        }
    }
    Err(failed)
}

/// Connects by UDP, which only chooses the peer: nothing is sent.
pub fn connect_udp(addresses: &[SocketAddr], deadline: Deadline) -> Result<Stream, ConnectError> {
    let mut failed = ConnectError { last: Error::System(Errno::ADDRNOTAVAIL.into()), refused: false };
    for address in addresses {
        match connect_one(*address, SocketType::DGRAM, None, deadline) {
            Ok(fd) => return Ok(Stream { fd, deadline }),
            Err(error) => failed.last = error,
        }
    }
    Err(failed)
}

/// How packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// In a connection.
    Tcp,
    /// Each by itself.
    Udp,
}

/// Connects to one address, from one of this host's if that matters.
pub fn connect_to(
    address: SocketAddr,
    protocol: Protocol,
    source: Option<IpAddr>,
    deadline: Deadline,
) -> Result<Stream, Error> {
    let kind = match protocol {
        Protocol::Tcp => SocketType::STREAM,
        Protocol::Udp => SocketType::DGRAM,
    };
    Ok(Stream { fd: connect_one(address, kind, source, deadline)?, deadline })
}

/// Connects to a socket in the file system.
pub fn connect_socket(path: &str, deadline: Deadline) -> Result<Stream, Error> {
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags(), None)?;
    let address = SocketAddrUnix::new(path)?;
    // A listener with too many waiting says so at once; the others of this family never wait.
    rustix::net::connect(&fd, &address)?;
    Ok(Stream { fd, deadline })
}

impl Stream {
    /// Another deadline from here on, as for one step of a conversation.
    pub const fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// The deadline it keeps.
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Waits until there is something to read, or the other side has ended.
    pub fn readable(&self, deadline: Deadline) -> Result<(), Error> {
        wait(&self.fd, PollFlags::IN, deadline)
    }

    /// The address of the other side.
    pub fn peer(&self) -> Option<SocketAddr> {
        rustix::net::getpeername(&self.fd).ok()?.and_then(|address| SocketAddr::try_from(address).ok())
    }

    /// Reads what there is, waiting for some; 0 at the end.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match rustix::io::read(&self.fd, &mut *buffer) {
                Ok(read) => return Ok(read),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait(&self.fd, PollFlags::IN, self.deadline)?,
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Writes all of it.
    pub fn send(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let sent = self.send_some(bytes)?;
            bytes = bytes.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    fn send_some(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        loop {
            match rustix::net::send(&self.fd, bytes, rustix::net::SendFlags::NOSIGNAL) {
                Ok(sent) => return Ok(sent),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait(&self.fd, PollFlags::OUT, self.deadline)?,
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.receive(buffer)?)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.send_some(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn flags() -> SocketFlags {
    SocketFlags::NONBLOCK | SocketFlags::CLOEXEC
}

fn connect_one(
    address: SocketAddr,
    kind: SocketType,
    source: Option<IpAddr>,
    deadline: Deadline,
) -> Result<OwnedFd, Error> {
    let (family, protocol) = match (address.is_ipv4(), kind) {
        (true, SocketType::DGRAM) => (AddressFamily::INET, ipproto::UDP),
        (true, _) => (AddressFamily::INET, ipproto::TCP),
        (false, SocketType::DGRAM) => (AddressFamily::INET6, ipproto::UDP),
        (false, _) => (AddressFamily::INET6, ipproto::TCP),
    };
    let fd = rustix::net::socket_with(family, kind, flags(), Some(protocol))?;
    if let Some(source) = source {
        rustix::net::bind(&fd, &SocketAddrAny::from(SocketAddr::new(source, 0)))?;
    }
    match rustix::net::connect(&fd, &SocketAddrAny::from(address)) {
        Ok(()) => return Ok(fd),
        Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    wait(&fd, PollFlags::OUT, deadline)?;
    sockopt::socket_error(&fd)??;
    Ok(fd)
}
