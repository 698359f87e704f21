//! Sockets that listen, asked of the kernel in each network namespace.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::parse::{Dump, Listening, parse_listening};

/// What was found, and what not.
#[derive(Debug, Default)]
pub struct Listeners {
    /// The sockets.
    pub sockets: Vec<Listening>,
    /// Namespaces in which nothing listens, by their inode numbers.
    pub silent: HashSet<u64>,
    /// Namespaces that could not be asked though their process is there.
    pub errors: u64,
    /// Namespaces and sockets beyond the bounds, at least.
    pub beyond: u64,
}

/// Namespaces asked in a scrape.
const MOST_NAMESPACES: usize = 4096;
/// Sockets taken in a scrape.
const MOST_SOCKETS: usize = 16_384;
/// Datagrams of one dump: each holds some 200 sockets.
const MOST_DATAGRAMS: usize = 256;

/// Asks each of these network namespaces, given by its inode number and a process in it.
pub fn read_listening(procfs: &Path, namespaces: &[(u64, u32)]) -> Listeners {
    let beyond = namespaces.len().saturating_sub(MOST_NAMESPACES) as u64;
    let mut found = Listeners { beyond, ..Listeners::default() };
    // The kernel answers for the namespace of who asks: a thread that ends with it.
    let inside = || {
        for (number, pid) in namespaces.iter().take(MOST_NAMESPACES) {
            // Otherwise it is gone since its cgroup was read.
            let Ok(namespace) = File::open(procfs.join(pid.to_string()).join("ns/net")) else { continue };
            let before = found.sockets.len();
            if ask(&namespace, &mut found.sockets, &mut found.beyond).is_err() {
                found.errors += 1;
            } else if found.sockets.len() == before && before < MOST_SOCKETS {
                found.silent.insert(*number);
            }
        }
    };
    let _ = std::thread::scope(|scope| scope.spawn(inside).join());
    found
}

fn ask(namespace: &File, sockets: &mut Vec<Listening>, beyond: &mut u64) -> Result<(), Errno> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(1)))?;
    for family in [AF_INET, AF_INET6] {
        dump(&socket, family, sockets, beyond)?;
    }
    Ok(())
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

fn dump(socket: &OwnedFd, family: u8, sockets: &mut Vec<Listening>, beyond: &mut u64) -> Result<(), Errno> {
    send(socket, &request(family), SendFlags::empty())?;
    let mut buffer = [0u8; 32 * 1024];
    for _ in 0..MOST_DATAGRAMS {
        let (length, _) = recv(socket, &mut buffer[..], RecvFlags::empty())?;
        let answers = buffer.get(..length).unwrap_or_default();
        let dump = parse_listening(answers, |listening| {
            if sockets.len() < MOST_SOCKETS {
                sockets.push(listening);
            } else {
                *beyond += 1;
            }
        });
        match dump {
            Dump::More => {}
            Dump::Done => return Ok(()),
            // A kernel without the module for it, or without IPv6.
            Dump::Failed(errno) => return Err(Errno::from_raw_os_error(-errno)),
        }
    }
    *beyond += 1;
    Ok(())
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2`: all TCP sockets that listen, with their memory, which has the drops.
fn request(family: u8) -> [u8; 72] {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const NLM_F_REQUEST_DUMP: u16 = 0x301;
    const IPPROTO_TCP: u8 = 6;
    const SKMEMINFO: u8 = 1 << 6;
    const LISTEN: u32 = 1 << 10;
    let mut request = [0; 72];
    request[..4].copy_from_slice(&72u32.to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    (request[16], request[17], request[18]) = (family, IPPROTO_TCP, SKMEMINFO);
    request[20..24].copy_from_slice(&LISTEN.to_ne_bytes());
    request
}
