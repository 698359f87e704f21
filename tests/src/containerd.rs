//! A real containerd with runc, everything of its own in a directory that goes with it; and what one leaves on disk.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::runc::Container;
use crate::servers::Servers;
use crate::tools;

/// One that runs; stopped when dropped, with its containers.
#[derive(Debug)]
pub struct Containerd {
    directory: PathBuf,
    programs: PathBuf,
    cgroup: String,
    daemon: Option<Child>,
    made: std::cell::RefCell<Vec<(String, String)>>,
}

/// The image of all its containers: busybox, which sleeps.
pub const IMAGE: &str = "plimsoll.test/busybox:1";

impl Containerd {
    /// Starts it and gives its socket the name `containerd`.
    pub fn start(servers: &mut Servers) -> Result<Self> {
        let name = format!("plimsoll-containerd-{}", std::process::id());
        let directory = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(directory.join("none"))?;
        let programs = tools::services()?.join("usr/bin");
        let mut containerd =
            Self { directory, programs, cgroup: format!("/{name}"), daemon: None, made: Default::default() };
        let config = CONFIG.replace("DIR", &containerd.directory.display().to_string());
        std::fs::write(containerd.directory.join("config.toml"), config)?;
        servers.name("containerd", containerd.socket().display());
        containerd.serve()?;
        containerd.pack()?;
        Ok(containerd)
    }

    /// Has it serve, and waits until it does.
    pub fn serve(&mut self) -> Result<()> {
        let path = format!("{}:{}", self.programs.display(), std::env::var("PATH").unwrap_or_default());
        let log = std::fs::File::options().create(true).append(true).open(self.directory.join("log"))?;
        let mut command = Command::new(self.programs.join("containerd"));
        command.arg("-c").arg(self.directory.join("config.toml")).env("PATH", path);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.daemon = Some(command.spawn().context("containerd")?);
        let socket = self.socket();
        let start = Instant::now();
        while UnixStream::connect(&socket).is_err() || self.ctr(&["version"]).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(60), "containerd does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it; its containers go on.
    pub fn stop(&mut self) -> Result<()> {
        let mut daemon = self.daemon.take().context("it runs")?;
        daemon.kill()?;
        daemon.wait()?;
        Ok(())
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("sock")
    }

    /// The cgroup that its containers are to be in.
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// Takes the image into a namespace.
    pub fn import(&self, namespace: &str) -> Result<()> {
        let archive = self.directory.join("image.tar").display().to_string();
        self.ctr(&["--namespace", namespace, "images", "import", "--snapshotter", "native", &archive])
            .map(drop)
    }

    /// Starts a container.
    pub fn container(&self, namespace: &str, id: &str, options: &[&str], words: &[&str]) -> Result<()> {
        let cgroup = format!("{}/{id}", self.cgroup);
        let own =
            ["--namespace", namespace, "run", "--detach", "--snapshotter", "native", "--cgroup", &cgroup];
        self.made.borrow_mut().push((namespace.to_owned(), id.to_owned()));
        self.ctr(&[&own, options, &[IMAGE, id], words].concat()).map(drop)
    }

    /// Has one removed at the end that was made otherwise.
    pub fn made(&self, namespace: &str, id: &str) {
        self.made.borrow_mut().push((namespace.to_owned(), id.to_owned()));
    }

    /// Has `ctr` do something that succeeds: what it says.
    pub fn ctr(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(self.programs.join("ctr"));
        let output = command.arg("--address").arg(self.socket()).args(args).stdin(Stdio::null()).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "ctr {args:?}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// An image as `docker save` makes it.
    fn pack(&self) -> Result<()> {
        let image = self.directory.join("image");
        std::fs::create_dir_all(image.join("bin"))?;
        std::fs::copy(tools::busybox()?, image.join("bin/busybox"))?;
        let tar = |args: &[&str]| -> Result<()> {
            let status = Command::new("tar").current_dir(&image).args(args).status()?;
            ensure!(status.success(), "tar {args:?}: {status}");
            Ok(())
        };
        tar(&["-cf", "layer.tar", "bin"])?;
        let sum = Command::new("sha256sum").arg(image.join("layer.tar")).output()?;
        let sum = String::from_utf8(sum.stdout)?;
        let layer = format!("sha256:{}", sum.split(' ').next().unwrap_or_default());
        let config = json!({
            "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer]},
            "config": {"Entrypoint": ["/bin/busybox"], "Cmd": ["sleep", "3600"]},
        });
        let manifest = json!([{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]);
        std::fs::write(image.join("config.json"), config.to_string())?;
        std::fs::write(image.join("manifest.json"), manifest.to_string())?;
        tar(&["-cf", "../image.tar", "manifest.json", "config.json", "layer.tar"])
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        for (namespace, id) in self.made.borrow().iter().rev() {
            let _ = self.ctr(&["--namespace", namespace, "tasks", "delete", "--force", id]);
            let _ = self.ctr(&["--namespace", namespace, "containers", "delete", id]);
        }
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
        let roots = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        for root in roots.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]) {
            let _ = std::fs::remove_dir(root.join(self.cgroup.trim_start_matches('/')));
        }
    }
}

/// The bundles that containerd keeps of its containers while it has them, where no containerd runs: below a root of their own.
#[derive(Debug)]
pub struct Bundles(PathBuf);

/// One of them.
#[derive(Debug)]
pub struct Bundle(PathBuf);

impl Bundles {
    /// None yet.
    pub fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("plimsoll-root-{}-{number}", std::process::id()));
        std::fs::create_dir_all(root.join(TASKS))?;
        Ok(Self(root))
    }

    /// What tells an exporter where they are.
    pub fn flag(&self) -> String {
        format!("--path.rootfs={}", self.0.display())
    }

    /// As containerd does it before it has runc make the container.
    pub fn add(&self, container: &Container) -> Result<Bundle> {
        let bundle = self.0.join(TASKS).join(container.id());
        std::fs::create_dir(&bundle)?;
        std::fs::copy(container.bundle().join("config.json"), bundle.join("config.json"))?;
        Ok(Bundle(bundle))
    }
}

impl Bundle {
    /// As containerd does it when the container was deleted.
    pub fn remove(self) -> Result<()> {
        Ok(std::fs::remove_dir_all(self.0)?)
    }
}

impl Drop for Bundles {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const TASKS: &str = "run/containerd/io.containerd.runtime.v2.task/k8s.io";

const CONFIG: &str = r#"version = 2
root = "DIR/root"
state = "DIR/state"
[grpc]
  address = "DIR/sock"
[debug]
  level = "warn"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "plimsoll.test/busybox:1"
  disable_tcp_service = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "DIR/none"
    conf_dir = "DIR/none"
"#;
