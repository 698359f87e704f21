//! `cgroup.procs`, the pressure files, and `limits` and `stat` of processes and threads.

use super::{lines, number, words};
use crate::host::stats::{Pressure, TaskState};

/// What `/proc/<pid>/stat` or `/proc/<pid>/task/<tid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskStat<'a> {
    /// Its name, which may hold any bytes.
    pub command: &'a [u8],
    /// Its state.
    pub state: TaskState,
    /// It is a thread of the kernel's own.
    pub kernel: bool,
    /// Threads of its process.
    pub threads: u64,
}

/// `cgroup.procs`: process ids. Those that are 0 belong to another pid namespace and stay in: they count.
pub fn parse_pids(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    lines(bytes).filter_map(|line| number(line).and_then(|pid| u32::try_from(pid).ok()))
}

/// `/proc/PID/limits`: the soft limit of open files.
pub fn parse_open_files_limit(bytes: &[u8]) -> Option<u64> {
    let limits = lines(bytes).find_map(|line| line.strip_prefix(b"Max open files"))?;
    words(limits).next().and_then(number)
}

/// `cpu.pressure`, `memory.pressure`, `io.pressure`: the totals, in µs.
pub fn parse_pressure(bytes: &[u8]) -> Pressure {
    let mut pressure = Pressure::default();
    for line in lines(bytes) {
        let mut words = words(line);
        let slot = match words.next() {
            Some(b"some") => &mut pressure.some_us,
            Some(b"full") => &mut pressure.full_us,
            _ => continue,
        };
        *slot = words.find_map(|word| word.strip_prefix(b"total=")).and_then(number);
    }
    pressure
}

/// `stat` of a process or thread. The name stands in parentheses and may hold some itself.
pub fn parse_task_stat(bytes: &[u8]) -> Option<TaskStat<'_>> {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let open = bytes.iter().position(|&b| b == b'(')?;
    let close = bytes.iter().rposition(|&b| b == b')')?;
    let command = bytes.get(open + 1..close)?;
    let mut fields = words(&bytes[close + 1..]);
    let state = match fields.next()? {
        b"R" => TaskState::Running,
        b"D" => TaskState::Uninterruptible,
        b"T" | b"t" => TaskState::Stopped,
        b"Z" | b"X" | b"x" => TaskState::Zombie,
        // Asleep, or idle or parked, as only the kernel's own are.
        _ => TaskState::Sleeping,
    };
    let kernel = number(fields.nth(5)?)? & PF_KTHREAD != 0;
    let threads = number(fields.nth(10)?)?;
    Some(TaskStat { command, state, kernel, threads })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat() {
        let line = |name: &str, state: &str, flags: u32| {
            format!("12 ({name}) {state} 1 12 12 0 -1 {flags} 5 0 0 0 1 2 0 0 20 0 17 0 99 4096 8\n")
                .into_bytes()
        };
        let stat = |name, state, flags| {
            let bytes = line(name, state, flags);
            parse_task_stat(&bytes).map(|s| (s.command.to_vec(), s.state, s.kernel, s.threads))
        };
        assert_eq!(
            stat("a) R 1 (b", "D", 4_194_304),
            Some((b"a) R 1 (b".to_vec(), TaskState::Uninterruptible, false, 17))
        );
        assert_eq!(
            stat("kworker/0:1", "I", 69_238_880),
            Some((b"kworker/0:1".to_vec(), TaskState::Sleeping, true, 17))
        );
        assert_eq!(stat("", "Z", 0), Some((Vec::new(), TaskState::Zombie, false, 17)));
        let whole = line("x", "t", 0);
        assert_eq!(parse_task_stat(&whole).map(|s| s.state), Some(TaskState::Stopped));
        for cut in 0..whole.len() {
            let _ = parse_task_stat(&whole[..cut]);
        }
        assert_eq!(parse_task_stat(b"12 )x( R 1 12 12 0 -1 0"), None);
    }

    #[test]
    fn pids() {
        assert_eq!(parse_pids(b"1\n345\n0\n").collect::<Vec<_>>(), [1, 345, 0]);
        assert_eq!(parse_pids(b"\nx\n99999999999\n").count(), 0);
    }

    #[test]
    fn limits() {
        let text = b"Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max processes             7000                 8000                 processes \n\
                     Max open files            1024                 524288               files     \n";
        assert_eq!(parse_open_files_limit(text), Some(1024));
        assert_eq!(parse_open_files_limit(b"Max open files            unlimited  unlimited  files\n"), None);
        assert_eq!(parse_open_files_limit(b"Max open files"), None);
        assert_eq!(parse_open_files_limit(b""), None);
    }

    #[test]
    fn pressure() {
        let both = b"some avg10=0.13 avg60=0.87 avg300=2.01 total=24503229\n\
                     full avg10=0.00 avg60=0.00 avg300=0.00 total=17\n";
        assert_eq!(parse_pressure(both), Pressure { some_us: Some(24_503_229), full_us: Some(17) });
        let old_cpu = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n";
        assert_eq!(parse_pressure(old_cpu), Pressure { some_us: Some(5), full_us: None });
    }
}
