//! What there is to say of it. Pure.

use super::Measured;
use super::config::Config;
use super::node::Node;
use super::pod::Pods;
use super::workload::{Health, Workload};
use crate::findings::Findings;
use crate::output::Output;
use crate::range::Thresholds;
use crate::state::State;

/// So many names are told of each kind.
const TOLD: usize = 10;

pub(super) fn judge(config: &Config, measured: &Measured) -> Output {
    let mut findings = Findings::default();
    let seconds = measured.seconds;
    let time = config.limits.of("time");
    findings.value(("time", "s"), seconds, &time, format!("API server answers in {seconds:.3} seconds"));
    if !measured.failing.is_empty() {
        findings.note(State::Critical, format!("not ready: {}", names(&measured.failing)));
    }
    if let Some(nodes) = &measured.nodes {
        of_nodes(config, nodes, &mut findings);
    }
    if !config.workloads.is_empty() {
        of_workloads(config, measured, &mut findings);
    }
    if let Some(pods) = &measured.pods {
        of_pods(config, pods, &mut findings);
    }
    if config.certificates {
        of_certificates(config, measured.days, &mut findings);
    }
    findings.output("KUBE")
}

fn of_nodes(config: &Config, nodes: &[Node], findings: &mut Findings) {
    let not_ready: Vec<String> =
        nodes.iter().filter_map(|node| Some(format!("{} ({})", node.name(), node.not_ready()?))).collect();
    let pressed: Vec<String> = nodes
        .iter()
        .filter(|node| !node.pressures().is_empty())
        .map(|node| format!("{} ({})", node.name(), node.pressures().join(" ")))
        .collect();
    let cordoned: Vec<String> =
        nodes.iter().filter(|node| node.is_cordoned()).map(|node| node.name().to_owned()).collect();
    if nodes.is_empty() {
        findings.note(State::Unknown, "no nodes");
    } else {
        findings.note(State::Ok, format!("{} of {} nodes ready", nodes.len() - not_ready.len(), nodes.len()));
    }
    findings.datum(("nodes", ""), nodes.len() as f64, &Thresholds::default());
    let mut found = |label, name, what, bad: &[String]| listed(config, findings, (label, name, what), bad);
    found("nodes_not_ready", "not-ready", "not ready", &not_ready);
    found("nodes_pressure", "pressure", "under pressure", &pressed);
    found("nodes_cordoned", "cordoned", "cordoned", &cordoned);
}

fn of_workloads(config: &Config, measured: &Measured, findings: &mut Findings) {
    for path in &measured.absent {
        findings.note(State::Critical, format!("no {path}"));
    }
    if measured.workloads.is_empty() && measured.absent.is_empty() {
        findings.note(State::Unknown, "no workload to look at");
    }
    let limits = config.limits.of("missing");
    let (mut sums, mut fine) = ([0_u32; 4], Vec::new());
    for workload in &measured.workloads {
        let (state, text) = of_workload(workload, &limits, &mut sums);
        if state == State::Ok { fine.push(text) } else { findings.note(state, text) }
    }
    if !fine.is_empty() {
        findings.note(State::Ok, names(&fine));
    }
    let [desired, available, active, failed] = sums.map(f64::from);
    findings.datum(("desired", ""), desired, &Thresholds::default());
    findings.datum(("available", ""), available, &Thresholds::default());
    findings.datum(("jobs_active", ""), active, &Thresholds::default());
    findings.datum(("jobs_failed", ""), failed, &Thresholds::default());
}

fn of_workload(workload: &Workload, limits: &Thresholds, sums: &mut [u32; 4]) -> (State, String) {
    let name = format!("{} {}", workload.kind.name(), workload.path);
    match &workload.health {
        Health::Replicas { desired, available, behind } => {
            sums[0] += desired;
            sums[1] += available;
            let missing = desired.saturating_sub(*available);
            let state = match (limits == &Thresholds::default(), missing, available) {
                (false, ..) => limits.judge(missing.into()),
                (true, 0, _) => State::Ok,
                (true, _, 0) => State::Critical,
                (true, ..) => State::Warning,
            };
            let behind = if *behind { ", not updated yet" } else { "" };
            (state, format!("{name} has {available} of {desired}{behind}"))
        }
        Health::Running(active, failed) => {
            sums[2] += 1;
            (State::Ok, format!("{name} runs with {active} active and {failed} failed"))
        }
        Health::Complete => (State::Ok, format!("{name} is complete")),
        Health::Suspended => (State::Ok, format!("{name} is suspended")),
        Health::Failed(reason) => {
            sums[3] += 1;
            (State::Critical, format!("{name} failed: {reason}"))
        }
    }
}

fn of_pods(config: &Config, pods: &Pods, findings: &mut Findings) {
    findings.note(State::Ok, format!("{} pods", pods.count));
    findings.datum(("pods", ""), pods.count.into(), &Thresholds::default());
    for (name, bad) in ["failing", "crashing", "pending"].into_iter().zip(&pods.bad) {
        listed(config, findings, (name, name, name), bad);
    }
    let (restarts, limits) = (pods.restarts.into(), config.limits.of("restarts"));
    if limits.judge(restarts) != State::Ok {
        findings.note(limits.judge(restarts), format!("a container was started again {restarts} times"));
    }
    findings.datum(("restarts", ""), restarts, &limits);
}

fn of_certificates(config: &Config, days: [Option<i64>; 2], findings: &mut Findings) {
    let limits = config.limits.of("days");
    for (label, whose, days) in [
        ("server_days", "the API server's certificate", days[0]),
        ("client_days", "our certificate", days[1]),
    ] {
        match days {
            Some(days) if days < 0 => {
                findings.value((label, "d"), days as f64, &limits, format!("{whose} has expired"));
            }
            Some(days) => {
                findings.value((label, "d"), days as f64, &limits, format!("{whose} lasts {days} days"));
            }
            None if label == "server_days" => {
                findings.note(State::Unknown, "the API server shows no certificate")
            }
            // Who has a token has none.
            None => {}
        }
    }
}

/// Those that are bad, by how many they are.
fn listed(
    config: &Config,
    findings: &mut Findings,
    (label, name, what): (&'static str, &str, &str),
    bad: &[String],
) {
    let (count, limits) = (bad.len() as f64, config.limits.of(name));
    let state = limits.judge(count);
    if state != State::Ok || !bad.is_empty() {
        let those = if bad.is_empty() { "none".to_owned() } else { names(bad) };
        findings.note(state, format!("{what}: {those}"));
    }
    findings.datum((label, ""), count, &limits);
}

fn names(all: &[String]) -> String {
    let told = all.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > TOLD { format!("{told} and {} more", all.len() - TOLD) } else { told }
}
