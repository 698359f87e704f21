//! Whether process numbers mean here what they mean to the host.

use std::path::Path;

/// `cgroup.procs` has the numbers of the pid namespace of who reads it, and 0 for who is not in it; procfs those of the namespace it
/// was mounted in. They are the same unless this process has more numbers than one from there on (`NSpid` in `status`, Linux 4.1).
/// What cannot be read is no reason to say that they differ.
pub fn numbers_are_the_hosts(procfs: &Path) -> bool {
    let status = std::fs::read_to_string(procfs.join("self/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_none_or(|numbers| numbers.split_whitespace().count() < 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fixture::Fixture;

    #[test]
    fn one_number_or_more() {
        let fixture = Fixture::v2("numbers");
        for (status, same) in [
            ("Name:\tplimsoll\nNSpid:\t17\nNSsid:\t1\t1\n", true),
            ("Name:\tplimsoll\nNSpid:\t4711\t1\n", false),
            ("Name:\tplimsoll\n", true),
        ] {
            fixture.file("proc/self/status", status);
            assert_eq!(numbers_are_the_hosts(&fixture.path("proc")), same, "{status}");
        }
        assert!(numbers_are_the_hosts(&fixture.path("none")));
    }
}
