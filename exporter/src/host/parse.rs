//! Parsers of cgroupfs, procfs and sysfs files: from bytes, without I/O, and without a panic whatever the bytes.

mod cpu;
mod io;
mod listening;
mod machine;
mod memory;
mod mounts;
mod net;
mod process;

pub use cpu::{CpuStat, parse_cpu_max, parse_cpu_stat, parse_cpuacct_stat, parse_quota, shares_from_weight};
pub use io::{DeviceCounts, parse_blkio, parse_io_stat};
pub use listening::{Dump, Listening, parse_listening};
pub use machine::{parse_cpu_list, parse_meminfo, parse_uevent_devname};
pub use memory::{MemoryEvents, MemoryStat, parse_memory_events, parse_memory_stat_v1, parse_memory_stat_v2};
pub use mounts::{CgroupMount, parse_controllers, parse_mountinfo};
pub use net::{NetDev, parse_net_dev, parse_ns_link};
pub use process::{TaskStat, parse_open_files_limit, parse_pids, parse_pressure, parse_task_stat};

/// A file that holds one number.
pub fn parse_u64(bytes: &[u8]) -> Option<u64> {
    number(bytes.trim_ascii())
}

/// A file that holds one number or `max`, which is `u64::MAX`.
pub fn parse_max(bytes: &[u8]) -> Option<u64> {
    match bytes.trim_ascii() {
        b"max" => Some(u64::MAX),
        bytes => number(bytes),
    }
}

/// The lines of a file, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&b| b == b'\n')
}

/// The words of a line.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// The `key value` lines of a flat-keyed file.
fn pairs(bytes: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    lines(bytes).filter_map(|line| {
        let space = line.iter().position(|&b| b == b' ')?;
        Some((&line[..space], number(&line[space + 1..])?))
    })
}

/// Decimal digits and nothing else; `None` too if it does not fit.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &b| {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number() {
        assert_eq!(parse_u64(b"4096\n"), Some(4096));
        assert_eq!(parse_u64(b"18446744073709551615\n"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616\n"), None);
        assert_eq!(parse_u64(b"-1\n"), None);
        assert_eq!(parse_u64(b""), None);
        assert_eq!(parse_u64(b"1 2"), None);
        assert_eq!(parse_max(b"max\n"), Some(u64::MAX));
        assert_eq!(parse_max(b"12\n"), Some(12));
        assert_eq!(parse_max(b"maximum\n"), None);
    }
}
