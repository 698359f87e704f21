//! SSH for who wants to log in: in namespaces of its own, with users of its own, since the host's may be locked.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::{Services, free_port, until};
use crate::servers::Servers;
use crate::tools;

const USERS: &str = "root:x:0:0::/tmp:/bin/sh\nsshd:x:65534:65534::/run/sshd:/usr/sbin/nologin\n";
const PASSWORDS: &str = "root:*:1::::::\nsshd:*:1::::::\n";
/// Runs the server where `/run` and the users are its own.
const SCRIPT: &str = "mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && mount --bind \"$1/users\" /etc/passwd && \
    mount --bind \"$1/passwords\" /etc/shadow && exec \"$2\" -D -e -f \"$1/login_config\"";

impl Services {
    /// `login`, where root may log in with the key `login-key`, by the options of `login-options`.
    pub(super) fn login(&mut self, servers: &mut Servers) -> Result<()> {
        let (sshd, libraries) = tools::service("sshd")?;
        let place = self.directory.join("login");
        std::fs::create_dir_all(&place)?;
        let key = place.join("login-key");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status()?;
        ensure!(made.success(), "ssh-keygen: {made}");
        std::fs::copy(place.join("login-key.pub"), place.join("authorized"))?;
        let (port, shown) = (free_port()?, place.display());
        let conf = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {shown}/login-key\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile {shown}/authorized\nPrintMotd no\nPrintLastLog no\n"
        );
        let options = format!(
            "Host *\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\nBatchMode yes\n\
             IdentitiesOnly yes\nPort {port}\nUser root\nIdentityFile {shown}/login-key\n"
        );
        let files = [
            ("users", USERS),
            ("passwords", PASSWORDS),
            ("login_config", &conf),
            ("login-options", &options),
        ];
        for (name, text) in files {
            std::fs::write(place.join(name), text)?;
            std::fs::set_permissions(place.join(name), std::fs::Permissions::from_mode(0o644))?;
        }
        let mut command = Command::new("unshare");
        command.args(["--mount", "/bin/sh", "-c", SCRIPT, "sh"]).arg(&place).arg(sshd);
        command.env("LD_LIBRARY_PATH", libraries).stdout(Stdio::null());
        self.spawn("login", command)?;
        servers.name("login", port);
        servers.name("login-key", key.display());
        servers.name("login-options", place.join("login-options").display());
        until("sshd", || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }
}
