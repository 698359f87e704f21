//! What Prometheus is asked, and how its answers become one usage for each line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_checks::checks::http::client::Client;
use plimsoll_checks::checks::http::{self, Probe, measure};
use plimsoll_checks::checks::prometheus::answer::{self, Answered, Series};
use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::http::Url;
use plimsoll_checks::tls::Verify;
use serde::Serialize;

use super::sizing::Usage;
use super::{By, Rightsizing};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The flag.
    #[error(
        "--prometheus.url {0:?}: expected http://HOST or https://HOST, with a port and a path if need be"
    )]
    Url(String),
    /// A password or token.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// What came of the connection.
    #[error("{0}: {1}")]
    Unreached(String, http::Error),
    /// Not what Prometheus would answer.
    #[error("{0}: it answers {1}")]
    Status(String, String),
    /// What Prometheus has to say.
    #[error("{url}: {error}; the query was {query}")]
    Refused {
        /// Of Prometheus.
        url: String,
        /// Its words.
        error: answer::Error,
        /// What it was asked.
        query: String,
    },
}

/// Whom a line is about. What it is not in is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[expect(missing_docs, reason = "the names are those of the labels")]
pub struct About {
    pub instance: String,
    pub namespace: String,
    pub workload_kind: String,
    pub workload: String,
    pub pod: String,
    pub container: String,
    pub name: String,
}

/// Where in a usage an answer goes.
type Field = fn(&mut Usage) -> &mut Option<f64>;

/// How what several containers of a workload say becomes one number.
#[derive(Clone, Copy)]
enum Join {
    Most,
    Mean,
    Sum,
}

/// The labels that tell containers apart.
const BY: &str = "instance, namespace, workload_kind, workload, pod, container, name, id";
/// What the API server says is requested, by kube-state-metrics.
const REQUESTED: &str = "kube_pod_container_resource_requests";
/// A pod that requests no CPU gets the least there is: 2.
const NO_SHARES: &str = "> 2";

/// Each query once; `$of`, `$since`, `$moment` and `$by` are put in. A container's usage is that of its life: what was before or is
/// after counts for nothing.
const QUERIES: [(Field, Join, &str); 13] = [
    (|u| &mut u.cpu_average_cores, Join::Mean, "sum by ($by) (avg_over_time($cpu))"),
    (|u| &mut u.cpu_p95_cores, Join::Most, "sum by ($by) (quantile_over_time(0.95, $cpu))"),
    (|u| &mut u.cpu_peak_cores, Join::Most, "sum by ($by) (max_over_time($cpu))"),
    (
        |u| &mut u.cpu_request_cores,
        Join::Most,
        "max by ($by) (last_over_time(container_spec_cpu_shares{$of,pod!=\"\"}[$since]) $shares) / 1024",
    ),
    (
        |u| &mut u.cpu_limit_cores,
        Join::Most,
        "max by ($by) (last_over_time(container_spec_cpu_quota{$of}[$since]) > 0)
            / max by ($by) (last_over_time(container_spec_cpu_period{$of}[$since]))",
    ),
    (
        |u| &mut u.cpu_throttled_ratio,
        Join::Most,
        "sum by ($by) (increase(container_cpu_cfs_throttled_periods_total{$of}[$since]))
            / (sum by ($by) (increase(container_cpu_cfs_periods_total{$of}[$since])) > 0)",
    ),
    (
        |u| &mut u.memory_average_bytes,
        Join::Mean,
        "max by ($by) (avg_over_time(container_memory_working_set_bytes{$of}[$since]))",
    ),
    (
        |u| &mut u.memory_peak_bytes,
        Join::Most,
        "max by ($by) (max_over_time(container_memory_working_set_bytes{$of}[$since]))",
    ),
    (
        |u| &mut u.memory_limit_bytes,
        Join::Most,
        "max by ($by) (last_over_time(container_spec_memory_limit_bytes{$of}[$since]) > 0)",
    ),
    (
        |u| &mut u.memory_request_bytes,
        Join::Most,
        "max by ($by) (last_over_time(container_spec_memory_reservation_limit_bytes{$of}[$since]) > 0)",
    ),
    (
        |u| &mut u.oom_kills,
        Join::Sum,
        "round(sum by ($by) (increase(container_oom_kills_total{$of}[$since])))",
    ),
    (|u| &mut u.threads_peak, Join::Most, "max by ($by) (max_over_time(container_threads{$of}[$since]))"),
    (
        |u| &mut u.threads_limit,
        Join::Most,
        "max by ($by) (last_over_time(container_threads_limit{$of}[$since]) > 0)",
    ),
];

/// Whom each line is about, and what was used.
pub type Lines = Vec<(About, Usage)>;

