//! Waits for a CPU and context switches, against what the kernel keeps of each thread in `/proc/PID/task/*`.

use std::ops::Range;

use anyhow::{Context as _, Result};
use plimsoll_tests::exporter::{Exporter, Scrape};
use plimsoll_tests::runc::{Config, Running};
use plimsoll_tests::tasks::Tasks;
use plimsoll_tests::undisturbed::undisturbed;

use crate::{container, id, together};

/// The unit of `/proc/stat`.
const TICK_NS: f64 = 1e7;

/// What the exporter counted in a row between two scrapes.
#[derive(Debug)]
struct Counted {
    voluntary: u64,
    involuntary: u64,
    waits: u64,
    wait_ns: u64,
    oncpu_ns: u64,
    migrations: u64,
}

fn counted(before: &Scrape, after: &Scrape, container: &Running) -> Counted {
    let id = id(container);
    let switches =
        |kind| after.moved(before, "container_context_switches_total", &[("id", &id), ("kind", kind)]) as u64;
    let waits = |part: &str, labels: &[(&str, &str)]| {
        let labels: Vec<_> = [("id", &*id)].into_iter().chain(labels.iter().copied()).collect();
        after.moved(before, &format!("container_cpu_runqueue_wait_seconds_{part}"), &labels)
    };
    let plain = |name: &str| after.moved(before, name, &[("id", &id)]);
    let counted = Counted {
        voluntary: switches("voluntary"),
        involuntary: switches("involuntary"),
        waits: waits("count", &[]) as u64,
        // Nanoseconds below 2^53 survive as seconds in a double.
        wait_ns: (waits("sum", &[]) * 1e9).round() as u64,
        oncpu_ns: (plain("container_cpu_oncpu_seconds_total") * 1e9).round() as u64,
        migrations: plain("container_cpu_migrations_total") as u64,
    };
    assert_eq!(waits("bucket", &[("le", "+Inf")]) as u64, counted.waits);
    counted
}

/// Exact: a wait is observed when the run after it ends, and all threads have ended theirs to sleep.
fn assert_exact(counted: &Counted, truth: &Tasks) {
    assert_eq!((counted.voluntary, counted.involuntary), (truth.voluntary, truth.involuntary));
    assert_eq!(counted.waits, truth.voluntary + truth.involuntary);
    assert_eq!(counted.wait_ns, truth.run_delay_ns);
    assert_eq!((counted.oncpu_ns, counted.migrations), (truth.cpu_ns, truth.migrations));
}

#[test]
fn switches_and_waits_of_every_thread_are_those_of_the_kernel() -> Result<()> {
    undisturbed(|| {
        let exporter = Exporter::start(&[])?;
        // On one CPU they push each other aside, too.
        let config = Config::default().cpus("0");
        let mut containers = [container(&config)?, container(&config)?, container(&config)?];
        let neighbour = container(&config)?;
        together(&mut containers, &["crew 4", "crew 1", "noop"])?;
        let truth = |containers: &[Running]| -> Result<Vec<Tasks>> {
            containers.iter().map(|container| Tasks::of(container.pid())).collect()
        };
        let (before, tasks_before) = (exporter.scrape()?, truth(&containers)?);
        together(&mut containers, &["crew-work 300", "crew-work 200", "spin 0.3"])?;
        let (after, tasks_after) = (exporter.scrape()?, truth(&containers)?);
        for (at, container) in containers.iter().enumerate() {
            let truth = tasks_after[at].since(&tasks_before[at]);
            assert_eq!(truth.threads, [5, 2, 1][at]);
            assert_exact(&counted(&before, &after, container), &truth);
            // The crew's sleeps alone; the spinner was pushed aside by them.
            assert!(truth.voluntary >= [4 * 300, 200, 1][at], "{truth:?}");
        }
        let spinner = counted(&before, &after, &containers[2]);
        assert!(spinner.involuntary > 0, "{spinner:?}");
        assert_eq!(before.kernel_row(&id(&neighbour)), after.kernel_row(&id(&neighbour)));
        Ok(())
    })
}

/// How long a thread had waited before the exporter came is unknown, so its first wait is not observed.
#[test]
fn threads_older_than_the_exporter_miss_their_first_wait_only() -> Result<()> {
    undisturbed(|| {
        let mut containers = [container(&Config::default())?];
        together(&mut containers, &["crew 3"])?;
        let exporter = Exporter::start(&[])?;
        let (before, tasks_before) = (exporter.scrape()?, Tasks::of(containers[0].pid())?);
        together(&mut containers, &["crew-work 100"])?;
        let (after, tasks_after) = (exporter.scrape()?, Tasks::of(containers[0].pid())?);
        let (counted, truth) = (counted(&before, &after, &containers[0]), tasks_after.since(&tasks_before));
        assert_eq!((counted.voluntary, counted.involuntary), (truth.voluntary, truth.involuntary));
        assert_eq!(counted.waits, truth.voluntary + truth.involuntary - truth.threads);
        assert!(counted.wait_ns <= truth.run_delay_ns, "{counted:?} {truth:?}");
        assert!(counted.oncpu_ns > 0 && counted.oncpu_ns <= truth.cpu_ns, "{counted:?} {truth:?}");
        // From here on it knows them.
        together(&mut containers, &["crew-work 100"])?;
        let (last, tasks_last) = (exporter.scrape()?, Tasks::of(containers[0].pid())?);
        assert_exact(&self::counted(&after, &last, &containers[0]), &tasks_last.since(&tasks_after));
        Ok(())
    })
}

