//! The table of all signals: one row, one file, one name used everywhere.
//!
//! A signal declares its families and turns the rows of a scrape into samples. It does no I/O: `kernel` and
//! `host` have read everything before it is called. Flags, `collect[]`, `docs/metrics.md` and the completeness
//! test derive from [`ALL`].

mod block_io;
mod connections;
mod cpu;
mod descriptors;
mod diskio;
mod dns;
mod drops;
mod faults;
mod files;
mod histogram;
mod info;
mod io_uring;
mod life;
mod listen;
mod machine;
mod memory;
mod network;
mod oom;
mod per_row;
mod pids;
mod pressure;
mod process;
mod reclaim;
mod sched;
mod spec;
mod status;
mod syscall_latency;
mod syscalls;
mod tasks;
mod tcp;
mod udp;
mod unix;
pub(crate) mod workloads;

pub use connections::Address;
pub(crate) use faults::Sender;
pub(crate) use status::SIGNAL as STATUS;
pub use workloads::WorkloadRow;

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::exposition::{Encoder, Family, Series};
use crate::host::{HostStats, Listening};
use crate::identity::Status;
use crate::identity::tags::Subject;
use crate::kernel::Number;

/// Where a signal's numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Programs in the kernel.
    Kernel,
    /// Files of the cgroup, v1 or v2.
    Cgroup,
    /// Files under `/proc` of the container's processes.
    Process,
    /// What is known of whose a cgroup is.
    Identity,
}

impl Source {
    /// Whether files of the host have to be read for it.
    pub fn is_host(self) -> bool {
        matches!(self, Self::Cgroup | Self::Process)
    }
}

/// The labels that series have of themselves, so that nobody may give others these names.
pub fn labels() -> BTreeSet<&'static str> {
    let families = ALL.iter().flat_map(|signal| signal.families);
    let of_rows = Subject::ALL.iter().map(|subject| subject.as_str());
    families.flat_map(|family| family.labels).copied().chain(of_rows).chain(["le"]).collect()
}

/// One row of the table.
#[derive(Debug)]
pub struct Signal {
    /// The name: module, flag (`--collector.NAME`), `collect[]` value, test.
    pub name: &'static str,
    /// One line for `--help` and the docs.
    pub summary: &'static str,
    /// Where its numbers come from.
    pub source: Source,
    /// Whether it is on when no flag says anything. What is dear is off.
    pub default: bool,
    /// What it serves.
    pub families: &'static [Family],
    /// Writes its families for all rows, family by family in the order of `families`.
    pub encode: fn(&mut Encoder<'_>, &[Row<'_>]),
}

/// All signals, in the order they are served.
pub static ALL: &[&Signal] = &[
    &syscalls::SIGNAL,
    &syscall_latency::SIGNAL,
    &files::SIGNAL,
    &io_uring::SIGNAL,
    &process::SIGNAL,
    &faults::SIGNAL,
    &sched::SIGNAL,
    &oom::SIGNAL,
    &block_io::SIGNAL,
    &reclaim::SIGNAL,
    &tcp::SIGNAL,
    &connections::SIGNAL,
    &udp::SIGNAL,
    &unix::SIGNAL,
    &dns::SIGNAL,
    &drops::SIGNAL,
    &cpu::SIGNAL,
    &memory::SIGNAL,
    &spec::SIGNAL,
    &diskio::SIGNAL,
    &network::SIGNAL,
    &listen::SIGNAL,
    &pids::SIGNAL,
    &tasks::SIGNAL,
    &descriptors::SIGNAL,
    &pressure::SIGNAL,
    &life::SIGNAL,
    &machine::SIGNAL,
    &info::SIGNAL,
    &status::SIGNAL,
    &workloads::SIGNAL,
];

/// Families from files that cAdvisor does not have, and that its path leaves out.
pub const NOT_CADVISORS: &[&str] = &[
    "container_exit_code",
    "container_exit_reason",
    "container_health_status",
    "container_info",
    "container_ready",
    "container_restarts",
    "container_memory_events_total",
    "container_tcp_listen_drops",
    "container_tcp_listen_info",
    "container_tcp_listen_queue_length",
    "container_tcp_listen_queue_limit",
    "container_memory_swapped_in_bytes_total",
    "container_memory_swapped_out_bytes_total",
    "container_threads_by_command",
    "container_threads_limit",
];

