//! `memory.stat` of v1 and v2, `memory.events`.

use super::pairs;

/// What is used of `memory.stat`, descendants included unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// `total_rss` (v1), `anon` (v2).
    pub rss: Option<u64>,
    /// `total_cache`, `file`.
    pub cache: Option<u64>,
    /// `total_mapped_file`, `file_mapped`.
    pub mapped_file: Option<u64>,
    /// `total_swap` (v1).
    pub swap: Option<u64>,
    /// `total_inactive_file`, `inactive_file`.
    pub inactive_file: Option<u64>,
    /// `pgfault`: of the cgroup alone in v1, with descendants in v2.
    pub pgfault: Option<u64>,
    /// `pgmajfault`, likewise.
    pub pgmajfault: Option<u64>,
    /// `total_pgfault`, `pgfault`.
    pub total_pgfault: Option<u64>,
    /// `total_pgmajfault`, `pgmajfault`.
    pub total_pgmajfault: Option<u64>,
    /// Pages: `pswpin` (v2 of new kernels).
    pub swapped_in: Option<u64>,
    /// Pages: `pswpout` (v2 of new kernels).
    pub swapped_out: Option<u64>,
}

/// `memory.events`, descendants included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryEvents {
    /// Reclaimed though below `memory.low`.
    pub low: Option<u64>,
    /// Throttled by `memory.high`.
    pub high: Option<u64>,
    /// About to pass `memory.max`.
    pub max: Option<u64>,
    /// At the limit, and nothing could be reclaimed.
    pub oom: Option<u64>,
    /// Processes killed for it.
    pub oom_kill: Option<u64>,
    /// Killed as a group (5.17).
    pub oom_group_kill: Option<u64>,
}

/// `memory.stat` of v1.
pub fn parse_memory_stat_v1(bytes: &[u8]) -> MemoryStat {
    let mut stat = MemoryStat::default();
    for (key, value) in pairs(bytes) {
        match key {
            b"pgfault" => stat.pgfault = Some(value),
            b"pgmajfault" => stat.pgmajfault = Some(value),
            b"total_rss" => stat.rss = Some(value),
            b"total_cache" => stat.cache = Some(value),
            b"total_mapped_file" => stat.mapped_file = Some(value),
            b"total_swap" => stat.swap = Some(value),
            b"total_pgfault" => stat.total_pgfault = Some(value),
            b"total_pgmajfault" => stat.total_pgmajfault = Some(value),
            b"total_inactive_file" => stat.inactive_file = Some(value),
            _ => {}
        }
    }
    stat
}

/// `memory.stat` of v2.
pub fn parse_memory_stat_v2(bytes: &[u8]) -> MemoryStat {
    let mut stat = MemoryStat::default();
    for (key, value) in pairs(bytes) {
        match key {
            b"anon" => stat.rss = Some(value),
            b"file" => stat.cache = Some(value),
            b"file_mapped" => stat.mapped_file = Some(value),
            b"inactive_file" => stat.inactive_file = Some(value),
            b"pgfault" => (stat.pgfault, stat.total_pgfault) = (Some(value), Some(value)),
            b"pgmajfault" => (stat.pgmajfault, stat.total_pgmajfault) = (Some(value), Some(value)),
            b"pswpin" => stat.swapped_in = Some(value),
            b"pswpout" => stat.swapped_out = Some(value),
            _ => {}
        }
    }
    stat
}

/// `memory.events`.
pub fn parse_memory_events(bytes: &[u8]) -> MemoryEvents {
    let mut events = MemoryEvents::default();
    for (key, value) in pairs(bytes) {
        match key {
            b"low" => events.low = Some(value),
            b"high" => events.high = Some(value),
            b"max" => events.max = Some(value),
            b"oom" => events.oom = Some(value),
            b"oom_kill" => events.oom_kill = Some(value),
            b"oom_group_kill" => events.oom_group_kill = Some(value),
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_takes_the_totals() {
        let stat = parse_memory_stat_v1(
            b"cache 1\nrss 2\nmapped_file 3\nswap 4\npgfault 5\npgmajfault 6\ninactive_file 7\n\
              hierarchical_memory_limit 9223372036854771712\ntotal_cache 11\ntotal_rss 12\n\
              total_rss_huge 99\ntotal_mapped_file 13\ntotal_swap 14\ntotal_pgfault 15\n\
              total_pgmajfault 16\ntotal_inactive_file 17\n",
        );
        let want = MemoryStat {
            rss: Some(12),
            cache: Some(11),
            mapped_file: Some(13),
            swap: Some(14),
            inactive_file: Some(17),
            pgfault: Some(5),
            pgmajfault: Some(6),
            total_pgfault: Some(15),
            total_pgmajfault: Some(16),
            ..MemoryStat::default()
        };
        assert_eq!(stat, want);
    }

    #[test]
    fn v2_is_hierarchical() {
        let stat = parse_memory_stat_v2(
            b"anon 100\nfile 200\nkernel 1\nfile_mapped 30\ninactive_anon 4\ninactive_file 50\n\
              pgfault 600\npgmajfault 7\npswpin 8\npswpout 9\n",
        );
        let want = MemoryStat {
            rss: Some(100),
            cache: Some(200),
            mapped_file: Some(30),
            swap: None,
            inactive_file: Some(50),
            pgfault: Some(600),
            pgmajfault: Some(7),
            total_pgfault: Some(600),
            total_pgmajfault: Some(7),
            swapped_in: Some(8),
            swapped_out: Some(9),
        };
        assert_eq!(stat, want);
    }

    #[test]
    fn events() {
        let events = parse_memory_events(b"low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\n");
        let want = MemoryEvents {
            low: Some(1),
            high: Some(2),
            max: Some(3),
            oom: Some(4),
            oom_kill: Some(5),
            oom_group_kill: None,
        };
        assert_eq!(events, want);
        assert_eq!(parse_memory_events(b"oom_group_kill 6\n").oom_group_kill, Some(6));
        assert_eq!(parse_memory_events(b"high\nmax -1\n"), MemoryEvents::default());
    }
}
