//! PostgreSQL, as nobody, with TLS for who wants it.

use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{NOBODY, Services, free_port, until};
use crate::servers::Servers;
use crate::tools;

/// Who may log in: `tester` as he is, the others with a password, told in plain or by SCRAM.
const RULES: &str = "local all all trust\nhost all tester 127.0.0.1/32 trust\nhost all plain 127.0.0.1/32 password\n\
    host all locked 127.0.0.1/32 scram-sha-256\n";
const ROLES: &str = "CREATE ROLE plain LOGIN PASSWORD 'secret'\nCREATE ROLE locked LOGIN PASSWORD 'secret'\n";

impl Services {
    /// `pgsql`, the TLS of which is that of `good`, and `pgsql-socket`, the directory of its socket.
    pub(super) fn postgres(&mut self, servers: &mut Servers, certificates: &Path) -> Result<()> {
        let programs = tools::services()?.join("usr/lib/postgresql/15/bin");
        let (place, port) = (self.directory.join("pgsql"), free_port()?);
        std::fs::create_dir_all(&place)?;
        for name in ["good.pem", "good.key"] {
            std::fs::copy(certificates.join(name), place.join(name))?;
            chown(place.join(name), Some(NOBODY), Some(NOBODY))?;
        }
        std::fs::set_permissions(place.join("good.key"), std::fs::Permissions::from_mode(0o600))?;
        chown(&place, Some(NOBODY), Some(NOBODY))?;
        let data = place.join("data");
        let command = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.arg("-D").arg(&data).uid(NOBODY).gid(NOBODY).current_dir(&place).stdout(Stdio::null());
            command
        };
        let made = command("initdb")
            .args(["-U", "tester", "--auth=trust", "--no-sync", "--locale=C"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        ensure!(made.success(), "initdb: {made}");
        std::fs::write(data.join("pg_hba.conf"), RULES)?;
        let mut single = command("postgres");
        // It has to be the first of its arguments.
        let mut alone = Command::new(single.get_program());
        alone.arg("--single").args(single.get_args()).arg("postgres").uid(NOBODY).gid(NOBODY);
        let mut child = alone
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("postgres")?;
        child.stdin.take().context("no input")?.write_all(ROLES.as_bytes())?;
        ensure!(child.wait()?.success(), "postgres --single");
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            &format!("unix_socket_directories={}", place.display()),
            "fsync=off",
            "ssl=on",
            &format!("ssl_cert_file={}/good.pem", place.display()),
            &format!("ssl_key_file={}/good.key", place.display()),
        ] {
            single.args(["-c", setting]);
        }
        self.spawn("postgres", single)?;
        servers.name("pgsql", port);
        servers.name("pgsql-socket", place.display());
        until("postgres", || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }
}
