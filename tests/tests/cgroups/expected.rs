//! What the families must say, read from the files of the cgroup and its processes. This knows each file's name and form by
//! itself, so that a mistake in the exporter is not made twice.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll::signals::{self, Source};
use plimsoll_tests::hierarchy::{Hierarchies, Place};

/// Values by name and the family's own labels.
pub(crate) type Numbers = BTreeMap<String, f64>;

/// The labels that every row has.
const BASE: [&str; 6] = ["container", "id", "image", "name", "namespace", "pod"];

/// A number of v1 from here on is no limit: the largest there is, rounded down to a page.
const UNLIMITED: u64 = 1 << 62;

/// Families from files that are not compared here: times, what is not of a row, and what the tests of truth compare with
/// tasks and sockets that they made.
pub(crate) const NOT_COMPARED: [&str; 13] = [
    "container_tasks_state",
    "container_threads_by_command",
    "container_threads_limit",
    "container_tcp_listen_drops",
    "container_tcp_listen_info",
    "container_tcp_listen_queue_length",
    "container_tcp_listen_queue_limit",
    "container_start_time_seconds",
    "container_creation_time_seconds",
    "container_last_seen",
    "machine_cpu_cores",
    "machine_memory_bytes",
    "machine_swap_bytes",
];

pub(crate) fn key(name: &str, labels: &BTreeMap<String, String>) -> String {
    let own = labels.iter().filter(|(label, _)| !BASE.contains(&label.as_str()));
    own.fold(name.to_owned(), |key, (label, value)| format!("{key} {label}={value}"))
}

/// Whether a family is one that [`read`] knows the file of.
pub(crate) fn is_compared(name: &str) -> bool {
    const STARTS: [&str; 8] =
        ["cpu_", "memory_", "spec_", "fs_", "network_", "pressure_", "threads_max", "ulimits_"];
    const NAMES: [&str; 4] = ["processes", "threads", "file_descriptors", "sockets"];
    // The kernel's programs count these.
    let kernel = signals::ALL.iter().filter(|signal| signal.source == Source::Kernel);
    let of_kernel = kernel.flat_map(|signal| signal.families).any(|family| name.starts_with(family.name));
    let Some(rest) = name.strip_prefix("container_").filter(|_| !of_kernel) else { return false };
    STARTS.iter().any(|start| rest.starts_with(start)) || NAMES.contains(&rest)
}

/// Everything of a container: what a file does not say is not there.
pub(crate) fn read(hierarchies: &Hierarchies, id: &str) -> Result<Numbers> {
    let mut numbers = Numbers::new();
    let mut add = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            numbers.insert(format!("container_{name}"), value);
        }
    };
    let place = |controller| hierarchies.place(controller, id);
    cpu(&mut add, &place("cpu")?, &place("cpuacct")?);
    memory(&mut add, &place("memory")?);
    memory_limits(&mut add, &place("memory")?);
    io(&mut add, &place("blkio").or_else(|_| place("io"))?);
    let unified = place("cgroup2")?;
    pressure(&mut add, &unified);
    processes(&mut add, &unified, &place("pids")?)?;
    Ok(numbers)
}

type Add<'a> = &'a mut dyn FnMut(&str, Option<f64>);

fn plain(number: Result<u64>) -> Option<f64> {
    Some(number.ok()? as f64)
}

