//! What the workers did, against what was counted for their cgroups.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use plimsoll_tests::scrape::Scrape;

use crate::checks::Checks;
use crate::run::{A, B, GROUP, IDLE, Run, SPIN, X, Y};

/// Two scrapes, and what moved between them.
pub(crate) struct Between {
    pub(crate) before: Scrape,
    pub(crate) after: Scrape,
}

impl Between {
    pub(crate) fn of(run: &Run, before: &str, after: &str) -> Result<Self> {
        Ok(Self { before: run.scrape(before)?, after: run.scrape(after)? })
    }

    /// By how much the samples of a cgroup with these labels grew, together.
    pub(crate) fn moved(&self, name: &str, id: &str, labels: &[(&str, &str)]) -> f64 {
        let mut all = vec![("id", id)];
        all.extend(labels);
        self.after.moved(&self.before, name, &all)
    }
}

const SYSCALLS: &str = "container_syscalls_total";
const ERRORS: &str = "container_syscall_errors_total";
const EXITS: &str = "container_process_exits_total";

/// What a worker did, by the lines of the script.
struct Done {
    id: &'static str,
    getppid: f64,
    getpid: f64,
    enoent: f64,
    eacces: f64,
    forks: f64,
    threads: f64,
    execs: f64,
    /// By code or signal, beside those of the children with threads.
    exits: &'static [(&'static str, f64)],
    /// What `wait` said of those.
    threaded: &'static str,
}

const DONE: [Done; 2] = [
    Done {
        id: A,
        getppid: 100_000.0,
        // 32-bit ones, one more of the same child, and one of each that signals itself.
        getpid: 2.0 * 300.0 + 50.0 + 10.0 + 6.0,
        enoent: 1000.0,
        eacces: 500.0,
        // The child of `compat`, those that exit, kill themselves, execute, are killed for memory, have threads, fault,
        // and let a signal come.
        forks: 1.0 + 200.0 + 50.0 + 20.0 + 1.0 + 110.0 + 8.0 + 6.0,
        threads: 100.0 + 3.0 * 110.0,
        // Ten of those with threads execute.
        execs: 20.0 + 10.0,
        exits: &[
            ("0", 1.0 + 20.0),
            ("3", 200.0),
            ("SIGKILL", 50.0 + 1.0 + 1.0),
            ("SIGSEGV", 8.0),
            ("SIGTERM", 6.0),
        ],
        threaded: "ends.A",
    },
    Done {
        id: B,
        getppid: 70_000.0,
        getpid: 2.0 * 20.0 + 20.0 + 3.0,
        enoent: 300.0,
        eacces: 40.0,
        // As above, and those that dump their core.
        forks: 1.0 + 70.0 + 20.0 + 5.0 + 50.0 + 3.0,
        threads: 30.0 + 3.0 * 50.0,
        // `dd` comes from another cgroup, executes here and exits here.
        execs: 5.0 + 1.0,
        exits: &[("0", 1.0 + 5.0 + 1.0), ("3", 70.0), ("SIGTERM", 20.0), ("SIGABRT", 3.0)],
        threaded: "ends.B",
    },
];

/// Calls, errors, processes and threads of two that worked at once.
pub(crate) fn counts(run: &Run, checks: &mut Checks) -> Result<()> {
    let between = Between::of(run, "before", "after")?;
    checks.group("system calls, 32-bit ones, errors");
    for done in &DONE {
        let calls = |name| between.moved(SYSCALLS, done.id, &[("syscall", name)]);
        let failed = |errno| between.moved(ERRORS, done.id, &[("syscall", "openat"), ("errno", errno)]);
        checks.equal("getppid", calls("getppid"), done.getppid);
        checks.equal("getpid", calls("getpid"), done.getpid);
        // The number of the 32-bit getpid is that of the 64-bit writev.
        checks.equal("writev", calls("writev"), 0.0);
        checks.equal("openat ENOENT", failed("ENOENT"), done.enoent);
        checks.equal("openat EACCES", failed("EACCES"), done.eacces);
        let refused =
            |errno| between.moved("container_permission_denied_total", done.id, &[("errno", errno)]);
        checks.equal("refused", [refused("EPERM"), refused("EACCES")], [0.0, done.eacces]);
        checks.equal("all ENOENT", between.moved(ERRORS, done.id, &[("errno", "ENOENT")]), done.enoent);
        checks.equal("unknown calls", calls("unknown"), 0.0);
    }
    checks.group("forks, threads, execs, exits");
    for done in &DONE {
        let id = done.id;
        checks.equal("forks", between.moved("container_process_forks_total", id, &[]), done.forks);
        checks.equal("threads", between.moved("container_threads_started_total", id, &[]), done.threads);
        checks.equal("execs", between.moved("container_process_execs_total", id, &[]), done.execs);
        let mut wanted: BTreeMap<String, f64> =
            done.exits.iter().map(|(how, count)| ((*how).to_owned(), *count)).collect();
        for (how, count) in waited(run.text(done.threaded)?)? {
            *wanted.entry(how).or_insert(0.0) += count;
        }
        checks.equal("exits", exits(&between.after, id), add(exits(&between.before, id), wanted));
    }
    Ok(())
}

