//! Real servers of SSH, DNS, NTP, mail, mailboxes and FTP, as Debian has them.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::certificates::KINDS;
use crate::servers::Servers;
use crate::tools;

mod files;
mod login;
mod mailbox;
mod mariadb;
mod nrpe;
mod postgres;
pub mod stores;

/// Where the name server is: nobody else's, since every address of 127.0.0.0/8 is this host.
pub const NSD: &str = "127.77.77.78";

/// Those that run; stopped when dropped.
#[derive(Debug)]
pub struct Services {
    children: Vec<Child>,
    directory: PathBuf,
}

impl Services {
    /// Starts them, and gives their places names: `ssh`, `nsd`, `chrony`, `chrony-unset`, `smtp`, `real-ftp`, `vsftpd`,
    /// `vsftpds`, `pgsql`, `pgsql-socket`, `mysql`, `mysql-socket`, `mysql-replica`, `mysql-stopped`, `nrpe`, `nrpe-plain`, `nrpe-tls`, `nrpe-own`, `nrpe-known`,
    /// `login`, `login-key`, `login-options`, `real-imap`, `real-imaps`, `real-pop`, `real-pops`, and `starttls-KIND` and `smtps-KIND` for each kind of
    /// certificate in this directory.
    pub fn start(servers: &mut Servers, certificates: &Path) -> Result<Self> {
        let mut services = Self::none()?;
        services.ssh(servers)?;
        services.dns(servers)?;
        services.ntp(servers, "chrony", "local stratum 3")?;
        services.ntp(servers, "chrony-unset", "")?;
        services.mail(servers, certificates)?;
        services.mailboxes(servers, certificates)?;
        services.files(servers, certificates)?;
        services.postgres(servers, certificates)?;
        services.mariadb(servers, certificates)?;
        services.nrpe(servers, certificates)?;
        services.login(servers)?;
        Ok(services)
    }

    /// None yet.
    pub fn none() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("plimsoll-services-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        Ok(Self { children: Vec::new(), directory })
    }

    /// Has all of them stand still: they take connections, and say nothing.
    pub fn pause(&self) {
        self.children.iter().for_each(|child| signal(child, Signal::STOP));
    }

    /// Has them go on.
    pub fn resume(&self) {
        self.children.iter().for_each(|child| signal(child, Signal::CONT));
    }

    fn spawn(&mut self, name: &str, mut command: Command) -> Result<&mut Child> {
        let log = std::fs::File::create(self.directory.join(format!("{name}.log")))?;
        command.stderr(log).stdin(Stdio::piped());
        self.children.push(command.spawn().with_context(|| format!("{command:?}"))?);
        self.children.last_mut().context("no child")
    }

