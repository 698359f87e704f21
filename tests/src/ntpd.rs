//! A real server of control messages: ntpsec's, in a network of its own, with its hands off this host's clock. It takes its
//! time from chrony, at the other end of a cable.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::netns::{Pair, within};
use crate::services::signal;
use crate::tools;

/// Where its source is, once the cable is there.
const SOURCE: &str = "10.77.0.1";
/// Gives each its network, and has it wait for the cable.
const WAITING: &str = "\"$1\" ip link set lo up && { read -r _ || true; } && shift && exec \"$@\"";

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct Ntpd {
    children: Vec<Child>,
    directory: PathBuf,
}

impl Ntpd {
    /// Starts both, the server with a line more in its file. It has no source yet, and takes some seconds to choose one. Then it
    /// believes that it steers the clock; with `disable ntp` it knows that it does not, and that it is off.
    pub fn start(more: &str) -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("plimsoll-ntpd-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let mut both = Self { children: Vec::new(), directory };
        let place = both.directory.display().to_string();
        let conf =
            format!("cmdport 0\nbindcmdaddress /\nallow\nlocal stratum 3\npidfile {place}/chrony.pid\n");
        let conf = both.file("chrony.conf", &conf)?;
        both.wait_for_cable("chronyd", &["-x", "-d", "-u", "root", "-f", &conf])?;
        let conf = format!(
            "interface ignore wildcard\ninterface listen lo\ninterface listen eth0\nrestrict default\nrestrict 127.0.0.1\ntos minsane 1\n\
             server {SOURCE} iburst minpoll 3 maxpoll 4\n{more}\n"
        );
        let (conf, pid) = (both.file("ntp.conf", &conf)?, format!("{place}/ntpd.pid"));
        both.wait_for_cable("ntpd", &["-n", "-N", "-c", &conf, "-p", &pid])?;
        let [first, second] = both.children.as_slice() else { anyhow::bail!("not two of them") };
        Pair::lay(first.id(), second.id())?;
        for child in &mut both.children {
            // It reads a line, which the end is too.
            drop(child.stdin.take());
        }
        Ok(both)
    }

    /// A port here that is the server's, for who is not in its network.
    pub fn port(&self) -> Result<u16> {
        let (outside, pid) = (UdpSocket::bind("127.0.0.1:0")?, self.pid());
        let port = outside.local_addr()?.port();
        std::thread::spawn(move || -> Result<()> {
            let mut buffer = [0; 1024];
            loop {
                let (length, from) = outside.recv_from(&mut buffer)?;
                let (question, back) = (buffer[..length].to_vec(), outside.try_clone()?);
                std::thread::spawn(move || within(pid, move || ask(&question, &back, from)));
            }
        });
        Ok(port)
    }

    /// Has the server stand still.
    pub fn pause(&self) {
        self.children.iter().for_each(|child| signal(child, Signal::STOP));
    }

    /// Has it go on.
    pub fn resume(&self) {
        self.children.iter().for_each(|child| signal(child, Signal::CONT));
    }

    /// A command in its network.
    pub fn command(&self, program: &str) -> Command {
        let pid = self.pid();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{pid}/ns/net")).arg(program);
        command
    }

    /// What it has to complain of.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("ntpd.log")).unwrap_or_default()
    }

    fn pid(&self) -> u32 {
        self.children.last().map(Child::id).unwrap_or_default()
    }

    fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.directory.join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    fn wait_for_cable(&mut self, name: &str, args: &[&str]) -> Result<()> {
        let (program, libraries) = tools::service(name)?;
        let log = std::fs::File::create(self.directory.join(format!("{name}.log")))?;
        let mut command = Command::new("unshare");
        command.args(["--net", "/bin/sh", "-c", WAITING, "sh"]).arg(tools::busybox()?);
        command.args(["setpriv", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]);
        command.arg(program).args(args).env("LD_LIBRARY_PATH", libraries);
        command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::piped());
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let network = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net"));
        let (start, own, pid) = (Instant::now(), network("self")?, child.id().to_string());
        self.children.push(child);
        while network(&pid)? == own {
            ensure!(start.elapsed() < Duration::from_secs(20), "{name} has no network of its own");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Ntpd {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Hands on a question, and whatever is answered within two seconds.
fn ask(question: &[u8], back: &UdpSocket, from: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect("127.0.0.1:123")?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send(question)?;
    let mut buffer = [0; 1024];
    while let Ok(length) = socket.recv(&mut buffer) {
        back.send_to(&buffer[..length], from)?;
    }
    Ok(())
}
