//! Debian's Alertmanager, and those it tells: a mail server, and a web server that notes what is posted to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::tools;

/// What was told, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<(Mutex<Vec<Message>>, Condvar)>);

/// A message: where it went to (the path, or `mail`), and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The path that was posted to, or `mail`.
    pub to: String,
    /// The body, or the mail with its headers.
    pub text: String,
}

/// A running Alertmanager; killed when dropped.
#[derive(Debug)]
pub struct Alertmanager {
    child: Child,
    address: SocketAddr,
}

/// A mail server that says what it is sent; stopped when dropped.
#[derive(Debug)]
pub struct MailServer {
    child: Child,
    port: u16,
}

impl Told {
    fn note(&self, to: &str, text: String) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(Message { to: to.to_owned(), text });
        self.0.1.notify_all();
    }

    /// All messages so far.
    pub fn all(&self) -> Vec<Message> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a message to there that says this; an error after a minute.
    pub fn until(&self, to: &str, says: &str) -> Result<Message> {
        let end = Instant::now() + Duration::from_secs(60);
        let mut messages = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = messages.iter().find(|one| one.to == to && one.text.contains(says)) {
                return Ok(found.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            ensure!(!left.is_zero(), "not within a minute: {says} to {to}: {messages:#?}");
            messages = self.0.1.wait_timeout(messages, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A web server that notes what is posted to it, until the test ends.
    pub fn web(&self) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, told) = (listener.local_addr()?, self.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let told = told.clone();
                std::thread::spawn(move || serve(&stream, &told));
            }
        });
        Ok(address)
    }

    /// A mail server that notes what it is sent.
    pub fn mail(&self) -> Result<MailServer> {
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", include_str!("alertmanager/mail.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("python3: run tools/setup packages")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let first = lines.next().context("the mail server ended")??;
        let (port, told) = (first.trim().parse().with_context(|| first.clone())?, self.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                told.note("mail", serde_json::from_str(&line).unwrap_or(line));
            }
        });
        Ok(MailServer { child, port })
    }
}

impl MailServer {
    /// Where it listens, on the loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Alertmanager {
    /// Starts it with this configuration and its data in that directory, and waits until it listens.
    pub fn start(config: &Path, data: &Path) -> Result<Self> {
        tools::alertmanager("prometheus-alertmanager")?;
        // Debian's finds its own templates where they would be installed, and nowhere else.
        let mut child = Command::new("unshare")
            .args(["--mount", "/bin/sh", "-c"])
            .arg(
                "mount -t overlay overlay -o \"lowerdir=$1:/usr\" /usr && shift && \
                 exec /usr/bin/prometheus-alertmanager \"$@\"",
            )
            .arg("sh")
            .arg(tools::services()?.join("usr"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", data.display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("alertmanager")?;
        let mut log = BufReader::new(child.stderr.take().context("no log")?);
        let mut seen = String::new();
        let address = loop {
            let from = seen.len();
            if log.read_line(&mut seen)? == 0 {
                let _ = child.kill();
                bail!("the alertmanager ended: {seen}");
            }
            if let Some((_, address)) = seen[from..].split_once("msg=\"Listening on\" address=") {
                break address.trim().parse().with_context(|| seen.clone())?;
            }
        };
        // What it complains of belongs with the test's own output.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `amtool` says when it is asked this of it; an error if it fails.
    pub fn amtool(&self, args: &[&str]) -> Result<String> {
        amtool(&[args, &[&format!("--alertmanager.url=http://{}", self.address)]].concat())
    }
}

/// What `amtool` says; an error if it fails.
pub fn amtool(args: &[&str]) -> Result<String> {
    let output = Command::new(tools::alertmanager("amtool")?).args(args).output().context("amtool")?;
    let (out, err) =
        (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
    ensure!(output.status.success(), "amtool {args:?}: {out}{err}");
    Ok(out)
}

/// The example of `deploy/alertmanager`.
pub fn example() -> PathBuf {
    tools::workspace().join("deploy/alertmanager/alertmanager.yml")
}

/// The example with local receivers, and seconds for its minutes.
pub fn local(directory: &Path, mail: u16, web: std::net::SocketAddr) -> Result<PathBuf> {
    let mut text = std::fs::read_to_string(example())?;
    let mut swap = |from: &str, to: &str| -> Result<()> {
        ensure!(text.contains(from), "the example has no {from}");
        text = text.replace(from, to);
        Ok(())
    };
    swap("localhost:25", &format!("127.0.0.1:{mail}"))?;
    swap("https://events.pagerduty.com/v2/enqueue", &format!("http://{web}/pager"))?;
    swap("/etc/alertmanager/", &format!("{}/", directory.display()))?;
    swap("group_wait: 30s", "group_wait: 1s")?;
    swap("group_wait: 15m", "group_wait: 6s")?;
    swap("group_interval: 5m", "group_interval: 2s")?;
    for (file, secret) in [
        ("slack_url", format!("http://{web}/slack")),
        ("pager_key", "first".to_owned()),
        ("pager_second_key", "second".to_owned()),
    ] {
        std::fs::write(directory.join(file), secret)?;
    }
    std::fs::copy(example().with_file_name("plimsoll.tmpl"), directory.join("plimsoll.tmpl"))?;
    let path = directory.join("alertmanager.yml");
    std::fs::write(&path, text)?;
    Ok(path)
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers every request on a connection, and notes it.
fn serve(stream: &TcpStream, told: &Told) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line).ok()?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        told.note(&path, String::from_utf8_lossy(&body).into_owned());
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok").ok()?;
    }
}
