//! The processes of this host, from procfs, as `ps` shows them.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;

use crate::deadline::{Deadline, Expired};
use crate::output::Stop;

pub mod container;

/// What stands above the lines.
pub const HEAD: &str = "STAT   UID   PID  PPID    VSZ   RSS %CPU     ELAPSED COMMAND         COMMAND";

/// One of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// The letter of its state and what `ps` puts after it.
    pub state: String,
    /// Who it runs as.
    pub uid: u32,
    /// Its number.
    pub pid: u32,
    /// That of its parent.
    pub parent: u32,
    /// Whether it is a thread of the kernel.
    pub kernel: bool,
    /// KiB of address space, and of memory.
    pub sizes: [u64; 2],
    /// CPU time in percent of the time since it began, in whole tenths.
    pub cpu: f64,
    /// Since it began.
    pub elapsed: Elapsed,
    /// Its name.
    pub command: String,
    /// Its arguments, if they were asked for.
    pub args: String,
    /// The container it is in, if that was asked for.
    pub container: Option<String>,
}

/// Seconds, written as `[[D-]HH:]MM:SS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed(pub u64);

/// What is read beyond the one file that has most of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The arguments.
    pub args: bool,
    /// Whether pages are locked in memory, an `L` of the state.
    pub locked: bool,
    /// The container.
    pub container: bool,
}

/// What of a host's constants a process' numbers are in.
#[derive(Clone, Copy, Debug)]
pub struct Units {
    /// Of each second.
    pub ticks: u64,
    /// Of each page.
    pub page_kib: u64,
    /// Seconds the host is up.
    pub uptime: u64,
}

/// Why there are none to show.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The time is over.
    #[error("timed out")]
    Expired(#[from] Expired),
    /// The system's word.
    #[error("{path}: {}", crate::words(.error))]
    Unreadable {
        /// Of what.
        path: &'static str,
        /// The word.
        error: io::Error,
    },
}

/// The most that is kept of a process' arguments.
const MOST: u64 = 1 << 20;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Expired(_) => Self::Timeout,
            error => Self::unknown(error.to_string()),
        }
    }
}

impl Process {
    /// One line under [`HEAD`].
    pub fn line(&self) -> String {
        let Self { state, uid, pid, parent, sizes: [address, resident], cpu, elapsed, command, args, .. } =
            self;
        format!(
            "{state:<4} {uid:>5} {pid:>5} {parent:>5} {address:>6} {resident:>5} {cpu:>4.1} {:>11} {command:<15} {args}",
            elapsed.to_string()
        )
    }

    /// `/proc/PID/stat` as in proc(5).
    pub fn parse(stat: &str, locked: bool, units: Units) -> Option<Self> {
        let (before, after) = stat.rsplit_once(')')?;
        let (pid, command) = before.split_once(" (")?;
        let pid: u32 = pid.parse().ok()?;
        // The first here is the third of the manual.
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
        let whole = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let (group, session, terminal_group, nice) = (number(5)?, number(6)?, number(8)?, number(19)?);
        let mut state = (*fields.first()?).to_owned();
        for (flag, set) in [
            ('<', nice < 0),
            ('N', nice > 0),
            ('L', locked),
            ('s', session == i64::from(pid)),
            ('l', number(20)? > 1),
            ('+', terminal_group == group),
        ] {
            state.extend(set.then_some(flag));
        }
        let elapsed = units.uptime.saturating_sub(whole(22)? / units.ticks.max(1));
        let used = whole(14)?.saturating_add(whole(15)?).saturating_mul(1000) / units.ticks.max(1);
        Some(Self {
            state,
            pid,
            parent: u32::try_from(number(4)?).ok()?,
            kernel: whole(9)? & KERNEL_THREAD != 0,
            sizes: [whole(23)? / 1024, u64::try_from(number(24)?).ok()?.saturating_mul(units.page_kib)],
            cpu: used.checked_div(elapsed).unwrap_or(0) as f64 / 10.0,
            elapsed: Elapsed(elapsed),
            command: command.to_owned(),
            ..Self::default()
        })
    }

    /// With the arguments, each of which has a NUL after it; a process without any is shown by its name.
    #[must_use]
    pub fn with_args(mut self, args: &[u8]) -> Self {
        let words = args.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let args = words.collect::<Vec<_>>().join(" ");
        self.args = match args.trim_end() {
            "" if self.state.starts_with('Z') => format!("[{}] <defunct>", self.command),
            "" => format!("[{}]", self.command),
            args => args.to_owned(),
        };
        self
    }
}

/// `PF_KTHREAD`, of the flags of a process.
const KERNEL_THREAD: u64 = 0x0020_0000;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, hours, minutes, seconds) =
            (self.0 / 86400, self.0 / 3600 % 24, self.0 / 60 % 60, self.0 % 60);
        if days > 0 {
            write!(f, "{days}-")?;
        }
        if days > 0 || hours > 0 {
            write!(f, "{hours:02}:")?;
        }
        write!(f, "{minutes:02}:{seconds:02}")
    }
}

