//! Disk I/O by device, from the cgroup.

use super::per_row::counter;
use super::{Row, Signal, Source};
use crate::exposition::{Encoder, Family, Value};
use crate::host::DeviceIo;

/// The signal.
pub(super) static SIGNAL: Signal = Signal {
    name: "diskio",
    summary: "disk I/O by device",
    source: Source::Cgroup,
    default: true,
    families: &FAMILIES,
    encode,
};

static FAMILIES: [Family; 4] = [
    by_device(
        "container_fs_reads_bytes_total",
        "Bytes read from the device.",
        "bytes",
        "v2 io.stat rbytes; v1 blkio.throttle.io_service_bytes_recursive Read, else that of bfq",
    ),
    by_device(
        "container_fs_writes_bytes_total",
        "Bytes written to the device.",
        "bytes",
        "v2 io.stat wbytes; v1 blkio.throttle.io_service_bytes_recursive Write, else that of bfq",
    ),
    by_device(
        "container_fs_reads_total",
        "Read requests to the device.",
        "requests",
        "v2 io.stat rios; v1 blkio.throttle.io_serviced_recursive Read, else that of bfq",
    ),
    by_device(
        "container_fs_writes_total",
        "Write requests to the device.",
        "requests",
        "v2 io.stat wios; v1 blkio.throttle.io_serviced_recursive Write, else that of bfq",
    ),
];

const fn by_device(
    name: &'static str,
    help: &'static str,
    unit: &'static str,
    source: &'static str,
) -> Family {
    const BOUND: &str = "64 devices that were used; more are left out and counted";
    Family { labels: &["device"], bound: BOUND, ..counter(name, help, unit, source) }
}

fn encode(encoder: &mut Encoder<'_>, rows: &[Row<'_>]) {
    const READS: [fn(&DeviceIo) -> Option<u64>; 4] =
        [|d| d.read_bytes, |d| d.write_bytes, |d| d.reads, |d| d.writes];
    for (family, read) in FAMILIES.iter().zip(READS) {
        encoder.family(family);
        for (series, stats) in rows.iter().filter_map(Row::host_series) {
            for device in &stats.devices {
                if let Some(count) = read(device) {
                    encoder.counter(series, &[("device", &device.device)], Value::Int(count));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostStats;
    use crate::signals::per_row::lines;

    #[test]
    fn by_device_and_direction() {
        let sda = DeviceIo {
            device: "/dev/sda".into(),
            read_bytes: Some(4096),
            write_bytes: Some(8192),
            reads: Some(1),
            writes: Some(2),
        };
        let unknown =
            DeviceIo { device: "7:3".into(), write_bytes: None, reads: None, writes: None, ..sda.clone() };
        assert_eq!(
            lines(&SIGNAL, &HostStats { devices: vec![sda, unknown], ..HostStats::default() }),
            [
                r#"container_fs_reads_bytes_total{id="/a",device="/dev/sda"} 4096"#,
                r#"container_fs_reads_bytes_total{id="/a",device="7:3"} 4096"#,
                r#"container_fs_writes_bytes_total{id="/a",device="/dev/sda"} 8192"#,
                r#"container_fs_reads_total{id="/a",device="/dev/sda"} 1"#,
                r#"container_fs_writes_total{id="/a",device="/dev/sda"} 2"#,
            ]
        );
    }
}
