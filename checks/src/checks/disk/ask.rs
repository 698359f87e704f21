//! How full file systems are. One that may never answer is asked by a process of its own, since who asks may never get to
//! its end, not even by a signal.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::frame::{Call, done};
use crate::output::{Outcome, Stop};
use crate::process;
use crate::state::State;

/// The hidden option of that process.
pub(super) const ASK: &str = "ask";

/// As `statvfs` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of a block.
    pub block: u64,
    /// Blocks there are.
    pub blocks: u64,
    /// Those free.
    pub free: u64,
    /// Those free for others than root.
    pub available: u64,
    /// Inodes there are; none where they are made as they are needed.
    pub inodes: u64,
    /// Those free.
    pub free_inodes: u64,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is this full.
    Usage(Usage),
    /// The path cannot be looked at, in the words of the system.
    Error(String),
    /// The path is there, and how full the file system is is not told.
    NoUsage,
    /// None.
    Silent,
}

impl Usage {
    /// Both together, in the blocks of this one.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let block = self.block.max(1);
        let blocks = |number: u64| {
            u64::try_from(u128::from(number) * u128::from(other.block) / u128::from(block))
                .unwrap_or(u64::MAX)
        };
        Self {
            block,
            blocks: self.blocks.saturating_add(blocks(other.blocks)),
            free: self.free.saturating_add(blocks(other.free)),
            available: self.available.saturating_add(blocks(other.available)),
            inodes: self.inodes.saturating_add(other.inodes),
            free_inodes: self.free_inodes.saturating_add(other.free_inodes),
        }
    }

    /// Of six numbers with blanks between.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split_ascii_whitespace().map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        let usage = Self {
            block: next()?,
            blocks: next()?,
            free: next()?,
            available: next()?,
            inodes: next()?,
            free_inodes: next()?,
        };
        next().is_none().then_some(usage)
    }

    fn line(&self) -> String {
        let Self { block, blocks, free, available, inodes, free_inodes } = self;
        format!("{block} {blocks} {free} {available} {inodes} {free_inodes}")
    }
}

/// Asks of each: a path that has to be there, the directory of its file system, and whether it may hang.
pub(super) fn ask(questions: &[(&str, &str, bool)], deadline: Deadline) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let others: Vec<_> = questions
            .iter()
            .map(|&(path, directory, may_hang)| {
                may_hang.then(|| scope.spawn(move || by_another(path, directory, deadline)))
            })
            .collect();
        let asked = questions.iter().zip(others);
        asked
            .map(|(&(path, directory, _), other)| match other {
                None => look(path, directory),
                Some(other) => other.join().unwrap_or(Answer::NoUsage),
            })
            .collect()
    })
}

fn look(path: &str, directory: &str) -> Answer {
    if let Err(errno) = rustix::fs::stat(path) {
        return Answer::Error(crate::words(&errno.into()));
    }
    match rustix::fs::statvfs(directory) {
        Ok(found) => Answer::Usage(Usage {
            block: if found.f_frsize == 0 { found.f_bsize } else { found.f_frsize },
            blocks: found.f_blocks,
            free: found.f_bfree,
            // What is reserved may be more than is free, which some file systems write as a negative number.
            available: if found.f_bavail >> 63 == 1 { 0 } else { found.f_bavail },
            inodes: found.f_files,
            free_inodes: found.f_ffree,
        }),
        Err(Errno::ACCESS | Errno::PERM) => Answer::NoUsage,
        Err(errno) => Answer::Error(crate::words(&errno.into())),
    }
}

fn by_another(path: &str, directory: &str, deadline: Deadline) -> Answer {
    let words = ["/proc/self/exe", "check_disk", "--ask", path, directory];
    match process::run(&words.map(OsString::from), deadline) {
        Err(process::Error::Expired) => Answer::Silent,
        Err(process::Error::System(error)) => Answer::Error(crate::words(&error)),
        Ok(finished) => {
            let text = OsString::from_vec(finished.stdout);
            let text = text.to_string_lossy();
            let text = text.trim_end();
            match (finished.code, Usage::parse(text)) {
                (Some(0), Some(usage)) => Answer::Usage(usage),
                (Some(1), _) => Answer::NoUsage,
                _ => Answer::Error(text.to_owned()),
            }
        }
    }
}

/// What the process says that [`by_another`] starts; nothing for any other call.
pub(super) fn answer(call: &Call) -> Option<Outcome> {
    let [option, path, directory] = call.args.as_slice() else { return None };
    if option.to_str()?.strip_prefix("--")? != ASK {
        return None;
    }
    Some(match look(path.to_str()?, directory.to_str()?) {
        Answer::Usage(usage) => done(State::Ok, usage.line()),
        Answer::Error(error) => Err(Stop::unknown(error)),
        Answer::NoUsage | Answer::Silent => done(State::Warning, ""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_file_system_come_back_as_they_went() {
        let usage = Usage { block: 4096, blocks: 9, free: 5, available: 4, inodes: 8, free_inodes: 7 };
        assert_eq!(Usage::parse(&usage.line()), Some(usage));
        for wrong in ["", "1 2 3 4 5", "1 2 3 4 5 6 7", "1 2 3 4 5 x", "-1 2 3 4 5 6"] {
            assert_eq!(Usage::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_of_a_group_are_added_in_blocks_of_the_first() {
        let one = Usage { block: 4096, blocks: 10, free: 5, available: 4, inodes: 8, free_inodes: 7 };
        let two = Usage { block: 1024, blocks: 8, free: 4, available: 4, inodes: 1, free_inodes: 1 };
        assert_eq!(
            one.and(&two),
            Usage { block: 4096, blocks: 12, free: 6, available: 5, inodes: 9, free_inodes: 8 }
        );
    }

    #[test]
    fn what_is_not_there_is_told_in_the_words_of_the_system() {
        assert_eq!(look("/no such place", "/"), Answer::Error("No such file or directory".to_owned()));
        assert!(matches!(look("/", "/"), Answer::Usage(usage) if usage.block > 0));
    }
}
