//! The configuration file, read again while everything runs.
//!
//! A new file is validated whole before any of it counts, and nothing is stopped for it. A bad one leaves what was in
//! force as it is.

mod web;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::web::Keeper;
use crate::config::file::{FileConfig, FileError};
use crate::http::{Reload, ReloadError};
use crate::telemetry::ConfigMetrics;

/// Reads the file again and puts it in force.
pub struct Reloader {
    path: PathBuf,
    taken: BTreeSet<&'static str>,
    metrics: ConfigMetrics,
    /// One at a time, so that what is read last is what stays in force.
    apply: Mutex<Apply>,
}

/// Puts a configuration in force.
pub type Apply = Box<dyn Fn(FileConfig) + Send>;

/// Why what was in force before still is.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct NotReloaded {
    path: PathBuf,
    source: FileError,
}

impl Reloader {
    /// For the file at `path`, which was read and put in force a moment ago.
    pub fn new(path: PathBuf, taken: BTreeSet<&'static str>, metrics: ConfigMetrics, apply: Apply) -> Self {
        metrics.read(true);
        Self { path, taken, metrics, apply: Mutex::new(apply) }
    }

    /// Reads the file, and puts it in force if it is valid.
    pub fn read(&self) -> Result<(), NotReloaded> {
        let apply = self.apply.lock().unwrap_or_else(PoisonError::into_inner);
        let read = FileConfig::load(&self.path, &self.taken);
        self.metrics.read(read.is_ok());
        match read {
            Ok(config) => {
                apply(config);
                tracing::info!(file = %self.path.display(), "configuration read again");
                Ok(())
            }
            Err(source) => {
                let error = NotReloaded { path: self.path.clone(), source };
                tracing::error!(%error, "the configuration in force stays as it was");
                Err(error)
            }
        }
    }

    /// A thread that reads the file whenever it is told to. One word that waits is enough: the file is read after it.
    pub fn on_request(self: Arc<Self>) -> std::io::Result<SyncSender<()>> {
        let (ask, asked): (_, Receiver<()>) = sync_channel(1);
        let work = move || {
            for () in asked {
                // It is in the log and in a metric.
                let _ = self.read();
            }
        };
        std::thread::Builder::new().name("reload".to_owned()).spawn(work)?;
        Ok(ask)
    }
}

impl Reload for Reloader {
    fn reload(&self) -> Result<(), ReloadError> {
        Ok(self.read()?)
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use prometheus::Registry;

    use super::*;

    #[test]
    fn a_bad_file_changes_nothing_and_a_good_one_counts_at_once() {
        let path = std::env::temp_dir().join(format!("plimsoll-reload-{}.yml", std::process::id()));
        let registry = Registry::new();
        let metrics = ConfigMetrics::new(&registry).expect("valid");
        let (applied, seen) = channel();
        let apply = Box::new(move |config: FileConfig| {
            let _ = applied.send(config.labelling.rules.len());
        });
        let reloader = Reloader::new(path.clone(), BTreeSet::new(), metrics, apply);
        let value = |at: usize| registry.gather()[at].get_metric()[0].get_gauge().get_value();
        let started = value(0);
        assert_eq!((started > 0.0, value(1)), (true, 1.0), "by name: when, and whether");
        std::fs::write(&path, "labels: [{constant: x}]\n").expect("written");
        let error = reloader.read().expect_err("bad").to_string();
        assert_eq!(
            error,
            format!("{}: line 1, column 21: labels[0].as: is missing: the name of the label", path.display())
        );
        assert_eq!((seen.try_recv().ok(), value(0), value(1)), (None, started, 0.0));
        std::fs::write(&path, "labels: [{constant: x, as: a}]\n").expect("written");
        reloader.reload().expect("good");
        assert_eq!((seen.try_recv().ok(), value(1)), (Some(1), 1.0));
        let ask = Arc::new(reloader).on_request().expect("a thread");
        ask.send(()).expect("it runs");
        assert_eq!(seen.recv().ok(), Some(1));
        std::fs::remove_file(&path).expect("removed");
    }
}
