//! The host that a check is about: found and connected to, with the words that 2.x has for what fails.

use crate::deadline::Deadline;
use crate::frame::Call;
use crate::net::{self, Family, Stream};
use crate::output::Stop;
use crate::state::State;

/// A host by its name, and where on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// As the user gave it: a name, an address, or one of IPv6 in brackets.
    pub name: String,
    /// The port.
    pub port: u16,
    /// Which of its addresses.
    pub family: Family,
}

impl Host {
    /// All its addresses; one without any is a fault of the command line, as 2.x sees it.
    pub fn addresses(&self, call: &Call, deadline: Deadline) -> Result<Vec<std::net::SocketAddr>, Stop> {
        let bare = self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        net::resolve(bare.unwrap_or(&self.name), self.port, self.family, deadline).map_err(
            |error| match error {
                net::resolve::Error::Expired => Stop::Timeout,
                _ => call.usage(&format!("Invalid hostname/address - {}", self.name)),
            },
        )
    }

    /// A connection by TCP to the first of them that takes it.
    pub fn connect(&self, call: &Call, deadline: Deadline) -> Result<Stream, Stop> {
        let addresses = self.addresses(call, deadline)?;
        net::connect(&addresses, deadline).map_err(|error| match error.last {
            net::Error::Expired if deadline.remaining().is_err() => Stop::Timeout,
            last => {
                let (name, port) = (&self.name, self.port);
                Stop::with(State::Critical, format!("connect to address {name} and port {port}: {last}"))
            }
        })
    }
}
