//! `check_docker`: whether a container engine is alive and what its containers do, by the interface of Docker, which Podman
//! serves too, with the main options of the contributed plugin of that name.

use std::time::Instant;

use super::engine::{Container, Engine, MOST};
use crate::api::{Api, Error};
use crate::frame::{Call, Check};
use crate::output::Outcome;

pub mod answer;
mod config;
#[cfg(test)]
mod tests;

use answer::{Image, Inspected, Listed, Stats, Version};
use config::Config;

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

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let mut api = Api::new(config.place.clone(), Vec::new(), deadline);
    let engine = measure(&mut api, &config).map_err(|error| error.stop("DOCKER"))?;
    config.wanted.judge(call, &config.place.shown(), "DOCKER", engine)
}

fn measure(api: &mut Api, config: &Config) -> Result<Engine, Error> {
    let start = Instant::now();
    let version: Version = api.get("/version")?;
    let mut engine =
        Engine { name: version.words(), seconds: start.elapsed().as_secs_f64(), ..Engine::default() };
    let mut listed: Vec<Listed> = api.get("/containers/json?all=1")?;
    listed.sort_by(|one, other| one.name().cmp(other.name()));
    let running = listed.iter().filter(|listed| listed.is_running()).count();
    engine.counts = Some((listed.len(), running));
    if !config.wanted.asks_of_containers() {
        return Ok(engine);
    }
    let selection = &config.wanted.selection;
    engine.unmatched = selection.unmatched(listed.iter().map(|listed| vec![listed.name()]));
    for listed in listed.iter().filter(|listed| selection.takes(&[listed.name()])).take(MOST) {
        match container(api, config, listed) {
            Ok(container) => engine.containers.push(container),
            // It went while the others were looked at.
            Err(error) if error.status() == Some(404) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(engine)
}

fn container(api: &mut Api, config: &Config, listed: &Listed) -> Result<Container, Error> {
    let name = listed.name().to_owned();
    let mut container = Container { name, state: listed.state().to_owned(), ..Container::default() };
    let (id, wanted) = (&listed.id, &config.wanted);
    let mut inspected = Inspected::default();
    if wanted.inspects() {
        inspected = api.get(&format!("/containers/{id}/json"))?;
        inspected.tell(&mut container);
    }
    if wanted.measures() && container.is_running() {
        let stats: Stats = api.get(&format!("/containers/{id}/stats?stream=false&one-shot=true"))?;
        stats.tell(&mut container);
        container.cpus = inspected.cpus(stats.online());
    }
    if wanted.image_age.is_some() {
        // One that was removed has no age.
        let image: Option<Image> = match api.get(&format!("/images/{}/json", listed.image_id)) {
            Err(error) if error.status() == Some(404) => None,
            other => Some(other?),
        };
        container.image_created = image.and_then(|image| answer::seconds(&image.created));
    }
    Ok(container)
}
