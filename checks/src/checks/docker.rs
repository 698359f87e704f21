//! `check_docker`: whether a container engine is alive and what its containers do, by the interface of Docker, which Podman
//! serves too, with the main options of the contributed plugin of that name.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use crate::api::{Api, Error};
use crate::frame::{Call, Check};
use crate::history::History;
use crate::output::{Outcome, Stop};

pub mod answer;
mod config;
mod judge;
pub mod pair;
#[cfg(test)]
mod tests;

use answer::{Image, Inspected, Listed, Stats, Version};
use config::Config;
use judge::judge;

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_docker",
    aliases: &[],
    summary: "Judges a container engine with Docker's interface, and its containers.",
    usage: "[-H socket-or-host:port] [--secure-connection host:port] [-D] [--ca-cert file] [-J file -K file]\n\
            [--containers regex...] [--exclude-containers regex...] [--present] [--status state] [--health]\n\
            [--cpu warn:crit] [--memory warn:crit:unit] [--uptime warn:crit] [--restarts warn:crit]\n\
            [--image-age warn:crit] [-w range] [-c range] [--no-ok] [--no-performance] [--state-file file]\n\
            [-t seconds[:state]] [-4] [-6]\n\
            where warn,crit instead of warn:crit are two ranges",
    options: config::OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

/// What the engine says.
#[derive(Debug, Default)]
struct Measured {
    /// Until it said its version.
    seconds: f64,
    version: Version,
    /// All there are and those that run.
    counts: Option<(usize, usize)>,
    containers: Vec<Container>,
    /// Expressions that no container is called by.
    unmatched: Vec<String>,
}

/// What it says of one container, as far as it was asked.
#[derive(Debug, Default)]
struct Container {
    name: String,
    state: String,
    inspected: Inspected,
    stats: Option<Stats>,
    /// In percent of its limit, or of all CPUs.
    cpu: Option<f64>,
    /// When its image was made.
    image_created: Option<f64>,
}

/// Older samples say nothing of now.
const LONGEST: f64 = 1800.0;
/// More containers than that are not looked at one by one.
const MOST: usize = 1000;

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let mut api = Api::new(config.place.clone(), Vec::new(), deadline);
    let mut measured = measure(&mut api, &config).map_err(|error| error.stop("DOCKER"))?;
    if config.cpu.is_some() {
        let history = History::of(config.state_file.as_deref(), CHECK.name, &config.about())?;
        let before = history.read().unwrap_or_default();
        history.write(&rates(&mut measured.containers, &before, now()))?;
    }
    Ok(judge(&config, &measured, now()))
}

/// In seconds of Unix.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}

fn measure(api: &mut Api, config: &Config) -> Result<Measured, Error> {
    let start = Instant::now();
    let version = api.get("/version")?;
    let mut measured = Measured { seconds: start.elapsed().as_secs_f64(), version, ..Measured::default() };
    let mut listed: Vec<Listed> = api.get("/containers/json?all=1")?;
    listed.sort_by(|one, other| one.name().cmp(other.name()));
    let running = listed.iter().filter(|listed| listed.is_running()).count();
    measured.counts = Some((listed.len(), running));
    if !config.asks_of_containers() {
        return Ok(measured);
    }
    measured.unmatched = config.unmatched(&listed);
    for listed in listed.iter().filter(|listed| config.selects(listed.name())).take(MOST) {
        match container(api, config, listed) {
            Ok(container) => measured.containers.push(container),
            // It went while the others were looked at.
            Err(error) if error.status() == Some(404) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(measured)
}

fn container(api: &mut Api, config: &Config, listed: &Listed) -> Result<Container, Error> {
    let mut container = Container {
        name: listed.name().to_owned(),
        state: listed.state().to_owned(),
        ..Container::default()
    };
    let id = &listed.id;
    if config.inspects() {
        container.inspected = api.get(&format!("/containers/{id}/json"))?;
        if let Some(state) = container.inspected.status() {
            state.clone_into(&mut container.state);
        }
    }
    if config.measures() && container.is_running() {
        let stats: Stats = api.get(&format!("/containers/{id}/stats?stream=false&one-shot=true"))?;
        container.stats = Some(stats);
    }
    if config.image_age.is_some() {
        // One that was removed has no age.
        let image: Option<Image> = match api.get(&format!("/images/{}/json", listed.image_id)) {
            Err(error) if error.status() == Some(404) => None,
            other => Some(other?),
        };
        container.image_created = image.and_then(|image| answer::seconds(&image.created));
    }
    Ok(container)
}

/// Fills in what each used since the last run; what is to be kept for the next.
fn rates(containers: &mut [Container], before: &Value, now: f64) -> Value {
    let mut kept = serde_json::Map::new();
    for container in containers {
        let Some(used) = container.stats.as_ref().and_then(Stats::cpu_seconds) else { continue };
        // Who was started again counts from zero, and so under another name.
        let key = format!("{} {}", container.name, container.inspected.started().unwrap_or_default());
        let last = &before[&key];
        if let (Some(at), Some(then)) = (last[0].as_f64(), last[1].as_f64())
            && now > at
            && now - at <= LONGEST
            && used >= then
        {
            let capacity = container.inspected.cpus(container.stats.as_ref().and_then(Stats::online));
            container.cpu = capacity.map(|cpus| (used - then) / (now - at) / cpus * 100.0);
        }
        kept.insert(key, json!([now, used]));
    }
    Value::Object(kept)
}

impl Container {
    fn is_running(&self) -> bool {
        self.state.eq_ignore_ascii_case("running")
    }
}

impl From<pair::Error> for Stop {
    fn from(error: pair::Error) -> Self {
        Self::unknown(error.to_string())
    }
}
