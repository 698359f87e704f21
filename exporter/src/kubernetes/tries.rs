//! How something is asked for at the API server, and how long it is waited after an error until it is tried again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use kube::runtime::watcher;
use tokio::time::{Instant, Sleep, sleep};

use super::client::KubernetesError;
use super::pauses::Pauses;

/// The tries to follow something, one after the other.
pub(super) struct Tries {
    /// What is followed, as the log calls it.
    what: &'static str,
    pauses: Pauses,
    begun: Instant,
    /// The error that was told last.
    told: String,
    /// Whether the server may know how to begin a watch with what there is.
    streams: bool,
}

impl Tries {
    pub(super) fn new(what: &'static str, longest: Duration) -> Self {
        let (pauses, told) = (Pauses::new(longest), String::new());
        Self { what, pauses, begun: Instant::now(), told, streams: true }
    }

    /// One begins.
    pub(super) fn begin(&mut self) {
        self.begun = Instant::now();
    }

    /// Whether this one is to begin with what there is, without a list.
    pub(super) const fn streams(&self) -> bool {
        self.streams
    }

    /// It ended so, after it had come to be followed (`up`) or before: how long to wait until the next; `None` if that begins
    /// at once, in another way, and nothing is wrong.
    pub(super) fn after(&mut self, error: &KubernetesError, up: bool) -> Option<Sleep> {
        if self.streams && error.refuses_streaming() {
            self.streams = false;
            return None;
        }
        let text = error.to_string();
        if error.is_expiry() {
            tracing::debug!(error = text, "the {} are listed anew", self.what);
        } else if up || self.told != text {
            tracing::warn!(error = text, "the {} are not followed", self.what);
            self.told = text;
        }
        Some(sleep(self.pauses.after(self.begun.elapsed(), random())))
    }
}

/// How a watch is asked for.
pub(super) fn configured(streams: bool) -> watcher::Config {
    let config = watcher::Config {
        // From the server's memory, not from its database: without a size of a page, with which it would not do so.
        page_size: None,
        ..watcher::Config::default().any_semantic()
    };
    if streams { config.streaming_lists() } else { config }
}

/// From 0 to 1.
fn random() -> f64 {
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_nodes_wait_alike() {
        let randoms: Vec<_> = (0..64).map(|_| random()).collect();
        assert!(randoms.iter().all(|random| (0.0..1.0).contains(random)), "{randoms:?}");
        assert!(randoms.iter().any(|random| *random != randoms[0]), "{randoms:?}");
    }
}
