//! A real name server in the network namespace of a container, and what it counts itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::netns::within;
use crate::tools;

/// NSD with the zone `example.test`; stopped when dropped.
#[derive(Debug)]
pub struct NameServer {
    child: Child,
    directory: PathBuf,
}

impl NameServer {
    /// Starts one that listens on these addresses in the namespace of a process.
    pub fn start(pid: u32, addresses: &[&str]) -> Result<Self> {
        let (nsd, libraries) = tools::service("nsd")?;
        let directory =
            std::env::temp_dir().join(format!("plimsoll-nameserver-{}-{pid}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let place = directory.display();
        let listen: String = addresses.iter().map(|address| format!(" ip-address: {address}\n")).collect();
        let conf = format!(
            "server:\n{listen} username: \"\"\n chroot: \"\"\n zonesdir: {place}\n pidfile: {place}/pid\n database: \"\"\n \
             xfrdfile: \"\"\n xfrdir: {place}\n zonelistfile: {place}/list\n cookie-secret-file: \"\"\n server-count: 1\n\
             remote-control:\n control-enable: yes\n control-interface: {place}/control\n\
             zone:\n name: example.test\n zonefile: zone\n"
        );
        std::fs::write(directory.join("nsd.conf"), conf)?;
        let long: String = (0..20).map(|n| format!("big TXT \"{}{n}\"\n", "x".repeat(80))).collect();
        std::fs::write(directory.join("zone"), format!("{ZONE}{long}"))?;
        let mut command = Command::new(nsd);
        command.args(["-d", "-c"]).arg(directory.join("nsd.conf")).env("LD_LIBRARY_PATH", libraries);
        command.stdin(Stdio::null()).stderr(std::fs::File::create(directory.join("log"))?);
        let child = within(pid, move || command.spawn().context("nsd"))?;
        let server = Self { child, directory };
        let end = Instant::now() + Duration::from_secs(20);
        while server.counts().is_err() {
            ensure!(Instant::now() < end, "nsd: {}", std::fs::read_to_string(server.directory.join("log"))?);
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// Its own counters: `num.type.A`, `num.rcode.NXDOMAIN`, `num.udp` and so on. Those that are 0 are not there.
    pub fn counts(&self) -> Result<BTreeMap<String, u64>> {
        let (control, libraries) = tools::service("nsd-control")?;
        let output = Command::new(control)
            .arg("-c")
            .arg(self.directory.join("nsd.conf"))
            .arg("stats_noreset")
            .env("LD_LIBRARY_PATH", libraries)
            .output()?;
        ensure!(output.status.success(), "nsd-control: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let count = |line: &str| {
            let (name, count) = line.split_once('=')?;
            Some((name.to_owned(), count.parse().ok().filter(|count| *count > 0)?))
        };
        Ok(text.lines().filter_map(count).collect())
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const ZONE: &str = "$ORIGIN example.test.\n$TTL 3600\n@ SOA ns admin 1 3600 600 86400 300\n@ NS ns\n@ MX 10 mail\n\
                    ns A 10.77.0.2\nmail A 10.77.0.2\nwww A 192.0.2.1\nsix AAAA 2001:db8::6\n\
                    over6 AAAA fd77::2\nself A 10.77.0.1\nalias CNAME self\n";