/// A line for each container or workload that has used anything, and the warnings of Prometheus. All of it is of one moment, by
/// Prometheus' clock: what is scraped while it is asked is in no answer, and not in some.
pub fn usages(settings: &Rightsizing) -> Result<(Lines, Vec<String>), Error> {
    let mut prometheus = Prometheus::new(settings)?;
    let now = prometheus.ask("time()")?.series.first().map(|now| now.value);
    prometheus.at = Some(now.ok_or_else(|| Error::Status(settings.url.clone(), "no time".to_owned()))?);
    let mut table = Table::default();
    let mut warnings = BTreeSet::new();
    for (field, join, query) in QUERIES {
        let answered = prometheus.ask(&written(query, settings))?;
        warnings.extend(answered.warnings);
        table.add(settings.by, &answered.series, field, join);
    }
    for (resource, field) in REQUESTS {
        let query = format!(
            "max by (namespace, pod, container) (last_over_time({REQUESTED}{{resource=\"{resource}\"}}[{}]))",
            seconds(settings.since)
        );
        let answered = prometheus.ask(&query)?;
        answered.series.iter().for_each(|series| table.requested(series, field));
    }
    Ok((table.lines(), warnings.into_iter().collect()))
}

/// What was requested by the word of the API server goes before what cgroups say.
const REQUESTS: [(&str, Field); 2] =
    [("cpu", |u| &mut u.cpu_request_cores), ("memory", |u| &mut u.memory_request_bytes)];

/// A query with all that it stands for.
pub fn written(query: &str, settings: &Rightsizing) -> String {
    let (since, moment) = (seconds(settings.since), seconds(settings.resolution));
    let own = settings.selector.trim().trim_start_matches('{').trim_end_matches('}').trim();
    let of = ["name!=\"\",container!=\"POD\"", own].map(|part| part.trim_matches(','));
    let of = of.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",");
    let cpu = "sum without (cpu) (rate(container_cpu_usage_seconds_total{$of}[$moment]))[$since:$moment]";
    let query = query.replace("$cpu", cpu).replace("$shares", NO_SHARES).replace("$by", BY);
    query.replace("$of", &of).replace("$since", &since).replace("$moment", &moment)
}

fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs())
}

/// What is known by now, by container.
#[derive(Default)]
struct Table {
    /// With the containers that each is about.
    lines: BTreeMap<About, (Usage, BTreeSet<String>)>,
    /// Which lines a container of a pod is in.
    of_pods: BTreeMap<[String; 3], About>,
}

impl Table {
    fn add(&mut self, by: By, answered: &[Series], field: Field, join: Join) {
        let mut values: BTreeMap<About, Vec<f64>> = BTreeMap::new();
        for series in answered.iter().filter(|series| !series.value.is_nan()) {
            let about = About::of(series, by);
            if !series.label("container").is_empty() {
                self.of_pods.insert(container(series), about.clone());
            }
            let (_, containers) = self.lines.entry(about.clone()).or_default();
            containers.insert(format!("{} {}", series.label("instance"), series.label("id")));
            values.entry(about).or_default().push(series.value);
        }
        for (about, values) in values {
            let sum: f64 = values.iter().sum();
            *field(&mut self.lines.entry(about).or_default().0) = Some(match join {
                Join::Most => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                Join::Mean => sum / values.len() as f64,
                Join::Sum => sum,
            });
        }
    }

    fn requested(&mut self, series: &Series, field: Field) {
        let line = self.of_pods.get(&container(series)).and_then(|about| self.lines.get_mut(about));
        if let Some((usage, _)) = line {
            *field(usage) = Some(series.value);
        }
    }

    fn lines(self) -> Lines {
        let used = |usage: &Usage| usage.cpu_peak_cores.is_some() || usage.memory_peak_bytes.is_some();
        let lines = self.lines.into_iter().map(|(about, (usage, containers))| {
            (about, Usage { containers: containers.len() as u64, ..usage })
        });
        lines.filter(|(_, usage)| used(usage)).collect()
    }
}

fn container(series: &Series) -> [String; 3] {
    ["namespace", "pod", "container"].map(|name| series.label(name).to_owned())
}

impl About {
    /// Its members' names.
    pub const LABELS: [&str; 7] =
        ["instance", "namespace", "workload_kind", "workload", "pod", "container", "name"];

    /// Its members.
    pub fn values(&self) -> [&str; 7] {
        let Self { instance, namespace, workload_kind, workload, pod, container, name } = self;
        [instance, namespace, workload_kind, workload, pod, container, name]
    }

