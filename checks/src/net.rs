//! The network under a deadline: nothing here waits without one, and nothing here judges.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::deadline::{Deadline, Expired};
use crate::options::Found;

pub mod ask;
pub mod dns;
mod files;
pub mod icmp;
pub mod ntp;
pub mod resolve;
pub mod stream;
pub mod talk;

pub use resolve::resolve;
pub use stream::{Protocol, Stream, connect, connect_from, connect_socket, connect_to, connect_udp};

/// Which addresses of a name are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// All.
    #[default]
    Any,
    /// `-4`
    V4,
    /// `-6`
    V6,
}

impl Family {
    /// Takes `-4` or `-6`; any other option is left alone.
    pub fn take(&mut self, found: &Found) {
        match found.key {
            "4" => *self = Self::V4,
            "6" => *self = Self::V6,
            _ => {}
        }
    }

    /// Whether an address is of it.
    pub const fn has(self, address: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Waits until a descriptor is ready, or the time is over.
pub fn wait(fd: &impl AsFd, events: PollFlags, deadline: Deadline) -> Result<(), Error> {
    loop {
        let left = deadline.remaining()?;
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(fd, events)], Some(&left)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(Error::System(errno.into())),
        }
    }
}

/// Why something of the network did not come about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired,
    /// The system's word.
    #[error("{}", crate::words(.0))]
    System(std::io::Error),
}

impl From<Expired> for Error {
    fn from(_: Expired) -> Self {
        Self::Expired
    }
}

impl From<std::io::Error> for Error {
    /// `Stream` is also an ordinary reader and writer: its timeout comes back as it went in.
    fn from(error: std::io::Error) -> Self {
        let expired = error.get_ref().is_some_and(|inner| inner.is::<Expired>());
        if expired { Self::Expired } else { Self::System(error) }
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::System(errno.into())
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Expired => Self::new(std::io::ErrorKind::TimedOut, Expired),
            Error::System(error) => error,
        }
    }
}
