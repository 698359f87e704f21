//! The files of pure cgroup v2, what is left of the dead, and slots that serve many.

use std::collections::BTreeMap;

use anyhow::Result;
use plimsoll_tests::scrape::Scrape;

use crate::checks::Checks;
use crate::run::{A, B, CHURNED, GROUP, Run, SLOTS, X};
use crate::truth::Between;

/// Families against files, for the two that worked.
pub(crate) fn files(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("cgroup families equal the files");
    let scrape = run.scrape("quiet")?;
    files_agree(run, checks, &scrape, "quiet.files", ("A", A));
    files_agree(run, checks, &scrape, "quiet.files", ("B", B));
    let read = |name| scrape.value(name, &[("id", B), ("device", "/dev/nvme0n1")]);
    checks.equal("bytes that dd read", read("container_fs_reads_bytes_total"), Some(1_048_576.0));
    Ok(())
}

/// A family, or the part of it with these labels, and where a cgroup's files have it.
type Rule = (&'static str, &'static [(&'static str, &'static str)], fn(&Files<'_>) -> Option<f64>);

const RULES: &[Rule] = &[
    ("container_cpu_usage_seconds_total", &[], |f| f.scaled("cpu.stat", "usage_usec", 1e6)),
    ("container_cpu_user_seconds_total", &[], |f| f.scaled("cpu.stat", "user_usec", 1e6)),
    ("container_cpu_system_seconds_total", &[], |f| f.scaled("cpu.stat", "system_usec", 1e6)),
    ("container_cpu_cfs_periods_total", &[], |f| f.quota("nr_periods", 1.0)),
    ("container_cpu_cfs_throttled_periods_total", &[], |f| f.quota("nr_throttled", 1.0)),
    ("container_cpu_cfs_throttled_seconds_total", &[], |f| f.quota("throttled_usec", 1e6)),
    ("container_cpu_cfs_burst_periods_total", &[], |f| f.quota("nr_bursts", 1.0)),
    ("container_cpu_cfs_burst_seconds_total", &[], |f| f.quota("burst_usec", 1e6)),
    ("container_spec_cpu_quota", &[], |f| f.word("cpu.max", 0)),
    ("container_spec_cpu_period", &[], |f| f.word("cpu.max", 1)),
    ("container_spec_cpu_shares", &[], |f| {
        f.word("cpu.weight", 0).map(|weight| (2.0 + (weight - 1.0) * 262_142.0 / 9999.0).floor())
    }),
    ("container_memory_usage_bytes", &[], |f| f.word("memory.current", 0)),
    ("container_memory_working_set_bytes", &[], |f| {
        let inactive = f.scaled("memory.stat", "inactive_file", 1.0)?;
        Some((f.word("memory.current", 0)? - inactive).max(0.0))
    }),
    ("container_memory_rss", &[], |f| f.scaled("memory.stat", "anon", 1.0)),
    ("container_memory_cache", &[], |f| f.scaled("memory.stat", "file", 1.0)),
    ("container_memory_mapped_file", &[], |f| f.scaled("memory.stat", "file_mapped", 1.0)),
    ("container_memory_max_usage_bytes", &[], |f| f.word("memory.peak", 0)),
    ("container_memory_events_high_total", &[], |f| f.scaled("memory.events", "high", 1.0)),
    ("container_memory_events_max_total", &[], |f| f.scaled("memory.events", "max", 1.0)),
    ("container_memory_events_total", &[("event", "low")], |f| f.scaled("memory.events", "low", 1.0)),
    ("container_memory_events_total", &[("event", "max")], |f| f.scaled("memory.events", "max", 1.0)),
    ("container_memory_events_total", &[("event", "oom")], |f| f.scaled("memory.events", "oom", 1.0)),
    ("container_memory_events_total", &[("event", "oom_kill")], |f| {
        f.scaled("memory.events", "oom_kill", 1.0)
    }),
    ("container_memory_swapped_in_bytes_total", &[], |f| {
        f.scaled("memory.stat", "pswpin", 1.0).map(|pages| pages * 4096.0)
    }),
    ("container_memory_swapped_out_bytes_total", &[], |f| {
        f.scaled("memory.stat", "pswpout", 1.0).map(|pages| pages * 4096.0)
    }),
    ("container_memory_failures_total", &[("failure_type", "pgfault"), ("scope", "hierarchy")], |f| {
        f.scaled("memory.stat", "pgfault", 1.0)
    }),
    ("container_memory_failures_total", &[("failure_type", "pgmajfault"), ("scope", "hierarchy")], |f| {
        f.scaled("memory.stat", "pgmajfault", 1.0)
    }),
    ("container_spec_memory_limit_bytes", &[], |f| f.limit("memory.max")),
    ("container_spec_memory_reservation_limit_bytes", &[], |f| f.limit("memory.min")),
    ("container_processes", &[], |f| Some(f.text("cgroup.procs")?.lines().count() as f64)),
    ("container_threads", &[], |f| f.word("pids.current", 0)),
    ("container_threads_max", &[], |f| f.limit("pids.max")),
    ("container_fs_reads_bytes_total", &[], |f| f.io("rbytes")),
    ("container_fs_writes_bytes_total", &[], |f| f.io("wbytes")),
    ("container_fs_reads_total", &[], |f| f.io("rios")),
    ("container_fs_writes_total", &[], |f| f.io("wios")),
    ("container_pressure_cpu_waiting_seconds_total", &[], |f| f.pressure("cpu", "some")),
    ("container_pressure_cpu_stalled_seconds_total", &[], |f| f.pressure("cpu", "full")),
    ("container_pressure_memory_waiting_seconds_total", &[], |f| f.pressure("memory", "some")),
    ("container_pressure_memory_stalled_seconds_total", &[], |f| f.pressure("memory", "full")),
    ("container_pressure_io_waiting_seconds_total", &[], |f| f.pressure("io", "some")),
    ("container_pressure_io_stalled_seconds_total", &[], |f| f.pressure("io", "full")),
];

/// Every family is what the file says, and absent where this kernel's files do not have it.
pub(crate) fn files_agree(
    run: &Run,
    checks: &mut Checks,
    scrape: &Scrape,
    dir: &str,
    (name, id): (&'static str, &str),
) {
    let files = Files { run, dir: format!("{dir}/{name}") };
    for (family, labels, of) in RULES {
        let mut all = vec![("id", id)];
        all.extend_from_slice(labels);
        checks.equal(format!("{family} of {name}"), scrape.value(family, &all), of(&files));
    }
}

/// Families that a cgroup with every controller and limit does not have in this kernel.
pub(crate) fn absent(run: &Run) -> Vec<&'static str> {
    let files = Files { run, dir: "quiet.files/B".to_owned() };
    RULES.iter().filter(|(_, _, of)| of(&files).is_none()).map(|(family, _, _)| *family).collect()
}

/// The files of one cgroup.
struct Files<'a> {
    run: &'a Run,
    dir: String,
}

impl Files<'_> {
    fn text(&self, file: &str) -> Option<&str> {
        self.run.optional(&format!("{}/{file}", self.dir))
    }

    fn word(&self, file: &str, at: usize) -> Option<f64> {
        self.text(file)?.split_whitespace().nth(at)?.parse().ok()
    }

    /// `max` is served as 0.
    fn limit(&self, file: &str) -> Option<f64> {
        match self.text(file)?.trim() {
            "max" => Some(0.0),
            number => number.parse().ok(),
        }
    }

    fn scaled(&self, file: &str, key: &str, unit: f64) -> Option<f64> {
        Some(self.run.number(&format!("{}/{file}", self.dir), key)? as f64 / unit)
    }

    /// Of `cpu.stat`, where there is a quota.
    fn quota(&self, key: &str, unit: f64) -> Option<f64> {
        self.word("cpu.max", 0)?;
        self.scaled("cpu.stat", key, unit)
    }

    /// Of the only disk.
    fn io(&self, key: &str) -> Option<f64> {
        let device = self.text("io.stat")?.lines().find(|line| line.starts_with("259:"))?;
        device.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
    }

    fn pressure(&self, resource: &str, kind: &str) -> Option<f64> {
        let mut lines = self.text(&format!("{resource}.pressure"))?.lines();
        let total = lines.find_map(|line| line.strip_prefix(kind)?.trim().strip_prefix("total="))?;
        Some(total.parse::<f64>().ok()? / 1e6)
    }
}

