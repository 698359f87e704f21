//! From a name to its addresses: a number, `/etc/hosts`, then the servers of `/etc/resolv.conf`.
//!
//! Our own, since the C library's loads other libraries at run time, which a static program cannot count on, and waits as
//! long as it likes. What other modules of nsswitch would know (LDAP, mDNS) is not asked for.

use std::fs;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::Family;
use super::ask::{self, Plan};
use super::dns::{Data, Message, Question, kind};
pub use super::files::ResolvConf;
use super::files::hosts;
use super::stream::{Stream, connect_udp};
use crate::deadline::{Deadline, Expired};

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such name, or it has no address of the family.
    #[error("{0}: no such name")]
    NoSuchName(String),
    /// No server gave an answer.
    #[error("{0}: no server has an answer")]
    NoAnswer(String),
    /// The time is over.
    #[error("timed out")]
    Expired,
}

impl From<Expired> for Error {
    fn from(_: Expired) -> Self {
        Self::Expired
    }
}

/// Every address of a name, never none, with the port: of both families, those that can be reached come first.
pub fn resolve(name: &str, port: u16, family: Family, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    let none = || Error::NoSuchName(name.to_owned());
    if let Some(address) = literal(name, port) {
        return if family.has(&address) { Ok(vec![address]) } else { Err(none()) };
    }
    // What is no name is none, and it is not asked for: a URL, a word with spaces, an option taken for a name.
    if name.starts_with('-')
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    {
        return Err(none());
    }
    let with_port = |addresses: Vec<IpAddr>| -> Vec<SocketAddr> {
        let all = addresses.into_iter().map(|address| SocketAddr::new(address, port));
        all.filter(|address| family.has(address)).collect()
    };
    let listed = hosts(&fs::read_to_string("/etc/hosts").unwrap_or_default(), name);
    let mut found = with_port(listed);
    if found.is_empty() {
        found = with_port(ask(name, family, deadline)?);
    }
    if found.is_empty() {
        return Err(none());
    }
    reachable_first(&mut found, deadline);
    Ok(found)
}

/// Which servers this host asks, and how.
pub fn configuration() -> ResolvConf {
    ResolvConf::parse(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
}

/// An address in numbers, with the interface of a link-local one: `fe80::1%eth0`.
fn literal(name: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, port));
    }
    let (address, scope) = name.split_once('%')?;
    let address = address.parse().ok()?;
    let scope = scope.parse().ok().or_else(|| {
        let interface = scope.bytes().all(|byte| byte != b'/' && byte.is_ascii_graphic()).then_some(scope)?;
        fs::read_to_string(format!("/sys/class/net/{interface}/ifindex")).ok()?.trim().parse().ok()
    })?;
    Some(SocketAddrV6::new(address, port, 0, scope).into())
}

/// Asks the servers for a name, and for it in each domain that is searched.
fn ask(name: &str, family: Family, deadline: Deadline) -> Result<Vec<IpAddr>, Error> {
    let conf = configuration();
    let mut outcome = Err(Error::NoSuchName(name.to_owned()));
    for candidate in conf.candidates(name) {
        match ask_all(&conf, &candidate, family, deadline) {
            Ok(addresses) => return Ok(addresses),
            Err(Error::Expired) => return Err(Error::Expired),
            Err(error @ Error::NoAnswer(_)) => outcome = Err(error),
            Err(Error::NoSuchName(_)) => {}
        }
    }
    outcome
}

/// Asks one server after the other, each as often as resolv.conf has it.
fn ask_all(conf: &ResolvConf, name: &str, family: Family, deadline: Deadline) -> Result<Vec<IpAddr>, Error> {
    let kinds: &[u16] = match family {
        Family::Any => &[kind::A, kind::AAAA],
        Family::V4 => &[kind::A],
        Family::V6 => &[kind::AAAA],
    };
    for _ in 0..conf.attempts {
        for server in &conf.servers {
            match ask_server(*server, name, kinds, deadline.within(conf.timeout)) {
                Some(addresses) if addresses.is_empty() => return Err(Error::NoSuchName(name.to_owned())),
                Some(addresses) => return Ok(addresses),
                None => deadline.remaining().map(drop)?,
            }
        }
    }
    Err(Error::NoAnswer(name.to_owned()))
}

/// None if the server did not answer all, or with a fault of its own.
fn ask_server(server: SocketAddr, name: &str, kinds: &[u16], deadline: Deadline) -> Option<Vec<IpAddr>> {
    let questions: Vec<Question> = kinds.iter().map(|kind| Question::new(name, *kind)).collect();
    let answers = match ask::ask(&[server], &questions, &Plan::default(), deadline) {
        Ok(answers) => answers,
        // A name that cannot be asked for has no address.
        Err(ask::Error::Question) => return Some(Vec::new()),
        Err(_) => return None,
    };
    let all: Vec<Vec<IpAddr>> = answers.into_iter().map(addresses).collect::<Option<_>>()?;
    // IPv6 first, as the C library sorts what it can reach equally well.
    Some(all.into_iter().rev().flatten().collect())
}

/// The addresses of an answer, none of them for a name that does not exist; `None` for a server's own fault.
fn addresses(message: Message) -> Option<Vec<IpAddr>> {
    match message.code() {
        0 => Some(
            message
                .answers
                .into_iter()
                .filter_map(|record| match record.data {
                    Data::Address(address) => Some(address),
                    Data::Name(_) | Data::Text(_) | Data::Other(_) => None,
                })
                .collect(),
        ),
        3 => Some(Vec::new()),
        _ => None,
    }
}

/// Where there are addresses of both families, those without a route go last. A UDP connect asks the routes, and sends nothing.
fn reachable_first(addresses: &mut [SocketAddr], deadline: Deadline) {
    let mixed = addresses.iter().any(SocketAddr::is_ipv4) && addresses.iter().any(SocketAddr::is_ipv6);
    if mixed {
        let routed = |address: &SocketAddr| connect_udp(&[*address], deadline).map(drop::<Stream>).is_ok();
        addresses.sort_by_cached_key(|address| !routed(address));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn found(name: &str, family: Family) -> Result<Vec<String>, Error> {
        let deadline = Deadline::after(Duration::from_secs(10));
        Ok(resolve(name, 80, family, deadline)?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn numbers_are_their_own_address_in_their_family() {
        assert_eq!(found("127.0.0.1", Family::Any), Ok(vec!["127.0.0.1:80".to_owned()]));
        assert_eq!(found("::1", Family::V6), Ok(vec!["[::1]:80".to_owned()]));
        assert_eq!(found("::1", Family::V4), Err(Error::NoSuchName("::1".to_owned())));
        assert_eq!(found("fe80::1%lo", Family::Any), Ok(vec!["[fe80::1%1]:80".to_owned()]));
        for name in ["", "-p", "a b", "[::1]", "http://x", "fe80::1%nothing", "fe80::1%../lo"] {
            assert_eq!(found(name, Family::Any), Err(Error::NoSuchName(name.to_owned())), "{name}");
        }
    }

    #[test]
    fn hosts_are_asked_before_any_server() {
        assert_eq!(found("localhost", Family::V4), Ok(vec!["127.0.0.1:80".to_owned()]));
    }
}