/// All there are. One that ends while it is looked at is left out.
pub fn all(wants: Wants, deadline: Deadline) -> Result<Vec<Process>, Error> {
    const UPTIME: &str = "/proc/uptime";
    let text = fs::read_to_string(UPTIME).map_err(|error| Error::Unreadable { path: UPTIME, error })?;
    let uptime = text.split('.').next().and_then(|seconds| seconds.parse().ok());
    let units = Units {
        ticks: rustix::param::clock_ticks_per_second(),
        page_kib: rustix::param::page_size() as u64 / 1024,
        uptime: uptime
            .ok_or_else(|| Error::Unreadable { path: UPTIME, error: io::ErrorKind::InvalidData.into() })?,
    };
    let mut found = Vec::new();
    let mut buffer = Vec::with_capacity(4096);
    for entry in fs::read_dir("/proc").map_err(|error| Error::Unreadable { path: "/proc", error })?.flatten()
    {
        deadline.remaining()?;
        let name = entry.file_name();
        let pid = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        found.extend(pid.and_then(|pid| read(&format!("/proc/{pid}"), wants, units, &mut buffer)));
    }
    Ok(found)
}

fn read(place: &str, wants: Wants, units: Units, buffer: &mut Vec<u8>) -> Option<Process> {
    let mut file = |name: &str| {
        buffer.clear();
        // A file of procfs says no size, so that nothing is gained by asking for it.
        fs::File::open(format!("{place}/{name}")).ok()?.take(MOST).read_to_end(buffer).ok()?;
        Some(buffer.clone())
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let locked = wants.locked && locks_memory(&text(file("status")?));
    let mut process = Process::parse(&text(file("stat")?), locked, units)?;
    process.uid = fs::metadata(place).ok()?.uid();
    if wants.args {
        process = process.with_args(&file("cmdline")?);
    }
    if wants.container {
        process.container = container::of(&text(file("cgroup")?)).map(str::to_owned);
    }
    Some(process)
}

/// `VmLck` of `/proc/PID/status`; threads of the kernel have none.
fn locks_memory(status: &str) -> bool {
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    locked.is_some_and(|kib| kib.trim().trim_end_matches(" kB") != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: Units = Units { ticks: 100, page_kib: 4, uptime: 100_000 };
    /// 3 threads, nice -5, 10 s old, 2 s of CPU.
    const STAT: &str = "42 (a) b (c) S 1 42 42 0 -1 4194304 1 2 3 4 150 50 0 0 20 -5 3 0 9999000 2048000 300 18446744073709551615";

    #[test]
    fn a_process_is_shown_as_by_ps() {
        let process = Process::parse(STAT, false, UNITS).expect("a process");
        assert_eq!((process.command.as_str(), process.kernel), ("a) b (c", false));
        let process = Process { uid: 33, ..process };
        assert_eq!(
            process.clone().with_args(b"prog\0-x\0").line(),
            "S<sl    33    42     1   2000  1200 20.0       00:10 a) b (c         prog -x"
        );
        assert_eq!(process.clone().with_args(b"").args, "[a) b (c]");
        let zombie = Process { state: "Zs".to_owned(), ..process };
        assert_eq!(zombie.with_args(b"").args, "[a) b (c] <defunct>");
        assert_eq!(Process::parse(STAT, true, UNITS).expect("a process").state, "S<Lsl");
        let kernel = STAT.replace("4194304", "2129984");
        assert!(Process::parse(&kernel, false, UNITS).expect("a process").kernel);
        assert_eq!(Process::parse("42 (x) S 1", false, UNITS), None);
        assert_eq!(Process::parse("", false, UNITS), None);
    }

    #[test]
    fn what_has_just_begun_has_used_nothing_yet() {
        let young = Process::parse(STAT, false, Units { uptime: 99_990, ..UNITS }).expect("a process");
        assert_eq!((young.cpu, young.elapsed), (0.0, Elapsed(0)));
        let third = Process::parse(STAT, false, Units { uptime: 99_993, ..UNITS }).expect("a process");
        assert_eq!(third.cpu, 66.6);
    }

    #[test]
    fn locked_pages_are_told_by_the_status() {
        assert!(locks_memory("Name:\tx\nVmLck:\t   46792 kB\n"));
        assert!(!locks_memory("Name:\tx\nVmLck:\t       0 kB\n"));
        assert!(!locks_memory("Name:\tkthreadd\n"));
    }

    #[test]
    fn times_are_those_of_ps() {
        for (seconds, text) in [(0, "00:00"), (3725, "01:02:05"), (90_000, "1-01:00:00"), (59, "00:59")] {
            assert_eq!(Elapsed(seconds).to_string(), text);
        }
    }
}
