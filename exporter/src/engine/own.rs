//! What the engine says of itself: programs, slots, losses, memory, what is tracked.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use plimsoll_abi::loss;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use super::State;
use super::govern::{Govern, Overhead};
use super::worker::Reading;
use crate::host::{Collector, Instance};
use crate::identity::Runtime;
use crate::identity::tags::Collision;
use crate::kernel::{CGROUPS, Kernel, LOSS_REASONS, ProgramStatus};
use crate::kubernetes::KubernetesMetrics;
use crate::push_metrics::PushMetrics;
use crate::runtimes::RuntimeMetrics;
use crate::telemetry::{ConfigMetrics, Telemetry, registered};

/// The metrics, set at every scrape.
#[derive(Debug)]
pub(super) struct Own {
    slots: IntGaugeVec,
    cgroups: IntGaugeVec,
    memory: GaugeVec,
    numbers: Gauge,
    losses: IntCounterVec,
    missed: IntCounterVec,
    folded: IntCounterVec,
    host_errors: IntCounterVec,
    host_bounds: IntCounterVec,
    node_left_out: IntCounter,
    kernel_seconds: Gauge,
    host_seconds: Gauge,
    host_up: Gauge,
    collisions: IntCounterVec,
    unnamed: IntGauge,
    unnamed_for: Histogram,
    /// Labels that collisions were told of.
    collided: Mutex<BTreeSet<String>>,
    /// Events lost when the hierarchy was last walked.
    events_lost: Mutex<u64>,
    others: IntGauge,
    /// Those that were told of.
    known: Mutex<Vec<Instance>>,
}

/// Tombstones that had to go before they were scraped enough.
pub(super) const TOMBSTONE_EVICTED: &str = "tombstone_evicted";
/// Containers removed before their files could be read a last time: theirs are the numbers of the scrape before, or
/// missing. What the kernel counted is whole.
pub(super) const LAST_READ_MISSED: &str = "last_read_missed";
/// Labels made of metadata, and metadata, that there was no room for.
pub(super) const LABEL_LEFT_OUT: &str = "label_left_out";

/// Services that select a pod, beyond those that it may have.
pub(super) const SERVICE_LEFT_OUT: &str = "service_left_out";

/// Events of workloads, or of kinds, that there was no room for.
pub(super) const WORKLOAD_FOLDED: &str = "workload_folded";

/// Network namespaces whose open connections were not found at the start.
pub(super) const NAMESPACE_NOT_WALKED: &str = "namespace_not_walked";

/// The families whose series have a bound for each row, and where what was folded is counted.
const FOLDED: &[(u32, &str)] = &[
    (loss::ERROR_FOLDED, "container_syscall_errors_total"),
    (loss::EXIT_FOLDED, "container_process_exits_total"),
    (loss::FILE_ERROR_FOLDED, "container_file_errors_total"),
    (loss::FATAL_SIGNAL_FOLDED, "container_fatal_signals_total"),
    (loss::BLOCK_IO_FOLDED, "container_block_io_duration_seconds"),
];

/// Labels that collisions are counted by.
const MAX_COLLIDED: usize = 64;

/// Events that programs were not run for.
pub(super) const PROGRAM_MISSED: &str = "program_missed";

/// Name, type and help of everything Plimsoll says of itself, for the reference.
pub fn own_families() -> Vec<(String, &'static str, String)> {
    let Ok(telemetry) = Telemetry::new() else { return Vec::new() };
    let program = ProgramStatus { program: "", signal: "", refused: None };
    let Ok(own) = Own::new(&telemetry.registry, &[program], None) else { return Vec::new() };
    let Ok(_) = ConfigMetrics::new(&telemetry.registry) else { return Vec::new() };
    let Ok(_) = ConfigMetrics::web(&telemetry.registry) else { return Vec::new() };
    let Ok(runtimes) = RuntimeMetrics::new(&telemetry.registry) else { return Vec::new() };
    runtimes.found(Runtime::Docker);
    let Ok(kubernetes) = KubernetesMetrics::new(&telemetry.registry) else { return Vec::new() };
    kubernetes.touch();
    let Ok(push) = PushMetrics::new(&telemetry.registry) else { return Vec::new() };
    push.touch();
    telemetry.collector("", Duration::ZERO, true);
    telemetry.capability("", true);
    own.touch();
    let overhead = Overhead { ceiling: 0.0, interval: Duration::ZERO };
    let Ok(govern) = Govern::new(&telemetry.registry, overhead, None) else { return Vec::new() };
    govern.prepare("");
    let kind = |family: &prometheus::proto::MetricFamily| match family.get_field_type() {
        prometheus::proto::MetricType::COUNTER => "counter",
        prometheus::proto::MetricType::HISTOGRAM => "histogram",
        _ => "gauge",
    };
    let families = telemetry.gather();
    families.iter().map(|f| (f.name().to_owned(), kind(f), f.help().to_owned())).collect()
}

