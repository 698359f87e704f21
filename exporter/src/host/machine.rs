//! The machine as a whole.

use super::parse::{parse_cpu_list, parse_meminfo, parse_u64};
use super::{HostPaths, Machine};

/// Reads CPUs, memory and swap. What cannot be read is `None`.
pub fn read_machine(paths: &HostPaths) -> Machine {
    let meminfo = std::fs::read(paths.procfs.join("meminfo")).unwrap_or_default();
    let online = std::fs::read(paths.sysfs.join("devices/system/cpu/online")).unwrap_or_default();
    let (memory, swap) = parse_meminfo(&meminfo);
    Machine { cpus: parse_cpu_list(&online), memory, swap }
}

/// The most tasks there can be, by what the kernel allows and by how many numbers it has for them.
pub(super) fn read_kernel_threads(paths: &HostPaths) -> Option<u64> {
    let read = |name: &str| parse_u64(&std::fs::read(paths.procfs.join("sys/kernel").join(name)).ok()?);
    [read("threads-max"), read("pid_max")].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fixture::Fixture;

    #[test]
    fn machine_from_files() {
        let fixture = Fixture::v2("machine");
        fixture.file("proc/meminfo", "MemTotal: 8 kB\nSwapTotal: 2 kB\n");
        fixture.file("sys/devices/system/cpu/online", "0-3\n");
        let want = Machine { cpus: Some(4), memory: Some(8192), swap: Some(2048) };
        assert_eq!(read_machine(&fixture.paths()), want);
        let nowhere = HostPaths { procfs: "/nonexistent".into(), ..fixture.paths() };
        assert_eq!(read_machine(&nowhere).memory, None);
    }
}