fn cpu(add: Add<'_>, cpu: &Place, cpuacct: &Place) {
    let micros = |key| Some(cpu.field("cpu.stat", key).ok()? as f64 / 1e6);
    let nanos = |key| Some(cpu.field("cpu.stat", key).ok()? as f64 / 1e9);
    let ticks = |key| {
        let ticks = cpuacct.field("cpuacct.stat", key).ok()?;
        Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    };
    if cpuacct.v2 {
        add("cpu_usage_seconds_total cpu=total", micros("usage_usec"));
        add("cpu_user_seconds_total", micros("user_usec"));
        add("cpu_system_seconds_total", micros("system_usec"));
    } else {
        add(
            "cpu_usage_seconds_total cpu=total",
            cpuacct.number("cpuacct.usage").ok().map(|ns| ns as f64 / 1e9),
        );
        add("cpu_user_seconds_total", ticks("user"));
        add("cpu_system_seconds_total", ticks("system"));
    }
    add("cpu_cfs_periods_total", plain(cpu.field("cpu.stat", "nr_periods")));
    add("cpu_cfs_throttled_periods_total", plain(cpu.field("cpu.stat", "nr_throttled")));
    add("cpu_cfs_burst_periods_total", plain(cpu.field("cpu.stat", "nr_bursts")));
    if cpu.v2 {
        add("cpu_cfs_throttled_seconds_total", micros("throttled_usec"));
        add("cpu_cfs_burst_seconds_total", micros("burst_usec"));
        let max = cpu.read("cpu.max").unwrap_or_default();
        let mut max = max.split_whitespace().map(|word| word.parse().ok());
        add("spec_cpu_quota", max.next().flatten());
        add("spec_cpu_period", max.next().flatten());
        let weight = cpu.number("cpu.weight").ok();
        add("spec_cpu_shares", weight.map(|weight| (2 + (weight - 1) * 262_142 / 9999) as f64));
    } else {
        add("cpu_cfs_throttled_seconds_total", nanos("throttled_time"));
        add("cpu_cfs_burst_seconds_total", nanos("burst_time"));
        add("spec_cpu_quota", plain(cpu.number("cpu.cfs_quota_us")));
        add("spec_cpu_period", plain(cpu.number("cpu.cfs_period_us")));
        add("spec_cpu_shares", plain(cpu.number("cpu.shares")));
    }
}

fn memory(add: Add<'_>, memory: &Place) {
    let stat = |key: &str| memory.field("memory.stat", key).ok();
    // v1 has each number once for the cgroup alone and once with what is below it.
    let total = |v1: &str, v2: &str| stat(&if memory.v2 { v2.to_owned() } else { format!("total_{v1}") });
    let file = |v1, v2| memory.number(if memory.v2 { v2 } else { v1 }).ok();
    let usage = file("memory.usage_in_bytes", "memory.current");
    let mut add =
        |name: &str, number: Option<u64>| add(&format!("memory_{name}"), number.map(|number| number as f64));
    add("usage_bytes", usage);
    let inactive = total("inactive_file", "inactive_file");
    add("working_set_bytes", usage.zip(inactive).map(|(usage, inactive)| usage.saturating_sub(inactive)));
    add("rss", total("rss", "anon"));
    add("cache", total("cache", "file"));
    add("mapped_file", total("mapped_file", "file_mapped"));
    add("max_usage_bytes", file("memory.max_usage_in_bytes", "memory.peak"));
    for fault in ["pgfault", "pgmajfault"] {
        add(&format!("failures_total failure_type={fault} scope=container"), stat(fault));
        add(&format!("failures_total failure_type={fault} scope=hierarchy"), total(fault, fault));
    }
    if memory.v2 {
        add("swap", memory.number("memory.swap.current").ok());
        add("events_high_total", memory.field("memory.events", "high").ok());
        add("events_max_total", memory.field("memory.events", "max").ok());
        for event in ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"] {
            add(&format!("events_total event={event}"), memory.field("memory.events", event).ok());
        }
        let bytes = |key| stat(key).map(|pages| pages * rustix::param::page_size() as u64);
        add("swapped_in_bytes_total", bytes("pswpin"));
        add("swapped_out_bytes_total", bytes("pswpout"));
    } else {
        add("swap", stat("total_swap"));
        add("failcnt", memory.number("memory.failcnt").ok());
    }
}

fn memory_limits(add: Add<'_>, memory: &Place) {
    for (name, v1, v2) in [
        ("spec_memory_limit_bytes", "memory.limit_in_bytes", "memory.max"),
        ("spec_memory_reservation_limit_bytes", "memory.soft_limit_in_bytes", "memory.min"),
        ("spec_memory_swap_limit_bytes", "memory.memsw.limit_in_bytes", "memory.swap.max"),
    ] {
        let limit = memory.read(if memory.v2 { v2 } else { v1 }).ok().and_then(|text| limit(&text));
        add(name, limit);
    }
}

