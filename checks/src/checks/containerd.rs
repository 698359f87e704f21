//! `check_containerd`: whether containerd is alive and what its containers do, by its own interface and by that of Kubernetes.

use std::collections::BTreeMap;
use std::time::Instant;

use prost::Message;

use super::engine::{self, Container, Engine, MOST, Wanted, select};
use crate::api;
use crate::deadline::Deadline;
use crate::frame::{Call, Check};
use crate::grpc::{self, Refused};
use crate::help::version_words;
use crate::http2;
use crate::net;
use crate::options::{Arg, Opt, joined};
use crate::output::{Outcome, Stop};
use crate::state::State;

#[cfg(test)]
mod tests;
pub mod wire;

use wire::{Conditions, Filters, Listed, Metrics, Namespaces, Nothing, Sandboxed, Tasks, Version};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_containerd",
    aliases: &[],
    summary: "Judges containerd, and its containers.",
    usage: "[-H socket] [--namespace name]... [--no-cri] [--containers regex...] [--exclude-containers regex...]\n\
            [--present] [--status state] [--cpu warn:crit] [--memory warn:crit:unit] [--uptime warn:crit]\n\
            [--restarts warn:crit] [-w range] [-c range] [--no-ok] [--no-performance] [--state-file file]\n\
            [-t seconds[:state]]\n\
            where warn,crit instead of warn:crit are two ranges",
    options: OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

const OPTIONS: &[Opt] = &joined::<{ OWN.len() + engine::OPTIONS.len() }>(OWN, engine::OPTIONS);

const OWN: &[Opt] = &[
    Opt::new(
        "H",
        "address",
        Arg::Value("SOCKET"),
        "Where containerd listens (/run/containerd/containerd.sock)",
    ),
    Opt::new(
        "namespace",
        "namespace",
        Arg::Value("NAME"),
        "Only there: k8s.io, moby and so on; may be repeated (all)",
    ),
    Opt::new("no-cri", "no-cri", Arg::No, "Do not look at what it says to Kubernetes of itself"),
];

/// A longer answer is none to a check.
const LONGEST: usize = 16 << 20;
/// So many containers are asked for by their names; of more than that all.
const NAMED: usize = 20;

#[derive(Debug)]
struct Config {
    address: String,
    namespaces: Vec<String>,
    cri: bool,
    wanted: Wanted,
}

/// Where it is, and until when to ask.
struct Containerd<'a> {
    address: &'a str,
    deadline: Deadline,
}

#[derive(Debug)]
enum Error {
    Connect(api::Error),
    Call(&'static str, grpc::Error),
}

/// A container of a namespace, and how it is.
struct Found<'a> {
    namespace: &'a str,
    listed: &'a Listed,
    state: &'static str,
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let containerd = Containerd { address: &config.address, deadline: call.deadline() };
    let engine = measure(&containerd, &config)?;
    let about = format!("{} {}", config.address, config.namespaces.join(" "));
    config.wanted.judge(call, &about, "CONTAINERD", engine)
}

fn measure(containerd: &Containerd<'_>, config: &Config) -> Result<Engine, Error> {
    let start = Instant::now();
    let version: Version =
        containerd.ask("/containerd.services.version.v1.Version/Version", "", &Nothing {})?;
    let mut engine = Engine {
        name: format!("containerd {}", version.version),
        seconds: start.elapsed().as_secs_f64(),
        ..Engine::default()
    };
    if config.cri {
        let conditions: Option<Conditions> = containerd.ask_cri("/runtime.v1.RuntimeService/Status")?;
        engine.faults = conditions.map(|conditions| conditions.faults()).unwrap_or_default();
    }
    let namespaces = match config.namespaces.as_slice() {
        [] => {
            let path = "/containerd.services.namespaces.v1.Namespaces/List";
            containerd.ask::<Namespaces>(path, "", &Nothing {})?.names()
        }
        named => named.to_vec(),
    };
    let mut all = Vec::new();
    for namespace in &namespaces {
        let path = "/containerd.services.containers.v1.Containers/List";
        let listed: wire::Containers = containerd.ask(path, namespace, &Nothing {})?;
        let tasks: Tasks =
            containerd.ask("/containerd.services.tasks.v1.Tasks/List", namespace, &Nothing {})?;
        all.push((namespace.as_str(), listed, tasks.states()));
    }
    let found = all.iter().flat_map(|(namespace, listed, states)| {
        let state = |listed: &Listed| states.get(&listed.id).copied().unwrap_or("created");
        let containers = listed.containers.iter().filter(|listed| !listed.is_sandbox());
        containers.map(move |listed| Found { namespace, listed, state: state(listed) })
    });
    let mut found: Vec<Found<'_>> = found.collect();
    found.sort_by_key(|found| found.listed.name());
    let running = found.iter().filter(|found| found.state == "running").count();
    engine.counts = Some((found.len(), running));
    if config.wanted.asks_of_containers() {
        look(containerd, config, &found, &mut engine)?;
    }
    Ok(engine)
}