/// Three that were removed are still there, complete.
pub(crate) fn tombstones(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("tombstones");
    let since = Between::of(run, "after", "dead")?;
    for id in [A, X, GROUP] {
        let labels = [("id", id)];
        let rows: Vec<_> = since.after.all("container_oom_kills_total", &labels).collect();
        checks.equal("rows", rows.len(), 1);
        if let Some(name) = id.strip_prefix("/docker/") {
            let labelled = rows.iter().map(|row| row.labels.get("name").map(String::as_str));
            checks.equal("name", labelled.collect(), vec![Some(name)]);
        }
        for family in
            ["container_oom_kills_total", "container_process_forks_total", "container_process_execs_total"]
        {
            let of = |scrape: &Scrape| scrape.value(family, &[("id", id)]);
            checks.holds(format!("{family} is there for {id}"), of(&since.before).is_some());
            checks.equal(family, of(&since.after), of(&since.before));
        }
    }
    let moved = |name, labels: &[_]| since.moved(name, A, labels);
    for call in ["getppid", "getpid", "openat"] {
        checks.equal(call, moved("container_syscalls_total", &[("syscall", call)]), 0.0);
    }
    checks.equal("openat errors", moved("container_syscall_errors_total", &[("syscall", "openat")]), 0.0);
    let sigterm = [("reason", "signaled"), ("code", ""), ("signal", "SIGTERM")];
    checks.equal("its end", moved("container_process_exits_total", &sigterm), 1.0);
    checks.equal("ends", moved("container_process_exits_total", &[]), 1.0);
    let usage = since.after.all("container_memory_usage_bytes", &[("id", A)]).count();
    checks.equal("it uses memory no more", usage, 0);
    let cpu = since.after.value("container_cpu_usage_seconds_total", &[("id", A)]);
    let before = since.before.value("container_cpu_usage_seconds_total", &[("id", A)]);
    checks.holds("its CPU time is there and did not shrink", before.is_some() && cpu >= before);
    Ok(())
}