    /// In few words.
    pub fn words(&self) -> String {
        let Self { instance, namespace, workload_kind, workload, pod, container, name } = self;
        let workload =
            if workload.is_empty() { String::new() } else { format!("{workload_kind}/{workload}") };
        let name = if container.is_empty() { name } else { container };
        let words = [instance, namespace, &workload, pod, name];
        words.into_iter().filter(|word| !word.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn of(series: &Series, by: By) -> Self {
        let label = |name| series.label(name).to_owned();
        let all = Self {
            instance: label("instance"),
            namespace: label("namespace"),
            workload_kind: label("workload_kind"),
            workload: label("workload"),
            pod: label("pod"),
            container: label("container"),
            name: label("name"),
        };
        match by {
            By::Container => all,
            // The name is the runtime's own where there is a pod.
            By::Workload if all.workload.is_empty() && all.pod.is_empty() => {
                Self { name: all.name, ..Self::default() }
            }
            By::Workload => {
                let pod = if all.workload.is_empty() { all.pod } else { String::new() };
                Self { instance: String::new(), name: String::new(), pod, ..all }
            }
        }
    }
}

/// Whom to ask.
struct Prometheus {
    probe: Probe,
    path: String,
    url: String,
    timeout: Duration,
    /// Of which moment the answers are; now if not said.
    at: Option<f64>,
}

/// The report of a large fleet.
const KEEP: usize = 256 << 20;

impl Prometheus {
    fn new(settings: &Rightsizing) -> Result<Self, Error> {
        let url = Url::parse(&settings.url).ok_or_else(|| Error::Url(settings.url.clone()))?;
        let mut probe = Client::new("plimsoll", "/").probe;
        probe.method = "GET".to_owned();
        probe.wants.keep = KEEP;
        probe.place.address.clone_from(&url.host);
        (probe.place.host, probe.place.port, probe.place.tls) = (Some(url.host), url.port, url.tls);
        if url.tls {
            let authorities = settings.ca_file.as_ref().map(|file| file.display().to_string());
            probe.tls.verify = Some(Verify { chain: true, name: true, key: true, authorities });
        }
        if let (Some(user), Some(file)) = (&settings.user, &settings.password_file) {
            probe.authorization = Some(format!("{user}:{}", secret(file)?));
        }
        if let Some(file) = &settings.token_file {
            probe.headers.push(format!("Authorization: Bearer {}", secret(file)?));
        }
        let path = url.path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned();
        Ok(Self { probe, path, url: settings.url.clone(), timeout: settings.timeout, at: None })
    }

    fn ask(&self, query: &str) -> Result<Answered, Error> {
        let mut probe = self.probe.clone();
        let mut asked = form_urlencoded::Serializer::new(String::new());
        asked.append_pair("query", query);
        if let Some(at) = self.at {
            asked.append_pair("time", &at.to_string());
        }
        probe.place.path = format!("{}/api/v1/query?{}", self.path, asked.finish());
        let measured = measure(&probe, Deadline::after(self.timeout));
        let measured = measured.map_err(|error| Error::Unreached(self.url.clone(), error))?;
        let status = |line: &str| Error::Status(self.url.clone(), line.to_owned());
        let response = measured.exchange.ok_or_else(|| status("nothing"))?.response;
        Answered::parse(&response.body).map_err(|error| match error {
            answer::Error::Other => status(&response.status_line()),
            error => Error::Refused { url: self.url.clone(), error, query: query.to_owned() },
        })
    }
}

fn secret(file: &Path) -> Result<String, Error> {
    let text = fs::read_to_string(file).map_err(|error| Error::File(file.to_owned(), error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    /// The server says what time it is, and knows nothing else.
    #[test]
    fn all_of_it_is_of_one_moment_by_the_servers_clock() {
        const SCALAR: &str =
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1700000000.25"]}}"#;
        const NOTHING: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("--prometheus.url=http://{}", listener.local_addr().unwrap());
        let asked = QUERIES.len() + REQUESTS.len();
        let server = thread::spawn(move || {
            let answers = [SCALAR].into_iter().chain([NOTHING].into_iter().cycle()).take(1 + asked);
            let one = |answer: &str| {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                while stream.read_line(&mut String::new()).unwrap() > 2 {}
                let length = answer.len();
                write!(stream.get_mut(), "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}")
                    .unwrap();
                line
            };
            answers.map(one).collect::<Vec<_>>()
        });
        let matches =
            Rightsizing::augment_args(clap::Command::new("report")).get_matches_from(["report", &url]);
        let (lines, warnings) = usages(&Rightsizing::from_arg_matches(&matches).unwrap()).unwrap();
        assert!(lines.is_empty() && warnings.is_empty());
        let said = server.join().unwrap();
        assert_eq!(said.first().unwrap(), "GET /api/v1/query?query=time%28%29 HTTP/1.1\r\n");
        let of_then = said.iter().filter(|line| line.ends_with("&time=1700000000.25 HTTP/1.1\r\n"));
        assert_eq!(of_then.count(), asked, "{said:#?}");
    }
}
