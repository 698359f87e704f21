//! When a cgroup was made and last seen.

use super::per_row::{Read, encode_all, gauge};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "life",
    summary: "times of creation and of the last sight",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 3] = [
    gauge(
        "container_start_time_seconds",
        "When the container started, as Unix time.",
        "seconds",
        "the kernel's event; for older cgroups the lowest time their directories show in any hierarchy",
    ),
    gauge(
        "container_creation_time_seconds",
        "When the cgroup was made, as Unix time.",
        "seconds",
        "as container_start_time_seconds",
    ),
    gauge(
        "container_last_seen",
        "When the cgroup was last read, as Unix time: the time of the scrape while it lives.",
        "seconds",
        "the exporter's clock",
    ),
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const CREATED: Read = |s| s.last_seen.map(|_| Value::Float(s.created));
    const READS: [Read; 3] = [CREATED, CREATED, |s| s.last_seen.map(Value::Float)];
    encode_all(encoder, rows, &FAMILIES, &READS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostStats;
    use crate::signals::per_row::lines;

    #[test]
    fn times() {
        let stats =
            HostStats { created: 1_763_711_305.5, last_seen: Some(1_763_711_400.0), ..HostStats::default() };
        assert_eq!(
            lines(&SIGNAL, &stats),
            [
                r#"container_start_time_seconds{id="/a"} 1763711305.5"#,
                r#"container_creation_time_seconds{id="/a"} 1763711305.5"#,
                r#"container_last_seen{id="/a"} 1763711400"#,
            ]
        );
    }
}