    /// `ssh`. One that is not root has no need of a user of its own.
    pub fn ssh(&mut self, servers: &mut Servers) -> Result<()> {
        let (sshd, libraries) = tools::service("sshd")?;
        let key = self.directory.join("key");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status()?;
        ensure!(made.success(), "ssh-keygen: {made}");
        let port = free_port()?;
        let conf = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\n",
            key.display()
        );
        let path = self.directory.join("sshd_config");
        std::fs::write(&path, conf)?;
        for path in [&key, &path] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))?;
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(sshd);
        command.args(["-D", "-e", "-f"]).arg(path).env("LD_LIBRARY_PATH", libraries);
        self.spawn("sshd", command)?;
        servers.name("ssh", port);
        until("sshd", || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    fn dns(&mut self, servers: &mut Servers) -> Result<()> {
        let (nsd, libraries) = tools::service("nsd")?;
        let place = self.directory.display().to_string();
        for (zone, text) in ZONES {
            std::fs::write(self.directory.join(zone), text)?;
        }
        let zones: String =
            ZONES.iter().map(|(zone, _)| format!("zone:\n name: {zone}\n zonefile: {zone}\n")).collect();
        let conf = format!(
            "server:\n ip-address: {NSD}@53\n username: \"\"\n chroot: \"\"\n zonesdir: {place}\n pidfile: {place}/nsd.pid\n \
             database: \"\"\n xfrdfile: \"\"\n xfrdir: {place}\n zonelistfile: {place}/list\n cookie-secret-file: \"\"\n \
             server-count: 1\nremote-control:\n control-enable: no\n{zones}"
        );
        let path = self.directory.join("nsd.conf");
        std::fs::write(&path, conf)?;
        let mut command = Command::new(nsd);
        command.args(["-d", "-c"]).arg(path).env("LD_LIBRARY_PATH", libraries);
        self.spawn("nsd", command)?;
        servers.name("nsd", NSD);
        until("nsd", || TcpStream::connect((NSD, 53)).is_ok())
    }

    /// On a port of its own, with its hands off this host's clock.
    fn ntp(&mut self, servers: &mut Servers, name: &str, more: &str) -> Result<()> {
        let (chronyd, libraries) = tools::service("chronyd")?;
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let pid = self.directory.join(format!("{name}.pid"));
        let conf = format!(
            "port {port}\nbindaddress 127.0.0.1\ncmdport 0\nbindcmdaddress /\nallow\npidfile {}\n{more}\n",
            pid.display()
        );
        let path = self.directory.join(format!("{name}.conf"));
        std::fs::write(&path, conf)?;
        let mut command = Command::new(chronyd);
        command.args(["-x", "-d", "-u", "root", "-f"]).arg(path).env("LD_LIBRARY_PATH", libraries);
        command.stdout(Stdio::null());
        self.spawn(name, command)?;
        servers.name(name, port);
        let client = UdpSocket::bind("127.0.0.1:0")?;
        client.connect(("127.0.0.1", port))?;
        client.set_read_timeout(Some(Duration::from_millis(100)))?;
        until(name, || {
            let _ = client.send(&[&[0xe3][..], &[0; 47]].concat());
            client.recv(&mut [0; 64]).is_ok()
        })
    }

    fn mail(&mut self, servers: &mut Servers, certificates: &Path) -> Result<()> {
        let script = self.directory.join("mail.py");
        std::fs::write(&script, include_str!("services/mail.py"))?;
        // Debian's, which has Debian's packages.
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(&script)
            .arg(certificates)
            .args(KINDS.iter().map(|kind| kind.name))
            .stdout(Stdio::piped());
        let stdout = self.spawn("mail", command)?.stdout.take().context("no output")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            let (name, port) = line.split_once(' ').context("not a name and a port")?;
            if name == "ready" {
                return Ok(());
            }
            servers.name(name, port);
        }
        let log = std::fs::read_to_string(self.directory.join("mail.log")).unwrap_or_default();
        anyhow::bail!("the mail servers do not start: {log}")
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const NOBODY: u32 = 65534;

const ZONES: &[(&str, &str)] = &[
    (
        "example.test",
        "$ORIGIN example.test.\n$TTL 3600\n\
         @ SOA ns admin 1 3600 600 86400 300\n@ NS ns\n@ MX 10 mail\n@ CAA 0 issue \"ca.example\"\n\
         @ TXT \"v=spf1 -all\" \"second \\\"part\\\"\"\nns A 127.0.0.1\nwww A 192.0.2.1\n\
         two A 192.0.2.2\ntwo A 192.0.2.1\nboth A 192.0.2.3\nboth AAAA 2001:db8::3\nsix AAAA 2001:db8::6\n\
         alias CNAME both\nmail A 192.0.2.25\n_sip._tcp SRV 10 5 5060 www\nsub NS ns.elsewhere.test.\n",
    ),
    (
        "2.0.192.in-addr.arpa",
        "$ORIGIN 2.0.192.in-addr.arpa.\n$TTL 3600\n@ SOA ns.example.test. admin.example.test. 1 3600 600 86400 300\n\
         @ NS ns.example.test.\n1 PTR www.example.test.\n1 PTR two.example.test.\n3 PTR both.example.test.\n",
    ),
];

/// One that is gone already is as good.
pub fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn until(what: &str, mut there: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !there() {
        ensure!(start.elapsed() < Duration::from_secs(20), "{what} does not answer");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