/// 0 where there is none.
fn limit(text: &str) -> Option<f64> {
    match text.trim() {
        "max" => Some(0.0),
        number => {
            number.parse::<u64>().ok().map(|number| if number > UNLIMITED { 0.0 } else { number as f64 })
        }
    }
}

fn io(add: Add<'_>, io: &Place) {
    let device = |number: &str| {
        let uevent = std::fs::read_to_string(format!("/sys/dev/block/{number}/uevent")).unwrap_or_default();
        let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        name.map_or_else(|| number.to_owned(), |name| format!("/dev/{name}"))
    };
    let mut add = |family: &str, number: &str, value: &str| {
        add(&format!("fs_{family}_total device={}", device(number)), value.parse().ok());
    };
    if io.v2 {
        for line in io.read("io.stat").unwrap_or_default().lines() {
            let mut words = line.split(' ');
            let number = words.next().unwrap_or_default();
            for word in words {
                let (key, value) = word.split_once('=').unwrap_or_default();
                let families = [
                    ("rbytes", "reads_bytes"),
                    ("wbytes", "writes_bytes"),
                    ("rios", "reads"),
                    ("wios", "writes"),
                ];
                if let Some((_, family)) = families.iter().find(|(name, _)| *name == key) {
                    add(family, number, value);
                }
            }
        }
        return;
    }
    for (file, read, write) in [
        ("blkio.throttle.io_service_bytes_recursive", "reads_bytes", "writes_bytes"),
        ("blkio.throttle.io_serviced_recursive", "reads", "writes"),
    ] {
        for line in io.read(file).unwrap_or_default().lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                [number, "Read", value] => add(read, number, value),
                [number, "Write", value] => add(write, number, value),
                _ => {}
            }
        }
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=123`, in microseconds; not readable where PSI is off.
fn pressure(add: Add<'_>, unified: &Place) {
    for resource in ["cpu", "memory", "io"] {
        let text = unified.read(&format!("{resource}.pressure")).unwrap_or_default();
        for (kind, name) in [("some", "waiting"), ("full", "stalled")] {
            let line = text.lines().find(|line| line.starts_with(kind));
            let total = line.and_then(|line| line.split_once("total=")?.1.parse::<f64>().ok());
            add(&format!("pressure_{resource}_{name}_seconds_total"), total.map(|micros| micros / 1e6));
        }
    }
}

fn processes(add: Add<'_>, unified: &Place, pids: &Place) -> Result<()> {
    let processes = unified.read("cgroup.procs")?;
    add("processes", Some(processes.lines().count() as f64));
    add("threads", plain(pids.number("pids.current")));
    add("threads_max", pids.read("pids.max").ok().and_then(|text| limit(&text)));
    let (mut descriptors, mut sockets) = (0.0, 0.0);
    for pid in processes.lines() {
        for link in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
            descriptors += 1.0;
            if std::fs::read_link(link?.path())?.to_string_lossy().starts_with("socket:") {
                sockets += 1.0;
            }
        }
    }
    add("file_descriptors", Some(descriptors));
    add("sockets", Some(sockets));
    let first = processes.lines().next().unwrap_or_default();
    let limits = std::fs::read_to_string(format!("/proc/{first}/limits"))?;
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = open_files.and_then(|limits| limits.split_whitespace().next()?.parse().ok());
    add("ulimits_soft ulimit=max_open_files", soft);
    let net = std::fs::read_to_string(format!("/proc/{first}/net/dev"))?;
    for line in net.lines() {
        let Some((interface @ "eth0", numbers)) = line.trim().split_once(':') else { continue };
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        for (direction, first) in [("receive", 0), ("transmit", 8)] {
            for (family, at) in [("bytes", 0), ("packets", 1), ("errors", 2), ("packets_dropped", 3)] {
                let name = format!("network_{direction}_{family}_total interface={interface}");
                add(&name, numbers[first + at].parse().ok());
            }
        }
    }
    Ok(())
}
