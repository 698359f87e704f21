//! Everything that runs beside the containers, and what each of them says.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::clock;
use super::stories::{STORIES, Story};
use crate::alertmanager::{self, Alertmanager, MailServer, Told};
use crate::exporter::{self, Exporter};
use crate::icinga::{self, Icinga};
use crate::prometheus::{Job, Prometheus};
use crate::{preview, rules};

pub(super) const OK: u64 = 0;
pub(super) const CRITICAL: u64 = 2;

/// What is off unless it is asked for.
const ALL: [&str; 6] = [
    "--web.zero-first",
    "--collector.dns",
    "--dns.names",
    "--tcp.destination-names",
    "--collector.unix",
    "--collector.syscall_latency",
];

/// Ended from above when dropped, the directory last.
pub(super) struct Stage {
    icinga: Icinga,
    server: Prometheus,
    manager: Alertmanager,
    exporter: Exporter,
    told: Told,
    mail: MailServer,
    _directory: Directory,
}

impl Stage {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let directory = Directory::new()?;
        let mut command = Command::new(program);
        command.args(ALL);
        let exporter = Exporter::start_command(command)?;
        let told = Told::default();
        let (mail, web) = (told.mail()?, told.web()?);
        let config = alertmanager::local(&directory.0, mail.port(), web)?;
        let manager = Alertmanager::start(&config, &directory.0.join("data"))?;
        let server = prometheus(&directory.0, &exporter, &manager)?;
        let icinga = icinga::notified(mail.port(), web, 10)? + &host(&directory.0, &exporter, &server);
        let icinga = Icinga::start(&icinga)?;
        server.next_scrape()?;
        Ok(Self { icinga, server, manager, exporter, told, mail, _directory: directory })
    }

    /// Where all of it is.
    pub(super) fn addresses(&self) -> [String; 5] {
        [
            format!("  Plimsoll      http://{}/metrics", self.exporter.address()),
            format!("  Prometheus    http://{}/alerts", self.server.address()),
            format!("  Alertmanager  http://{}/api/v2/alerts", self.manager.address()),
            format!(
                "  Icinga 2      curl -k -u {} https://127.0.0.1:{}/v1/objects/services",
                icinga::USER,
                self.icinga.port()
            ),
            format!("  mail          127.0.0.1:{}, which keeps what it is sent to itself", self.mail.port()),
        ]
    }

    /// Where a query is drawn.
    pub(super) fn graph(&self, query: &str) -> Result<String> {
        let mut arguments = form_urlencoded::Serializer::new(String::new());
        let arguments = arguments.append_pair("g0.expr", query).append_pair("g0.range_input", "5m").finish();
        Ok(format!("http://{}/graph?{arguments}", self.server.address()))
    }

    /// Draws the dashboards, with what there is now.
    pub(super) fn draw(&self, pages: &Path) -> Result<usize> {
        preview::write(&self.server, pages)
    }

    /// Draws the story's query since a time, into `story-N.svg`.
    pub(super) fn picture(&self, pages: &Path, number: usize, story: &Story, since: f64) -> Result<()> {
        let path = pages.join(format!("story-{number}.svg"));
        let picture = preview::picture(&self.server, story.query, since)?;
        std::fs::write(&path, picture).with_context(|| path.display().to_string())
    }

    /// What the story's query says, if it is of its container.
    pub(super) fn answer(&self, story: &Story) -> Result<Option<String>> {
        let series = self.server.query(story.query, None)?;
        let of = series.iter().find(|series| series.label("name") == story.container);
        let value =
            of.and_then(|series| Some(series.samples.last()?.1)).filter(|value| *value >= story.at_least);
        Ok(value.map(|value| format!("{}: {value:.2}", story.container)))
    }

    /// Whether the story's alert fires in Prometheus and is with Alertmanager, or is either of them.
    pub(super) fn fires(&self, story: &Story) -> Result<bool> {
        let alerts = format!(
            "ALERTS{{alertname=\"{}\",name=\"{}\",alertstate=\"firing\"}}",
            story.alert, story.container
        );
        if self.server.query(&alerts, None)?.is_empty() {
            return Ok(false);
        }
        let filter = format!("/api/v2/alerts?filter=alertname%3D{}", story.alert);
        let answer = exporter::status(exporter::ask(self.manager.address(), "GET", &filter, &[])?)?.1;
        let alerts: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        let of = |alert: &Value| alert["labels"]["name"] == story.container;
        Ok(alerts.as_array().is_some_and(|alerts| alerts.iter().any(of)))
    }

    /// Whether mail and Slack have had this of the story's alert.
    pub(super) fn alerted(&self, story: &Story, status: &str) -> Option<()> {
        self.all_told(&["mail", "/slack"], &[&format!("[{status}"), story.alert, story.container])
    }

    /// Has the story's service checked, and says what it said if it is in that state.
    pub(super) fn check(&self, story: &Story, state: u64) -> Result<Option<String>> {
        let services = self.icinga.services("demo")?;
        let of = services.into_iter().find(|service| service.name == format!("demo!{}", story.service));
        let of = of.filter(|service| service.state == Some(state));
        if of.is_none() {
            self.again(story)?;
        }
        Ok(of.map(|service| service.output))
    }

    /// Whether mail, Slack and pager have had this of the story's service. It takes three checks that say the same.
    pub(super) fn noticed(&self, story: &Story, kind: &str, state: &str) -> Result<Option<()>> {
        let says = format!("{kind}: demo, {} is {state}", story.service);
        let told = self.all_told(&["mail", "/slack", "/pager"], &[&says]);
        if told.is_none() {
            self.again(story)?;
        }
        Ok(told)
    }

    fn again(&self, story: &Story) -> Result<()> {
        let filter = format!("service.name==\"{}\"", story.service);
        let forced = json!({ "type": "Service", "filter": filter, "force": true });
        self.icinga.post("/v1/actions/reschedule-check", &forced)?;
        Ok(())
    }

    fn all_told(&self, places: &[&str], words: &[&str]) -> Option<()> {
        let all = self.told.all();
        let says = |text: &str| {
            // A mail's long lines are folded.
            let text = text.replace("=\r\n", "").replace("=\n", "");
            words.iter().all(|word| text.contains(word))
        };
        places.iter().all(|place| all.iter().any(|one| one.to == *place && says(&one.text))).then_some(())
    }
}

