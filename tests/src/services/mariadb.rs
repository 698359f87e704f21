//! MariaDB, as nobody: one server that follows none, one that follows it, and one that should.

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

/// Who may log in: `tester` as he is, the others with the password `secret`, each by another method, `sealed` over TLS alone, and
/// the user `nobody` by the socket.
const USERS: &str = "
flush privileges;
install soname 'auth_ed25519';
create user tester@'%';
create user native@'%' identified by 'secret';
create user edward@'%' identified via ed25519 using password('secret');
create user sealed@'%' identified by 'secret' require ssl;
create user nobody@localhost identified via unix_socket;
grant all on *.* to tester@'%';
";

/// What makes it small, and quick to start.
const SMALL: &[&str] = &[
    "--skip-innodb",
    "--default-storage-engine=Aria",
    "--aria-log-file-size=8M",
    "--aria-pagecache-buffer-size=1M",
    "--key-buffer-size=1M",
];

impl Services {
    /// `mysql`, the TLS of which is that of `good`, `mysql-socket`, `mysql-replica` that follows it and `mysql-stopped` that does not.
    pub(super) fn mariadb(&mut self, servers: &mut Servers, certificates: &Path) -> Result<()> {
        let place = self.directory.join("mariadb");
        std::fs::create_dir_all(place.join("first"))?;
        for name in ["good.pem", "good.key"] {
            std::fs::copy(certificates.join(name), place.join(name))?;
        }
        // As nobody will read it.
        std::fs::set_permissions(place.join("good.key"), std::fs::Permissions::from_mode(0o644))?;
        let first = place.join("first");
        chown(&place, Some(NOBODY), Some(NOBODY))?;
        chown(&first, Some(NOBODY), Some(NOBODY))?;
        made(&place, &first)?;
        let port = free_port()?;
        let follow = format!(
            "change master to master_host='127.0.0.1', master_port={port}, master_user='tester', master_connect_retry=1;\n"
        );
        // Of what a running one writes nothing may be copied.
        for name in ["replica", "stopped"] {
            copied(&first, &place.join(name))?;
        }
        let mut command = mariadbd(&place, "first")?;
        command.args(["--server-id=1", "--log-bin=first", &format!("--port={port}")]);
        for (option, file) in [("ssl-cert", "good.pem"), ("ssl-key", "good.key")] {
            command.arg(format!("--{option}={}", place.join(file).display()));
        }
        self.spawn("mariadb", command)?;
        servers.name("mysql", port);
        until("mariadb", || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        servers.name("mysql-socket", place.join("first.socket").display());
        for (name, init) in [("replica", format!("{follow}start slave;\n")), ("stopped", follow)] {
            let file = place.join(format!("{name}.sql"));
            std::fs::write(&file, init)?;
            let other = free_port()?;
            let mut command = mariadbd(&place, name)?;
            command.arg(format!("--port={other}")).arg(format!("--init-file={}", file.display()));
            command.arg(if name == "replica" { "--server-id=2" } else { "--server-id=3" });
            self.spawn(&format!("mariadb-{name}"), command)?;
            servers.name(&format!("mysql-{name}"), other);
        }
        for name in ["mysql-replica", "mysql-stopped"] {
            let port: u16 = servers.place(name)?.parse()?;
            until(name, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        }
        let replica = servers.place("mysql-replica")?.to_owned();
        until("the replica", || {
            let mut command = Command::new(Path::new(crate::plugins::THEIRS).join("check_mysql"));
            let command = command.args(["-H", "127.0.0.1", "-P", &replica, "-u", "tester", "-S"]);
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        })
    }
}

/// A server with this directory in the place, without its ports.
fn mariadbd(place: &Path, name: &str) -> Result<Command> {
    let root = tools::services()?.join("usr");
    let mut command = Command::new(root.join("sbin/mariadbd"));
    command.arg("--no-defaults").args(SMALL).current_dir(place).uid(NOBODY).gid(NOBODY).stdout(Stdio::null());
    command.env("LD_LIBRARY_PATH", root.join("lib/x86_64-linux-gnu"));
    command.args(["--bind-address=127.0.0.1", "--skip-slave-start", "--skip-name-resolve"]);
    for (option, path) in [
        ("basedir", root.clone()),
        ("plugin-dir", root.join("lib/mysql/plugin")),
        ("lc-messages-dir", root.join("share/mysql")),
        ("datadir", place.join(name)),
        ("tmpdir", place.to_owned()),
        ("socket", place.join(format!("{name}.socket"))),
        ("pid-file", place.join(format!("{name}.pid"))),
    ] {
        command.arg(format!("--{option}={}", path.display()));
    }
    Ok(command)
}

/// Its system tables and users.
fn made(place: &Path, directory: &Path) -> Result<()> {
    let scripts = tools::services()?.join("usr/share/mysql");
    let name = directory.file_name().context("no name")?.to_string_lossy().into_owned();
    let log = std::fs::File::create(place.join("bootstrap.log"))?;
    let mut child = mariadbd(place, &name)?
        .arg("--bootstrap")
        .stdin(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("mariadbd")?;
    let mut input = child.stdin.take().context("no input")?;
    let mut text = "create database if not exists mysql;\nuse mysql;\n".to_owned();
    for script in ["mysql_system_tables.sql", "mysql_system_tables_data.sql"] {
        text.push_str(&std::fs::read_to_string(scripts.join(script))?);
    }
    // One that ends early says why in its log.
    let _ = input.write_all((text + USERS).as_bytes());
    drop(input);
    let log = || std::fs::read_to_string(place.join("bootstrap.log")).unwrap_or_default();
    ensure!(child.wait()?.success(), "mariadbd --bootstrap: {}", log());
    Ok(())
}

fn copied(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    chown(to, Some(NOBODY), Some(NOBODY))?;
    for entry in std::fs::read_dir(from)? {
        let (entry, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if entry.is_dir() {
            copied(&entry, &target)?;
        } else {
            std::fs::copy(&entry, &target)?;
            chown(&target, Some(NOBODY), Some(NOBODY))?;
        }
    }
    Ok(())
}
