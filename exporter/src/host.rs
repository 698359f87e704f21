//! What cgroupfs, procfs and sysfs say of a cgroup: pure parsers, and a thin reader that keeps files open.

/// Everything read for one cgroup. `None` is "not available here": the series is then absent, never 0.
#[derive(Clone, Debug, Default)]
pub struct HostStats {
    /// Unix time in seconds at which the cgroup was made.
    pub created: f64,
}
