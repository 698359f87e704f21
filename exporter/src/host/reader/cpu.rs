//! CPU time and throttling.

use super::{HostReader, Pass};
use crate::host::files::{CgroupFiles, File, Place};
use crate::host::parse::{CpuStat, parse_cpu_stat, parse_cpuacct_stat, parse_u64};
use crate::host::{Collector, CpuStats, Version};

const NANOS: u64 = 1_000_000_000;

impl HostReader {
    /// The CPU time used: from `cpuacct` where v1 serves it, as cAdvisor does; else from `cpu.stat` of
    /// cgroup2, which has it without any controller, so also for cgroups that only exist there.
    pub(super) fn read_usage(
        &mut self,
        files: &mut CgroupFiles,
        full: bool,
        cpu: &mut CpuStats,
    ) -> Option<u64> {
        if self.source.version(Place::Cpuacct) == Some(Version::V1) {
            cpu.usage_ns = self.source.read(files, File::CpuUsage, full, Collector::Cpu).and_then(parse_u64);
        }
        if cpu.usage_ns.is_none() {
            let stat = self.source.read(files, File::CpuCore, full, Collector::Cpu).map(parse_cpu_stat)?;
            (cpu.usage_ns, cpu.user_ns, cpu.system_ns) = (stat.usage_ns, stat.user_ns, stat.system_ns);
            if self.source.version(Place::Cpu) == Some(Version::V2) {
                throttling(cpu, stat);
            }
        }
        cpu.usage_ns
    }

    /// User and system time, and throttling where a quota is set.
    pub(super) fn read_cpu(&mut self, files: &mut CgroupFiles, pass: Pass, cpu: &mut CpuStats) {
        if cpu.user_ns.is_none() {
            if !pass.idle() {
                let ticks = self.source.read(files, File::CpuSplit, pass.full, Collector::Cpu);
                let (user, system) = ticks.map(parse_cpuacct_stat).unwrap_or_default();
                let nanos = |ticks: Option<u64>| ticks?.checked_mul(NANOS / self.ticks.max(1));
                files.memo.split = (nanos(user), nanos(system));
            }
            (cpu.user_ns, cpu.system_ns) = files.memo.split;
        }
        if files.memo.limits.cpu_quota_us.is_none() {
            throttling(cpu, CpuStat::default());
        } else if self.source.version(Place::Cpu) == Some(Version::V1)
            && let Some(bytes) = self.source.read(files, File::CpuStat, pass.full, Collector::Cpu)
        {
            throttling(cpu, parse_cpu_stat(bytes));
        }
    }
}

fn throttling(cpu: &mut CpuStats, stat: CpuStat) {
    cpu.periods = stat.periods;
    cpu.throttled_periods = stat.throttled_periods;
    cpu.throttled_ns = stat.throttled_ns;
    cpu.burst_periods = stat.burst_periods;
    cpu.burst_ns = stat.burst_ns;
}
