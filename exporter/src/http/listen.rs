//! Addresses to listen on: `:PORT`, `HOST:PORT`, `[IPV6]:PORT`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket};

/// One value of `--web.listen-address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name or an address without brackets; `None` is every address of the host.
    host: Option<String>,
    port: u16,
}

/// What is wrong with the text of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenAddressError {
    /// Not of one of the three forms.
    #[error("expected :PORT, HOST:PORT or [IPV6]:PORT")]
    Form,
    /// The part after the last colon.
    #[error("the port must be a number from 0 to 65535")]
    Port,
    /// The part between brackets.
    #[error("what stands in brackets must be an IPv6 address")]
    Ipv6,
    /// An IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets: [IPV6]:PORT")]
    Brackets,
    /// The part before the colon.
    #[error("the host must be a name or an IP address")]
    Host,
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The address.
    pub address: ListenAddress,
    /// What the kernel or the resolver said.
    pub source: io::Error,
}

impl ListenAddress {
    /// Whether not everybody may listen there.
    pub fn is_low(&self) -> bool {
        (1..1024).contains(&self.port)
    }

    /// Starts to listen. Every address of the host is one dual-stack socket where the host has IPv6.
    pub(super) fn bind(&self) -> Result<TcpListener, BindError> {
        let bound = match &self.host {
            None => bind_all(self.port),
            Some(host) => bind_host(host, self.port),
        };
        bound.map_err(|source| BindError { address: self.clone(), source })
    }
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(ListenAddressError::Form)?;
        if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ListenAddressError::Port);
        }
        let port = port.parse().map_err(|_| ListenAddressError::Port)?;
        if host.is_empty() {
            return Ok(Self { host: None, port });
        }
        if let Some(inner) = host.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(ListenAddressError::Form)?;
            inner.parse::<Ipv6Addr>().map_err(|_| ListenAddressError::Ipv6)?;
            return Ok(Self { host: Some(inner.to_owned()), port });
        }
        if host.contains(':') {
            return Err(ListenAddressError::Brackets);
        }
        let named = host.len() <= 253
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        // A name of digits and dots alone can only be meant as an address.
        let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !named || (numeric && host.parse::<Ipv4Addr>().is_err()) {
            return Err(ListenAddressError::Host);
        }
        Ok(Self { host: Some(host.to_owned()), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => write!(f, ":{}", self.port),
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
        }
    }
}

fn bind_all(port: u16) -> io::Result<TcpListener> {
    let dual = TcpSocket::new_v6().and_then(|socket| {
        rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
        listen(socket, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
    });
    match dual {
        // No IPv6 in this kernel, or none on this host.
        Err(e) if [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].contains(&errno(&e)) => {
            listen(TcpSocket::new_v4()?, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        }
        other => other,
    }
}

/// Listens on the first of the host's addresses that lets us, IPv4 before IPv6 as Go programs have it.
fn bind_host(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::from((address, port))],
        Err(_) => (host, port).to_socket_addrs()?.collect(),
    };
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let mut refused = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() };
        match socket.and_then(|socket| listen(socket, address)) {
            Ok(listener) => return Ok(listener),
            Err(e) => refused = e,
        }
    }
    Err(refused)
}

fn listen(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    // A restart must not wait for the connections of the process before to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        for text in
            [":18760", ":0", "0.0.0.0:9", "localhost:65535", "node-1.example_x:1", "[::1]:80", "[::]:0"]
        {
            assert_eq!(text.parse::<ListenAddress>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn nonsense() {
        use ListenAddressError::{Brackets, Form, Host, Ipv6, Port};
        for (text, expected) in [
            ("", Form),
            ("18760", Form),
            ("localhost", Form),
            ("localhost:", Port),
            (":http", Port),
            (":65536", Port),
            (":-1", Port),
            (":+1", Port),
            ("::1:80", Brackets),
            ("::80", Brackets),
            ("[::1]", Port),
            ("[::1:80", Form),
            ("[localhost]:80", Ipv6),
            ("[]:80", Ipv6),
            ("a b:80", Host),
            ("http://x:80", Brackets),
            ("/run/x:80", Host),
            ("256.0.0.1:80", Host),
            ("1.2.3:80", Host),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(expected), "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = "127.0.0.1:0".parse::<ListenAddress>().expect("valid").bind().expect("a free port");
        let taken = first.local_addr().expect("bound").to_string();
        let error = taken.parse::<ListenAddress>().expect("valid").bind().expect_err("in use");
        assert_eq!(error.to_string(), format!("cannot listen on {taken}"));
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn every_address_includes_ipv4() {
        let listener = ":0".parse::<ListenAddress>().expect("valid").bind().expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let client = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let (accepted, connected) = tokio::join!(listener.accept(), client);
        assert!(accepted.is_ok() && connected.is_ok());
    }
}
