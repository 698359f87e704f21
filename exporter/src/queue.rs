//! What waits on disk until another host has it: a file each, in a directory of their own, in the order in which they came.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The system's word.
    #[error("{path}: {error}")]
    System {
        /// Of which file.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
    /// Another process, or another queue of this one, has what is there.
    #[error("{0}: in use by another process")]
    InUse(PathBuf),
}

/// How much may wait; beyond either the oldest go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Files.
    pub(crate) items: usize,
    /// What is in them.
    pub(crate) bytes: u64,
}

/// The directory, and what is in it.
#[derive(Debug)]
pub(crate) struct Queue {
    directory: PathBuf,
    extension: &'static str,
    /// By number, and how many bytes each has.
    waiting: VecDeque<(u64, u64)>,
    bytes: u64,
    next: u64,
    bounds: Bounds,
    /// Held while the queue is in use.
    _lock: File,
}

impl Queue {
    /// Opens the directory, made if it is not there, with what an earlier process left in it; the files have this extension.
    pub(crate) fn open(
        directory: &Path,
        extension: &'static str,
        bounds: Bounds,
    ) -> Result<Self, QueueError> {
        let at = |error| QueueError::System { path: directory.to_owned(), error };
        fs::create_dir_all(directory).map_err(at)?;
        let path = directory.join("lock");
        let lock =
            File::options().create(true).append(true).open(&path).map_err(|error| wrong(&path, error))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| QueueError::InUse(directory.to_owned()))?;
        let mut waiting = Vec::new();
        for entry in fs::read_dir(directory).map_err(at)? {
            let entry = entry.map_err(at)?;
            let path = entry.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(found) if found == extension => {
                    let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
                    let length = entry.metadata().map_err(|error| wrong(&path, error))?.len();
                    waiting.extend(number.map(|number| (number, length)));
                }
                // It was not whole when its writer ended.
                Some("new") => fs::remove_file(&path).map_err(|error| wrong(&path, error))?,
                _ => {}
            }
        }
        waiting.sort_unstable();
        let next = waiting.last().map_or(0, |(last, _)| last + 1);
        let bytes = waiting.iter().map(|(_, length)| length).sum();
        let directory = directory.to_owned();
        Ok(Self { directory, extension, waiting: waiting.into(), bytes, next, bounds, _lock: lock })
    }

    /// One more, on disk when this returns. Beyond the bounds the oldest go, and are given back; so is one that is larger
    /// than all may be together.
    pub(crate) fn push(&mut self, item: &[u8]) -> Result<Vec<Vec<u8>>, QueueError> {
        let length = item.len() as u64;
        if length > self.bounds.bytes {
            return Ok(vec![item.to_vec()]);
        }
        let mut dropped = Vec::new();
        while self.waiting.len() >= self.bounds.items.max(1) || self.bytes + length > self.bounds.bytes {
            let Some((oldest, _)) = self.waiting.front().copied() else { break };
            dropped.push(fs::read(self.path(oldest)).unwrap_or_default());
            self.remove(oldest)?;
        }
        let (path, new) = (self.path(self.next), self.path(self.next).with_extension("new"));
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(item)?;
            file.sync_all()
        });
        written.map_err(|error| wrong(&new, error))?;
        fs::rename(&new, &path).map_err(|error| wrong(&path, error))?;
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| wrong(&self.directory, error))?;
        self.waiting.push_back((self.next, length));
        self.bytes += length;
        self.next += 1;
        Ok(dropped)
    }

    /// The oldest, by its number.
    pub(crate) fn first(&mut self) -> Result<Option<(u64, Vec<u8>)>, QueueError> {
        while let Some((number, _)) = self.waiting.front().copied() {
            let path = self.path(number);
            match fs::read(&path) {
                Ok(item) => return Ok(Some((number, item))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.forget(number),
                Err(error) => return Err(wrong(&path, error)),
            }
        }
        Ok(None)
    }

    /// It has arrived. One that went meanwhile is as good.
    pub(crate) fn remove(&mut self, number: u64) -> Result<(), QueueError> {
        let path = self.path(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(wrong(&path, error)),
            _ => {
                self.forget(number);
                Ok(())
            }
        }
    }

    fn forget(&mut self, number: u64) {
        // Almost always the first.
        if let Some(at) = self.waiting.iter().position(|(waiting, _)| *waiting == number)
            && let Some((_, length)) = self.waiting.remove(at)
        {
            self.bytes -= length;
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:020}.{}", self.extension))
    }
}

fn wrong(path: &Path, error: io::Error) -> QueueError {
    QueueError::System { path: path.to_owned(), error }
}

