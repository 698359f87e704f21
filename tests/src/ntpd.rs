//! A real server of control messages: ntpsec's, in a network of its own, with its hands off this host's clock. It takes its
//! time from chrony there.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::tools;

/// Where its source is.
const SOURCE: &str = "127.0.0.2";

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct Ntpd {
    children: Vec<Child>,
    directory: PathBuf,
}

impl Ntpd {
    /// Starts both. It has no source yet, and takes some seconds to choose one.
    pub fn start() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("plimsoll-ntpd-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let mut both = Self { children: Vec::new(), directory };
        let place = both.directory.display().to_string();
        let (chronyd, libraries) = tools::service("chronyd")?;
        let conf = both.file(
            "chrony.conf",
            &format!(
                "bindaddress {SOURCE}\ncmdport 0\nbindcmdaddress /\nallow\nlocal stratum 3\npidfile {place}/chrony.pid\n"
            ),
        )?;
        let mut command = Command::new("unshare");
        command.args(["--net", "/bin/sh", "-c"]);
        command.arg("\"$1\" ip link set lo up && exec \"$2\" -x -d -u root -f \"$3\"");
        command.arg("sh").arg(tools::busybox()?).arg(chronyd).arg(conf).env("LD_LIBRARY_PATH", &libraries);
        both.spawn("chrony", command)?;
        let (ntpd, libraries) = tools::service("ntpd")?;
        let conf = both.file(
            "ntp.conf",
            &format!(
                "interface ignore wildcard\ninterface listen 127.0.0.1\ndisable ntp\ntos minsane 1\n\
                 server {SOURCE} iburst minpoll 3 maxpoll 4\n"
            ),
        )?;
        let mut command = both.command("setpriv");
        command.args(["--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]).arg(ntpd);
        command.args(["-n", "-N", "-c"]).arg(conf).arg("-p").arg(both.directory.join("ntpd.pid"));
        command.env("LD_LIBRARY_PATH", &libraries);
        both.spawn("ntpd", command)?;
        Ok(both)
    }

    /// A command in its network.
    pub fn command(&self, program: &str) -> Command {
        let pid = self.children.first().map(Child::id).unwrap_or_default();
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{pid}/ns/net")).arg(program);
        command
    }

    /// What it has to complain of.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("ntpd.log")).unwrap_or_default()
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn spawn(&mut self, name: &str, mut command: Command) -> Result<()> {
        let log = std::fs::File::create(self.directory.join(format!("{name}.log")))?;
        command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null());
        self.children.push(command.spawn().with_context(|| format!("{command:?}"))?);
        Ok(())
    }
}

impl Drop for Ntpd {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
