//! How something is asked for at the API server, and how long it is waited after an error until it is tried again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use kube::runtime::watcher;
use tokio::time::{Instant, Sleep, sleep};

use super::client::KubernetesError;

/// The tries to follow something, one after the other.
pub(super) struct Tries {
    /// What is followed, as the log calls it.
    what: &'static str,
    shortest: Duration,
    longest: Duration,
    pause: Duration,
    begun: Instant,
    /// The error that was told last.
    told: String,
    /// Whether the server may know how to begin a watch with what there is.
    streams: bool,
}

/// The first pause after something went wrong.
const PAUSE: Duration = Duration::from_secs(1);
/// What held so long was good.
const HELD: Duration = Duration::from_secs(60);

impl Tries {
    pub(super) fn new(what: &'static str, longest: Duration) -> Self {
        let shortest = PAUSE.min(longest);
        let told = String::new();
        Self { what, shortest, longest, pause: shortest, begun: Instant::now(), told, streams: true }
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
        if self.begun.elapsed() >= HELD {
            self.pause = self.shortest;
        }
        let pause = jittered(self.pause);
        self.pause = (self.pause * 2).min(self.longest);
        Some(sleep(pause))
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

/// Between half and one and a half of it, so that not all nodes of a cluster come back at once.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    pause.mul_f64(0.5 + (random >> 11) as f64 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ() {
        let second = Duration::from_secs(1);
        let pauses: Vec<_> = (0..64).map(|_| jittered(second)).collect();
        assert!(pauses.iter().all(|pause| (second / 2..second * 3 / 2).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    }
}