/// A queue that several put into, and one waits for.
#[derive(Debug)]
pub(crate) struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    closed: bool,
}

impl Waiting {
    pub(crate) fn new(queue: Queue) -> Self {
        Self { state: Mutex::new(State { queue, closed: false }), changed: Condvar::new() }
    }

    /// One more; gives back what had to go for it.
    pub(crate) fn push(&self, item: &[u8]) -> Result<Vec<Vec<u8>>, QueueError> {
        let dropped = self.lock().queue.push(item)?;
        self.changed.notify_all();
        Ok(dropped)
    }

    /// The oldest, when there is one; none once the queue is closed and empty.
    pub(crate) fn first(&self) -> Result<Option<(u64, Vec<u8>)>, QueueError> {
        let mut state = self.lock();
        loop {
            if let Some(first) = state.queue.first()? {
                return Ok(Some(first));
            }
            if state.closed {
                return Ok(None);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn remove(&self, number: u64) -> Result<(), QueueError> {
        self.lock().queue.remove(number)
    }

    /// How many wait, and how many bytes they have.
    pub(crate) fn size(&self) -> (usize, u64) {
        let queue = &self.lock().queue;
        (queue.waiting.len(), queue.bytes)
    }

    /// Other bounds, which hold from the next push on.
    pub(crate) fn bound(&self, bounds: Bounds) {
        self.lock().queue.bounds = bounds;
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits so long, or until the queue is closed; whether it is.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return state.closed;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const MANY: Bounds = Bounds { items: 100, bytes: 1 << 20 };

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("plimsoll-queue-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        directory
    }

    fn drain(queue: &mut Queue) -> Vec<String> {
        let mut all = Vec::new();
        while let Some((number, item)) = queue.first().unwrap() {
            all.push(String::from_utf8(item).unwrap());
            queue.remove(number).unwrap();
        }
        all
    }

    #[test]
    fn what_waits_outlives_the_process_in_its_order() {
        let place = directory("order");
        let mut queue = Queue::open(&place, "json", MANY).unwrap();
        for number in 0..12 {
            assert_eq!(queue.push(number.to_string().as_bytes()).unwrap(), Vec::<Vec<u8>>::new());
        }
        assert!(matches!(Queue::open(&place, "json", MANY), Err(QueueError::InUse(_))));
        let (first, _) = queue.first().unwrap().unwrap();
        queue.remove(first).unwrap();
        drop(queue);
        // One that its writer did not come to an end with, and what is none of ours.
        fs::write(place.join("00000000000000000012.new"), "half").unwrap();
        fs::write(place.join("notes.txt"), "x").unwrap();
        let mut queue = Queue::open(&place, "json", MANY).unwrap();
        assert_eq!((queue.waiting.len(), queue.bytes), (11, 9 + 2 * 2));
        queue.push(b"12").unwrap();
        assert_eq!(drain(&mut queue), (1..=12).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!((queue.waiting.len(), queue.bytes), (0, 0));
        assert!(place.join("notes.txt").exists());
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn beyond_the_bounds_the_oldest_go_and_are_given_back() {
        let place = directory("bound");
        let mut queue = Queue::open(&place, "json", Bounds { items: 3, bytes: 10 }).unwrap();
        let mut dropped = Vec::new();
        for item in ["a", "b", "c", "d", "123456789", "0", "12345678901"] {
            dropped.extend(queue.push(item.as_bytes()).unwrap());
        }
        let dropped: Vec<_> = dropped.iter().map(|item| String::from_utf8_lossy(item)).collect();
        assert_eq!(dropped, ["a", "b", "c", "d", "12345678901"], "a fourth, too many bytes, one too large");
        assert_eq!(queue.bytes, 10);
        assert_eq!(drain(&mut queue), ["123456789", "0"]);
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_closed_queue_is_emptied_and_nobody_waits_for_it() {
        let place = directory("closed");
        let waiting = Arc::new(Waiting::new(Queue::open(&place, "json", MANY).unwrap()));
        let other = Arc::clone(&waiting);
        let taker = std::thread::spawn(move || {
            let mut taken = Vec::new();
            while let Some((number, item)) = other.first().unwrap() {
                taken.push(item);
                other.remove(number).unwrap();
            }
            taken
        });
        waiting.push(b"x").unwrap();
        waiting.close();
        assert_eq!(taker.join().unwrap(), [b"x"]);
        assert!(waiting.pause(Duration::from_secs(3600)), "closed");
        assert_eq!(waiting.size(), (0, 0));
        fs::remove_dir_all(place).unwrap();
    }
}