fn prometheus(directory: &Path, exporter: &Exporter, manager: &Alertmanager) -> Result<Prometheus> {
    for path in rules::files()? {
        let name = path.file_name().context("a file")?;
        std::fs::write(directory.join(name), clock::faster(&std::fs::read_to_string(&path)?))?;
    }
    let more = format!(
        "rule_files: ['{}/*.yaml']\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}",
        directory.display(),
        manager.address(),
    );
    let jobs = [Job::new("plimsoll", exporter.address())];
    Prometheus::start_with(3, "2s", &jobs, &[], &more)
}

/// A host with a check of each story.
fn host(directory: &Path, exporter: &Exporter, server: &Prometheus) -> String {
    let mut host =
        "object Host \"demo\" {\n  check_command = \"dummy\"\n  address = \"127.0.0.1\"\n".to_owned();
    for (number, story) in STORIES.iter().enumerate() {
        host.push_str(&format!(
            "  vars.plimsoll[\"{}\"] = {{ {}, plimsoll_container_url = \"http://{}/metrics\", \
             plimsoll_container_name = \"{}\", plimsoll_container_absent = \"ok\", \
             plimsoll_container_state_file = \"{}/check-{number}\", \
             plimsoll_prometheus_url = \"http://{}\" }}\n",
            story.service,
            story.check,
            exporter.address(),
            story.container,
            directory.display(),
            server.address(),
        ));
    }
    host + "}\n"
}

/// A directory of its own, gone at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("plimsoll-demo-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
