//! NRPE as Debian has it: with what it speaks by default, in plain, with a certificate, with one that is
//! an authority of its own, and with one of its clients too.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Services, free_port, until};
use crate::servers::Servers;
use crate::{plugins, tools};

/// What each runs, `OURS` being the directory of our checks.
const COMMANDS: &str = "command[fine]=/bin/echo 'FINE|x=1;2;3'\n\
    command[ours]=OURS/check_dummy 1 'a warning|y=1'\n\
    command[ours_disk]=OURS/check_disk -w 1% -c 1% -p /proc\n\
    command[args]=/bin/echo $ARG1$ and $ARG2$\n\
    command[long]=/usr/bin/printf %5000d 7\n\
    command[lines]=/usr/bin/printf 'one|a=1\\ntwo|b=2\\n'\n\
    command[mute]=/bin/true\n\
    command[bad]=OURS/check_dummy 2 bad\n\
    command[unknown]=OURS/check_dummy 3\n\
    command[seven]=/bin/sh -c 'echo seven; exit 7'\n\
    command[slow]=/bin/sleep 30\n";

impl Services {
    /// `nrpe`, `nrpe-plain`, `nrpe-tls` with the certificate of `good`, `nrpe-own` with the authority's, and `nrpe-known` that wants
    /// one of its clients, and them at 127.0.0.9.
    pub(super) fn nrpe(&mut self, servers: &mut Servers, certificates: &Path) -> Result<()> {
        let (nrpe, libraries) = tools::service("nrpe")?;
        let commands = COMMANDS.replace("OURS", &plugins::ours_dir()?.display().to_string());
        let certificates = certificates.display();
        let shows = |name: &str| {
            format!(
                "ssl_cert_file={certificates}/{name}.pem\nssl_privatekey_file={certificates}/{name}.key\nssl_use_adh=0\n"
            )
        };
        let (tls, own) = (shows("good"), shows("authority"));
        let known = format!("{tls}ssl_client_certs=2\nssl_cacert_file={certificates}/authority.pem\n");
        for (name, more, plain, host) in [
            ("nrpe", "", false, 1),
            ("nrpe-plain", "", true, 1),
            ("nrpe-tls", &tls, false, 1),
            ("nrpe-own", &own, false, 1),
            ("nrpe-known", &known, false, 9),
        ] {
            let port = free_port()?;
            let conf = format!(
                "server_port={port}\nserver_address=127.0.0.1\nallowed_hosts=127.0.0.{host}\nnrpe_user=nobody\n\
                 nrpe_group=nogroup\ndont_blame_nrpe=1\npid_file={0}/{name}.pid\nlog_file={0}/{name}.log\n{more}{commands}",
                self.directory.display()
            );
            let path = self.directory.join(format!("{name}.cfg"));
            std::fs::write(&path, conf)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))?;
            let mut command = Command::new(&nrpe);
            command
                .arg("-f")
                .args(plain.then_some("-n"))
                .arg("-c")
                .arg(path)
                .env("LD_LIBRARY_PATH", &libraries);
            self.spawn(name, command)?;
            servers.name(name, port);
            until(name, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        }
        Ok(())
    }
}
