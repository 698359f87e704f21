//! `cgroup.procs`, the pressure files and `/proc/PID/limits`.

use super::{lines, number, words};
use crate::host::stats::Pressure;

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

#[cfg(test)]
mod tests {
    use super::*;

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
