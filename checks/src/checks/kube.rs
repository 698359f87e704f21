//! `check_kube`: what a Kubernetes API server says of itself, of nodes, of workloads and of pods; and how long certificates last.

use std::time::Instant;

use crate::api::{Api, Error};
use crate::frame::{Call, Check};
use crate::output::{Outcome, Stop};
use crate::state::State;
use crate::tls::days;

pub mod access;
mod config;
mod judge;
pub mod kubeconfig;
mod list;
pub mod node;
pub mod pod;
#[cfg(test)]
mod tests;
pub mod workload;

use access::Access;
use config::Config;
use judge::judge;
use workload::{Kind, Workload};

/// The row of the table.
pub static CHECK: Check = Check {
    name: "check_kube",
    aliases: &[],
    summary: "Judges a Kubernetes cluster by its API: the server, nodes, workloads, pods and certificates.",
    usage: "[--kubeconfig file] [--context name] [--server url [--token-file file] [--ca-cert file] [--insecure]\n\
            [-J file -K file]] [--nodes] [--workload kind[/name]]... [--pods] [--certificates] [-n namespace]\n\
            [-l selector] [--pending-after seconds] [--warning-VALUE range]... [--critical-VALUE range]...\n\
            [-t seconds[:state]] [-4] [-6]\n\
            where VALUE is time, not-ready, pressure, cordoned, missing, failing, crashing, pending, restarts or days",
    options: config::OPTIONS,
    extra_opts: true,
    timed_out: "Socket timeout",
    run,
};

/// What the API server says, as far as it was asked.
#[derive(Debug, Default)]
struct Measured {
    /// Until it said that it is ready.
    seconds: f64,
    /// What of it is not ready.
    failing: Vec<String>,
    nodes: Option<Vec<node::Node>>,
    workloads: Vec<Workload>,
    /// Those that are not there.
    absent: Vec<String>,
    pods: Option<pod::Pods>,
    /// Days that the certificates of server and client last.
    days: [Option<i64>; 2],
}

fn run(call: &mut Call) -> Outcome {
    let config = Config::read(call)?;
    let deadline = call.deadline();
    let access = config.access(call)?;
    let mut api = Api::new(access.place.clone(), access.headers.clone(), deadline);
    let measured = measure(&mut api, &config, &access)?;
    Ok(judge(&config, &measured))
}

fn measure(api: &mut Api, config: &Config, access: &Access) -> Result<Measured, Stop> {
    let mut measured = Measured::default();
    let start = Instant::now();
    measured.failing = ready(api, access).map_err(told)?;
    measured.seconds = start.elapsed().as_secs_f64();
    if config.nodes {
        let path = format!("{}/api/v1/nodes", access.prefix);
        let mut nodes = Vec::new();
        list::each(api, &path, config.selector.as_deref(), |node, _| nodes.push(node)).map_err(told)?;
        measured.nodes = Some(nodes);
    }
    for (kind, name) in &config.workloads {
        workloads(api, config, access, (*kind, name.as_deref()), &mut measured)?;
    }
    if config.pods {
        let path = format!("{}/api/v1{}/pods", access.prefix, config.within(None));
        let mut pods = pod::Pods::default();
        let add = |pod: pod::Pod, now| pods.add(&pod, now, config.pending_after);
        list::each(api, &path, config.selector.as_deref(), add).map_err(told)?;
        measured.pods = Some(pods);
    }
    if config.certificates {
        let left = |not_after: i64| (not_after - days::now()).div_euclid(86_400);
        let server = api.certificate().map(|certificate| left(certificate.not_after));
        measured.days = [server, access.client_until.map(left)];
    }
    Ok(measured)
}

/// What is not ready; nothing of a server that is.
fn ready(api: &mut Api, access: &Access) -> Result<Vec<String>, Error> {
    let answer = api.ask(&format!("{}/readyz?verbose", access.prefix))?;
    let text = String::from_utf8_lossy(&answer.response.body).into_owned();
    let failing: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("[-]")).map(str::to_owned).collect();
    // Who fails otherwise than by its own checks does not say which.
    if failing.is_empty() { answer.success().map(|_| failing) } else { Ok(failing) }
}

fn workloads(
    api: &mut Api,
    config: &Config,
    access: &Access,
    (kind, name): (Kind, Option<&str>),
    measured: &mut Measured,
) -> Result<(), Stop> {
    let namespace = access.namespace.as_deref().unwrap_or("default");
    let within = config.within(name.map(|_| namespace));
    let path = format!("{}{}{within}/{}", access.prefix, kind.group(), kind.plural());
    let Some(name) = name else {
        let add = |found, _| measured.workloads.push(Workload::new(kind, found));
        return list::each(api, &path, config.selector.as_deref(), add).map_err(told);
    };
    match api.get(&format!("{path}/{name}")) {
        Ok(found) => measured.workloads.push(Workload::new(kind, found)),
        Err(error) if error.status() == Some(404) => {
            measured.absent.push(format!(
                "{} {}",
                kind.name(),
                within.trim_start_matches("/namespaces/").to_owned() + "/" + name
            ));
        }
        Err(error) => return Err(told(error)),
    }
    Ok(())
}

/// What a refusal means, and for whom.
fn told(error: Error) -> Stop {
    let Error::Status { status: Some(status), said, .. } = &error else { return error.stop("KUBE") };
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let (state, text) = match status {
        401 => (State::Unknown, "the API server does not know who asks, or no more (401)"),
        403 => (State::Unknown, "the API server does not allow that (403)"),
        404 => (State::Unknown, "the API server has no such thing (404)"),
        410 => (State::Unknown, "the list was too old before all of it was read (410)"),
        429 => (State::Unknown, "the API server has too much to do (429)"),
        504 => (State::Critical, "the API server is not done in its own time (504)"),
        500.. => (State::Critical, "the API server fails"),
        _ => (State::Unknown, "the API server does not understand that"),
    };
    let number = if matches!(status, 401 | 403 | 404 | 410 | 429 | 504) {
        String::new()
    } else {
        format!(" ({status})")
    };
    Stop::with(state, format!("KUBE {state} - {text}{number}{said}"))
}
