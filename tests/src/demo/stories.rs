//! The four stories, and the containers that live them.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};

use crate::runc::{Config, Container};

/// What somebody on call asks, and where the answer is.
pub(super) struct Story {
    pub(super) question: &'static str,
    pub(super) cause: &'static str,
    pub(super) container: &'static str,
    pub(super) query: &'static str,
    /// What the query's answer is at least, once it is as bad as it gets.
    pub(super) at_least: f64,
    pub(super) alert: &'static str,
    /// The service in Icinga.
    pub(super) service: &'static str,
    /// Its fields, but for addresses.
    pub(super) check: &'static str,
}

pub(super) const STORIES: [Story; 4] = [
    Story {
        question: "1. Who leaks threads?",
        cause: "A container starts threads until the kernel refuses one.",
        container: "demo-leaks",
        query: "topk(1, container_threads_by_command / on (id) group_left container_threads_limit)",
        at_least: 0.9,
        alert: "ContainerThreadsNearLimit",
        service: "threads",
        check: "check = \"container\", plimsoll_container_critical_threads = \"90\"",
    },
    Story {
        question: "2. What died?",
        cause: "Containers that live for 200 ms take more memory than they may have. No scrape sees one alive.",
        container: "demo-dies",
        query: "increase(container_oom_kills_total[10m]) > 0",
        at_least: 1.0,
        alert: "ContainerOomKilled",
        service: "killed for want of memory",
        check: "check = \"container\", plimsoll_container_critical_oom = \"0\", plimsoll_container_window = 20",
    },
    Story {
        question: "3. Who hammers the service?",
        cause: "A container dials 127.0.0.3:7411, where nobody listens, again and again.",
        container: "demo-hammers",
        query: "topk(1, sum by (name) (rate(container_tcp_connects_total{destination=\"127.0.0.3:7411\"}[1m])))",
        at_least: 10.0,
        alert: "ContainerDialsRefused",
        service: "connects",
        check: "check = \"container\", plimsoll_container_critical_connects = \"20\", plimsoll_container_window = 20",
    },
    Story {
        question: "4. Why is it slow?",
        cause: "A container has work for a whole CPU, and may use a fifth of one.",
        container: "demo-slow",
        query: "topk(1, rate(container_cpu_cfs_throttled_periods_total[1m]) / rate(container_cpu_cfs_periods_total[1m]))",
        at_least: 0.5,
        alert: "ContainerCpuThrottled",
        service: "throttled",
        check: "check = \"prometheus\", plimsoll_prometheus_no_data = \"ok\", plimsoll_prometheus_critical = \"0.5\", \
                plimsoll_prometheus_label = \"{name}\", \
                plimsoll_prometheus_query = \"rate(container_cpu_cfs_throttled_periods_total{name=\\\"demo-slow\\\"}[10s]) / \
                (rate(container_cpu_cfs_periods_total{name=\\\"demo-slow\\\"}[10s]) > 0)\"",
    },
];

/// Containers at work, each in a thread of its own; gone when dropped.
pub(super) struct Cast {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

/// Has them begin.
pub(super) fn begin() -> Result<Cast> {
    for story in &STORIES {
        // One that was left by a run that was killed.
        let mut delete = Command::new("runc");
        delete.args(["delete", "--force", story.container]).stdout(Stdio::null()).stderr(Stdio::null());
        delete.status()?;
    }
    let mut cast = Cast { over: Arc::default(), threads: Vec::new() };
    cast.works(Config::default().id("demo-leaks").pids(100), "leak 40", Duration::MAX);
    cast.works(
        Config::default().id("demo-hammers"),
        "connect-failing 127.0.0.3:7411 20 111",
        Duration::from_millis(200),
    );
    // Short periods: there have to be 300 of them in the alert's window.
    cast.works(Config::default().id("demo-slow").cpu_quota(4_000, 20_000), "spin 0.5", Duration::ZERO);
    cast.begin(|over| {
        while !over.load(Ordering::SeqCst) {
            let life = Config::default().id("demo-dies").memory(32 << 20).args("sleep-ms 200 , take 64");
            let (status, errors) = Container::new(&life)?.run()?;
            ensure!(status.code() == Some(137), "it was to be killed: {status}: {errors}");
            pause(over, Duration::from_secs(5));
        }
        Ok(())
    });
    Ok(cast)
}

impl Cast {
    /// A container that does this, and again after a pause, until all is over.
    fn works(&mut self, config: Config, command: &'static str, again: Duration) {
        self.begin(move |over| {
            let mut running = Container::new(&config)?.start()?;
            while !over.load(Ordering::SeqCst) {
                running.script().run(command)?;
                pause(over, again);
            }
            running.finish()
        });
    }

    fn begin(&mut self, work: impl FnOnce(&AtomicBool) -> Result<()> + Send + 'static) {
        let over = self.over.clone();
        self.threads.push(std::thread::spawn(move || work(&over)));
    }

    /// An error if one could not do its work, and has ended.
    pub(super) fn works_on(&mut self) -> Result<()> {
        let Some(at) = self.threads.iter().position(JoinHandle::is_finished) else { return Ok(()) };
        joined(self.threads.swap_remove(at))?;
        bail!("a container ended before its time")
    }

    /// Ends them all: an error if one could not do its work.
    pub(super) fn end(mut self) -> Result<()> {
        self.over.store(true, Ordering::SeqCst);
        self.threads.drain(..).try_for_each(joined)
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn joined(thread: JoinHandle<Result<()>>) -> Result<()> {
    thread.join().map_err(|_| anyhow!("a container's thread"))?
}

fn pause(over: &AtomicBool, length: Duration) {
    let step = Duration::from_millis(50);
    let mut left = length;
    while !over.load(Ordering::SeqCst) && !left.is_zero() {
        std::thread::sleep(step.min(left));
        left = left.saturating_sub(step);
    }
}
