//! Asks mounts for their space on a thread that may be lost: who asks a mount that hangs never comes back.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// The most threads that hang at once. With more stuck mounts nothing new is asked.
const MAX_STUCK: usize = 16;
/// The most that is waited for all mounts of a scrape, in the time of one.
const SHARE: u32 = 4;

/// What a filesystem has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) size: u64,
    pub(super) free: u64,
    pub(super) available: u64,
    pub(super) files: u64,
    pub(super) files_free: u64,
}

/// Who asks, and what hangs.
#[derive(Debug, Default)]
pub(in crate::node) struct Mounts {
    asker: Option<Asker>,
    stuck: Vec<(PathBuf, Asker)>,
}

/// A thread that asks what it is told to.
#[derive(Debug)]
struct Asker {
    questions: SyncSender<PathBuf>,
    answers: Receiver<Option<Space>>,
}

impl Asker {
    fn start(ask: fn(&Path) -> Option<Space>) -> Option<Self> {
        let (questions, inbox) = sync_channel::<PathBuf>(1);
        let (outbox, answers) = sync_channel(1);
        let work = move || {
            while let Ok(path) = inbox.recv() {
                if outbox.send(ask(&path)).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("statfs".to_owned()).spawn(work).ok()?;
        Some(Self { questions, answers })
    }
}

impl Mounts {
    /// What each of these has; `None` for those that are stuck or refuse.
    pub(super) fn ask(&mut self, places: &[PathBuf], timeout: Duration) -> Vec<Option<Space>> {
        self.ask_by(places, timeout, statfs)
    }

    fn ask_by(
        &mut self,
        places: &[PathBuf],
        timeout: Duration,
        ask: fn(&Path) -> Option<Space>,
    ) -> Vec<Option<Space>> {
        self.take_back();
        let end = Instant::now() + timeout * SHARE;
        let one = |place: &PathBuf| {
            if self.stuck.iter().any(|(stuck, _)| stuck == place) || self.stuck.len() >= MAX_STUCK {
                return None;
            }
            let asker = self.asker.take().or_else(|| Asker::start(ask))?;
            asker.questions.send(place.clone()).ok()?;
            let patience = timeout.min(end.saturating_duration_since(Instant::now()));
            match asker.answers.recv_timeout(patience) {
                Ok(space) => {
                    self.asker = Some(asker);
                    space
                }
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!(mount = %place.display(), "the mount does not answer: not asked until it does");
                    self.stuck.push((place.clone(), asker));
                    None
                }
                Err(RecvTimeoutError::Disconnected) => None,
            }
        };
        places.iter().map(one).collect()
    }

    /// Those that came back are asked again.
    fn take_back(&mut self) {
        self.stuck.retain(|(place, asker)| {
            let hangs = asker.answers.try_recv() == Err(TryRecvError::Empty);
            if !hangs {
                tracing::info!(mount = %place.display(), "the mount answers again");
            }
            hangs
        });
    }
}

fn statfs(path: &Path) -> Option<Space> {
    let stat = rustix::fs::statfs(path).ok()?;
    let block = u64::try_from(stat.f_bsize).ok()?;
    Some(Space {
        size: stat.f_blocks.saturating_mul(block),
        free: stat.f_bfree.saturating_mul(block),
        available: stat.f_bavail.saturating_mul(block),
        files: stat.f_files,
        files_free: stat.f_ffree,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    const SPACE: Space = Space { size: 5, free: 4, available: 3, files: 2, files_free: 1 };
    static HANGS: Mutex<()> = Mutex::new(());

    fn hold() -> MutexGuard<'static, ()> {
        HANGS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(path: &Path) -> Option<Space> {
        match path.to_str()? {
            "/hangs" => drop(hold()),
            "/refuses" => return None,
            _ => {}
        }
        Some(SPACE)
    }

    #[test]
    fn what_hangs_is_not_asked_again_until_it_answers() {
        let places = ["/a", "/hangs", "/refuses", "/b"].map(PathBuf::from);
        let mut mounts = Mounts::default();
        let held = hold();
        for _ in 0..3 {
            let answers = mounts.ask_by(&places, Duration::from_millis(20), ask);
            assert_eq!(answers, [Some(SPACE), None, None, Some(SPACE)]);
            assert_eq!(mounts.stuck.len(), 1, "one thread for it, not one for each scrape");
        }
        drop(held);
        while mounts.ask_by(&places[1..2], Duration::from_secs(60), ask) != [Some(SPACE)] {
            std::thread::yield_now();
        }
        assert!(mounts.stuck.is_empty());
    }

    #[test]
    fn no_more_threads_hang_than_the_bound() {
        fn never(_: &Path) -> Option<Space> {
            loop {
                std::thread::park();
            }
        }
        let places: Vec<PathBuf> = (0..MAX_STUCK + 5).map(|n| format!("/{n}").into()).collect();
        let mut mounts = Mounts::default();
        for _ in 0..3 {
            let answers = mounts.ask_by(&places, Duration::from_millis(1), never);
            assert!(answers.iter().all(Option::is_none));
            assert_eq!(mounts.stuck.len(), MAX_STUCK);
        }
    }
}
