//! Interfaces and traffic inside a container's network namespace.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::tools;

/// Two ends of a cable, both in one namespace: what is sent through `name` is received at the other, whose name begins with
/// `veth`. The kernel sends nothing of itself through it.
#[derive(Debug, Clone)]
pub struct Cable {
    pid: u32,
}

const OWN: &str = "10.76.0.1/24";
const NEIGHBOUR: &str = "10.76.0.2";
/// Ethernet, IPv4 and UDP.
const HEADERS: u64 = 14 + 20 + 8;

impl Cable {
    /// Lays one in the namespace of a process.
    pub fn lay(pid: u32, name: &str) -> Result<Self> {
        let name = name.to_owned();
        within(pid, move || {
            for what in ["all", "default"] {
                let path = format!("/proc/sys/net/ipv6/conf/{what}/disable_ipv6");
                match std::fs::write(&path, "1") {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error).context(path);
                    }
                    _ => {}
                }
            }
            ip(&format!("link add {name} type veth"))?;
            // Nobody is asked for an address, so that nothing is sent but what is meant to be.
            ip(&format!("link set {name} arp off"))?;
            ip("link set veth0 up")?;
            ip(&format!("link set {name} up"))?;
            ip(&format!("address add {OWN} dev {name}"))
        })?;
        Ok(Self { pid })
    }

    /// Sends so many datagrams through it; gives the bytes that went over the cable.
    pub fn send(&self, count: u64, payload: usize) -> Result<u64> {
        within(self.pid, move || {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            for _ in 0..count {
                ensure!(socket.send_to(&vec![0; payload], (NEIGHBOUR, 9))? == payload);
            }
            Ok(count * (HEADERS + payload as u64))
        })
    }
}

/// Runs something on a thread of its own in the network namespace of a process.
fn within<T: Send + 'static>(pid: u32, run: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
    let inside = move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).context("setns")?;
        run()
    };
    std::thread::spawn(inside).join().map_err(|_| anyhow!("a panic"))?
}

fn ip(args: &str) -> Result<()> {
    let output =
        Command::new(tools::busybox()?).arg("ip").args(args.split(' ')).output().context("busybox ip")?;
    ensure!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
