//! Which processes are meant.

use crate::processes::{Process, Wants};
use crate::regex::Regex;

/// One thing that is asked of a process.
#[derive(Debug)]
pub enum Filter {
    /// This stands in its state.
    State(String),
    /// It is a child of this one.
    Parent(u64),
    /// It runs as this user.
    User(u32),
    /// KiB of address space.
    Vsz(u64),
    /// KiB of memory.
    Rss(u64),
    /// Percent of a CPU.
    Cpu(f64),
    /// Seconds of age.
    Elapsed(u64),
    /// This stands in its arguments.
    Args(String),
    /// Its arguments match.
    Regex(Regex),
    /// Its name.
    Command(String),
    /// Its name is none of these.
    Others(Vec<String>),
    /// It is no thread of the kernel.
    NoKernel,
    /// It is in no container.
    NoContainers,
    /// It is in this one.
    Container(String),
}

/// All of them, and the words that the line tells them in.
#[derive(Debug, Default)]
pub struct Filters {
    asked: Vec<Filter>,
    words: Vec<String>,
}

impl Filters {
    /// One more. Of names, strings and states the first is kept, of numbers the last, as in 2.x.
    pub fn add(&mut self, filter: Filter, words: String) {
        let kind = std::mem::discriminant(&filter);
        match self.asked.iter_mut().find(|asked| std::mem::discriminant(*asked) == kind) {
            None => self.asked.push(filter),
            Some(_) if filter.is_text() => return,
            Some(asked) => *asked = filter,
        }
        self.words.push(words);
    }

    /// One more, of which the line says nothing.
    pub fn hide(&mut self, filter: Filter) {
        self.asked.push(filter);
    }

    /// Whether a process is meant.
    pub fn take(&self, process: &Process) -> bool {
        self.asked.iter().all(|filter| filter.takes(process))
    }

    /// What has to be known of each process.
    pub fn wants(&self) -> Wants {
        let any = |wanted: fn(&Filter) -> bool| self.asked.iter().any(wanted);
        Wants {
            args: any(|filter| matches!(filter, Filter::Args(_) | Filter::Regex(_))),
            locked: any(|filter| matches!(filter, Filter::State(_))),
            container: any(|filter| matches!(filter, Filter::NoContainers | Filter::Container(_))),
        }
    }

    /// ` with …`, if anything is asked.
    pub fn words(&self) -> String {
        if self.words.is_empty() { String::new() } else { format!(" with {}", self.words.join(", ")) }
    }
}

impl Filter {
    const fn is_text(&self) -> bool {
        matches!(self, Self::State(_) | Self::Args(_) | Self::Command(_) | Self::Others(_))
    }

    fn takes(&self, process: &Process) -> bool {
        let named = |name: &str| process.command == name || first_word(&process.command) == name;
        match self {
            Self::State(flags) => process.state.contains(flags.as_str()),
            Self::Parent(parent) => u64::from(process.parent) == *parent,
            Self::User(uid) => process.uid == *uid,
            Self::Vsz(kib) => process.sizes[0] >= *kib,
            Self::Rss(kib) => process.sizes[1] >= *kib,
            Self::Cpu(percent) => process.cpu >= *percent,
            Self::Elapsed(seconds) => process.elapsed.0 >= *seconds,
            Self::Args(text) => process.args.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(process.args.as_bytes()),
            Self::Command(name) => named(name),
            Self::Others(names) => !names.iter().any(|name| named(name)),
            Self::NoKernel => !process.kernel,
            Self::NoContainers => process.container.is_none(),
            Self::Container(name) => process.container.as_ref().is_some_and(|id| is_container(id, name)),
        }
    }
}

/// The name that 2.x makes of one: of its 15 bytes that `ps` shows the first word, after the last `/`. `tmux: server` is
/// `tmux:`, and `kworker/0:1` is `0:1`.
pub fn first_word(command: &str) -> &str {
    let shown = command.char_indices().nth(15).map_or(command, |(end, _)| &command[..end]);
    let word = shown.split_ascii_whitespace().next().unwrap_or_default();
    word.rsplit('/').find(|part| !part.is_empty()).unwrap_or(word)
}

/// A container's name, or the beginning of its id: no less than `docker ps` shows would be certain, and less is up to the user.
fn is_container(id: &str, name: &str) -> bool {
    let long = id.len() == 64 && !name.is_empty();
    id == name || (long && id.starts_with(name))
}
