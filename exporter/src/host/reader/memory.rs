//! Memory. `memory.stat` is dear; it is left alone while neither CPU time nor usage moved.

use super::{HostReader, Pass};
use crate::host::files::{CgroupFiles, File, Place};
use crate::host::parse::{
    MemoryEvents, parse_memory_events, parse_memory_stat_v1, parse_memory_stat_v2, parse_u64,
};
use crate::host::{Collector, MemoryStats, Version};

impl HostReader {
    /// Pages a cgroup that does not run can only lose, and then its usage shows it.
    pub(super) fn read_memory(&mut self, files: &mut CgroupFiles, pass: Pass) -> MemoryStats {
        let Some(version) = self.source.version(Place::Memory) else { return MemoryStats::default() };
        let usage = self.number(files, File::MemoryUsage, pass);
        if pass.idle() && usage.is_some() && usage == files.memo.memory.usage {
            return files.memo.memory;
        }
        let bytes = self.source.read(files, File::MemoryStat, pass.full, Collector::Memory);
        let stat = bytes.map(|bytes| match version {
            Version::V1 => parse_memory_stat_v1(bytes),
            Version::V2 => parse_memory_stat_v2(bytes),
        });
        let stat = stat.unwrap_or_default();
        // The root of cgroup2 has no memory.current.
        let usage = match version {
            Version::V2 => usage.or_else(|| stat.rss?.checked_add(stat.cache?)),
            Version::V1 => usage,
        };
        let mut memory = MemoryStats {
            usage,
            working_set: usage.zip(stat.inactive_file).map(|(usage, file)| usage.saturating_sub(file)),
            rss: stat.rss,
            cache: stat.cache,
            swap: stat.swap,
            mapped_file: stat.mapped_file,
            max_usage: self.number(files, File::MemoryPeak, pass),
            failcnt: self.number(files, File::MemoryFailcnt, pass),
            pgfault: stat.pgfault,
            pgmajfault: stat.pgmajfault,
            total_pgfault: stat.total_pgfault,
            total_pgmajfault: stat.total_pgmajfault,
            swapped_in: stat.swapped_in.and_then(bytes_of),
            swapped_out: stat.swapped_out.and_then(bytes_of),
            events: MemoryEvents::default(),
        };
        if version == Version::V2 {
            memory.swap = self.number(files, File::MemorySwap, pass);
            let events = self.source.read(files, File::MemoryEvents, pass.full, Collector::Memory);
            memory.events = events.map(parse_memory_events).unwrap_or_default();
        }
        files.memo.memory = memory;
        memory
    }

    fn number(&mut self, files: &mut CgroupFiles, file: File, pass: Pass) -> Option<u64> {
        self.source.read(files, file, pass.full, Collector::Memory).and_then(parse_u64)
    }
}

fn bytes_of(pages: u64) -> Option<u64> {
    pages.checked_mul(rustix::param::page_size() as u64)
}
