//! A real web server, with every answer that a check can be asked to judge.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;

use crate::certificates::{self, KINDS};
use crate::servers::Servers;
use crate::services::signal;
use crate::tools;

/// One that runs; stopped when dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    directory: PathBuf,
}

/// So much is the page that is large.
pub const LARGE: u64 = 100 << 20;

impl Nginx {
    /// Starts it, and gives its ports names: `http`, `h2c`, `mutual` and `https-KIND` for each kind of certificate, and
    /// `www` for its directory, where the certificates are.
    pub fn start(servers: &mut Servers) -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("plimsoll-nginx-{}-{number}", std::process::id()));
        std::fs::create_dir_all(directory.join("html/sub"))?;
        certificates::write(&directory)?;
        std::fs::write(directory.join("html/index.html"), "<html>\n<body>hello\nWorld</body>\n</html>\n")?;
        std::fs::write(directory.join("html/sub/page"), "a page below\n")?;
        std::fs::write(directory.join("html/data.json"), JSON)?;
        std::fs::create_dir_all(directory.join("html/grpc.health.v1.Health"))?;
        std::fs::write(directory.join("html/grpc.health.v1.Health/Check"), "")?;
        std::fs::write(directory.join("html/serving"), b"\0\0\0\0\x02\x08\x01")?;
        std::fs::write(directory.join("html/not-serving"), b"\0\0\0\0\x02\x08\x02")?;
        std::fs::File::create(directory.join("html/large"))?.set_len(LARGE)?;
        servers.name("www", directory.display());
        let (program, libraries) = tools::service("nginx")?;
        // Whoever takes one of these ports in between has nginx start again with others.
        for _ in 0..5 {
            let ports = free_ports(3 + KINDS.len())?;
            std::fs::write(directory.join("nginx.conf"), config(&directory, &ports))?;
            let mut child = Command::new(&program)
                .env("LD_LIBRARY_PATH", &libraries)
                .arg("-p")
                .arg(&directory)
                .args(["-c", "nginx.conf", "-e", "error.log"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .context("nginx")?;
            if !answers(&mut child, &ports)? {
                continue;
            }
            for (name, port) in ["http", "h2c", "mutual"].iter().zip(&ports) {
                servers.name(name, port);
            }
            for (kind, port) in KINDS.iter().zip(&ports[3..]) {
                servers.name(&format!("https-{}", kind.name), port);
            }
            return Ok(Self { child, directory });
        }
        let log = std::fs::read_to_string(directory.join("error.log")).unwrap_or_default();
        bail!("nginx does not start: {log}")
    }

    /// Has it stand still: it takes connections, and says nothing.
    pub fn pause(&self) {
        signal(&self.child, Signal::STOP);
    }

    /// Has it go on.
    pub fn resume(&self) {
        signal(&self.child, Signal::CONT);
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Whether it answers on all of them; false if it has ended.
fn answers(child: &mut Child, ports: &[u16]) -> Result<bool> {
    let start = Instant::now();
    for port in ports {
        while TcpStream::connect(("127.0.0.1", *port)).is_err() {
            if child.try_wait()?.is_some() {
                return Ok(false);
            }
            ensure!(start.elapsed() < Duration::from_secs(20), "nginx does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(child.try_wait()?.is_none())
}

/// For checks of values.
const JSON: &str = r#"{ "status": "green", "up": true, "nodes": [ { "load": 1.5, "name": "a" }, { "load": 3 } ],
 "count": 42, "text": "7", "none": null, "a.b": 5 }
"#;

fn config(directory: &Path, ports: &[u16]) -> String {
    let (root, plain, h2c, mutual) = (directory.display(), ports[0], ports[1], ports[2]);
    let serving = health("serving");
    let mut text = format!(
        "daemon off; master_process off; pid {root}/pid;
events {{ worker_connections 512; }}
http {{
 access_log off; root {root}/html; server_tokens off; ssl_protocols TLSv1.2 TLSv1.3; default_type text/plain;
 client_body_temp_path {root}/t; proxy_temp_path {root}/t; fastcgi_temp_path {root}/t;
 uwsgi_temp_path {root}/t; scgi_temp_path {root}/t;
 server {{
  listen 127.0.0.1:{plain}; listen [::1]:{plain};
  location = /nginx_status {{ stub_status; }}
  location = /302 {{ return 302 /; }}
  location = /loop {{ return 302 /loop; }}
  location = /here {{ return 302 http://127.0.0.1:{plain}/there; }}
  location = /there {{ return 302 http://127.0.0.1:{plain}/here; }}
  location = /sub/relative {{ absolute_redirect off; return 302 page; }}
  location = /localhost {{ return 301 http://localhost:{plain}/; }}
  location = /high {{ return 302 http://127.0.0.1:70000/; }}
  location = /tls {{ return 302 https://127.0.0.1:{}/; }}
  location = /304 {{ return 304; }}
  location = /404 {{ return 404; }}
  location = /503 {{ return 503; }}
  location = /text {{ return 200 \"hello world\\nline two\\n\"; }}
  location = /empty {{ return 204; }}
  location = /headers {{ add_header X-Test value; return 200 \"x\\n\"; }}
  location = /asked {{ return 200 \"$request_method $content_type $http_x_a $http_authorization \
$http_proxy_authorization $http_host $server_protocol\\n\"; }}
  location = /old {{ add_header Last-Modified \"Thu, 01 Jan 1970 00:00:00 GMT\"; return 200 \"x\\n\"; }}
  location / {{ }}
 }}
 server {{ listen 127.0.0.1:{h2c} http2; location / {{ }} {serving} }}
 server {{
  listen 127.0.0.1:{mutual} ssl; ssl_certificate {root}/good.pem; ssl_certificate_key {root}/good.key;
  ssl_client_certificate {root}/authority.pem; ssl_verify_client on;
 }}
",
        ports[3]
    );
    for (kind, port) in KINDS.iter().zip(&ports[3..]) {
        let name = kind.name;
        text.push_str(&format!(
            " server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {root}/{name}.pem; \
             ssl_certificate_key {root}/{name}.key; location = /name {{ return 200 \"$ssl_server_name.\\n\"; }} {} }}\n",
            health(if name == "other" { "not-serving" } else { "serving" })
        ));
    }
    // The same port shows another certificate to whom asks for another name.
    text.push_str(&format!(
        " server {{ listen 127.0.0.1:{} ssl http2; server_name other.example; ssl_certificate {root}/other.pem; \
         ssl_certificate_key {root}/other.key; }}\n}}\n",
        ports[3]
    ));
    text
}

/// Answers to `grpc.health.v1.Health/Check` with what is in a file: a POST of a file is not allowed, which is turned into it.
fn health(file: &str) -> String {
    format!(
        "location = /grpc.health.v1.Health/Check {{ error_page 405 =200 /{file}; }} \
         location = /{file} {{ default_type application/grpc; add_header grpc-status 0; }}"
    )
}