/// Exits by code or signal.
fn exits(scrape: &Scrape, id: &str) -> BTreeMap<String, f64> {
    let how = |labels: &BTreeMap<String, String>| match labels["reason"].as_str() {
        "exited" => labels["code"].clone(),
        "signaled" => labels["signal"].clone(),
        other => other.to_owned(),
    };
    scrape.all(EXITS, &[("id", id)]).map(|sample| (how(&sample.labels), sample.value)).collect()
}

fn add(mut sums: BTreeMap<String, f64>, more: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    for (key, count) in more {
        *sums.entry(key).or_insert(0.0) += count;
    }
    sums
}

/// The worker's answers to `children-threaded`, a line each: `ok STATUS:CHILDREN ...`, as `wait` told it.
fn waited(answers: &str) -> Result<Vec<(String, f64)>> {
    let of = |word: &str| {
        let (status, children) = word.split_once(':').context("no count")?;
        let status: u32 = status.parse()?;
        let how = match status & 0x7f {
            0 => (status >> 8).to_string(),
            9 => "SIGKILL".to_owned(),
            other => format!("signal {other}"),
        };
        Ok((how, children.parse()?))
    };
    answers.split_whitespace().filter(|word| *word != "ok").map(of).collect()
}

/// Switches and waits of two spinners on one CPU, against the kernel's own numbers of the two tasks.
pub(crate) fn scheduler(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("context switches, run queue wait");
    let between = Between::of(run, "before", "after")?;
    let status = |key| grown(|when, task| run.number(&format!("{when}/{task}.status"), key));
    let voluntary = status("voluntary_ctxt_switches").context("voluntary switches")?;
    let involuntary = status("nonvoluntary_ctxt_switches").context("involuntary switches")?;
    let waited = |when: &str, task: &str| {
        let schedstat = run.text(&format!("{when}/{task}.schedstat")).ok()?;
        schedstat.split_whitespace().nth(1)?.parse().ok()
    };
    let waited_ns = grown(waited).context("schedstat")?;
    let switches = |kind| between.moved("container_context_switches_total", SPIN, &[("kind", kind)]);
    checks.equal("voluntary switches", switches("voluntary"), voluntary as f64);
    checks.equal("involuntary switches", switches("involuntary"), involuntary as f64);
    let wait = |part: &str| between.moved(&format!("container_cpu_runqueue_wait_seconds_{part}"), SPIN, &[]);
    checks.equal("waits", wait("count"), (voluntary + involuntary) as f64);
    // Sums of seconds are differences of rounded numbers; nanoseconds are what was counted.
    checks.equal("nanoseconds waited", (wait("sum") * 1e9).round(), waited_ns as f64);
    checks.holds("each of the two preempted the other", involuntary > 1 && waited_ns > 0);
    Ok(())
}

/// Time on a CPU, against what the tasks have and what the cgroups are charged.
pub(crate) fn cpu(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("time on CPU");
    let between = Between::of(run, "before", "after")?;
    let counted_ns = |id| (between.moved("container_cpu_oncpu_seconds_total", id, &[]) * 1e9).round();
    let ran = |when: &str, task: &str| {
        let schedstat = run.text(&format!("{when}/{task}.schedstat")).ok()?;
        schedstat.split_whitespace().next()?.parse().ok()
    };
    checks.equal("of the spinners", counted_ns(SPIN), grown(ran).context("schedstat")? as f64);
    for (name, id) in [("A", A), ("SPIN", SPIN), ("B", B)] {
        let usage = |when| run.number(&format!("{when}/{name}.cpu"), "usage_usec").context("usage_usec");
        let charged_ns = (usage("after")? - usage("before")?) as f64 * 1e3;
        // The file is in microseconds. `dd` came to B from another cgroup in the middle of a run, which is B's as a whole.
        let room = if name == "B" { charged_ns / 100.0 } else { 1e3 };
        let counted = counted_ns(id);
        let close = charged_ns > 0.0 && (counted - charged_ns).abs() < room;
        checks.holds(format!("{name}: counted {counted} ns, charged {charged_ns} ns"), close);
    }
    Ok(())
}

