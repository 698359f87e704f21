//! Limits. They are read anew only now and then: nothing tells that somebody wrote one.

use super::{HostReader, Wanted};
use crate::host::files::{CgroupFiles, File, Place};
use crate::host::parse::{parse_cpu_max, parse_max, parse_quota, parse_u64, shares_from_weight};
use crate::host::{Collector, LimitStats, Version};

/// Beyond this a limit is none; the kernel rounds the largest number down to a page, so it is not `u64::MAX`.
const UNLIMITED: u64 = 1 << 62;

impl HostReader {
    /// The limits to show. Those of the root cgroup are what the machine has.
    pub(super) fn limits(&self, files: &CgroupFiles) -> LimitStats {
        let mut limits = files.memo.limits;
        (limits.threads, limits.threads_effective) = (None, None);
        if &*files.path == "/" {
            (limits.memory, limits.memory_swap) = (self.machine.memory, self.machine.swap);
        }
        limits
    }

    pub(super) fn read_limits(&mut self, files: &mut CgroupFiles, want: Wanted) {
        let mut limits = LimitStats::default();
        if want.cpu || want.spec {
            self.cpu_limits(files, want, &mut limits);
        }
        if want.spec {
            let mut bytes = |file| self.value(files, file, parse_max).map(bytes_or_unlimited);
            limits.memory = bytes(File::MemoryLimit);
            limits.memory_reservation = bytes(File::MemoryReservation);
            limits.memory_swap = bytes(File::MemorySwapLimit);
        }
        if want.pids {
            let max = self.value(files, File::PidsMax, parse_max);
            limits.threads = max.map(|max| if max == u64::MAX { 0 } else { max });
            let above = self.lowest_above(&files.path);
            limits.threads_effective = [max, above, self.kernel_threads].into_iter().flatten().min();
        }
        files.memo.limits = limits;
    }

    fn cpu_limits(&mut self, files: &mut CgroupFiles, want: Wanted, limits: &mut LimitStats) {
        match self.source.version(Place::Cpu) {
            Some(Version::V2) => {
                if let Some(max) = self.value(files, File::CpuMax, |bytes| Some(parse_cpu_max(bytes))) {
                    (limits.cpu_quota_us, limits.cpu_period_us) = max;
                }
                if want.spec {
                    limits.cpu_shares =
                        self.value(files, File::CpuShares, parse_u64).and_then(shares_from_weight);
                }
            }
            Some(Version::V1) => {
                limits.cpu_quota_us = self.value(files, File::CpuMax, parse_quota);
                if want.spec {
                    limits.cpu_period_us = self.value(files, File::CpuPeriod, parse_u64);
                    limits.cpu_shares = self.value(files, File::CpuShares, parse_u64);
                }
            }
            None => {}
        }
    }

    /// The lowest `pids.max` of the cgroups above. The root has none.
    fn lowest_above(&mut self, path: &str) -> Option<u64> {
        let mut lowest = None;
        let mut path = path;
        while let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
            let max = self.source.read_once(parent, File::PidsMax).ok().and_then(parse_max);
            lowest = [lowest, max].into_iter().flatten().min();
            path = parent;
        }
        lowest
    }

    fn value<T>(
        &mut self,
        files: &mut CgroupFiles,
        file: File,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        self.source.read(files, file, true, Collector::Spec).and_then(parse)
    }
}

fn bytes_or_unlimited(limit: u64) -> u64 {
    if limit > UNLIMITED { 0 } else { limit }
}
