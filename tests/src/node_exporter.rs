//! Debian's node_exporter, beside which ours reads the host.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::exporter::{ask, status};
use crate::tools;

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct NodeExporter {
    child: Child,
    address: SocketAddr,
}

impl NodeExporter {
    /// Starts it with these flags on a free port of the loopback address, and waits until it listens.
    pub fn start(args: &[String]) -> Result<Self> {
        Self::start_with(args, &[])
    }

    /// The same, in this environment.
    pub fn start_with(args: &[String], environment: &[(&str, &str)]) -> Result<Self> {
        let mut child = Command::new(tools::node_exporter()?)
            .args(args)
            .envs(environment.iter().copied())
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("node_exporter")?;
        let mut log = BufReader::new(child.stderr.take().context("no log")?);
        let mut seen = String::new();
        let address = loop {
            let from = seen.len();
            if log.read_line(&mut seen)? == 0 {
                let _ = child.kill();
                anyhow::bail!("node_exporter ended: {seen}");
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

    /// What it serves now.
    pub fn metrics(&self) -> Result<String> {
        let (code, text) = status(ask(self.address, "GET", "/metrics", &[])?)?;
        anyhow::ensure!(code == 200, "{code}: {text}");
        Ok(text)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
