//! Debian's InfluxDB 1.x with its data in a directory of its own; killed when dropped.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{exporter, tools};

/// The tags of a series, and time in milliseconds and value of each of its points.
pub type Points = (Value, Vec<(i64, f64)>);

/// A running one.
#[derive(Debug)]
pub struct Influx {
    child: Option<Child>,
    address: SocketAddr,
    directory: PathBuf,
}

impl Influx {
    /// Starts it, and waits until it answers.
    pub fn start() -> Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("plimsoll-influx-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let place = directory.display();
        let config = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:0\"\n\
             [meta]\ndir = \"{place}/meta\"\n\
             [data]\ndir = \"{place}/data\"\nwal-dir = \"{place}/wal\"\nquery-log-enabled = false\n\
             [http]\nbind-address = \"{address}\"\nlog-enabled = false\n\
             [monitor]\nstore-enabled = false\n[logging]\nlevel = \"error\"\n"
        );
        std::fs::write(directory.join("influxdb.conf"), config)?;
        let mut influx = Self { child: None, address, directory };
        influx.run()?;
        Ok(influx)
    }

    /// Has it run, and waits until it answers.
    pub fn run(&mut self) -> Result<()> {
        let child = Command::new(tools::influxdb()?)
            .arg("run")
            .arg("-config")
            .arg(self.directory.join("influxdb.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("influxd")?;
        self.child = Some(child);
        let end = Instant::now() + Duration::from_secs(60);
        while exporter::ask(self.address, "GET", "/ping", &[]).is_err() {
            ensure!(Instant::now() < end, "InfluxDB does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it, with what it was told on disk.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        crate::services::signal(&child, rustix::process::Signal::TERM);
        child.wait()?;
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a database.
    pub fn make(&self, database: &str) -> Result<()> {
        self.ask("POST", &[("q", &format!("CREATE DATABASE {database}"))]).map(drop)
    }

    /// What a query answers with, by series.
    pub fn query(&self, database: &str, query: &str) -> Result<Vec<Points>> {
        let answer = self.ask("GET", &[("db", database), ("epoch", "ms"), ("q", query)])?;
        let series = answer["results"][0]["series"].as_array().cloned().unwrap_or_default();
        let points = |series: &Value| {
            let rows = series["values"].as_array().context("no values")?;
            let point = |row: &Value| Some((row[0].as_i64()?, row[1].as_f64()?));
            rows.iter().map(point).collect::<Option<Vec<_>>>().with_context(|| series.to_string())
        };
        series.iter().map(|series| Ok((series["tags"].clone(), points(series)?))).collect()
    }

    fn ask(&self, method: &str, arguments: &[(&str, &str)]) -> Result<Value> {
        let arguments = form_urlencoded::Serializer::new(String::new()).extend_pairs(arguments).finish();
        let path = format!("/query?{arguments}");
        let (status, body) = exporter::status(exporter::ask(self.address, method, &path, &[])?)?;
        let answer: Value = serde_json::from_str(&body).with_context(|| body.clone())?;
        let fine = status == 200 && answer["results"][0]["error"].is_null();
        ensure!(fine, "{path}: {status} {body}");
        Ok(answer)
    }
}

impl Drop for Influx {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
