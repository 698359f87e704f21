//! A real Prometheus with its data in a directory of its own, asked through its API; gone when the value is dropped.

mod answer;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use plimsoll_checks::checks::http::client::Client;
use plimsoll_checks::checks::http::{Place, measure};
use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::tls::Verify;
use serde_json::Value;

pub use answer::{Series, exported, extrapolated_increase};

use crate::tools;

/// What one job scrapes.
#[derive(Debug, Clone)]
pub struct Job {
    name: String,
    address: SocketAddr,
    more: String,
}

/// A running Prometheus; killed when dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    major: u32,
    args: Vec<String>,
    address: SocketAddr,
    jobs: usize,
    door: Option<Door>,
    _directory: Directory,
}

/// What it asks of whoever comes in, as its `--web.config.file` says, which is among the flags.
#[derive(Debug, Clone)]
pub struct Door {
    /// The file of the authority that vouches for it.
    pub authority: PathBuf,
    /// The name in its certificate.
    pub name: String,
    /// `user:password`.
    pub login: String,
}

/// A scrape target, as `/api/v1/targets` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The job's name.
    pub job: String,
    /// `up`, `down` or `unknown`.
    pub health: String,
    /// Why the last scrape failed; empty if it did not.
    pub error: String,
    /// When the last scrape began; as Prometheus writes it.
    pub last_scrape: String,
}

impl Job {
    /// A job that scrapes `/metrics` there.
    pub fn new(name: &str, address: SocketAddr) -> Self {
        Self { name: name.to_owned(), address, more: String::new() }
    }

    /// More of its configuration: lines of YAML.
    pub fn with(mut self, line: &str) -> Self {
        self.more.push_str(&format!("  {line}\n"));
        self
    }

    fn yaml(&self) -> String {
        let Self { name, address, more } = self;
        format!("- job_name: {name}\n  static_configs: [{{targets: ['{address}']}}]\n{more}")
    }
}

impl Prometheus {
    /// Starts Debian's Prometheus of this major version, which scrapes each job at this interval, and waits until it is ready.
    pub fn start(major: u32, interval: &str, jobs: &[Job], args: &[&str]) -> Result<Self> {
        Self::start_with(major, interval, jobs, args, "")
    }

    /// As `start`, with more of its configuration: lines of YAML, such as `rule_files`, which are evaluated as often as it scrapes.
    pub fn start_with(major: u32, interval: &str, jobs: &[Job], args: &[&str], more: &str) -> Result<Self> {
        let jobs = jobs.iter().map(Job::yaml).collect::<String>();
        let config = format!(
            "global: {{scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: {interval}}}\n\
             {more}\nscrape_configs:\n{jobs}"
        );
        Self::start_config(major, &config, args)
    }

    /// Starts it with a whole configuration; as an agent, which keeps nothing, if the flags say so.
    pub fn start_config(major: u32, config: &str, args: &[&str]) -> Result<Self> {
        Self::start_behind(major, config, args, None)
    }

    /// The same, where flags have it ask who comes in.
    pub fn start_behind(major: u32, config: &str, args: &[&str], door: Option<Door>) -> Result<Self> {
        let directory = Directory::new()?;
        let path = directory.0.join("prometheus.yml");
        std::fs::write(&path, config).with_context(|| path.display().to_string())?;
        let storage = if args.iter().any(|arg| arg.ends_with("agent")) { "agent" } else { "tsdb" };
        let data = directory.0.join("data");
        let mut all = vec![
            format!("--config.file={}", path.display()),
            format!("--storage.{storage}.path={}", data.display()),
        ];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let (child, address) =
            spawn(major, &all, SocketAddr::from(([127, 0, 0, 1], 0))).with_context(|| config.to_owned())?;
        let jobs = config.matches("job_name:").count();
        let prometheus = Self { child, major, args: all, address, jobs, door, _directory: directory };
        prometheus.until("ready", |this| Ok(this.get("/-/ready").is_ok().then_some(())))?;
        Ok(prometheus)
    }

