//! Debian's blackbox exporter, beside which ours probes.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::tools;

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct Blackbox {
    child: Child,
    address: SocketAddr,
}

impl Blackbox {
    /// Starts it with these modules on a free port of the loopback address, and waits until it listens.
    pub fn start(modules: &Path) -> Result<Self> {
        let mut child = Command::new(tools::blackbox()?)
            .arg(format!("--config.file={}", modules.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("blackbox exporter")?;
        let mut log = BufReader::new(child.stderr.take().context("no log")?);
        let mut seen = String::new();
        let address = loop {
            let from = seen.len();
            if log.read_line(&mut seen)? == 0 {
                let _ = child.kill();
                anyhow::bail!("the blackbox exporter ended: {seen}");
            }
            let listening = seen[from..].split_once("msg=\"Listening on\" address=");
            if let Some((_, address)) = listening {
                break address.trim().parse().with_context(|| seen.clone())?;
            }
        };
        // Nobody reads on, and it has to be able to write.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Blackbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
