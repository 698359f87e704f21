//! What the worker does not do itself, done by others in its cgroup: disk I/O, and holding a socket.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use plimsoll_tests::hierarchy::Hierarchies;
use plimsoll_tests::tools;

/// A disk that is a file, gone when dropped.
pub(crate) struct Loop {
    device: PathBuf,
    file: PathBuf,
}

/// A process that sleeps, with a socket for its standard input; killed when dropped.
pub(crate) struct Sleeper(Child);

impl Loop {
    pub(crate) fn attach() -> Result<Self> {
        let file = std::env::temp_dir().join(format!(
            "plimsoll-disk-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::File::create(&file)?.set_len(8 << 20)?;
        // Another test may take the same free one at the same time.
        for _ in 0..20 {
            let device = PathBuf::from(losetup(&["-f".as_ref()])?.trim());
            if losetup(&[&device, &file]).is_ok() {
                return Ok(Self { device, file });
            }
        }
        anyhow::bail!("no loop device")
    }

    /// `7:0`.
    fn number(&self) -> Result<String> {
        let name = self.device.file_name().context("no name")?.to_string_lossy();
        Ok(std::fs::read_to_string(format!("/sys/block/{name}/dev"))?.trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = losetup(&["-d".as_ref(), &self.device]);
        let _ = std::fs::remove_file(&self.file);
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes so many blocks of 64 KiB to the disk, each in one request, from within a cgroup.
pub(crate) fn write_directly(disk: &Loop, cgroup: &str, blocks: u32) -> Result<()> {
    let io = Hierarchies::find()?.place("blkio", cgroup)?;
    if !io.v2 {
        // v1 counts only where there is a limit; this one is none.
        let limit = format!("{} 1000000000000", disk.number()?);
        std::fs::write(io.path().join("blkio.throttle.write_bps_device"), limit)?;
    }
    let device = disk.device.display();
    let dd = format!("dd if=/dev/zero of={device} bs=64k count={blocks} oflag=direct");
    let output = inside(cgroup, &dd)?.stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    ensure!(output.status.success(), "{dd}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

pub(crate) fn sleeper_with_socket(cgroup: &str) -> Result<Sleeper> {
    let socket = OwnedFd::from(UdpSocket::bind("127.0.0.1:0")?);
    let sleeper = Sleeper(inside(cgroup, "sleep 600")?.stdin(socket).spawn()?);
    let comm = format!("/proc/{}/comm", sleeper.0.id());
    while std::fs::read_to_string(&comm)? != "sleep\n" {
        std::thread::yield_now();
    }
    Ok(sleeper)
}

/// A command that puts itself into a cgroup, in every hierarchy that has it.
fn inside(cgroup: &str, command: &str) -> Result<Command> {
    let hierarchies = Hierarchies::find()?;
    let mut script = String::new();
    for controller in ["cpu", "cpuacct", "memory", "blkio", "pids", "cgroup2"] {
        let place = hierarchies.place(controller, cgroup)?;
        script.push_str(&format!("echo $$ > {}/cgroup.procs && ", place.path().display()));
    }
    let mut inside = Command::new("sh");
    inside.args(["-c", &format!("{script}exec {command}")]);
    Ok(inside)
}

fn losetup(args: &[&Path]) -> Result<String> {
    let output = Command::new(tools::busybox()?).arg("losetup").args(args).output().context("losetup")?;
    ensure!(output.status.success(), "losetup {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
