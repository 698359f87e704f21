//! Stores of keys: Redis with its replica, and memcached.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::servers::Servers;
use crate::tools;

/// Those that run; stopped when dropped.
#[derive(Debug)]
pub struct Stores(Vec<Child>);

impl Stores {
    /// Starts them, and gives their ports names: `redis` with a password and three keys, `redis-replica` of it, and `memcached`.
    pub fn start(servers: &mut Servers) -> Result<Self> {
        let mut stores = Self(Vec::new());
        let port = stores.redis(servers, "redis", &["--requirepass", PASSWORD])?;
        ask(port, &format!("AUTH {PASSWORD}\r\nMSET a 1 b 2 c 3\r\nGET a\r\nGET none\r\n"), "$-1\r\n")?;
        let master = port.to_string();
        let replica = stores.redis(
            servers,
            "redis-replica",
            &["--replicaof", &format!("127.0.0.1 {master}"), "--masterauth", PASSWORD],
        )?;
        let start = Instant::now();
        while ask(replica, "INFO replication\r\n", "\r\n\r\n")
            .is_ok_and(|text| !text.contains("master_link_status:up"))
        {
            ensure!(start.elapsed() < Duration::from_secs(60), "the replica does not follow");
            std::thread::sleep(Duration::from_millis(20));
        }
        stores.memcached(servers)?;
        Ok(stores)
    }

    /// The server is the same program as the check of its files, by another name.
    fn redis(&mut self, servers: &mut Servers, name: &str, args: &[&str]) -> Result<u16> {
        let port = super::free_port()?;
        let mut command = Command::new("/usr/bin/redis-check-rdb");
        command.arg0("redis-server").args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--repl-diskless-load",
            "swapdb",
        ]);
        command.args(["--repl-diskless-sync-delay", "0", "--dir"]).arg(std::env::temp_dir());
        command.args(["--port", &port.to_string()]).args(args);
        self.spawn(command, port)?;
        servers.name(name, port);
        Ok(port)
    }

    fn memcached(&mut self, servers: &mut Servers) -> Result<()> {
        let port = super::free_port()?;
        let (memcached, libraries) = tools::service("../bin/memcached")?;
        let mut command = Command::new(memcached);
        command
            .args(["-l", "127.0.0.1", "-U", "0", "-p", &port.to_string()])
            .env("LD_LIBRARY_PATH", libraries);
        self.spawn(command, port)?;
        servers.name("memcached", port);
        ask(port, "set a 0 0 1\r\nx\r\nget a\r\nget b\r\n", "END\r\nEND\r\n").map(drop)
    }

    /// As nobody.
    fn spawn(&mut self, mut command: Command, port: u16) -> Result<()> {
        command.uid(65534).gid(65534).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.0.push(command.spawn().with_context(|| format!("{command:?}"))?);
        super::until("a store", || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What opens `redis`.
pub const PASSWORD: &str = "let-me-in";

/// Says this, and reads until what comes ends so.
fn ask(port: u16, say: &str, end: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(say.as_bytes())?;
    let (mut heard, mut buffer) = (String::new(), [0; 4096]);
    while !heard.ends_with(end) {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "port {port}: {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    Ok(heard)
}
