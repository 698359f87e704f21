//! Containers of the worker, made by the real `runc`: each with its own cgroup in every hierarchy there is, and gone with
//! everything of it when the value is dropped.

mod config;
mod sweep;

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

pub use config::Config;

use crate::tasks;
use crate::worker::{self, Script};

/// A bundle, and the container that may run from it.
#[derive(Debug)]
pub struct Container {
    id: String,
    cgroups_path: String,
    bundle: PathBuf,
}

/// A container that runs, and waits for commands if it is a worker's script.
#[derive(Debug)]
pub struct Running {
    container: Container,
    script: Script,
    pid: u32,
    process: OwnedFd,
}

/// Held by whoever has runc make cgroups, and alone by whoever removes the empty ones above: one made a moment before its
/// first child would be taken for empty.
static PARENTS: RwLock<()> = RwLock::new(());

impl Container {
    /// Makes the bundle; nothing runs yet.
    pub fn new(config: &Config) -> Result<Self> {
        sweep::sweep();
        let id = config.id.clone().unwrap_or_else(unique);
        let cgroups_path = config.cgroups_path.replace("ID", &id);
        let bundle = std::env::temp_dir().join(format!("{}{id}", sweep::BUNDLE));
        let container = Self { id, cgroups_path, bundle };
        let root = container.bundle.join("rootfs");
        std::fs::create_dir_all(root.join("proc")).with_context(|| root.display().to_string())?;
        // A link, where it can be one: hundreds of copies of one program are no test of anything.
        let (from, to) = (worker::path()?, root.join("worker"));
        std::fs::hard_link(&from, &to)
            .or_else(|error| match error.kind() {
                ErrorKind::CrossesDevices => std::fs::copy(&from, &to).map(|_| ()),
                // To copy a file onto a link to itself would empty it.
                _ => Err(error),
            })
            .context("the worker")?;
        let text = config.json(&container.cgroups_path).to_string();
        std::fs::write(container.bundle.join("config.json"), text).context("config.json")?;
        Ok(container)
    }

    /// Its id, which `runc list` shows.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its bundle.
    pub fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// Its cgroup, below the root of each hierarchy.
    pub fn cgroups_path(&self) -> &str {
        &self.cgroups_path
    }

    /// Runs it to its end, in the foreground: the worker's exit status, and what it said on standard error.
    pub fn run(self) -> Result<(ExitStatus, String)> {
        let output =
            self.runc(&["run", "--bundle"]).arg(&self.bundle).arg(&self.id).output().context("runc")?;
        Ok((output.status, String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Starts it in the background, with its standard input and output held here.
    pub fn start(self) -> Result<Running> {
        let parents = PARENTS.read().unwrap_or_else(PoisonError::into_inner);
        let (pid_file, errors) = (self.bundle.join("pid"), self.bundle.join("errors"));
        let mut child = self
            .runc(&["run", "--detach", "--pid-file"])
            .arg(&pid_file)
            .arg("--bundle")
            .arg(&self.bundle)
            .arg(&self.id)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors)?)
            .spawn()
            .context("runc: run tools/setup packages")?;
        let script = Script::of(&mut child)?;
        let status = child.wait()?;
        drop(parents);
        ensure!(status.success(), "runc run {}: {}", self.id, std::fs::read_to_string(errors)?);
        let pid: u32 = std::fs::read_to_string(pid_file)?.trim().parse().context("the pid file")?;
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).context("the pid")?;
        let process = pidfd_open(raw, PidfdFlags::empty()).context("pidfd_open")?;
        Ok(Running { container: self, script, pid, process })
    }