impl Own {
    /// Registers everything; what never changes is set here.
    pub(super) fn new(
        registry: &Registry,
        programs: &[ProgramStatus],
        kernel: Option<&Kernel>,
    ) -> Result<Self, prometheus::Error> {
        let gauges = |name, help, labels: &[&str]| {
            registered(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
        };
        let counters = |name, help, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let up =
            gauges("plimsoll_program_up", "Whether a program runs in the kernel.", &["program", "signal"])?;
        let info = gauges(
            "plimsoll_program_info",
            "Why a program was refused; the reason is empty if it runs. Always 1.",
            &["program", "signal", "reason"],
        )?;
        for program in programs {
            up.with_label_values(&[program.program, program.signal]).set(program.refused.is_none().into());
            let reason = program.refused.as_deref().unwrap_or_default();
            info.with_label_values(&[program.program, program.signal, reason]).set(1);
        }
        let memory: GaugeVec = registered(
            registry,
            GaugeVec::new(
                Opts::new("plimsoll_kernel_map_bytes", "Estimated kernel memory of a BPF map."),
                &["map"],
            )?,
        )?;
        for (map, bytes) in kernel.map(Kernel::memory).unwrap_or_default() {
            memory.with_label_values(&[map]).set(*bytes as f64);
        }
        let gauge = |name, help| registered(registry, Gauge::new(name, help)?);
        let own = Self {
            memory,
            slots: gauges("plimsoll_slots", "Slots for cgroups in the kernel, by state.", &["state"])?,
            cgroups: gauges(
                "plimsoll_rows",
                "Rows served: containers and cgroups that live, and tombstones of those that are gone.",
                &["state"],
            )?,
            numbers: gauge(
                "plimsoll_destination_numbers",
                "IPv6 addresses, and those that are translated, that connections are counted by; there is room for 2,048.",
            )?,
            losses: counters(
                "plimsoll_losses_total",
                "What could not be kept, by reason; docs/metrics.md explains each.",
                &["reason"],
            )?,
            missed: counters(
                "plimsoll_program_missed_total",
                "Events that a program was not run for: all of them are reason=\"program_missed\" of the losses.",
                &["program", "signal"],
            )?,
            folded: counters(
                "plimsoll_series_folded_total",
                "What was counted under \"other\" because a row had as many series of a family as it may have, or the map \
                 for all rows was full. Totals stay exact.",
                &["family"],
            )?,
            host_errors: counters(
                "plimsoll_host_read_errors_total",
                "Files of cgroups and processes, and directories of cgroups, that exist and could not be read, by collector.",
                &["collector"],
            )?,
            node_left_out: registered(
                registry,
                IntCounter::new(
                    "plimsoll_node_series_left_out_total",
                    "Series of host metrics beyond 16,384 of a family, entries beyond 4,096 of a directory, and units of \
                     systemd beyond 3,000.",
                )?,
            )?,
            host_bounds: counters(
                "plimsoll_host_bound_exceeded_total",
                "Cgroups, devices, interfaces, processes or descriptors left out because a bound was reached.",
                &["collector"],
            )?,
            kernel_seconds: gauge(
                "plimsoll_scrape_kernel_read_seconds",
                "How long reading the kernel's cells took in this scrape.",
            )?,
            host_seconds: gauge(
                "plimsoll_scrape_host_read_seconds",
                "How long reading cgroup files and procfs took in the last scrape that read them.",
            )?,
            host_up: gauge(
                "plimsoll_scrape_host_read_success",
                "Whether cgroup files and procfs were read in time for this scrape.",
            )?,
            unnamed: registered(
                registry,
                IntGauge::new(
                    "plimsoll_containers_unnamed",
                    "Containers that live and that no state directory and no runtime has named yet.",
                )?,
            )?,
            unnamed_for: registered(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "plimsoll_container_unnamed_seconds",
                        "How long after a container's cgroup was seen its names were known, of those that were.",
                    )
                    .buckets(vec![0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0]),
                )?,
            )?,
            collisions: counters(
                "plimsoll_label_collisions_total",
                "Keys of a container's labels or annotations whose label another key of it has already, by label; the log says which.",
                &["label"],
            )?,
            collided: Mutex::default(),
            events_lost: Mutex::new(0),
            others: registered(
                registry,
                IntGauge::new(
                    "plimsoll_other_instances",
                    "Other instances of Plimsoll that count on this host, of those that procfs shows; the log says which.",
                )?,
            )?,
            known: Mutex::default(),
        };
        const OURS: [&str; 7] = [
            TOMBSTONE_EVICTED,
            LAST_READ_MISSED,
            NAMESPACE_NOT_WALKED,
            PROGRAM_MISSED,
            LABEL_LEFT_OUT,
            SERVICE_LEFT_OUT,
            WORKLOAD_FOLDED,
        ];
        for reason in LOSS_REASONS.into_iter().chain(OURS) {
            own.losses.with_label_values(&[reason]);
        }
        for (_, family) in FOLDED {
            own.folded.with_label_values(&[family]);
        }
        for collector in Collector::ALL.map(Collector::name).into_iter().chain([CGROUPS]) {
            own.host_errors.with_label_values(&[collector]);
            own.host_bounds.with_label_values(&[collector]);
        }
        Ok(own)
    }

    /// Makes one series of every family.
    fn touch(&self) {
        self.slots.with_label_values(&[""]);
        self.cgroups.with_label_values(&[""]);
        self.memory.with_label_values(&[""]);
        self.missed.with_label_values(&["", ""]);
        self.collisions.with_label_values(&[""]);
    }

    /// Sets what a scrape has found.
    pub(super) fn update(&self, state: &State, reading: Option<&Reading>, kernel_took: Duration) {
        let (live, tombstones) = state.ledger.counts();
        self.cgroups.with_label_values(&["live"]).set(live as i64);
        self.cgroups.with_label_values(&["tombstone"]).set(tombstones as i64);
        self.unnamed.set(state.unnamed() as i64);
        self.kernel_seconds.set(kernel_took.as_secs_f64());
        self.numbers.set(state.numbers.given as f64);
        if let Some(kernel) = &state.kernel {
            let (used, all) = (state.ledger.slots_used() as i64, i64::from(kernel.slot_count()));
            self.slots.with_label_values(&["used"]).set(used);
            self.slots.with_label_values(&["free"]).set(all - used);
            let mut losses = kernel.losses();
            if let Some(count) = losses.get_mut(loss::NO_FREE_SLOT as usize) {
                *count += state.slotless_at_start;
            }
            for (reason, count) in LOSS_REASONS.iter().zip(&losses) {
                let counter = self.losses.with_label_values(&[reason]);
                counter.inc_by(count.saturating_sub(counter.get()));
            }
            for (loss, family) in FOLDED {
                let counter = self.folded.with_label_values(&[family]);
                let count = losses.get(*loss as usize).copied().unwrap_or_default();
                counter.inc_by(count.saturating_sub(counter.get()));
            }
            let mut all = 0;
            for (program, signal, missed) in kernel.missed() {
                let counter = self.missed.with_label_values(&[program, signal]);
                counter.inc_by(missed.saturating_sub(counter.get()));
                all += missed;
            }
            let counter = self.losses.with_label_values(&[PROGRAM_MISSED]);
            counter.inc_by(all.saturating_sub(counter.get()));
        }
        let raise = |collector: &str, errors: u64, exceeded: u64| {
            for (family, count) in [(&self.host_errors, errors), (&self.host_bounds, exceeded)] {
                let counter = family.with_label_values(&[collector]);
                counter.inc_by(count.saturating_sub(counter.get()));
            }
        };
        raise(CGROUPS, state.not_readable, state.not_walked + state.ledger.left_out());
        self.host_up.set(if reading.is_some() { 1.0 } else { 0.0 });
        let Some(reading) = reading else { return };
        self.host_seconds.set(reading.took.as_secs_f64());
        for collector in Collector::ALL {
            raise(collector.name(), reading.tally.errors(collector), reading.tally.exceeded(collector));
        }
    }

    /// Host metrics beyond their bounds, since the start; 0 from a reading that failed.
    pub(super) fn node_left_out(&self, count: u64) {
        self.node_left_out.inc_by(count.saturating_sub(self.node_left_out.get()));
    }

    /// Counts what was lost on this side of the kernel.
    pub(super) fn lost(&self, reason: &str, count: u64) {
        self.losses.with_label_values(&[reason]).inc_by(count);
    }

    /// A container's names became known.
    pub(super) fn named_after(&self, unnamed: Duration) {
        self.unnamed_for.observe(unnamed.as_secs_f64());
    }

    /// Counts a collision, and says which keys it was the first time its label has one.
    pub(super) fn collided(&self, collision: &Collision) {
        let Collision { label, kept, left } = collision;
        let mut told = self.collided.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = label.as_str();
        if !told.contains(label) {
            if told.len() < MAX_COLLIDED {
                told.insert(label.clone());
                tracing::warn!(label, kept, left, "two keys of a container become one label");
            } else {
                shown = "other";
            }
        }
        self.collisions.with_label_values(&[shown]).inc();
    }

    /// What other instances there are now: told when it changes.
    pub(super) fn others(&self, found: Vec<Instance>) {
        self.others.set(found.len() as i64);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for Instance { pid, cgroup } in found.iter().filter(|one| !known.contains(one)) {
            tracing::warn!(
                pid,
                cgroup,
                "another instance runs on this host: each counts all, and costs as much"
            );
        }
        for Instance { pid, cgroup } in known.iter().filter(|one| !found.contains(one)) {
            tracing::info!(pid, cgroup, "another instance is gone");
        }
        *known = found;
    }

    /// Whether events were lost since the last time this was asked.
    pub(super) fn events_were_lost(&self, kernel: Option<&Kernel>) -> bool {
        let Some(kernel) = kernel else { return false };
        let now = kernel.losses().get(loss::EVENT_DROPPED as usize).copied().unwrap_or_default();
        let mut before = self.events_lost.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *before, now) != now
    }
}
