//! The host itself, under node_exporter's names: what its dashboards, rules and alerts read works as it is.
//!
//! A collector is one file: its families, a pure parser, and how the numbers become samples. [`ALL`] is the table; flags,
//! `collect[]`, the reference and the tests derive from it. They run on a thread of their own ([`crate::engine`]): files
//! under `/proc` and `/sys` seldom hang, but sensors and mounts do. Parsers are the `procfs` crate's where it keeps
//! everything that node_exporter shows; often it does not (the number of a CPU, fields it does not know).

mod arp;
mod bonding;
mod conntrack;
mod cpu;
mod cpufreq;
mod diskstats;
mod dmi;
mod edac;
mod entropy;
mod error;
mod filefd;
mod filesystem;
#[cfg(test)]
mod fixture;
mod host;
mod hwmon;
mod interrupts;
mod loadavg;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod netclass;
mod netdev;
mod netstat;
mod nvme;
mod options;
mod os;
mod page;
mod powersupplyclass;
mod pressure;
mod processes;
mod rapl;
mod schedstat;
mod selinux;
mod sockstat;
mod softnet;
mod stat;
mod systemd;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod udp_queues;
mod uname;
mod vmstat;

use std::time::{Duration, Instant};

use crate::exposition::{Encoder, Family, Format, Kind};
use crate::host::HostPaths;

pub use self::error::NodeError;
pub use self::host::Host;
pub use self::options::{Options, Pattern, Whole};
pub use self::page::{MAX_SERIES, Page};

/// One row of the table.
#[derive(Debug)]
pub struct Collector {
    /// node_exporter's name for it: module, flag (`--collector.NAME`), `collect[]` value.
    pub name: &'static str,
    /// One line for `--help` and the docs.
    pub summary: &'static str,
    /// Whether it is on when no flag says anything: as in node_exporter.
    pub default: bool,
    /// What it serves, but for families whose names only the host knows.
    pub families: &'static [Family],
    /// Reads and writes them.
    pub collect: fn(&mut Host, &mut Page<'_>) -> Result<(), NodeError>,
}

/// All collectors, in the order they are served.
pub static ALL: &[&Collector] = &[
    &cpu::COLLECTOR,
    &loadavg::COLLECTOR,
    &meminfo::COLLECTOR,
    &vmstat::COLLECTOR,
    &stat::COLLECTOR,
    &diskstats::COLLECTOR,
    &filesystem::COLLECTOR,
    &netdev::COLLECTOR,
    &netclass::COLLECTOR,
    &netstat::COLLECTOR,
    &sockstat::COLLECTOR,
    &filefd::COLLECTOR,
    &uname::COLLECTOR,
    &time::COLLECTOR,
    &timex::COLLECTOR,
    &pressure::COLLECTOR,
    &conntrack::COLLECTOR,
    &softnet::COLLECTOR,
    &schedstat::COLLECTOR,
    &entropy::COLLECTOR,
    &os::COLLECTOR,
    &dmi::COLLECTOR,
    &arp::COLLECTOR,
    &hwmon::COLLECTOR,
    &thermal_zone::COLLECTOR,
    &cpufreq::COLLECTOR,
    &mdadm::COLLECTOR,
    &bonding::COLLECTOR,
    &nvme::COLLECTOR,
    &edac::COLLECTOR,
    &rapl::COLLECTOR,
    &powersupplyclass::COLLECTOR,
    &udp_queues::COLLECTOR,
    &selinux::COLLECTOR,
    &textfile::COLLECTOR,
    &interrupts::COLLECTOR,
    &meminfo_numa::COLLECTOR,
    &processes::COLLECTOR,
    &tcpstat::COLLECTOR,
    &systemd::COLLECTOR,
];

/// Beginnings of the names that only the host knows in full: who has them, how they go on, and where they come from.
pub const FOUND: &[(&str, &str, &str)] = &[
    ("meminfo", "node_memory_", "a field of /proc/meminfo, such as `node_memory_MemAvailable_bytes`"),
    (
        "meminfo_numa",
        "node_memory_numa_",
        "a field of a node's meminfo or numastat, such as `node_memory_numa_MemFree`",
    ),
    ("vmstat", "node_vmstat_", "a field of /proc/vmstat that `--collector.vmstat.fields` matches"),
    (
        "netstat",
        "node_netstat_",
        "a field of /proc/net/{netstat,snmp,snmp6} that `--collector.netstat.fields` matches",
    ),
    (
        "sockstat",
        "node_sockstat_",
        "a field of /proc/net/sockstat or sockstat6, such as `node_sockstat_TCP_inuse`",
    ),
    ("hwmon", "node_hwmon_", "what a sensor has, such as `node_hwmon_temp_celsius` or `node_hwmon_fan_rpm`"),
    ("rapl", "node_rapl_", "a power zone, such as `node_rapl_package_joules_total`"),
];

/// What node_exporter says of each collector.
pub static OUTCOME: [Family; 2] = [
    Family {
        name: "node_scrape_collector_duration_seconds",
        kind: Kind::Gauge,
        help: "How long a collector of host metrics took in this scrape.",
        labels: &["collector"],
        unit: "seconds",
        source: "the clock",
        bound: "one for each collector that is on",
    },
    Family {
        name: "node_scrape_collector_success",
        kind: Kind::Gauge,
        help: "Whether a collector of host metrics succeeded in this scrape.",
        labels: &["collector"],
        unit: "0 or 1",
        source: "the collector; 0 also where the host has nothing of its kind",
        bound: "one for each collector that is on",
    },
];

/// How a collector did.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Its name.
    pub collector: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Whether it succeeded.
    pub success: bool,
}

