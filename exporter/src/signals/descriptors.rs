//! File descriptors and sockets of the processes in a cgroup, and the limit of descriptors.

use super::per_row::{Read, encode_family, gauge};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Kind, Value};

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "descriptors",
    summary: "open file descriptors, their limit, and sockets",
    source: Source::Process,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 3] = [
    gauge(
        "container_file_descriptors",
        "File descriptors that the processes hold.",
        "descriptors",
        "/proc/<pid>/fd (its size from 6.2); absent with more than 1,024 processes",
    ),
    gauge(
        "container_sockets",
        "File descriptors that are sockets.",
        "descriptors",
        "links of /proc/<pid>/fd, looked at when their number or the processes changed and at most five \
         minutes later; absent with more than 8,192 descriptors, or when a scrape has looked at 16,384",
    ),
    Family {
        name: "container_ulimits_soft",
        kind: Kind::Gauge,
        help: "File descriptors that the container's first process may have open: the limit is one of each process.",
        labels: &["ulimit"],
        unit: "descriptors",
        source: "/proc/<pid>/limits, Max open files, of the first process in cgroup.procs; looked at when that is another \
                 one, and at most five minutes later",
        bound: "1: ulimit=\"max_open_files\"",
    },
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [(&[(&str, &str)], Read); 3] = [
        (&[], |s| s.pids.descriptors.map(Value::Int)),
        (&[], |s| s.pids.sockets.map(Value::Int)),
        (&[("ulimit", "max_open_files")], |s| s.pids.descriptors_limit.map(Value::Int)),
    ];
    for (family, (extra, read)) in FAMILIES.iter().zip(READS) {
        encode_family(encoder, rows, family, extra, read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostStats, PidStats};
    use crate::signals::per_row::lines;

    #[test]
    fn counted_or_absent() {
        let pids = PidStats {
            descriptors: Some(12),
            sockets: Some(3),
            descriptors_limit: Some(1024),
            ..PidStats::default()
        };
        assert_eq!(
            lines(&SIGNAL, &HostStats { pids, ..HostStats::default() }),
            [
                r#"container_file_descriptors{id="/a"} 12"#,
                r#"container_sockets{id="/a"} 3"#,
                r#"container_ulimits_soft{id="/a",ulimit="max_open_files"} 1024"#
            ]
        );
        let pids = PidStats { sockets: None, descriptors_limit: None, ..pids };
        let absent = lines(&SIGNAL, &HostStats { pids, ..HostStats::default() });
        assert_eq!(absent, [r#"container_file_descriptors{id="/a"} 12"#]);
    }
}