/// The sum over the two spinners of what a number of theirs grew by.
fn grown(number: impl Fn(&str, &str) -> Option<u64>) -> Option<u64> {
    ["s1", "s2"].into_iter().map(|task| Some(number("after", task)? - number("before", task)?)).sum()
}

/// Kills, by the victim's cgroup.
pub(crate) fn out_of_memory(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("OOM kills");
    let between = Between::of(run, "before", "after")?;
    // In the pod, Y allocated, and X held more. All of GROUP goes at once: the worker and its child.
    for (name, id, kills) in [("A", A, 1_u32), ("B", B, 0), ("X", X, 1), ("Y", Y, 0), ("GROUP", GROUP, 2)] {
        for family in ["container_oom_kills_total", "container_oom_events_total"] {
            checks.equal(format!("{family} of {name}"), between.moved(family, id, &[]), f64::from(kills));
        }
        let events = |key| run.number(&format!("{name}.events"), key);
        match name {
            // The kernel's file counts the first victim of a group twice, the tracepoint fires once for each.
            "GROUP" => checks.equal("oom_kill of GROUP", events("oom_kill"), Some(3)),
            "B" => {}
            _ => checks.equal(format!("oom_kill of {name}"), events("oom_kill"), Some(kills.into())),
        }
    }
    for (name, id, deaths) in [("X", X, 1.0), ("Y", Y, 0.0), ("GROUP", GROUP, 2.0)] {
        checks.equal(format!("exits of {name}"), between.moved(EXITS, id, &[]), deaths);
    }
    Ok(())
}

/// Deaths by signal, and who sent it.
pub(crate) fn faults(run: &Run, checks: &mut Checks) -> Result<()> {
    const FATAL: &str = "container_fatal_signals_total";
    checks.group("signals that kill and their senders, core dumps");
    let between = Between::of(run, "before", "after")?;
    let fatal = |id: &str| {
        let mut moved = BTreeMap::new();
        for sample in between.after.all(FATAL, &[("id", id)]) {
            let by = ["signal", "sender", "sender_id"].map(|label| (label, sample.labels[label].as_str()));
            let count = between.moved(FATAL, id, &by);
            moved.insert(by.map(|(_, value)| value.to_owned()).join(" ").trim_end().to_owned(), count);
        }
        moved
    };
    let wanted = |counts: &[(&str, f64)]| -> BTreeMap<String, f64> {
        counts.iter().map(|(how, count)| ((*how).to_owned(), *count)).collect()
    };
    let by_b = format!("SIGKILL outside {B}");
    let killed: f64 =
        waited(run.text("ends.A")?)?.iter().filter(|(how, _)| how == "SIGKILL").map(|e| e.1).sum();
    let of_a = wanted(&[
        ("SIGKILL self", 50.0 + killed),
        ("SIGKILL kernel", 1.0),
        (&by_b, 1.0),
        ("SIGSEGV kernel", 8.0),
        ("SIGTERM self", 6.0),
    ]);
    checks.equal("A", fatal(A), of_a);
    checks.equal("B", fatal(B), wanted(&[("SIGTERM self", 20.0), ("SIGABRT self", 3.0)]));
    checks.equal("X", fatal(X), wanted(&[("SIGKILL kernel", 1.0)]));
    checks.equal("GROUP", fatal(GROUP), wanted(&[("SIGKILL kernel", 2.0)]));
    // As `wait` told the worker.
    let dumped = run.text("cores.B")?.trim().trim_start_matches("ok ").parse()?;
    for (name, id, dumped) in [("A", A, 0.0), ("B", B, dumped)] {
        checks.equal(
            format!("cores of {name}"),
            between.moved("container_core_dumps_total", id, &[]),
            dumped,
        );
    }
    Ok(())
}

/// Nothing moves for one that sleeps.
pub(crate) fn neighbour(run: &Run, checks: &mut Checks) -> Result<()> {
    checks.group("an idle neighbour does not move");
    let Between { before, after } = Between::of(run, "before", "after")?;
    checks.holds("it has a row", !before.kernel_row(IDLE).is_empty());
    checks.equal("what the kernel counted", after.kernel_row(IDLE), before.kernel_row(IDLE));
    // Memory is left out: the kernel gives back by and by what it had set aside.
    for family in ["container_cpu_usage_seconds_total", "container_processes", "container_threads"] {
        let of = |scrape: &Scrape| scrape.value(family, &[("id", IDLE)]);
        checks.equal(family, of(&after), of(&before));
    }
    Ok(())
}