/// One container, cgroup or tombstone in a scrape.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The six base labels and the user's own, rendered.
    pub labels: &'a str,
    /// What `container_info` has beside them, rendered; `None` for what is neither a container nor a pod.
    pub info: Option<&'a str>,
    /// It was served under other labels before: under these its counters never were zero.
    pub renamed: bool,
    /// What the programs in the kernel counted for it.
    pub kernel: Option<KernelRow<'a>>,
    /// What its cgroup files and processes say.
    pub host: Option<&'a HostStats>,
    /// Its sockets that listen.
    pub listening: &'a [Listening],
    /// How it is, as its runtime or Kubernetes says.
    pub status: Option<&'a Status>,
    /// Its addresses.
    pub addresses: &'a [IpAddr],
    /// The services that select it, if it is a pod.
    pub services: &'a [Arc<str>],
    /// What a workload counted; then there is nothing else in the row, which is no container's.
    pub workload: Option<WorkloadRow<'a>>,
}

/// What the programs in the kernel counted for a row.
#[derive(Clone, Copy, Debug)]
pub struct KernelRow<'a> {
    /// Unix time in seconds at which these counters were zero.
    pub created: f64,
    /// The cells of all signals, summed over shards, slots and what was retired.
    pub cells: &'a [u64],
    /// The counters that have a second key, sorted by key.
    pub keyed: &'a [Keyed],
    /// The names of the devices among the keys.
    pub devices: &'a BTreeMap<u32, Arc<str>>,
    /// The addresses that have numbers in the keys of `connections`.
    pub addresses: &'a BTreeMap<u32, Address>,
    /// Names of the groups of destinations.
    pub groups: &'a [String],
    /// The paths of Unix sockets among the keys of `unix`, by their numbers.
    pub paths: &'a BTreeMap<u32, String>,
    /// Names among the keys of `dns` and of `connections`, by their numbers.
    pub names: &'a BTreeMap<u32, String>,
    /// The kernel's reasons to drop a packet, by number.
    pub drop_reasons: &'a BTreeMap<u32, String>,
    /// Paths of rows that keys of `faults` name.
    pub senders: &'a [String],
}

/// The number in a counter's key that stands for something else, if there is one.
pub(crate) fn number(counter: &Keyed) -> Option<Number> {
    [connections::number, dns::number, unix::number].into_iter().find_map(|number| number(counter))
}

/// A counter with a second key, summed likewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyed {
    /// Which signal's map it is from: its place in the table of keyed maps.
    pub map: u32,
    /// The key beside the slot; the signal knows its meaning.
    pub key: [u32; 2],
    /// The count.
    pub count: u64,
}

impl<'a> Row<'a> {
    /// A row of nothing.
    pub const EMPTY: Self = Self {
        labels: "",
        info: None,
        renamed: false,
        kernel: None,
        host: None,
        listening: &[],
        status: None,
        addresses: &[],
        services: &[],
        workload: None,
    };

    /// The identity of this row's kernel series, whose counters began when it got its slot.
    pub fn kernel_series(&self, kernel: KernelRow<'a>) -> Series<'a> {
        Series { labels: self.labels, created: (!self.renamed).then_some(kernel.created) }
    }

    /// The identity of this row's host series, whose counters began with the cgroup.
    pub fn host_series(&self) -> Option<(Series<'a>, &'a HostStats)> {
        let stats = self.host?;
        Some((Series { labels: self.labels, created: (!self.renamed).then_some(stats.created) }, stats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Format;

    /// What a signal writes for some rows, as text.
    pub(super) fn encoded(signal: &Signal, rows: &[Row<'_>]) -> String {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, Format::Text);
        (signal.encode)(&mut encoder, rows);
        String::from_utf8(out).expect("valid UTF-8")
    }

    /// A row of kernel counters with the labels `id="/a"`.
    pub(super) fn kernel_row<'a>(cells: &'a [u64], keyed: &'a [Keyed]) -> Row<'a> {
        static NO_DEVICES: BTreeMap<u32, Arc<str>> = BTreeMap::new();
        static NO_ADDRESSES: BTreeMap<u32, Address> = BTreeMap::new();
        static NO_NAMES: BTreeMap<u32, String> = BTreeMap::new();
        let (devices, addresses) = (&NO_DEVICES, &NO_ADDRESSES);
        let kernel = Some(KernelRow {
            created: 1.0,
            cells,
            keyed,
            devices,
            addresses,
            groups: &[],
            paths: &NO_NAMES,
            names: &NO_NAMES,
            drop_reasons: &NO_NAMES,
            senders: &[],
        });
        Row { labels: r#"id="/a""#, kernel, ..Row::EMPTY }
    }

    pub(super) fn keyed(map: u32, key: [u32; 2], count: u64) -> Keyed {
        Keyed { map, key, count }
    }
}