    /// Ends it, with what it was told on disk.
    pub fn stop(&mut self) -> Result<()> {
        crate::services::signal(&self.child, rustix::process::Signal::TERM);
        self.child.wait()?;
        Ok(())
    }

    /// Has it run again, where it was.
    pub fn run(&mut self) -> Result<()> {
        (self.child, _) = spawn(self.major, &self.args, self.address)?;
        self.until("ready", |this| Ok(this.get("/-/ready").is_ok().then_some(())))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An instant query, now or at a Unix time in seconds: each series with one sample, or with those of a range `[5m]`.
    pub fn query(&self, expression: &str, at: Option<f64>) -> Result<Vec<Series>> {
        let at = at.map(|at| format!("{at:.3}"));
        let mut arguments = vec![("query", expression)];
        arguments.extend(at.as_deref().map(|at| ("time", at)));
        answer::series(&self.ask("query", &arguments)?["result"]).with_context(|| expression.to_owned())
    }

    /// The one value of an instant query; `None` unless it answers with one series.
    pub fn value(&self, expression: &str, at: Option<f64>) -> Result<Option<f64>> {
        Ok(match &self.query(expression, at)?[..] {
            [series] => series.samples.last().map(|(_, value)| *value),
            _ => None,
        })
    }

    /// A range query, both ends in Unix seconds.
    pub fn range(&self, expression: &str, from: f64, to: f64, step: f64) -> Result<Vec<Series>> {
        let [from, to, step] = [from, to, step].map(|number| format!("{number:.3}"));
        let arguments = [("query", expression), ("start", &*from), ("end", &*to), ("step", &*step)];
        answer::series(&self.ask("query_range", &arguments)?["result"]).with_context(|| expression.to_owned())
    }

    /// The tree of an expression, by Prometheus' own parser; only version 3 has it.
    pub fn parse(&self, expression: &str) -> Result<Value> {
        self.ask("parse_query", &[("query", expression)]).with_context(|| expression.to_owned())
    }

    /// What it knows of its targets.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let data = self.ask("targets", &[])?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let target = |target: &Value| Target {
            job: text(&target["labels"]["job"]),
            health: text(&target["health"]),
            error: text(&target["lastError"]),
            last_scrape: text(&target["lastScrape"]),
        };
        Ok(data["activeTargets"].as_array().context("no targets")?.iter().map(target).collect())
    }

    /// The type each family has, by what the job's target says of it.
    pub fn metadata(&self, job: &str) -> Result<std::collections::BTreeMap<String, String>> {
        let data = self.ask("targets/metadata", &[("match_target", &format!("{{job=\"{job}\"}}"))])?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = data.as_array().context("no metadata")?;
        Ok(all.iter().map(|family| (text(&family["metric"]), text(&family["type"]))).collect())
    }

    /// The body at a path of its own, such as its `/metrics`.
    pub fn get(&self, path: &str) -> Result<String> {
        let (head, body) = self.request(path)?;
        ensure!(head.contains(" 200 "), "{path}: {head}\n{body}");
        Ok(body)
    }

    /// Asks until there is an answer; an error after a minute.
    pub fn until<T>(&self, what: &str, mut ask: impl FnMut(&Self) -> Result<Option<T>>) -> Result<T> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(answer) = ask(self)? {
                return Ok(answer);
            }
            ensure!(Instant::now() < end, "not within a minute: {what}: {:?}", self.targets());
            // It scrapes when it likes, and its API has nothing to wait on.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a scrape of every job that begins from now on is stored, with success.
    pub fn next_scrape(&self) -> Result<()> {
        // What it says of its targets is said before the samples are there, and an agent keeps none.
        if self.args.iter().any(|arg| arg.ends_with("agent")) {
            return self.next_report();
        }
        // The time of a sample may be this much after the scrape began: `scrapeTimestampTolerance`.
        let since = SystemTime::now().duration_since(UNIX_EPOCH)? + Duration::from_millis(2);
        let since = i64::try_from(since.as_millis())?;
        self.until("the next scrape of every job", |this| {
            let up = this.query("up[1h]", None)?;
            let fresh = |series: &Series| {
                series.samples.last().is_some_and(|(at, value)| *at > since && *value == 1.0)
            };
            Ok((up.len() == self.jobs && up.iter().all(fresh)).then_some(()))
        })
    }

    /// The same by what it says of its targets.
    fn next_report(&self) -> Result<()> {
        let before = self.targets()?;
        self.until("the next scrape of every job", |this| {
            let now = this.targets()?;
            let fresh = |target: &Target| {
                let old = before
                    .iter()
                    .any(|old| (&old.job, &old.last_scrape) == (&target.job, &target.last_scrape));
                !old && target.health == "up"
            };
            Ok((now.len() == self.jobs && now.iter().all(fresh)).then_some(()))
        })
    }

    fn ask(&self, endpoint: &str, arguments: &[(&str, &str)]) -> Result<Value> {
        let arguments = form_urlencoded::Serializer::new(String::new()).extend_pairs(arguments).finish();
        let (_, body) = self.request(&format!("/api/v1/{endpoint}?{arguments}"))?;
        let mut answer: Value = serde_json::from_str(&body).with_context(|| body.clone())?;
        ensure!(answer["status"] == "success", "{endpoint}: {body}");
        Ok(answer["data"].take())
    }

    /// In HTTP/1.0, so that the answer comes in one piece and ends with the connection.
    fn request(&self, path: &str) -> Result<(String, String)> {
        if let Some(door) = &self.door {
            return door.request(self.address, path);
        }
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no head")?;
        Ok((head.to_owned(), body.to_owned()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it, and gives the address that it listens at.
#[expect(clippy::print_stderr, reason = "what Prometheus warns of belongs with the test's own output")]
fn spawn(major: u32, args: &[String], address: SocketAddr) -> Result<(Child, SocketAddr)> {
    let mut child = Command::new(tools::prometheus(major)?)
        .args(args)
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("prometheus")?;
    let mut log = BufReader::new(child.stderr.take().context("standard error is no pipe")?);
    let address = listening(&mut log).inspect_err(|_| drop(child.kill()))?;
    // Read on, or it stops at a full pipe. What it warns of goes where the test's own output goes.
    let warns = |line: &String| {
        ["warn", "error"].iter().any(|level| line.to_lowercase().contains(&format!("level={level}")))
    };
    std::thread::spawn(move || {
        log.lines()
            .map_while(Result::ok)
            .filter(warns)
            .for_each(|line| eprintln!("prometheus {major}: {line}"));
    });
    Ok((child, address))
}

impl Door {
    /// By the checks' client.
    fn request(&self, address: SocketAddr, path: &str) -> Result<(String, String)> {
        let mut probe = Client::new("test", "/").probe;
        probe.place = Place {
            address: address.ip().to_string(),
            host: Some(self.name.clone()),
            port: address.port().into(),
            host_port: None,
            tls: true,
            path: path.to_owned(),
        };
        "GET".clone_into(&mut probe.method);
        let authorities = Some(self.authority.display().to_string());
        probe.tls.verify = Some(Verify { chain: true, name: true, key: true, authorities });
        probe.authorization = Some(self.login.clone());
        let measured = measure(&probe, Deadline::after(Duration::from_secs(60)))?;
        let response = measured.exchange.context("no answer")?.response;
        Ok((response.status_line() + " ", String::from_utf8(response.body)?))
    }
}

/// Both major versions log the address that the port 0 became: `msg="Listening on" ... address=127.0.0.1:40679`.
fn listening(log: &mut impl std::io::BufRead) -> Result<SocketAddr> {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        if log.read_line(&mut line)? == 0 {
            bail!("prometheus ended: {seen}");
        }
        seen.push_str(&line);
        if line.contains("msg=\"Listening on\"") {
            let address = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
            return address.and_then(|text| text.parse().ok()).with_context(|| line.clone());
        }
    }
}

/// A temporary directory.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("plimsoll-prometheus-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
