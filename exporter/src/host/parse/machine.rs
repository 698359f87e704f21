//! `/proc/meminfo`, CPU lists and `uevent` files.

use super::{lines, number, words};

/// `/proc/meminfo`: memory and swap in bytes.
pub fn parse_meminfo(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let (mut memory, mut swap) = (None, None);
    for line in lines(bytes) {
        let mut words = words(line);
        let slot = match words.next() {
            Some(b"MemTotal:") => &mut memory,
            Some(b"SwapTotal:") => &mut swap,
            _ => continue,
        };
        *slot = words.next().and_then(number).and_then(|kib| kib.checked_mul(1024));
    }
    (memory, swap)
}

/// How many CPUs a list like `0-3,8,10-11` names.
pub fn parse_cpu_list(bytes: &[u8]) -> Option<u64> {
    bytes.trim_ascii().split(|&b| b == b',').try_fold(0u64, |sum, range| {
        let (first, last) = match range.iter().position(|&b| b == b'-') {
            Some(dash) => (number(&range[..dash])?, number(&range[dash + 1..])?),
            None => (number(range)?, number(range)?),
        };
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

/// The `DEVNAME` of a `uevent` file.
pub fn parse_uevent_devname(bytes: &[u8]) -> Option<&str> {
    let name = lines(bytes).find_map(|line| line.strip_prefix(b"DEVNAME="))?;
    std::str::from_utf8(name).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo() {
        let text = b"MemTotal:       24684092 kB\nMemFree: 1 kB\nSwapTotal:            0 kB\n";
        assert_eq!(parse_meminfo(text), (Some(25_276_510_208), Some(0)));
        assert_eq!(parse_meminfo(b"MemTotal: many kB\n"), (None, None));
    }

    #[test]
    fn cpu_list() {
        assert_eq!(parse_cpu_list(b"0-3,8,10-11\n"), Some(7));
        assert_eq!(parse_cpu_list(b"0\n"), Some(1));
        assert_eq!(parse_cpu_list(b"3-1\n"), None);
        assert_eq!(parse_cpu_list(b"0-18446744073709551615\n"), None);
        assert_eq!(parse_cpu_list(b"\n"), None);
    }

    #[test]
    fn uevent() {
        assert_eq!(parse_uevent_devname(b"MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\n"), Some("vda"));
        assert_eq!(parse_uevent_devname(b"DEVNAME=\n"), None);
    }
}
