//! A whole Icinga 2 with its API on a port of its own, in a directory of its own; its parser of perfdata, and what it makes of
//! a configuration.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::services::signal;
use crate::{certificates, tools};

mod api;
mod objects;
pub mod perfdata;

pub use api::Service;
pub use objects::{objects, validate};
pub use perfdata::{Parsed, expected, parse, same};

/// What it calls itself: its certificate is for this name.
pub const NODE: &str = "good.example";
/// Who may ask its API anything.
pub const USER: &str = "tester:let-me-in";
/// Who may, by the certificate of this name.
pub const CLIENT: &str = "other.example";

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct Icinga {
    child: Option<Child>,
    directory: PathBuf,
    port: u16,
}

impl Icinga {
    /// Starts it with the library of commands and this configuration, and waits until its API answers.
    pub fn start(configuration: &str) -> Result<Self> {
        let directory = directory()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let certs = directory.join("data/certs");
        std::fs::create_dir_all(&certs)?;
        certificates::write(&certs)?;
        for (from, to) in
            [("good.pem", "good.example.crt"), ("good.key", "good.example.key"), ("authority.pem", "ca.crt")]
        {
            std::fs::copy(certs.join(from), certs.join(to))?;
        }
        let mut icinga = Self { child: None, directory, port };
        icinga.configure(configuration)?;
        icinga.run()?;
        Ok(icinga)
    }

    /// Its directory, with the certificates below `data/certs`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The port of its API.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Has it run, and waits until its API answers.
    pub fn run(&mut self) -> Result<()> {
        let log = File::create(self.directory.join("log"))?;
        let mut command = command(&self.directory)?;
        command.stdout(log.try_clone()?).stderr(log);
        let child = self.child.insert(command.spawn().context("icinga2")?);
        let start = Instant::now();
        while api::call(self.port, &self.directory, "GET", "/v1/status/IcingaApplication", None).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("icinga2 ends with {status}: {}", read(&self.directory.join("log"))?);
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "icinga2 does not answer: {}",
                read(&self.directory.join("log"))?
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it, with what it knows on disk.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        signal(&child, Signal::TERM);
        let start = Instant::now();
        while child.try_wait()?.is_none() {
            ensure!(start.elapsed() < PATIENCE, "icinga2 does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Writes another configuration, which it reads when it is told to.
    pub fn configure(&self, configuration: &str) -> Result<()> {
        let whole = with_library(&(daemon(self.port) + configuration))?;
        Ok(std::fs::write(self.directory.join("icinga2.conf"), whole)?)
    }

    /// Tells it to read its configuration again, and waits until it has.
    pub fn reload(&self) -> Result<()> {
        let started = self.started()?;
        signal(self.child.as_ref().context("icinga2 does not run")?, Signal::HUP);
        let start = Instant::now();
        // While one takes over from the other nobody answers.
        while !self.started().is_ok_and(|now| now != started) {
            ensure!(
                start.elapsed() < PATIENCE,
                "icinga2 does not reload: {}",
                read(&self.directory.join("log"))?
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What its API answers.
    pub fn get(&self, path: &str) -> Result<Value> {
        api::call(self.port, &self.directory, "GET", path, None)
    }

    /// What its API answers to this.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        api::call(self.port, &self.directory, "POST", path, Some(body))
    }

    /// The process that runs the checks: another after a reload.
    fn started(&self) -> Result<Value> {
        let status = self.get("/v1/status/IcingaApplication")?;
        let app = &status["results"][0]["status"]["icingaapplication"]["app"];
        Ok(json!([app["pid"], app["program_start"]]))
    }
}

impl Drop for Icinga {
    fn drop(&mut self) {
        if self.stop().is_err()
            && let Some(mut child) = self.child.take()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const PATIENCE: Duration = Duration::from_secs(120);

fn directory() -> Result<PathBuf> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("plimsoll-icinga-{}-{number}", std::process::id()));
    for part in ["data", "log.d", "cache", "spool", "run"] {
        std::fs::create_dir_all(directory.join(part))?;
    }
    Ok(directory)
}

/// In its own place, and as who runs the tests.
fn command(directory: &Path) -> Result<Command> {
    let icinga = tools::icinga()?.canonicalize()?;
    let include = icinga.with_file_name("include");
    let mut command = Command::new(icinga);
    command
        .env("MP_STATE_PATH", directory.join("spool"))
        .env("ICINGA2_USER", "root")
        .env("ICINGA2_GROUP", "root")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command.arg("daemon").arg("--config").arg(directory.join("icinga2.conf"));
    let place = directory.display();
    for (name, value) in [
        ("DataDir", format!("{place}/data")),
        ("LogDir", format!("{place}/log.d")),
        ("CacheDir", format!("{place}/cache")),
        ("SpoolDir", format!("{place}/spool")),
        ("InitRunDir", format!("{place}/run")),
        ("ConfigDir", place.to_string()),
        ("PidPath", format!("{place}/run/icinga2.pid")),
        ("IncludeConfDir", include.display().to_string()),
    ] {
        command.arg("--define").arg(format!("Configuration.{name}={value}"));
    }
    command.arg("--include").arg(include);
    Ok(command)
}

/// The library of commands, then this.
fn with_library(configuration: &str) -> Result<String> {
    let ours = crate::plugins::ours_dir()?;
    Ok(format!(
        "const PluginDir = \"{theirs}\"\nconst PluginContribDir = PluginDir\n\
         const PlimsollPluginDir = \"{ours}\"\nconst NodeName = \"{NODE}\"\nconst ZoneName = NodeName\n\
         include <itl>\ninclude <plugins>\ninclude <plugins-contrib>\n{configuration}\n",
        theirs = crate::plugins::THEIRS,
        ours = ours.display(),
    ))
}

/// What has it run checks and answer.
fn daemon(port: u16) -> String {
    let (user, password) = USER.split_once(':').unwrap_or_default();
    format!(
        "object Endpoint NodeName {{ }}\nobject Zone ZoneName {{ endpoints = [ NodeName ] }}\n\
         object IcingaApplication \"app\" {{ }}\nobject CheckerComponent \"checker\" {{ }}\n\
         object ApiListener \"api\" {{ bind_host = \"127.0.0.1\"\n bind_port = {port} }}\n\
         object ApiUser \"{user}\" {{ password = \"{password}\"\n permissions = [ \"*\" ] }}\n\
         object ApiUser \"client\" {{ client_cn = \"{CLIENT}\"\n permissions = [ \"*\" ] }}\n",
    )
}

/// The bundle of `deploy/icinga2` as it would be installed, but that it tells this mail server and this web server, and escalates
/// after so many seconds.
pub fn notified(mail: u16, web: SocketAddr, escalate: u32) -> Result<String> {
    let place = tools::workspace().join("deploy/icinga2").canonicalize()?;
    let place = place.display();
    let users = std::fs::read_to_string(format!("{place}/users.conf"))?;
    let users = users.replace("https://hooks.slack.example.com/services/…", &format!("http://{web}/slack"));
    Ok(format!(
        "const PlimsollNotify = \"{place}/plimsoll-notify\"\n\
         const PlimsollMailServer = \"smtp://127.0.0.1:{mail}\"\n\
         const PlimsollPagerUrl = \"http://{web}/pager\"\n\
         const PlimsollEscalateAfter = {escalate}s\n\
         object NotificationComponent \"notification\" {{ }}\n\
         include \"{place}/commands.conf\"\ninclude \"{place}/services.conf\"\n\
         include \"{place}/notifications.conf\"\n{users}\n"
    ))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