    /// Makes it without starting it, as a container manager does.
    pub fn create(&self) -> Result<()> {
        let _parents = PARENTS.read().unwrap_or_else(PoisonError::into_inner);
        let errors = self.bundle.join("errors");
        let mut create = self.runc(&["create", "--bundle"]);
        // The container keeps what it is given open, so none of it may be a pipe that someone waits on.
        let status = create.arg(&self.bundle).arg(&self.id).stdin(Stdio::null()).stdout(Stdio::null());
        let status = status.stderr(File::create(&errors)?).status().context("runc")?;
        ensure!(status.success(), "runc create {}: {}", self.id, std::fs::read_to_string(errors)?);
        Ok(())
    }

    /// Starts what `create` made.
    pub fn begin(&self) -> Result<()> {
        self.succeed(&["start", &self.id])
    }

    /// What `runc state` calls it: `created`, `running` or `stopped`.
    pub fn state(&self) -> Result<String> {
        let output = self.runc(&["state", &self.id]).output().context("runc state")?;
        ensure!(
            output.status.success(),
            "runc state {}: {}",
            self.id,
            String::from_utf8_lossy(&output.stderr)
        );
        let state: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        Ok(state["status"].as_str().context("no status")?.to_owned())
    }

    fn succeed(&self, args: &[&str]) -> Result<()> {
        let output = self.runc(args).output().context("runc")?;
        ensure!(output.status.success(), "runc {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn runc(&self, args: &[&str]) -> Command {
        let mut command = Command::new("runc");
        command.args(args).stdin(Stdio::null());
        command
    }
}

impl Running {
    /// The container.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// The worker's process id, as the host sees it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The conversation with the worker.
    pub fn script(&mut self) -> &mut Script {
        &mut self.script
    }

    /// Has the worker do one thing, and waits until it is done and the worker sleeps again.
    pub fn run(&mut self, command: &str) -> Result<String> {
        let answer = self.script.run(command)?;
        self.settle()?;
        Ok(answer)
    }

    /// Waits until what was begun by its script is done and the worker sleeps again.
    pub fn finished(&mut self) -> Result<String> {
        let answer = self.script.finish()?;
        self.settle()?;
        Ok(answer)
    }

    /// Sends the worker a signal.
    pub fn kill(&self, signal: Signal) -> Result<()> {
        pidfd_send_signal(&self.process, signal).context("kill")
    }

    /// Ends the script's input, waits until the worker is gone, and has runc take the container away.
    pub fn finish(self) -> Result<()> {
        let Self { container, script, process, .. } = self;
        drop(script);
        gone(&process, Duration::from_secs(60))?;
        container.succeed(&["delete", &container.id])
    }

    /// Waits until the worker is gone, of itself or by a signal; the container is still there.
    pub fn wait(&self, timeout: Duration) -> Result<()> {
        gone(&self.process, timeout)
    }

    /// The answer is written a moment before the worker sleeps in `read`: its counters stand still only from then on.
    fn settle(&self) -> Result<()> {
        tasks::wait_until_asleep(self.pid)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It may not have been started, or be gone already; what is left shows in `runc list` under the tests' prefix.
        let _ =
            self.runc(&["delete", "--force", &self.id]).stderr(Stdio::null()).stdout(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.bundle);
        remove_empty_parents(Path::new(&self.cgroups_path));
    }
}

fn gone(process: &OwnedFd, timeout: Duration) -> Result<()> {
    let timeout = Timespec::try_from(timeout).context("the timeout")?;
    let ready = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)).context("poll")?;
    ensure!(ready == 1, "the worker did not end in time");
    Ok(())
}

/// runc removes the container's own cgroups, and leaves those it made above them.
fn remove_empty_parents(path: &Path) {
    let _parents = PARENTS.write().unwrap_or_else(PoisonError::into_inner);
    let roots = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for root in roots.chain([PathBuf::from("/sys/fs/cgroup")]) {
        for parent in path.ancestors().skip(1).filter(|parent| parent.parent().is_some()) {
            // One that another container is in, or that was never made, stays as it is.
            let _ = std::fs::remove_dir(root.join(parent.strip_prefix("/").unwrap_or(parent)));
        }
    }
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}{}-{}", sweep::PREFIX, std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
