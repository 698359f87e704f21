//! A real container engine with Docker's interface: Podman with runc, everything of its own in a directory that goes with it.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::servers::Servers;
use crate::tools;

/// One that serves its interface; stopped when dropped, with its containers.
#[derive(Debug)]
pub struct Podman {
    directory: PathBuf,
    services: PathBuf,
    cgroup: String,
    server: Option<Child>,
}

impl Podman {
    /// Starts it and gives its socket the name `podman`.
    pub fn start(servers: &mut Servers) -> Result<Self> {
        let name = format!("plimsoll-podman-{}", std::process::id());
        let directory = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(directory.join("image/bin"))?;
        let mut podman =
            Self { directory, services: tools::services()?, cgroup: format!("/{name}"), server: None };
        let conmon = podman.services.join("usr/bin/conmon");
        podman.write("containers.conf", &CONFIG.replace("CONMON", &conmon.display().to_string()))?;
        podman.write("policy.json", r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)?;
        std::fs::copy(tools::busybox()?, podman.directory.join("image/bin/busybox"))?;
        let archive = podman.directory.join("image.tar");
        let image = podman.directory.join("image");
        let packed = Command::new("tar").arg("-C").arg(image).arg("-cf").arg(&archive).arg(".").status()?;
        ensure!(packed.success(), "tar: {packed}");
        let policy = podman.directory.join("policy.json").display().to_string();
        podman.run(&["import", "--signature-policy", &policy, &archive.display().to_string(), IMAGE])?;
        podman.serve(servers)?;
        Ok(podman)
    }

    /// Starts a container of this name: busybox with these words.
    pub fn container(&self, name: &str, options: &[&str], words: &[&str]) -> Result<()> {
        let own = ["run", "--detach", "--name", name, "--cgroup-parent", &self.cgroup];
        let image = [IMAGE, "/bin/busybox"];
        self.run(&[&own, options, &image, words].concat()).map(drop)
    }

    /// Has Podman do something that succeeds: what it says.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = self.command().args(args).stdin(Stdio::null()).output().context("podman")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "podman {args:?}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    fn serve(&mut self, servers: &mut Servers) -> Result<()> {
        let socket = self.directory.join("socket");
        let log = std::fs::File::create(self.directory.join("log"))?;
        let mut command = self.command();
        command.args(["system", "service", "--time", "0"]).arg(format!("unix://{}", socket.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server = Some(command.spawn().context("podman")?);
        servers.name("podman", socket.display());
        until("podman's socket", || UnixStream::connect(&socket).is_ok())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.services.join("usr/bin/podman"));
        let place = |name: &str| self.directory.join(name);
        command.arg("--root").arg(place("root")).arg("--runroot").arg(place("run"));
        command.arg("--tmpdir").arg(place("tmp")).args(["--storage-driver", "vfs"]);
        command.env("CONTAINERS_CONF", place("containers.conf")).env("HOME", &self.directory);
        command.env("LD_LIBRARY_PATH", self.services.join("usr/lib/x86_64-linux-gnu"));
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.directory.join(name), text).with_context(|| name.to_owned())
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = self.run(&["rm", "--all", "--force", "--time", "0"]);
        let _ = std::fs::remove_dir_all(&self.directory);
        let roots = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        for root in roots.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]) {
            // The engine leaves its own cgroup in that of the containers.
            let parent = root.join(self.cgroup.trim_start_matches('/'));
            let _ = std::fs::remove_dir(parent.join("conmon"));
            let _ = std::fs::remove_dir(parent);
        }
    }
}

const IMAGE: &str = "plimsoll/busybox:1";

/// Nothing of the host's: no network, no journal, no limits that only a privileged root may set.
const CONFIG: &str = "\
[containers]
netns = \"none\"
log_driver = \"k8s-file\"
default_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]
[engine]
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
lock_type = \"file\"
conmon_path = [\"CONMON\"]
runtime = \"runc\"
";

fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !holds() {
        ensure!(start.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