/// Looks at those that are selected.
fn look(
    containerd: &Containerd<'_>,
    config: &Config,
    all: &[Found<'_>],
    engine: &mut Engine,
) -> Result<(), Error> {
    let (wanted, selection) = (&config.wanted, &config.wanted.selection);
    let names: Vec<[String; 2]> =
        all.iter().map(|found| [found.listed.name(), found.listed.id.clone()]).collect();
    let called = |names: &[String; 2]| selection.takes(&[&names[0], &names[1]]);
    engine.unmatched = selection.unmatched(names.iter().map(|[name, id]| vec![name.as_str(), id.as_str()]));
    let chosen = all.iter().zip(&names).filter(|(_, names)| called(names)).map(|(found, _)| found);
    let chosen: Vec<&Found<'_>> = chosen.take(MOST).collect();
    let attempts = if wanted.counts_restarts() {
        containerd
            .ask_cri::<Sandboxed>("/runtime.v1.RuntimeService/ListContainers")?
            .unwrap_or_default()
            .attempts()
    } else {
        BTreeMap::new()
    };
    let mut used = BTreeMap::new();
    if wanted.measures() {
        let namespaces: std::collections::BTreeSet<&str> =
            chosen.iter().map(|found| found.namespace).collect();
        for namespace in namespaces {
            let ids = chosen
                .iter()
                .filter(|found| found.namespace == namespace)
                .map(|found| found.listed.id.as_str());
            let ids: Vec<&str> = ids.collect();
            let filters = if ids.len() > NAMED { Filters::default() } else { Filters::of(&ids) };
            let metrics: Metrics =
                containerd.ask("/containerd.services.tasks.v1.Tasks/Metrics", namespace, &filters)?;
            used.extend(metrics.used().map(|(id, used)| ((namespace, id), used)));
        }
    }
    for found in chosen {
        let id = &found.listed.id;
        let used = used.get(&(found.namespace, id.clone())).copied().unwrap_or_default();
        engine.containers.push(Container {
            name: found.listed.name(),
            state: found.state.to_owned(),
            restarts: attempts.get(id).map(|attempt| f64::from(*attempt)),
            started: found.listed.created(),
            cpu_seconds: used.cpu_seconds,
            cpus: std::thread::available_parallelism().ok().map(|count| count.get() as f64),
            memory: used.memory,
            memory_limit: used.memory_limit,
            ..Container::default()
        });
    }
    Ok(())
}

impl Containerd<'_> {
    /// Asks within a namespace, on a connection of its own.
    fn ask<A: Message + Default>(
        &self,
        path: &'static str,
        namespace: &str,
        question: &impl Message,
    ) -> Result<A, Error> {
        let failed = |error| Error::Connect(api::Error::Connect { place: self.address.to_owned(), error });
        let mut stream = net::connect_socket(self.address, self.deadline).map_err(failed)?;
        let named = ("containerd-namespace".to_owned(), namespace.to_owned());
        let method = grpc::Method {
            agent: version_words(CHECK.name),
            scheme: "http",
            authority: "localhost".to_owned(),
            path: path.to_owned(),
            headers: if namespace.is_empty() { Vec::new() } else { vec![named] },
        };
        grpc::call(&mut stream, &method, question, LONGEST, self.deadline)
            .map_err(|error| Error::Call(path, error))
    }

    /// Asks what Kubernetes asks; none where that is not served.
    fn ask_cri<A: Message + Default>(&self, path: &'static str) -> Result<Option<A>, Error> {
        match self.ask(path, "", &Nothing {}) {
            Err(Error::Call(_, grpc::Error::Refused(Refused::Grpc { code, .. })))
                if code == grpc::UNIMPLEMENTED =>
            {
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Connect(error) => error.stop("CONTAINERD"),
            Error::Call(_, grpc::Error::Http2(http2::Error::Expired)) => Self::Timeout,
            Error::Call(path, error) => {
                Self::with(State::Critical, format!("CONTAINERD CRITICAL - {path}: {error}"))
            }
        }
    }
}

impl Config {
    fn read(call: &mut Call) -> Result<Self, Stop> {
        call.args = select::apart(std::mem::take(&mut call.args));
        let mut config = Self {
            address: "/run/containerd/containerd.sock".to_owned(),
            namespaces: Vec::new(),
            cri: true,
            wanted: Wanted::default(),
        };
        let mut options = call.options();
        while let Some(found) = options.next()? {
            config.take(call, &found)?;
        }
        config.wanted.finish()?;
        Ok(config)
    }

    fn take(&mut self, call: &mut Call, found: &crate::options::Found) -> Result<(), Stop> {
        let text = found.text();
        match found.key {
            "H" => text.strip_prefix("unix://").unwrap_or(&text).clone_into(&mut self.address),
            "namespace" => self.namespaces.push(text),
            "no-cri" => self.cri = false,
            _ => self.wanted.take(call, found)?,
        }
        Ok(())
    }
}