/// Many short lives in few slots: each is there once with its own counts.
pub(crate) fn slots(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("240 short lives in 96 slots");
    let scrape = run.scrape("churn")?;
    // Exact but for what the exporter itself says it missed: nothing, up to 6.18.
    const SIGNALS: [&str; 6] = ["syscalls", "process", "process", "process", "process", "oom"];
    let mut absent = [0.0; 6];
    for round in 1..=3 {
        for n in 1..=CHURNED {
            let id = format!("/docker/{:064}", round * 1000 + n);
            let value = |name, labels: &[(&str, &str)]| {
                let mut all = vec![("id", id.as_str())];
                all.extend_from_slice(labels);
                scrape.value(name, &all)
            };
            let code = (round + 3).to_string();
            let got = [
                value("container_syscalls_total", &[("syscall", "getpgid")]),
                value("container_process_forks_total", &[]),
                value("container_process_execs_total", &[]),
                value("container_process_exits_total", &[("code", &code)]),
                value("container_process_exits_total", &[("code", "0")]),
                value("container_oom_kills_total", &[]),
            ];
            let round = round as f64;
            let wanted = [round, round, 1.0, round, 1.0, 0.0];
            for (at, (got, wanted)) in got.into_iter().zip(wanted).enumerate() {
                if scrape.missed(SIGNALS[at]) == 0.0 {
                    checks.equal(&id, got, Some(wanted));
                } else {
                    let got = got.unwrap_or_default();
                    checks.holds(format!("{id}: {got} of {wanted}"), got <= wanted);
                    absent[at] += wanted - got;
                }
            }
        }
    }
    for (absent, signal) in absent.into_iter().zip(SIGNALS) {
        let missed = scrape.missed(signal);
        checks.holds(format!("{absent} of {signal} are absent, {missed} missed"), absent <= missed);
    }
    let slots = |state| scrape.value("plimsoll_slots", &[("state", state)]);
    let after = run.scrape("dead")?.value("plimsoll_slots", &[("state", "used")]);
    checks.equal("slots used", slots("used"), after);
    let all = slots("used").zip(slots("free")).map(|(used, free)| used + free);
    checks.equal("slots in all, less the unattributed", all, Some(SLOTS as f64 - 1.0));
    // Whoever asks before the exporter listens is answered with a reset that no socket sends: newer kernels tell of those.
    let nobodys = "container_tcp_resets_total";
    let mut unattributed = Vec::new();
    for name in scrape.names().filter(|name| *name != nobodys) {
        let counted = scrape.all(name, &[("id", "unattributed")]).filter(|sample| sample.value != 0.0);
        unattributed.extend(counted.map(|sample| format!("{name}{:?} {}", sample.labels, sample.value)));
    }
    checks.equal("unattributed", unattributed, vec![]);
    let received = scrape.sum(nobodys, &[("id", "unattributed"), ("direction", "received")]);
    checks.equal("resets received for nobody", received, 0.0);
    // Their files were gone before they could be read once more: so short a life has its last values missed, and said.
    let mut losses = run.losses(&scrape);
    losses.remove("last_read_missed");
    checks.equal("losses", losses, BTreeMap::new());
    checks.holds("losses are counted", scrape.all("plimsoll_losses_total", &[]).count() > 0);
    Ok(())
}
