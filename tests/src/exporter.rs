//! A running exporter on a port of its own, and what it serves, as numbers.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

pub use crate::scrape::{Sample, Scrape};
use crate::{structure, tools};

/// How the exporter is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As the tests are.
    Debug,
    /// As it is shipped.
    Release,
}

/// The path of the exporter, built by the first who asks, as the tests are.
pub fn path() -> Result<PathBuf> {
    Build::Debug.path()
}

impl Build {
    /// The path of the exporter built so, by the first who asks.
    pub fn path(self) -> Result<PathBuf> {
        static BUILT: [OnceLock<Result<PathBuf, String>>; 2] = [OnceLock::new(), OnceLock::new()];
        BUILT[self as usize]
            .get_or_init(|| self.build().map_err(|error| format!("{error:#}")))
            .clone()
            .map_err(|error| anyhow!(error))
    }

    fn build(self) -> Result<PathBuf> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // A program is built with the tests of its package. Built in any other way, with other packages or without tests, it
        // has crates with other features, and most of them are compiled once more.
        const WITH_TESTS: &[&str] =
            &["test", "--no-run", "--workspace", "--exclude", "plimsoll-ebpf", "--test", "http"];
        const ALONE: &[&str] = &["build", "--release", "--package", "plimsoll", "--bin", "plimsoll"];
        let (arguments, directory) = match self {
            Self::Debug => (WITH_TESTS, "debug/plimsoll"),
            Self::Release => (ALONE, "release/plimsoll"),
        };
        let mut command = Command::new(cargo);
        // What cargo tells the tests of their own package is to build scripts as if it were another machine.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|start| name.to_string_lossy().starts_with(start))
            {
                command.env_remove(name);
            }
        }
        let output = command
            .current_dir(tools::workspace())
            .args(arguments)
            .args(["--quiet", "--locked"])
            .stdin(Stdio::null())
            .output()
            .context("cargo")?;
        ensure!(output.status.success(), "build the exporter: {}", String::from_utf8_lossy(&output.stderr));
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| tools::workspace().join("target"), PathBuf::from);
        Ok(target.join(directory))
    }
}

/// A running exporter; killed when dropped.
#[derive(Debug)]
pub struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Exporter {
    /// Starts it with these flags on a free port of the loopback address, and waits until it answers.
    pub fn start(args: &[&str]) -> Result<Self> {
        Self::start_build(Build::Debug, args)
    }

    /// As `start`, of another build.
    pub fn start_build(build: Build, args: &[&str]) -> Result<Self> {
        let mut command = Command::new(build.path()?);
        command.args(args);
        Self::start_command(command)
    }

    /// Starts a command that is the exporter or becomes it, with these flags added. It has no ceiling on what it costs
    /// unless the command says so: tests scrape without a pause.
    pub fn start_command(mut command: Command) -> Result<Self> {
        if !command.get_args().any(|arg| arg.to_string_lossy().starts_with("--overhead.cpu")) {
            command.arg("--overhead.cpu=0");
        }
        let mut child = command
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("the exporter")?;
        let mut log = BufReader::new(child.stderr.take().context("standard error is no pipe")?);
        let address = listening(&mut log).inspect_err(|_| {
            let _ = child.kill();
        })?;
        // Its log goes where the test's own output goes, so that a failure shows it.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `/metrics` says now; an error if it is not well formed, or a series is there twice.
    pub fn scrape(&self) -> Result<Scrape> {
        let text = self.get("/metrics", &[])?;
        let faults = structure::faults(&text, false);
        ensure!(faults.is_empty(), "{faults:#?}");
        Ok(Scrape::parse(&text))
    }

    /// Scrapes until `done` holds; an error with the last scrape's own rows after a minute.
    pub fn scrape_until(&self, what: &str, mut done: impl FnMut(&Scrape) -> bool) -> Result<Scrape> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let scrape = self.scrape()?;
            if done(&scrape) {
                return Ok(scrape);
            }
            if Instant::now() > end {
                bail!("not within a minute: {what}");
            }
            std::thread::yield_now();
        }
    }

    /// The body at a path, asked for with these headers; an error unless the answer is 200.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<String> {
        Ok(String::from_utf8(self.get_bytes(path, headers)?)?)
    }

    /// The same, as it came.
    pub fn get_bytes(&self, path: &str, headers: &[(&str, &str)]) -> Result<Vec<u8>> {
        let (head, body) = ask(self.address, "GET", path, headers)?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}{}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// Posts nothing to a path: the status and body of the answer.
    pub fn post(&self, path: &str) -> Result<(u16, String)> {
        status(ask(self.address, "POST", path, &[])?)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        Ok(rustix::process::kill_process(pid.context("the pid")?, signal)?)
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(rustix::process::Signal::TERM)?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The head and the body of an answer of whoever serves there.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("no head")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer).into_owned();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Ok((head, if chunked { joined(&body)? } else { body }))
}

/// A body that came in chunks.
fn joined(mut chunks: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|window| window == b"\r\n").context("no size")?;
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end])?, 16)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(chunks.get(end + 2..end + 2 + size).context("a chunk that is cut")?);
        chunks = chunks.get(end + 4 + size..).context("a chunk that is cut")?;
    }
}

/// The status and the text of an answer.
pub fn status((head, body): (String, Vec<u8>)) -> Result<(u16, String)> {
    let status = head.get(9..12).context("no status")?.parse().with_context(|| head.clone())?;
    Ok((status, String::from_utf8(body)?))
}

/// Reads the log up to the line that names the address.
fn listening(log: &mut impl std::io::BufRead) -> Result<SocketAddr> {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        ensure!(log.read_line(&mut line)? > 0, "the exporter ended: {seen}");
        seen.push_str(&line);
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let fields = entry.get("fields").unwrap_or(&entry);
        if let Some(address) = fields.get("address").and_then(|a| a.as_str()) {
            return address.parse().with_context(|| line.clone());
        }
    }
}
