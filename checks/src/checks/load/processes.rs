//! The processes of this host, as `ps` shows them.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::deadline::{Deadline, Expired};

/// What stands above the lines.
pub(super) const HEAD: &str = "STAT   UID   PID  PPID    VSZ   RSS %CPU     ELAPSED COMMAND         COMMAND";

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Process {
    pub(super) state: String,
    pub(super) uid: u32,
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// KiB of address space, and of memory.
    pub(super) sizes: [u64; 2],
    /// CPU time in percent of the time since it began.
    pub(super) cpu: f64,
    pub(super) elapsed: Elapsed,
    pub(super) command: String,
    pub(super) args: String,
}

/// Seconds, written as `[[D-]HH:]MM:SS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Elapsed(pub(super) u64);

/// What of a host's constants a process' numbers are in.
#[derive(Clone, Copy, Debug)]
struct Units {
    ticks: f64,
    page_kib: u64,
    uptime: f64,
}

impl Process {
    /// One line under [`HEAD`].
    pub(super) fn line(&self) -> String {
        let Self { state, uid, pid, parent, sizes: [address, resident], cpu, elapsed, command, args } = self;
        format!(
            "{state:<4} {uid:>5} {pid:>5} {parent:>5} {address:>6} {resident:>5} {cpu:>4.1} {:>11} {command:<15} {args}",
            elapsed.to_string()
        )
    }
}

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
pub(super) fn all(deadline: Deadline) -> Result<Vec<Process>, Expired> {
    let uptime = fs::read_to_string("/proc/uptime").ok();
    let uptime = uptime.and_then(|text| text.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    let units = Units {
        ticks: rustix::param::clock_ticks_per_second() as f64,
        page_kib: rustix::param::page_size() as u64 / 1024,
        uptime,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        deadline.remaining()?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        found.extend(pid.and_then(|pid| read(pid, units)));
    }
    Ok(found)
}

fn read(pid: u32, units: Units) -> Option<Process> {
    let place = format!("/proc/{pid}");
    let uid = fs::metadata(&place).ok()?.uid();
    let stat = fs::read(format!("{place}/stat")).ok()?;
    let args = fs::read(format!("{place}/cmdline")).ok()?;
    parse(pid, uid, &String::from_utf8_lossy(&stat), &args, units)
}

/// `/proc/PID/stat` as in proc(5), and the arguments with a NUL after each.
fn parse(pid: u32, uid: u32, stat: &str, args: &[u8], units: Units) -> Option<Process> {
    let (before, after) = stat.rsplit_once(')')?;
    let command = before.split_once('(')?.1.to_owned();
    // The first here is the third of the manual.
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok();
    let (group, session, terminal_group, nice) = (number(5)?, number(6)?, number(8)?, number(19)?);
    let mut state = (*fields.first()?).to_owned();
    for (flag, set) in [
        ('<', nice < 0),
        ('N', nice > 0),
        ('s', session == i64::from(pid)),
        ('l', number(20)? > 1),
        ('+', terminal_group == group),
    ] {
        state.extend(set.then_some(flag));
    }
    let elapsed = (units.uptime - number(22)? as f64 / units.ticks).max(0.0);
    let used = (number(14)? + number(15)?) as f64 / units.ticks;
    let args: Vec<String> =
        args.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let args = args.join(" ").trim_end().to_owned();
    Some(Process {
        state,
        uid,
        pid,
        parent: u32::try_from(number(4)?).ok()?,
        sizes: [u64::try_from(number(23)?).ok()? / 1024, u64::try_from(number(24)?).ok()? * units.page_kib],
        cpu: if elapsed > 0.0 { 100.0 * used / elapsed } else { 0.0 },
        elapsed: Elapsed(elapsed as u64),
        args: if args.is_empty() { format!("[{command}]") } else { args },
        command,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: Units = Units { ticks: 100.0, page_kib: 4, uptime: 100_000.0 };

    #[test]
    fn a_process_is_shown_as_by_ps() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 1 2 3 4 150 50 0 0 20 -5 3 0 9999000 2048000 300 18446744073709551615";
        // 3 threads, nice -5, 10 s old, 2 s of CPU.
        let process = parse(42, 33, stat, b"prog\0-x\0", UNITS).expect("a process");
        assert_eq!(process.command, "a) b (c");
        assert_eq!(
            process.line(),
            "S<sl    33    42     1   2000  1200 20.0       00:10 a) b (c         prog -x"
        );
        let kernel = parse(42, 0, stat, b"", UNITS).expect("a process");
        assert_eq!(kernel.args, "[a) b (c]");
        assert_eq!(parse(42, 0, "42 (x) S 1", b"", UNITS), None);
        assert_eq!(parse(42, 0, "", b"", UNITS), None);
    }

    #[test]
    fn times_are_those_of_ps() {
        for (seconds, text) in [(0, "00:00"), (3725, "01:02:05"), (90_000, "1-01:00:00"), (59, "00:59")] {
            assert_eq!(Elapsed(seconds).to_string(), text);
        }
    }
}
