//! Files that lead out, hang or never end.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::cgroup::Cgroup;
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Container};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::{Directory, Neighbour, docker, docker_id};

const SECRET: &str = "what-nobody-outside-is-to-see";

fn pipe(path: &Path) -> Result<()> {
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
}

/// The ways out of the directory where Docker keeps what it knows of a container.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The file is one, inside.
    Honest,
    Directory,
    File,
    Up,
    Magic,
    Pipe,
    Zero,
}

impl Way {
    fn lay(self, inside: &Path, outside: &Path) -> Result<()> {
        let (config, secret) = (inside.join("config.v2.json"), outside.join("config.v2.json"));
        if !matches!(self, Self::Directory) {
            std::fs::create_dir_all(inside)?;
        }
        let up = |path: &Path| PathBuf::from("../".repeat(40)).join(path.strip_prefix("/").unwrap_or(path));
        match self {
            Self::Honest => std::fs::copy(&secret, config).map(drop)?,
            Self::Directory => symlink(outside, inside)?,
            Self::File => symlink(secret, config)?,
            Self::Up => symlink(up(&secret), config)?,
            Self::Magic => symlink(Path::new("/proc/1/root").join(up(&secret)), config)?,
            Self::Pipe => pipe(&config)?,
            Self::Zero => symlink("/dev/zero", config)?,
        }
        Ok(())
    }
}

#[test]
fn links_lead_nowhere_and_pipes_hang_nobody() -> Result<()> {
    let _alone = crate::alone();
    let (root, outside) = (Directory::new()?, Directory::new()?);
    let ways = [Way::Honest, Way::Directory, Way::File, Way::Up, Way::Magic, Way::Pipe, Way::Zero];
    let parent = Cgroup::make(&format!("/plimsoll-links-{}", std::process::id()))?;
    let (containers, text) = (root.0.join("var/lib/docker/containers"), root.0.join("text"));
    std::fs::create_dir_all(&containers)?;
    std::fs::create_dir_all(&text)?;
    // Of the host's own directory of text files anything but a file is left out, too.
    pipe(&text.join("pipe.prom"))?;
    symlink("/dev/zero", text.join("zero.prom"))?;
    symlink("/proc/kmsg", text.join("kmsg.prom"))?;
    root.file("text/good.prom", "left_by_job 5\n")?;
    let flags = [
        format!("--path.rootfs={}", root.0.display()),
        format!("--collector.textfile.directory={}", text.display()),
    ];
    let exporter = Exporter::start(&flags.each_ref().map(String::as_str))?;
    let mut neighbour = Neighbour::start()?;
    let mut rows = Vec::new();
    for way in ways {
        let id = docker_id();
        outside
            .file(&format!("{id}/config.v2.json"), &docker(&id, SECRET, serde_json::json!({"a": SECRET})))?;
        way.lay(&containers.join(&id), &outside.0.join(&id))?;
        let cgroup = Cgroup::make(&format!("{}/docker-{id}.scope", parent.id()))?;
        assert_eq!(cgroup.run("syscalls 9 getsid")?, 0);
        rows.push((way, cgroup));
    }
    // The last to be asked for, so all others were.
    let named = |scrape: &Scrape, id: &str| {
        let wanted = [("id", id), ("syscall", "getsid")];
        let found = scrape.all("container_syscalls_total", &wanted).next();
        found.map(|sample| (sample.labels["name"].clone(), sample.value))
    };
    let honest = rows[0].1.id();
    let wanted = Some((SECRET.to_owned(), 9.0));
    exporter.scrape_until("the honest one has its name", |scrape| named(scrape, honest) == wanted)?;
    for _ in 0..3 {
        let scrape = neighbour.is_exact(&exporter)?;
        for (way, cgroup) in &rows[1..] {
            let (name, calls) = named(&scrape, cgroup.id()).with_context(|| format!("{way:?} has no row"))?;
            ensure!(name != SECRET && calls == 9.0, "{way:?} leads out: {name} {calls}");
        }
        assert_eq!(scrape.value("left_by_job", &[]), Some(5.0));
        assert_eq!(scrape.value("node_textfile_scrape_error", &[]), Some(1.0));
        assert_eq!(scrape.value("plimsoll_scrape_host_read_success", &[]), Some(1.0));
    }
    let text = exporter.get("/metrics", &[])?;
    let told: Vec<_> = text.lines().filter(|line| line.contains(SECRET) && !line.contains(honest)).collect();
    assert_eq!(told, Vec::<&str>::new());
    Ok(())
}

/// A mount that nobody serves; whoever waits for it is told so when it goes.
struct Hanging {
    at: PathBuf,
    _device: File,
}

impl Hanging {
    fn mount(at: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&at)?;
        let device = File::options().read(true).write(true).open("/dev/fuse").context("/dev/fuse")?;
        let options = CString::new(format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd()))?;
        mount("plimsoll-hangs", &at, "fuse", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
        Ok(Self { at, _device: device })
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = unmount(&self.at, UnmountFlags::FORCE | UnmountFlags::DETACH);
    }
}

#[test]
fn a_container_that_waits_for_its_own_mount_hangs_alone() -> Result<()> {
    let _alone = crate::alone();
    let exporter = Exporter::start(&["--collector.filesystem.mount-timeout=50ms"])?;
    let mut neighbour = Neighbour::start()?;
    let container = Container::new(&Config::default())?;
    let hanging = Hanging::mount(container.bundle().join("rootfs/hangs"))?;
    let mut waits = container.start()?;
    waits.script().begin("opens /hangs/file 1")?;
    let stuck = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", waits.pid()))?;
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        Ok::<_, anyhow::Error>(
            state == Some('D')
                || std::fs::read_to_string(format!("/proc/{}/wchan", waits.pid()))?.contains("fuse"),
        )
    };
    while !stuck()? {
        std::thread::yield_now();
    }
    let path = waits.container().cgroups_path().to_owned();
    for _ in 0..3 {
        let scrape = neighbour.is_exact(&exporter)?;
        assert_eq!(scrape.value("plimsoll_scrape_host_read_success", &[]), Some(1.0));
        assert_eq!(scrape.value("container_threads", &[("id", &path)]), Some(1.0));
    }
    drop(hanging);
    waits.finished().expect_err("there is nothing to open any more");
    waits.finish()
}
