//! Results that wait for Icinga: a file each, in a directory of their own, in the order in which they came.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};

/// Why results cannot be kept.
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
    /// Another process hands over what is there.
    #[error("{0}: in use by another process")]
    InUse(PathBuf),
}

/// The directory, and what is in it.
#[derive(Debug)]
pub(super) struct Queue {
    directory: PathBuf,
    waiting: VecDeque<u64>,
    next: u64,
    max: usize,
    dropped: u64,
    /// Held while the queue is in use.
    _lock: File,
}

impl Queue {
    /// Opens the directory, made if it is not there, with what an earlier process left in it.
    pub(super) fn open(directory: &Path, max: usize) -> Result<Self, QueueError> {
        let at = |error| QueueError::System { path: directory.to_owned(), error };
        fs::create_dir_all(directory).map_err(at)?;
        let path = directory.join("lock");
        let lock =
            File::options().create(true).append(true).open(&path).map_err(|error| wrong(&path, error))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| QueueError::InUse(directory.to_owned()))?;
        let mut waiting = Vec::new();
        for entry in fs::read_dir(directory).map_err(at)? {
            let path = entry.map_err(at)?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => {
                    waiting.extend(path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()))
                }
                // It was not whole when its writer ended.
                Some("new") => fs::remove_file(&path).map_err(|error| wrong(&path, error))?,
                _ => {}
            }
        }
        waiting.sort_unstable();
        let next = waiting.last().map_or(0, |last| last + 1);
        Ok(Self {
            directory: directory.to_owned(),
            waiting: waiting.into(),
            next,
            max,
            dropped: 0,
            _lock: lock,
        })
    }

    /// One more, on disk when this returns. Beyond the bound the oldest goes.
    pub(super) fn push(&mut self, result: &[u8]) -> Result<(), QueueError> {
        while self.waiting.len() >= self.max.max(1) {
            let Some(oldest) = self.waiting.front().copied() else { break };
            self.remove(oldest)?;
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                tracing::error!(
                    dropped = self.dropped,
                    "the oldest results are lost: more than max_results wait"
                );
            }
        }
        let (path, new) = (self.path(self.next), self.path(self.next).with_extension("new"));
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(result)?;
            file.sync_all()
        });
        written.map_err(|error| wrong(&new, error))?;
        fs::rename(&new, &path).map_err(|error| wrong(&path, error))?;
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| wrong(&self.directory, error))?;
        self.waiting.push_back(self.next);
        self.next += 1;
        Ok(())
    }

    /// The oldest, by its number.
    pub(super) fn first(&mut self) -> Result<Option<(u64, Vec<u8>)>, QueueError> {
        while let Some(number) = self.waiting.front().copied() {
            let path = self.path(number);
            match fs::read(&path) {
                Ok(result) => return Ok(Some((number, result))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => drop(self.waiting.pop_front()),
                Err(error) => return Err(wrong(&path, error)),
            }
        }
        Ok(None)
    }

    /// It has arrived. One that went meanwhile is as good.
    pub(super) fn remove(&mut self, number: u64) -> Result<(), QueueError> {
        let path = self.path(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(&path, error)),
            _ => self.waiting.retain(|waiting| *waiting != number),
        }
        Ok(())
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:020}.json"))
    }
}

fn wrong(path: &Path, error: io::Error) -> QueueError {
    QueueError::System { path: path.to_owned(), error }
}

/// A queue that several put into, and one waits for.
#[derive(Debug)]
pub(super) struct Waiting {
    queue: Mutex<Queue>,
    more: Condvar,
}

impl Waiting {
    pub(super) fn new(queue: Queue) -> Self {
        Self { queue: Mutex::new(queue), more: Condvar::new() }
    }

    pub(super) fn push(&self, result: &[u8]) -> Result<(), QueueError> {
        self.lock().push(result)?;
        self.more.notify_one();
        Ok(())
    }

    /// The oldest, when there is one.
    pub(super) fn first(&self) -> Result<(u64, Vec<u8>), QueueError> {
        let mut queue = self.lock();
        loop {
            if let Some(first) = queue.first()? {
                return Ok(first);
            }
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn remove(&self, number: u64) -> Result<(), QueueError> {
        self.lock().remove(number)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("plimsoll-queue-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        directory
    }

    fn drain(queue: &mut Queue) -> Vec<String> {
        let mut all = Vec::new();
        while let Some((number, result)) = queue.first().unwrap() {
            all.push(String::from_utf8(result).unwrap());
            queue.remove(number).unwrap();
        }
        all
    }

    #[test]
    fn what_waits_outlives_the_process_in_its_order() {
        let place = directory("order");
        let mut queue = Queue::open(&place, 100).unwrap();
        for number in 0..12 {
            queue.push(number.to_string().as_bytes()).unwrap();
        }
        assert!(matches!(Queue::open(&place, 100), Err(QueueError::InUse(_))));
        let (first, _) = queue.first().unwrap().unwrap();
        queue.remove(first).unwrap();
        drop(queue);
        // One that its writer did not come to an end with, and what is none of ours.
        fs::write(place.join("00000000000000000012.new"), "half").unwrap();
        fs::write(place.join("notes.txt"), "x").unwrap();
        let mut queue = Queue::open(&place, 100).unwrap();
        queue.push(b"12").unwrap();
        assert_eq!(queue.len(), 12);
        assert_eq!(drain(&mut queue), (1..=12).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!(queue.len(), 0);
        assert!(place.join("notes.txt").exists());
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn beyond_the_bound_the_oldest_go() {
        let place = directory("bound");
        let mut queue = Queue::open(&place, 3).unwrap();
        for number in 0..5 {
            queue.push(number.to_string().as_bytes()).unwrap();
        }
        assert_eq!(queue.dropped, 2);
        assert_eq!(drain(&mut queue), ["2", "3", "4"]);
        fs::remove_dir_all(place).unwrap();
    }
}
