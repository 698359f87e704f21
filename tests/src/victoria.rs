//! Debian's VictoriaMetrics with its data in a directory of its own; killed when dropped.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::prometheus::{Series, exported};
use crate::{exporter, tools};

/// A running one.
#[derive(Debug)]
pub struct Victoria {
    child: Option<Child>,
    address: SocketAddr,
    directory: PathBuf,
}

impl Victoria {
    /// Starts it, and waits until it answers.
    pub fn start() -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("plimsoll-victoria-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut victoria = Self { child: None, address, directory };
        victoria.run()?;
        Ok(victoria)
    }

    /// Has it run, and waits until it answers.
    pub fn run(&mut self) -> Result<()> {
        let child = Command::new(tools::victoria_metrics()?)
            .arg(format!("-httpListenAddr={}", self.address))
            .arg(format!("-storageDataPath={}", self.directory.display()))
            .args(["-search.latencyOffset=0s", "-loggerLevel=ERROR"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("victoria-metrics")?;
        self.child = Some(child);
        let end = Instant::now() + Duration::from_secs(60);
        while self.get("/health").is_err() {
            ensure!(Instant::now() < end, "VictoriaMetrics does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it, with what it was told on disk.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        crate::services::signal(&child, rustix::process::Signal::TERM);
        child.wait()?;
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every sample it has of what a selector names, as it was written.
    pub fn export(&self, selector: &str) -> Result<Vec<Series>> {
        self.get("/internal/force_flush")?;
        let arguments =
            form_urlencoded::Serializer::new(String::new()).append_pair("match[]", selector).finish();
        let text = self.get(&format!("/api/v1/export?{arguments}"))?;
        text.lines().map(exported).collect()
    }

    fn get(&self, path: &str) -> Result<String> {
        let (status, body) = exporter::status(exporter::ask(self.address, "GET", path, &[])?)?;
        ensure!(status == 200, "{path}: {status} {body}");
        Ok(body)
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
