//! Container runtimes by their own interfaces: what they say of containers goes into identity's directory.
//!
//! One thread follows all of them, and nobody waits for it: a socket that hangs, restarts, answers nonsense or refuses
//! costs the labels that only it knows. Each is tried again, ever more rarely, and says in a metric whether it is there.

mod client;
mod cri;
mod docker;
mod grpc;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub use cri::{
    parse_event as parse_cri_event, parse_sandboxes as parse_cri_sandboxes, parse_status as parse_cri_status,
};
pub use docker::{Event, Inspected, Named, parse_containers, parse_event, parse_image, parse_inspected};

use crate::identity::state::Details;
use crate::identity::{Directory, Runtime, Status};
use crate::telemetry::registered;

/// A runtime's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Whose it is.
    pub runtime: Runtime,
    /// Where it is.
    pub path: PathBuf,
}

/// What a runtime says of a container.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// What it is.
    Is(String, Box<Details>),
    /// How it is, as far as it is said anew.
    Does(String, Runtime, Status),
}

/// What is said of runtimes.
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    up: IntGaugeVec,
    failures: IntCounterVec,
}

/// Where runtimes have their sockets below the host's root.
const USUAL: [(Runtime, &str); 5] = [
    (Runtime::Docker, "run/docker.sock"),
    (Runtime::Podman, "run/podman/podman.sock"),
    (Runtime::Containerd, "run/containerd/containerd.sock"),
    (Runtime::Containerd, "run/k3s/containerd/containerd.sock"),
    (Runtime::CriO, "run/crio/crio.sock"),
];

/// The pauses between one try and the next, the shortest and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A connection that held so long was a good one.
const HELD: Duration = Duration::from_secs(60);

/// The sockets at their usual places, but those of runtimes that have one in `given`; and the given ones.
pub fn sockets(rootfs: &Path, usual: bool, given: &[Socket]) -> Vec<Socket> {
    let unnamed = |(runtime, _): &&(Runtime, &str)| given.iter().all(|socket| socket.runtime != *runtime);
    let places = USUAL.iter().filter(|_| usual).filter(unnamed);
    let places = places.map(|(runtime, path)| Socket { runtime: *runtime, path: rootfs.join(path) });
    places.chain(given.iter().cloned()).collect()
}

/// Follows these runtimes, on a thread of its own, for as long as the process lives.
pub fn follow(
    sockets: Vec<Socket>,
    directory: Arc<Directory>,
    metrics: RuntimeMetrics,
) -> std::io::Result<()> {
    for socket in &sockets {
        // One that is there will answer in a moment: what runs already has its labels from it, too.
        if socket.path.exists() {
            directory.follows(socket.runtime, &socket.path, true);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let all = async move {
        let mut running = JoinSet::new();
        for socket in sockets {
            running.spawn(keep_following(socket, Arc::clone(&directory), metrics.clone(), PAUSES));
        }
        while running.join_next().await.is_some() {}
    };
    std::thread::Builder::new().name("runtimes".to_owned()).spawn(move || runtime.block_on(all))?;
    Ok(())
}

impl RuntimeMetrics {
    /// Registers them. It fails only if a name here is wrong, or there twice.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let up = Opts::new(
            "plimsoll_runtime_up",
            "Whether a container runtime is followed by its socket; absent where no socket was found.",
        );
        let failures = Opts::new(
            "plimsoll_runtime_failures_total",
            "Connections to a container runtime that could not be made, broke, hung or made no sense.",
        );
        Ok(Self {
            up: registered(registry, IntGaugeVec::new(up, &["runtime"])?)?,
            failures: registered(registry, IntCounterVec::new(failures, &["runtime"])?)?,
        })
    }

    /// Makes the series of a runtime.
    pub fn found(&self, runtime: Runtime) {
        self.set(runtime, false);
        self.failures.with_label_values(&[runtime.as_str()]);
    }

    fn set(&self, runtime: Runtime, up: bool) {
        self.up.with_label_values(&[runtime.as_str()]).set(up.into());
    }
}

impl Word {
    fn tell(self, directory: &Directory) {
        match self {
            Self::Is(id, details) => directory.tell(id, *details),
            Self::Does(id, runtime, status) => directory.tell_status(&id, runtime, status),
        }
    }
}

async fn keep_following(
    socket: Socket,
    directory: Arc<Directory>,
    metrics: RuntimeMetrics,
    pauses: (Duration, Duration),
) {
    let Socket { runtime, path } = socket;
    let mut pause = pauses.0;
    let (mut found, mut told) = (false, String::new());
    loop {
        let begun = Instant::now();
        let mut up = false;
        let tell = |words: Vec<Word>| {
            if !std::mem::replace(&mut up, true) {
                tracing::info!(runtime = runtime.as_str(), socket = %path.display(), "following the runtime");
                metrics.found(runtime);
                metrics.set(runtime, true);
                directory.follows(runtime, &path, true);
            }
            words.into_iter().for_each(|word| word.tell(&directory));
        };
        let Err(error) = match runtime.speaks_cri() {
            true => cri::follow(&path, runtime, &directory, tell).await,
            false => docker::follow(&path, runtime, tell).await,
        };
        directory.follows(runtime, &path, false);
        // Most hosts have one runtime at most: a socket that never was there is no failure.
        found |= !error.is_absence();
        if found {
            metrics.set(runtime, false);
            metrics.failures.with_label_values(&[runtime.as_str()]).inc();
            let error = error.to_string();
            if up || told != error {
                let socket = path.display();
                tracing::warn!(runtime = runtime.as_str(), %socket, error, "the runtime is not followed");
                told = error;
            }
        }
        pause = if begun.elapsed() >= HELD { pauses.0 } else { pause };
        sleep(pause).await;
        pause = (pause * 2).min(pauses.1);
    }
}

#[cfg(test)]
mod tests;