/// A thread that executes a program takes over the number of its process' first thread, and keeps its own times.
#[test]
fn a_program_executed_by_another_thread_has_its_waits_counted_once() -> Result<()> {
    undisturbed(|| {
        let exporter = Exporter::start(&[])?;
        let config = Config::default().cpus("0");
        let mut containers = [container(&config)?, container(&config)?];
        let before = exporter.scrape()?;
        containers[0].script().run("exec-script 0.8")?;
        containers[1].script().begin("spin 0.5")?;
        // The answer is the new program's.
        containers[0].run("noop")?;
        containers[1].finished()?;
        let (after, tasks_after) = (exporter.scrape()?, Tasks::of(containers[0].pid())?);
        let all = counted(&before, &after, &containers[0]);
        assert_eq!(all.waits, all.voluntary + all.involuntary);
        // What remains is of the thread that spun. The first one's times went with it: it ran only to start the other and to
        // end, and waited a small part of what the other did, whose waits counted twice would show.
        let truth = tasks_after.run_delay_ns;
        assert!(truth > 50_000_000, "it had company: {tasks_after:?}");
        assert!((truth..truth + truth / 2).contains(&all.wait_ns), "{all:?} {tasks_after:?}");
        // And from here on all is known again.
        together(&mut containers, &["syscalls 100 sched_yield", "noop"])?;
        let (last, tasks_last) = (exporter.scrape()?, Tasks::of(containers[0].pid())?);
        assert_exact(&counted(&after, &last, &containers[0]), &tasks_last.since(&tasks_after));
        Ok(())
    })
}

#[test]
fn two_spinners_on_one_cpu_wait_for_each_other() -> Result<()> {
    undisturbed(|| {
        const CPU: &str = "1";
        let exporter = Exporter::start(&[])?;
        let config = Config::default().cpus(CPU);
        let mut containers = [container(&config)?, container(&config)?];
        let truth = |containers: &[Running; 2]| -> Result<[Tasks; 2]> {
            Ok([Tasks::of(containers[0].pid())?, Tasks::of(containers[1].pid())?])
        };
        let taken_before = taken_ns(CPU)?;
        let (before, tasks_before) = (exporter.scrape()?, truth(&containers)?);
        let answers = together(&mut containers, &["spin 3", "spin 3"])?;
        let (after, tasks_after) = (exporter.scrape()?, truth(&containers)?);
        // Three fields, each up to a tick behind.
        let taken = taken_ns(CPU)? - taken_before + 3.0 * TICK_NS;
        let spun = [times(&answers[0])?, times(&answers[1])?];
        let mut waited = 0.0;
        for (at, container) in containers.iter().enumerate() {
            let truth = tasks_after[at].since(&tasks_before[at]);
            let counted = counted(&before, &after, container);
            assert_exact(&counted, &truth);
            // A spinner runs or waits, or its CPU is taken from it by an interrupt or the hypervisor: this holds however much
            // else the machine does.
            let wait = counted.wait_ns as f64;
            let expected = (spun[at].end - spun[at].start) as f64 - truth.cpu_ns as f64;
            assert!(wait <= expected * 1.05, "{counted:?}, expected {expected}");
            assert!(wait >= (expected - taken) * 0.95, "{counted:?}, expected {expected}, {taken} taken");
            waited += wait;
        }
        // While both spin, one of them waits. What others do on this CPU can only add to it.
        let both = spun[0].end.min(spun[1].end).saturating_sub(spun[0].start.max(spun[1].start)) as f64;
        assert!(both > 0.0, "they did not meet: {spun:?}");
        assert!(waited >= (both - taken) * 0.95, "waited {waited}, both spun for {both}, {taken} taken");
        Ok(())
    })
}

/// What interrupts and the hypervisor have taken of a CPU so far: kernels differ in whether it counts as run.
fn taken_ns(cpu: &str) -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{cpu} ")));
    let fields = line.context("no such CPU")?.split(' ').skip(5).take(3).map(str::parse::<f64>);
    // irq, softirq, steal.
    Ok(fields.sum::<Result<f64, _>>()? * TICK_NS)
}

/// Begin and end of a `spin`.
fn times(answer: &str) -> Result<Range<u64>> {
    let (begin, end) = answer.split_once(' ').context("two times")?;
    Ok(begin.parse()?..end.parse()?)
}