/// What a scrape is given.
#[derive(Debug, Default)]
pub struct Reading {
    /// The families, as they are served.
    pub text: Vec<u8>,
    /// One for each collector asked for.
    pub outcomes: Vec<Outcome>,
    /// Series and directory entries beyond their bounds so far.
    pub left_out: u64,
}

/// The collectors and what they keep from scrape to scrape.
#[derive(Debug)]
pub struct Node {
    host: Host,
    /// Those that failed at their last turn: told once.
    failing: Vec<&'static str>,
    left_out: u64,
}

impl Node {
    /// Opens nothing yet.
    pub fn new(paths: HostPaths, options: Options) -> Self {
        Self { host: Host::new(paths, options), failing: Vec::new(), left_out: 0 }
    }

    /// Runs these collectors, for somebody who waits until then.
    pub fn read(&mut self, collectors: &[&'static Collector], format: Format, until: Instant) -> Reading {
        let mut text = Vec::with_capacity(64 << 10);
        let mut outcomes = Vec::with_capacity(collectors.len());
        self.host.begin(until);
        for collector in collectors {
            let start = Instant::now();
            let mut page = Page::new(Encoder::new(&mut text, format));
            let result = (collector.collect)(&mut self.host, &mut page);
            self.left_out += page.left_out();
            self.tell(collector.name, result.as_ref().err());
            let (took, success) = (start.elapsed(), result.is_ok());
            outcomes.push(Outcome { collector: collector.name, took, success });
        }
        Reading { text, outcomes, left_out: self.left_out + self.host.left_out() }
    }

    /// Logs a failure when it begins.
    fn tell(&mut self, name: &'static str, error: Option<&NodeError>) {
        let Some(error) = error else { return self.failing.retain(|failing| *failing != name) };
        if !self.failing.contains(&name) {
            self.failing.push(name);
            match error {
                NodeError::Nothing(_) => tracing::debug!(collector = name, %error, "nothing to collect"),
                _ => tracing::warn!(collector = name, %error, "collector failed"),
            }
        }
    }
}

/// Whether a name is one that a collector here may serve: nobody else's may be the same.
pub fn is_ours(name: &str) -> bool {
    let families = ALL.iter().flat_map(|collector| collector.families).chain(&OUTCOME);
    families.map(|family| family.name).any(|ours| ours == name)
        || FOUND.iter().any(|(_, prefix, _)| name.starts_with(prefix))
}
