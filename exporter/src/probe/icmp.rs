//! An echo.

use std::time::{Duration, Instant};

use plimsoll_checks::net::icmp::{self, Plan};

use super::End;
use super::module::Icmp;
use super::place::{self, Bounds};
use super::report::{Gauge, Report};

static DURATION: Gauge =
    Gauge::labelled("probe_icmp_duration_seconds", "Duration of icmp request by phase", &["phase"]);
static HOPS: Gauge = Gauge::new("probe_icmp_reply_hop_limit", "Replied packet hop limit (TTL for ipv4)");

/// Probes.
pub(super) fn probe(module: &Icmp, target: &str, bounds: Bounds<'_>, report: &mut Report) -> Result<(), End> {
    ["resolve", "setup", "rtt"].into_iter().for_each(|phase| report.set_of(&DURATION, &[phase], 0.0));
    let (address, took) = place::find(target, 0, module.family, bounds, report)?;
    report.set_of(&DURATION, &["resolve"], took.as_secs_f64());
    let plan = Plan {
        packets: 1,
        interval: Duration::ZERO,
        target_interval: Duration::ZERO,
        eager: true,
        first: true,
        wait: bounds.deadline.remaining().unwrap_or_default(),
        payload: module.payload,
        ttl: module.ttl,
        whole: module.whole,
        source: module.source,
    };
    let start = Instant::now();
    let echoes = icmp::echo(&[address], &plan, bounds.deadline).map_err(|error| match error {
        icmp::Error::NotPermitted => End::Unknown(error.to_string()),
        icmp::Error::System(_) => End::Failed(error.to_string()),
    })?;
    let took = start.elapsed();
    let Some(echo) = echoes.first() else { return Err(End::Failed("no echo".to_owned())) };
    let Some(time) = echo.times.first() else {
        let why = echo.unreachable.map_or(String::new(), |(what, _)| format!(": {what:?}"));
        return Err(End::Failed(format!("no echo{why}")));
    };
    report.set_of(&DURATION, &["setup"], took.saturating_sub(*time).as_secs_f64());
    report.set_of(&DURATION, &["rtt"], time.as_secs_f64());
    if let Some(hops) = echo.hops {
        report.set(&HOPS, hops.into());
    }
    Ok(())
}
