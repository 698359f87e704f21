//! A real systemd as the first of processes of its own, with units of a test and a bus, in a cgroup of its own. It can write
//! neither files nor settings of this host.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::cgroup;

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct Systemd {
    child: Child,
    directory: PathBuf,
    cgroup: PathBuf,
}

const START: &str = "\
    echo $$ >\"$1/cgroup.procs\" && exec unshare --pid --mount --cgroup --uts --ipc --net --fork --kill-child=KILL \
    /bin/sh -ec 'mount -t proc proc /proc; mount -t tmpfs tmpfs /run; mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -o remount,bind,ro /; mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys
    exec env -i container=test PATH=\"$PATH\" SYSTEMD_UNIT_PATH=\"$1\" /usr/lib/systemd/systemd --unit=test.target \
    --log-target=null --show-status=false' sh \"$2\"";

impl Systemd {
    /// Starts it with the bus and these units, by name and what stands in their `[Service]`.
    pub fn start(units: &[(&str, &str)]) -> Result<Self> {
        let name = format!("plimsoll-systemd-{}", std::process::id());
        let (directory, cgroup) = (std::env::temp_dir().join(&name), cgroup::root()?.join(&name));
        std::fs::create_dir_all(&directory)?;
        let write = |name: &str, text: String| {
            std::fs::write(directory.join(name), format!("[Unit]\nDefaultDependencies=no\n{text}\n"))
        };
        let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
        write("test.target", format!("Wants=dbus.socket dbus.service {}", names.join(" ")))?;
        write("dbus.socket", "[Socket]\nListenStream=/run/dbus/system_bus_socket".to_owned())?;
        let bus = format!(
            "Requires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\n\
             ExecStart=/usr/bin/dbus-daemon --config-file={}/bus.conf --address=systemd: --nofork --nopidfile --systemd-activation",
            directory.display()
        );
        write("dbus.service", bus)?;
        std::fs::write(directory.join("bus.conf"), BUS)?;
        for (name, service) in units {
            write(name, format!("[Service]\n{service}"))?;
        }
        std::fs::create_dir(&cgroup).with_context(|| cgroup.display().to_string())?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", START, "sh"]).arg(&cgroup).arg(&directory);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { child, directory, cgroup })
    }

    /// A command beside it. There may be nobody yet to be beside of.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--pid", "--target"]).arg(self.first()?).arg(program);
        Ok(command)
    }

    /// The root directory that it sees, where its sockets are.
    pub fn root(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(format!("/proc/{}/root", self.first()?)))
    }

    fn first(&self) -> Result<String> {
        let own = self.child.id();
        let first = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
        ensure!(!first.trim().is_empty(), "it has not begun");
        Ok(first.trim().to_owned())
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
        let start = Instant::now();
        // All that it started ends with it, though not at once.
        while remove(&self.cgroup).is_err() && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// With those below it.
fn remove(cgroup: &PathBuf) -> Result<()> {
    for entry in std::fs::read_dir(cgroup)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    ensure!(std::fs::remove_dir(cgroup).is_ok(), "somebody is in {}", cgroup.display());
    Ok(())
}

/// Whoever comes may say anything.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>systemd:</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;
