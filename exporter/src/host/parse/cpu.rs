//! `cpu.stat`, `cpu.max`, `cpuacct.stat` and the v1 quota.

use super::{number, pairs, words};

/// `cpu.stat` of v1 and v2; times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuStat {
    /// `usage_usec` (v2).
    pub usage_ns: Option<u64>,
    /// `user_usec` (v2).
    pub user_ns: Option<u64>,
    /// `system_usec` (v2).
    pub system_ns: Option<u64>,
    /// `nr_periods`.
    pub periods: Option<u64>,
    /// `nr_throttled`.
    pub throttled_periods: Option<u64>,
    /// `throttled_usec` (v2) or `throttled_time` (v1).
    pub throttled_ns: Option<u64>,
    /// `nr_bursts`.
    pub burst_periods: Option<u64>,
    /// `burst_usec` (v2) or `burst_time` (v1).
    pub burst_ns: Option<u64>,
}

/// `cpu.stat` of either version: the keys tell them apart.
pub fn parse_cpu_stat(bytes: &[u8]) -> CpuStat {
    let mut stat = CpuStat::default();
    for (key, value) in pairs(bytes) {
        match key {
            b"usage_usec" => stat.usage_ns = value.checked_mul(1000),
            b"user_usec" => stat.user_ns = value.checked_mul(1000),
            b"system_usec" => stat.system_ns = value.checked_mul(1000),
            b"nr_periods" => stat.periods = Some(value),
            b"nr_throttled" => stat.throttled_periods = Some(value),
            b"throttled_usec" => stat.throttled_ns = value.checked_mul(1000),
            b"throttled_time" => stat.throttled_ns = Some(value),
            b"nr_bursts" => stat.burst_periods = Some(value),
            b"burst_usec" => stat.burst_ns = value.checked_mul(1000),
            b"burst_time" => stat.burst_ns = Some(value),
            _ => {}
        }
    }
    stat
}

/// `cpuacct.stat`: user and system time in ticks.
pub fn parse_cpuacct_stat(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let (mut user, mut system) = (None, None);
    for (key, value) in pairs(bytes) {
        match key {
            b"user" => user = Some(value),
            b"system" => system = Some(value),
            _ => {}
        }
    }
    (user, system)
}

/// `cpu.max`: quota (`None` for `max`) and period.
pub fn parse_cpu_max(bytes: &[u8]) -> (Option<u64>, Option<u64>) {
    let mut words = words(bytes.trim_ascii());
    (words.next().and_then(number), words.next().and_then(number))
}

/// `cpu.cfs_quota_us`: `None` for `-1`, which is unlimited.
pub fn parse_quota(bytes: &[u8]) -> Option<u64> {
    super::parse_u64(bytes).filter(|&quota| quota > 0)
}

/// The shares that correspond to a v2 weight, by the formula runtimes and cAdvisor use.
pub fn shares_from_weight(weight: u64) -> Option<u64> {
    (1..=10_000).contains(&weight).then(|| 2 + (weight - 1) * 262_142 / 9_999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_stat_v2() {
        let text = b"usage_usec 254379221\nuser_usec 205262794\nsystem_usec 49116427\nnice_usec 0\n\
                     nr_periods 12\nnr_throttled 3\nthrottled_usec 4500\nnr_bursts 2\nburst_usec 70\n";
        let stat = parse_cpu_stat(text);
        assert_eq!(stat.usage_ns, Some(254_379_221_000));
        assert_eq!(stat.user_ns, Some(205_262_794_000));
        assert_eq!(stat.system_ns, Some(49_116_427_000));
        assert_eq!((stat.periods, stat.throttled_periods), (Some(12), Some(3)));
        assert_eq!(stat.throttled_ns, Some(4_500_000));
        assert_eq!((stat.burst_periods, stat.burst_ns), (Some(2), Some(70_000)));
    }

    #[test]
    fn cpu_stat_v1() {
        let stat = parse_cpu_stat(
            b"nr_periods 7\nnr_throttled 2\nthrottled_time 123456789\nnr_bursts 1\nburst_time 55\n",
        );
        assert_eq!(stat.usage_ns, None);
        assert_eq!((stat.periods, stat.throttled_periods), (Some(7), Some(2)));
        assert_eq!(stat.throttled_ns, Some(123_456_789));
        assert_eq!((stat.burst_periods, stat.burst_ns), (Some(1), Some(55)));
    }

    #[test]
    fn small_files() {
        assert_eq!(parse_cpuacct_stat(b"user 12\nsystem 34\n"), (Some(12), Some(34)));
        assert_eq!(parse_cpuacct_stat(b"user x\n"), (None, None));
        assert_eq!(parse_cpu_max(b"50000 100000\n"), (Some(50_000), Some(100_000)));
        assert_eq!(parse_cpu_max(b"max 100000\n"), (None, Some(100_000)));
        assert_eq!(parse_cpu_max(b""), (None, None));
        assert_eq!(parse_quota(b"-1\n"), None);
        assert_eq!(parse_quota(b"25000\n"), Some(25_000));
    }

    #[test]
    fn shares_of_weights() {
        assert_eq!(shares_from_weight(0), None, "an idle cgroup has weight 0");
        assert_eq!(shares_from_weight(1), Some(2));
        assert_eq!(shares_from_weight(39), Some(998));
        assert_eq!(shares_from_weight(100), Some(2597));
        assert_eq!(shares_from_weight(10_000), Some(262_144));
        assert_eq!(shares_from_weight(10_001), None);
    }
}
