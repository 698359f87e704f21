//! Interfaces and traffic inside a container's network namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

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

/// A cable between two namespaces: the first is 10.77.0.1 and fd77::1, the second 10.77.0.2 and fd77::2.
#[derive(Debug)]
pub struct Pair(());

/// Addresses nobody has: at the first the cable swallows what is sent, at the second nobody answers the question where it
/// is.
pub const SILENT: &str = "10.77.0.8";
/// See [`SILENT`].
pub const NOBODY: &str = "10.77.0.9";

impl Pair {
    /// Lays one between the namespaces of two processes. An attempt to connect is repeated once there.
    pub fn lay(first: u32, second: u32) -> Result<Self> {
        iproute(&format!("link add name eth0 netns {first} type veth peer name eth0 netns {second}"))?;
        for (pid, at) in [(first, 1), (second, 2)] {
            within(pid, move || {
                let set = |path: &str, value: &str| std::fs::write(path, value).context(path.to_owned());
                set("/proc/sys/net/ipv4/tcp_syn_retries", "1")?;
                // Since 6.5 the first few repetitions are beside those.
                let linear = "/proc/sys/net/ipv4/tcp_syn_linear_timeouts";
                if Path::new(linear).exists() {
                    set(linear, "0")?;
                }
                set("/proc/sys/net/ipv4/neigh/eth0/mcast_solicit", "1")?;
                set("/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms", "100")?;
                iproute(&format!("address add 10.77.0.{at}/24 dev eth0"))?;
                iproute(&format!("address add fd77::{at}/64 dev eth0 nodad"))?;
                iproute("link set eth0 up")?;
                iproute(&format!("neigh add {SILENT} lladdr 02:00:00:00:00:08 dev eth0"))
            })?;
        }
        Ok(Self(()))
    }
}

/// A client and a server, and a router between them: the client is 10.78.1.2 and fd78:1::2, the router's side 10.78.1.1
/// and fd78:1::1; the server is 10.78.2.2, 10.78.2.3 and fd78:2::2, the router's side 10.78.2.1 and fd78:2::1.
#[derive(Debug)]
pub struct Routed(());

impl Routed {
    /// Lays both cables between the namespaces of three processes.
    pub fn lay(client: u32, router: u32, server: u32) -> Result<Self> {
        iproute(&format!("link add name eth0 netns {client} type veth peer name eth1 netns {router}"))?;
        iproute(&format!("link add name eth0 netns {server} type veth peer name eth2 netns {router}"))?;
        for (pid, net, addresses) in [(client, 1, &[2][..]), (server, 2, &[2, 3])] {
            within(pid, move || {
                for at in addresses {
                    iproute(&format!("address add 10.78.{net}.{at}/24 dev eth0"))?;
                    iproute(&format!("address add fd78:{net}::{at}/64 dev eth0 nodad"))?;
                }
                iproute("link set eth0 up")?;
                iproute(&format!("route add default via 10.78.{net}.1"))?;
                iproute(&format!("route add default via fd78:{net}::1"))
            })?;
        }
        within(router, || {
            for net in [1, 2] {
                iproute(&format!("address add 10.78.{net}.1/24 dev eth{net}"))?;
                iproute(&format!("address add fd78:{net}::1/64 dev eth{net} nodad"))?;
                iproute(&format!("link set eth{net} up"))?;
            }
            for path in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                let path = format!("/proc/sys/net/{path}");
                std::fs::write(&path, "1").context(path)?;
            }
            Ok(())
        })?;
        Ok(Self(()))
    }
}

/// Gives rules to the namespace of a process.
pub fn nft(pid: u32, rules: &str) -> Result<()> {
    let rules = rules.to_owned();
    within(pid, move || {
        let mut nft = Command::new("nft");
        let mut child = nft
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("nft: run tools/setup packages")?;
        child.stdin.take().context("no input")?.write_all(rules.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })
}

/// How many TCP connections conntrack has in the namespace of a process that were dialled to one address and went to
/// another.
pub fn translated(pid: u32, dialled: &str, actual: &str) -> Result<usize> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/nf_conntrack"))?;
    let is_it = |line: &&str| {
        let mut sources = line.split_whitespace().filter_map(|word| word.strip_prefix("src="));
        let mut destinations = line.split_whitespace().filter_map(|word| word.strip_prefix("dst="));
        destinations.next() == Some(dialled) && sources.nth(1) == Some(actual) && line.contains("tcp")
    };
    Ok(text.lines().filter(is_it).count())
}

/// Makes every address of a network one of the namespace's own.
pub fn anycast(pid: u32, network: &str) -> Result<()> {
    let args = format!("route add local {network} dev lo");
    within(pid, move || {
        iproute("link set lo up")?;
        iproute(&args)
    })
}

/// Sets something below `/proc/sys/net` in the namespace of a process.
pub fn sysctl(pid: u32, name: &str, value: &str) -> Result<()> {
    let (path, value) = (format!("/proc/sys/net/{name}"), value.to_owned());
    within(pid, move || std::fs::write(&path, value).context(path))
}

/// The counters of `/proc/net/snmp` of a process' namespace for one protocol.
pub fn snmp(pid: u32, protocol: &str) -> Result<BTreeMap<String, u64>> {
    counters(pid, "snmp", protocol)
}

/// The counters of `/proc/net/netstat`, likewise.
pub fn netstat(pid: u32, group: &str) -> Result<BTreeMap<String, u64>> {
    counters(pid, "netstat", group)
}

fn counters(pid: u32, file: &str, protocol: &str) -> Result<BTreeMap<String, u64>> {
    parse_snmp(&std::fs::read_to_string(format!("/proc/{pid}/net/{file}"))?, protocol)
}

/// The counters of one protocol in the text of `/proc/net/snmp`.
pub fn parse_snmp(text: &str, protocol: &str) -> Result<BTreeMap<String, u64>> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(protocol)?.strip_prefix(": "));
    let (names, values) = (lines.next().context("no names")?, lines.next().context("no values")?);
    let of = |(name, value): (&str, &str)| Some((name.to_owned(), value.parse().ok()?));
    Ok(names.split(' ').zip(values.split(' ')).filter_map(of).collect())
}

/// The sum of a number that `ss -tin` shows, as in `bytes_acked:7`, over the established connections of a process'
/// namespace.
pub fn ss(pid: u32, member: &'static str) -> Result<u64> {
    let text = within(pid, || {
        let output = Command::new("ss").args(["-tinH", "state", "established"]).output().context("ss")?;
        Ok(String::from_utf8(output.stdout)?)
    })?;
    let values = text.split_whitespace().filter_map(|word| word.strip_prefix(member)?.strip_prefix(':'));
    Ok(values.filter_map(|value| value.parse::<u64>().ok()).sum())
}

/// Runs `ip` of iproute2 in the namespace of the thread.
pub(crate) fn iproute(args: &str) -> Result<()> {
    let output = Command::new("ip").args(args.split(' ')).output().context("ip: run tools/setup packages")?;
    ensure!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Runs something on a thread of its own in the network namespace of a process.
pub fn within<T: Send + 'static>(pid: u32, run: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
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
