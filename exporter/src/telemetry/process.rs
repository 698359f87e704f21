//! `process_*`, as every Prometheus client library has them.
//!
//! The `prometheus` crate has a collector of its own, but it counts CPU in whole seconds: a scrape of a few
//! milliseconds, or an idle minute, would not be seen.

use std::sync::Mutex;

use procfs::process::Process;
use procfs::{boot_time_secs, ticks_per_second};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The collector of this process.
pub(super) struct ProcessMetrics {
    cpu: Mutex<Counter>,
    open_fds: Gauge,
    max_fds: Gauge,
    virtual_memory: Gauge,
    resident_memory: Gauge,
    threads: Gauge,
    start_time: Gauge,
    started: Option<f64>,
}

impl ProcessMetrics {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            cpu: Mutex::new(Counter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )?),
            open_fds: Gauge::new("process_open_fds", "Number of open file descriptors.")?,
            max_fds: Gauge::new("process_max_fds", "Maximum number of open file descriptors.")?,
            virtual_memory: Gauge::new("process_virtual_memory_bytes", "Virtual memory size in bytes.")?,
            resident_memory: Gauge::new("process_resident_memory_bytes", "Resident memory size in bytes.")?,
            threads: Gauge::new("process_threads", "Number of OS threads in the process.")?,
            start_time: Gauge::new(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            )?,
            started: started(),
        })
    }

    fn cpu(&self) -> Vec<MetricFamily> {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let counter = self.cpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Set, not added to: a sum of rounded differences would drift. The lock keeps a second scrape from
        // adding to the same zero.
        counter.reset();
        counter.inc_by(used.tv_sec as f64 + used.tv_nsec as f64 * 1e-9);
        counter.collect()
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = [
            &self.open_fds,
            &self.max_fds,
            &self.virtual_memory,
            &self.resident_memory,
            &self.threads,
            &self.start_time,
        ];
        gauges.into_iter().flat_map(|gauge| gauge.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let process = Process::myself().ok();
        let stat = process.as_ref().and_then(|process| process.stat().ok());
        let page = rustix::param::page_size() as u64;
        let values = [
            (&self.open_fds, process.as_ref().and_then(|p| p.fd_count().ok()).map(|n| n as f64)),
            (&self.max_fds, getrlimit(Resource::Nofile).current.map(|n| n as f64)),
            (&self.virtual_memory, stat.as_ref().map(|stat| stat.vsize as f64)),
            (&self.resident_memory, stat.as_ref().map(|stat| (stat.rss * page) as f64)),
            (&self.threads, stat.as_ref().map(|stat| stat.num_threads as f64)),
            (&self.start_time, self.started),
        ];
        let mut families = self.cpu();
        for (gauge, value) in values {
            let Some(value) = value else { continue };
            gauge.set(value);
            families.extend(gauge.collect());
        }
        families
    }
}

/// Unix time in seconds at which this process began.
fn started() -> Option<f64> {
    let ticks = Process::myself().ok()?.stat().ok()?.starttime;
    let boot = boot_time_secs().ok()?;
    Some(boot as f64 + ticks as f64 / ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(families: &[MetricFamily], name: &str) -> f64 {
        let family = families.iter().find(|f| f.name() == name).expect(name);
        let metric = &family.get_metric()[0];
        if name.ends_with("_total") {
            metric.get_counter().get_value()
        } else {
            metric.get_gauge().get_value()
        }
    }

    #[test]
    fn this_process() {
        let metrics = ProcessMetrics::new().expect("valid metrics");
        let first = metrics.collect();
        let files: Vec<_> =
            (0..10).map(|_| std::fs::File::open("/proc/self/stat").expect("procfs")).collect();
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let second = metrics.collect();
        assert_eq!(second.len(), 7);
        assert!(
            value(&second, "process_cpu_seconds_total") >= used.tv_sec as f64 + used.tv_nsec as f64 * 1e-9,
            "the clock itself, not ticks of it"
        );
        assert!(value(&second, "process_cpu_seconds_total") > value(&first, "process_cpu_seconds_total"));
        assert!(value(&second, "process_open_fds") >= files.len() as f64);
        assert_eq!(value(&first, "process_start_time_seconds"), value(&second, "process_start_time_seconds"));
        let status = Process::myself().and_then(|p| p.status()).expect("procfs");
        let peak = status.vmhwm.expect("a process with memory") as f64 * 1024.0;
        let resident = value(&second, "process_resident_memory_bytes");
        assert!(resident > 0.0 && resident <= peak * 1.5, "{resident} of {peak}");
    }
}
