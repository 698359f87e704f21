//! `/probe`: a target measured now, by a module of the configuration file, in blackbox_exporter's names. What measures is
//! the code of the checks, so that Prometheus and Nagios are told the same.
//!
//! - `module`: what a module says. `allow`: what may be probed. Both are pure.
//! - `place`: from a target to an address, looked up once and held against what may be probed.
//! - `http`, `tcp`, `icmp`, `dns`, `grpc`: the probers; `certificate` for those that speak TLS.
//! - `report`: what was found, as gauges.

pub mod allow;
mod certificate;
mod dns;
mod grpc;
mod http;
mod icmp;
pub mod module;
mod place;
mod report;
mod tcp;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::state::State;
use plimsoll_checks::tls::{Shown, days};

use self::allow::{Allow, Refused};
use self::module::{Limits, Module, Prober};
use self::place::Bounds;
use self::report::{Gauge, Report};
use crate::exposition::Format;
use crate::http::{Probe, ProbeError, ProbeQuery, Probes};

/// What the configuration says of probes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probing {
    /// The modules by their names.
    pub modules: BTreeMap<String, Arc<Module>>,
    /// What may be probed.
    pub allow: Arc<Allow>,
}

/// Probes by the configuration that is in force.
#[derive(Debug, Default)]
pub struct InForce {
    probing: RwLock<Probing>,
}

/// Who asks, where a protocol tells.
const AGENT: &str = concat!("Plimsoll/", env!("CARGO_PKG_VERSION"));

static SUCCESS: Gauge = Gauge::new("probe_success", "Displays whether or not the probe was a success");
static DURATION: Gauge =
    Gauge::new("probe_duration_seconds", "Returns how long the probe took to complete in seconds");
static STATE: Gauge = Gauge::labelled(
    "plimsoll_probe_state",
    "The state of the probe as Nagios has them: 1 for the one it is in, 0 for the others.",
    &["state"],
);

/// How a probe ends that does not succeed.
#[derive(Debug)]
enum End {
    /// The target is not as it is to be.
    Failed(String),
    /// What this host does not let us ask.
    Unknown(String),
    /// The target may not be probed.
    Refused(Refused),
}

/// One that was found to be one.
#[derive(Debug)]
struct Found {
    module: Arc<Module>,
    allow: Arc<Allow>,
    target: String,
    debug: bool,
}

impl InForce {
    /// Puts a configuration in force; probes under way keep theirs.
    pub fn replace(&self, probing: Probing) {
        *self.probing.write().unwrap_or_else(PoisonError::into_inner) = probing;
    }
}

impl Probes for InForce {
    fn find(&self, query: ProbeQuery) -> Result<Box<dyn Probe>, ProbeError> {
        let probing = self.probing.read().unwrap_or_else(PoisonError::into_inner);
        if probing.modules.is_empty() {
            return Err(ProbeError::NoModules);
        }
        let module = probing.modules.get(&query.module);
        let module = Arc::clone(module.ok_or(ProbeError::UnknownModule(query.module))?);
        if query.target.is_empty() {
            return Err(ProbeError::NoTarget);
        }
        let module = match query.hostname {
            Some(name) => Arc::new(module.named(name).map_err(ProbeError::Hostname)?),
            None => module,
        };
        let allow = Arc::clone(&probing.allow);
        if allow.is_empty() {
            return Err(ProbeError::Refused(
                "probe.allow in the configuration file lists nothing".to_owned(),
            ));
        }
        Ok(Box::new(Found { module, allow, target: query.target, debug: query.debug }))
    }
}

impl Probe for Found {
    fn patience(&self) -> Option<Duration> {
        self.module.timeout
    }

    fn run(&self, deadline: Instant, format: Format, out: &mut Vec<u8>) -> Result<(), ProbeError> {
        let start = Instant::now();
        let deadline = Deadline::after(deadline.saturating_duration_since(start));
        let mut report = Report::default();
        let end = self.measure(Bounds { allow: &self.allow, deadline }, &mut report);
        let seconds = start.elapsed().as_secs_f64();
        let (success, state) = match end {
            Ok(shown) => (1.0, judge(&self.module.limits, seconds, shown.as_ref(), &mut report)),
            Err(End::Refused(refused)) => return Err(ProbeError::Refused(refused.to_string())),
            Err(End::Failed(why)) => {
                report.note(why);
                (0.0, State::Critical)
            }
            Err(End::Unknown(why)) => {
                report.note(why);
                (0.0, State::Unknown)
            }
        };
        report.set(&SUCCESS, success);
        report.set(&DURATION, seconds);
        for of in State::ALL {
            let name = of.name().to_ascii_lowercase();
            report.set_of(&STATE, &[&name], if of == state { 1.0 } else { 0.0 });
        }
        if self.debug {
            // Into memory, which takes everything.
            let _ = write!(out, "Notes of the probe:\n{}\nIts metrics:\n", report.notes());
        }
        report.write(format, out);
        Ok(())
    }
}

impl Found {
    fn measure(&self, bounds: Bounds<'_>, report: &mut Report) -> Result<Option<Shown>, End> {
        let target = &self.target;
        match &self.module.prober {
            Prober::Http(module) => http::probe(module, target, bounds, report),
            Prober::Tcp(module) => tcp::probe(module, target, bounds, report),
            Prober::Icmp(module) => icmp::probe(module, target, bounds, report).map(|()| None),
            Prober::Dns(module) => dns::probe(module, target, bounds, report),
            Prober::Grpc(module) => grpc::probe(module, target, bounds, report),
        }
    }
}

/// The state of a probe that succeeded.
fn judge(limits: &Limits, seconds: f64, shown: Option<&Shown>, report: &mut Report) -> State {
    let mut state = limits.seconds.judge(seconds);
    if state != State::Ok {
        report.note(format_args!("{state}: it took {seconds:.3} seconds"));
    }
    if let (Some(days), Some(Ok(certificate))) = (limits.certificate_days, shown.map(Shown::certificate)) {
        let judged = days::judge(&certificate, days, days::now());
        report.note(&judged.text);
        state = state.worst(judged.state);
    }
    state
}
