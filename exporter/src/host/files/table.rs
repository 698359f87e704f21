//! The files of a cgroup, by the names each version has for them.

/// The files, each at its place in the table below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(in crate::host) enum File {
    CpuUsage,
    CpuSplit,
    CpuStat,
    CpuCore,
    MemoryUsage,
    MemoryStat,
    MemoryPeak,
    MemoryFailcnt,
    MemorySwap,
    MemoryEvents,
    IoBytes,
    IoRequests,
    IoBytesOwn,
    IoRequestsOwn,
    IoBytesBfq,
    IoRequestsBfq,
    PidsCurrent,
    Procs,
    PressureCpu,
    PressureMemory,
    PressureIo,
    CpuMax,
    CpuPeriod,
    CpuShares,
    MemoryLimit,
    MemoryReservation,
    MemorySwapLimit,
    PidsMax,
}

/// Where a file is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(in crate::host) enum Place {
    Cpu,
    Cpuacct,
    Memory,
    Io,
    Pids,
    /// cgroup2, whatever its controllers.
    Unified,
    /// cgroup2, else the v1 hierarchy that cgroups are listed in.
    Primary,
}

pub(in crate::host) struct Spec {
    pub(in crate::host) place: Place,
    pub(in crate::host) v1: &'static str,
    pub(in crate::host) v2: &'static str,
    /// Read at most scrapes, so worth a descriptor; the others only change when someone writes them.
    pub(in crate::host) keep: bool,
}

impl File {
    pub(in crate::host) const COUNT: usize = Self::PidsMax as usize + 1;

    pub(in crate::host) const fn spec(self) -> &'static Spec {
        &FILES[self as usize]
    }
}

const fn spec(place: Place, v1: &'static str, v2: &'static str, keep: bool) -> Spec {
    Spec { place, v1, v2, keep }
}

/// In the order of [`File`]. An empty name: that version has no such file.
static FILES: [Spec; File::COUNT] = [
    spec(Place::Cpuacct, "cpuacct.usage", "", true),
    spec(Place::Cpuacct, "cpuacct.stat", "", true),
    spec(Place::Cpu, "cpu.stat", "", true),
    spec(Place::Unified, "", "cpu.stat", true),
    spec(Place::Memory, "memory.usage_in_bytes", "memory.current", true),
    spec(Place::Memory, "memory.stat", "memory.stat", true),
    spec(Place::Memory, "memory.max_usage_in_bytes", "memory.peak", true),
    spec(Place::Memory, "memory.failcnt", "", true),
    spec(Place::Memory, "", "memory.swap.current", true),
    spec(Place::Memory, "", "memory.events", true),
    spec(Place::Io, "blkio.throttle.io_service_bytes_recursive", "io.stat", true),
    spec(Place::Io, "blkio.throttle.io_serviced_recursive", "", true),
    spec(Place::Io, "blkio.throttle.io_service_bytes", "", true),
    spec(Place::Io, "blkio.throttle.io_serviced", "", true),
    spec(Place::Io, "blkio.bfq.io_service_bytes_recursive", "", true),
    spec(Place::Io, "blkio.bfq.io_serviced_recursive", "", true),
    spec(Place::Pids, "pids.current", "pids.current", true),
    spec(Place::Primary, "cgroup.procs", "cgroup.procs", true),
    spec(Place::Unified, "", "cpu.pressure", true),
    spec(Place::Unified, "", "memory.pressure", true),
    spec(Place::Unified, "", "io.pressure", true),
    spec(Place::Cpu, "cpu.cfs_quota_us", "cpu.max", false),
    spec(Place::Cpu, "cpu.cfs_period_us", "", false),
    spec(Place::Cpu, "cpu.shares", "cpu.weight", false),
    spec(Place::Memory, "memory.limit_in_bytes", "memory.max", false),
    spec(Place::Memory, "memory.soft_limit_in_bytes", "memory.min", false),
    spec(Place::Memory, "memory.memsw.limit_in_bytes", "memory.swap.max", false),
    spec(Place::Pids, "pids.max", "pids.max", false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        assert_eq!(File::CpuUsage.spec().v1, "cpuacct.usage");
        assert_eq!(File::MemoryUsage.spec().v2, "memory.current");
        assert_eq!(File::IoBytesBfq.spec().v1, "blkio.bfq.io_service_bytes_recursive");
        assert_eq!(File::Procs.spec().v1, "cgroup.procs");
        assert_eq!(File::PressureIo.spec().v2, "io.pressure");
        assert_eq!(File::CpuMax.spec().v2, "cpu.max");
        assert_eq!(File::PidsMax.spec().v2, "pids.max");
    }
}
