//! File descriptors and sockets of the processes in a cgroup.

use super::per_row::{Read, encode_all, gauge};
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "descriptors",
    summary: "open file descriptors and sockets",
    source: Source::Process,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 2] = [
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
];

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [Read; 2] = [|s| s.pids.descriptors.map(Value::Int), |s| s.pids.sockets.map(Value::Int)];
    encode_all(encoder, rows, &FAMILIES, &READS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostStats, PidStats};
    use crate::signals::per_row::lines;

    #[test]
    fn counted_or_absent() {
        let pids = PidStats { descriptors: Some(12), sockets: Some(3), ..PidStats::default() };
        assert_eq!(
            lines(&SIGNAL, &HostStats { pids, ..HostStats::default() }),
            [r#"container_file_descriptors{id="/a"} 12"#, r#"container_sockets{id="/a"} 3"#]
        );
        let pids = PidStats { sockets: None, ..pids };
        let absent = lines(&SIGNAL, &HostStats { pids, ..HostStats::default() });
        assert_eq!(absent, [r#"container_file_descriptors{id="/a"} 12"#]);
    }
}
