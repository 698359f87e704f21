//! Requests, bytes and time of each disk of the host, and which disk it is.

use procfs::{DiskStat, DiskStats, FromBufRead as _};

use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "diskstats",
    summary: "requests, bytes and time of the host's disks",
    default: true,
    families: &FAMILIES,
    collect,
};

const BOUND: &str = "one for each disk that `--collector.diskstats.device-exclude` leaves";
const OF: Of = Of { labels: &["device"], source: "/proc/diskstats", bound: BOUND };
const DISCARDS: Of = Of { source: "/proc/diskstats (4.18)", ..OF };
const FLUSHES: Of = Of { source: "/proc/diskstats (5.5)", ..OF };
const INFO: Of = Of {
    labels: &["device", "major", "minor", "model", "path", "revision", "serial", "wwn"],
    source: "/proc/diskstats; the rest from /run/udev/data, empty where there is no udev",
    bound: BOUND,
};
const FILESYSTEM: Of =
    Of { labels: &["device", "type", "usage", "uuid", "version"], source: "/run/udev/data", bound: BOUND };
const MAPPER: Of = Of {
    labels: &["device", "lv_layer", "lv_name", "name", "uuid", "vg_name"],
    source: "/run/udev/data",
    bound: BOUND,
};

static FAMILIES: [Family; 20] = [
    INFO.gauge("node_disk_info", "Info of /sys/block/<block_device>.", "1"),
    OF.counter(
        "node_disk_reads_completed_total",
        "The total number of reads completed successfully.",
        "requests",
    ),
    OF.counter("node_disk_reads_merged_total", "The total number of reads merged.", "requests"),
    OF.counter("node_disk_read_bytes_total", "The total number of bytes read successfully.", "bytes"),
    OF.counter(
        "node_disk_read_time_seconds_total",
        "The total number of seconds spent by all reads.",
        "seconds",
    ),
    OF.counter(
        "node_disk_writes_completed_total",
        "The total number of writes completed successfully.",
        "requests",
    ),
    OF.counter("node_disk_writes_merged_total", "The number of writes merged.", "requests"),
    OF.counter("node_disk_written_bytes_total", "The total number of bytes written successfully.", "bytes"),
    OF.counter(
        "node_disk_write_time_seconds_total",
        "This is the total number of seconds spent by all writes.",
        "seconds",
    ),
    OF.gauge("node_disk_io_now", "The number of I/Os currently in progress.", "requests"),
    OF.counter("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", "seconds"),
    OF.counter(
        "node_disk_io_time_weighted_seconds_total",
        "The weighted # of seconds spent doing I/Os.",
        "seconds",
    ),
    DISCARDS.counter(
        "node_disk_discards_completed_total",
        "The total number of discards completed successfully.",
        "requests",
    ),
    DISCARDS.counter("node_disk_discards_merged_total", "The total number of discards merged.", "requests"),
    DISCARDS.counter(
        "node_disk_discarded_sectors_total",
        "The total number of sectors discarded successfully.",
        "sectors",
    ),
    DISCARDS.counter(
        "node_disk_discard_time_seconds_total",
        "This is the total number of seconds spent by all discards.",
        "seconds",
    ),
    FLUSHES.counter(
        "node_disk_flush_requests_total",
        "The total number of flush requests completed successfully.",
        "requests",
    ),
    FLUSHES.counter(
        "node_disk_flush_requests_time_seconds_total",
        "This is the total number of seconds spent by all flush requests.",
        "seconds",
    ),
    FILESYSTEM.gauge("node_disk_filesystem_info", "Info about disk filesystem.", "1"),
    MAPPER.gauge("node_disk_device_mapper_info", "Info about disk device mapper.", "1"),
];

type Read = fn(&DiskStat) -> Option<Value>;

/// Of the families from the second on. A sector is 512 bytes whatever the disk's own are.
const READS: [Read; 17] = [
    |d| Some(d.reads.into()),
    |d| Some(d.merged.into()),
    |d| Some((d.sectors_read * 512).into()),
    |d| Some(millis(d.time_reading)),
    |d| Some(d.writes.into()),
    |d| Some(d.writes_merged.into()),
    |d| Some((d.sectors_written * 512).into()),
    |d| Some(millis(d.time_writing)),
    |d| Some(d.in_progress.into()),
    |d| Some(millis(d.time_in_progress)),
    |d| Some(millis(d.weighted_time_in_progress)),
    |d| d.discards.map(Value::Int),
    |d| d.discards_merged.map(Value::Int),
    |d| d.sectors_discarded.map(Value::Int),
    |d| d.time_discarding.map(millis),
    |d| d.flushes.map(Value::Int),
    |d| d.time_flushing.map(millis),
];

fn millis(n: u64) -> Value {
    Value::Micros(n.saturating_mul(1000))
}

/// What udev knows of a disk: its lines `E:NAME=VALUE`.
struct Udev(String);

impl Udev {
    fn get(&self, name: &str) -> &str {
        let value = |line: &'_ str| -> Option<usize> {
            let rest = line.strip_prefix("E:")?.strip_prefix(name)?.strip_prefix('=')?;
            Some(rest.len())
        };
        let found = self.0.lines().find_map(|line| value(line).map(|length| &line[line.len() - length..]));
        found.unwrap_or_default()
    }

    /// The one on the disk's label first.
    fn serial(&self) -> &str {
        let names = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];
        names.map(|name| self.get(name)).into_iter().find(|serial| !serial.is_empty()).unwrap_or_default()
    }
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let text = host.proc("diskstats")?;
    let parsed = DiskStats::from_buf_read(text.as_bytes());
    let mut disks = parsed.map_err(|error| NodeError::parse("/proc/diskstats", &error.to_string()))?.0;
    disks.retain(|disk| host.options.diskstats().admits(&disk.name));
    let data = host.paths.rootfs.join("run/udev/data");
    let udev = |disk: &DiskStat| host.text(data.join(format!("b{}:{}", disk.major, disk.minor)));
    // One look tells that there is no udev, as in most virtual machines and containers.
    let there = data.exists();
    let udevs: Vec<Udev> =
        disks.iter().map(|disk| Udev(there.then(|| udev(disk)).flatten().unwrap_or_default())).collect();
    page.family(&FAMILIES[0]);
    for (disk, udev) in disks.iter().zip(&udevs) {
        let labels = [
            ("device", disk.name.as_str()),
            ("major", &disk.major.to_string()),
            ("minor", &disk.minor.to_string()),
            ("model", udev.get("ID_MODEL")),
            ("path", udev.get("ID_PATH")),
            ("revision", udev.get("ID_REVISION")),
            ("serial", udev.serial()),
            ("wwn", udev.get("ID_WWN")),
        ];
        page.put(&labels, 1u64);
    }
    for (family, read) in FAMILIES[1..].iter().zip(READS) {
        page.family(family);
        for disk in &disks {
            if let Some(value) = read(disk) {
                page.put(&[("device", &disk.name)], value);
            }
        }
    }
    const FILESYSTEM: [(&str, &str); 4] = [
        ("type", "ID_FS_TYPE"),
        ("usage", "ID_FS_USAGE"),
        ("uuid", "ID_FS_UUID"),
        ("version", "ID_FS_VERSION"),
    ];
    const MAPPER: [(&str, &str); 5] = [
        ("lv_layer", "DM_LV_LAYER"),
        ("lv_name", "DM_LV_NAME"),
        ("name", "DM_NAME"),
        ("uuid", "DM_UUID"),
        ("vg_name", "DM_VG_NAME"),
    ];
    for (family, key, names) in
        [(&FAMILIES[18], "ID_FS_TYPE", &FILESYSTEM[..]), (&FAMILIES[19], "DM_NAME", &MAPPER[..])]
    {
        page.family(family);
        for (disk, udev) in disks.iter().zip(&udevs).filter(|(_, udev)| !udev.get(key).is_empty()) {
            let of_udev = names.iter().map(|(label, name)| (*label, udev.get(name)));
            let labels: Vec<_> = std::iter::once(("device", disk.name.as_str())).chain(of_udev).collect();
            page.put(&labels, 1u64);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::samples;
    use super::*;

    #[test]
    fn a_disk_of_a_new_kernel_and_one_of_an_old() {
        let samples = samples(
            &COLLECTOR,
            &[
                (
                    "proc/diskstats",
                    "   8       0 sda 1 2 3 4000 5 6 7 8 9 10 11 12 13 14 15 16 288\n\
                     \x20  8       1 sda1 1 2 3 4 5 6 7 8 9 10 11\n 254       0 dm-0 21 0 0 0 0 0 0 0 0 0 0\n",
                ),
                (
                    "root/run/udev/data/b8:0",
                    "S:disk/by-id/x\nE:ID_MODEL=WDC_WD\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=s1\nE:ID_FS_TYPE=ext4\n",
                ),
            ],
        );
        assert_eq!(
            samples,
            [
                r#"node_disk_info{device="sda",major="8",minor="0",model="WDC_WD",path="",revision="",serial="s1",wwn=""} 1"#,
                r#"node_disk_info{device="dm-0",major="254",minor="0",model="",path="",revision="",serial="",wwn=""} 1"#,
                r#"node_disk_reads_completed_total{device="sda"} 1"#,
                r#"node_disk_reads_completed_total{device="dm-0"} 21"#,
                r#"node_disk_reads_merged_total{device="sda"} 2"#,
                r#"node_disk_reads_merged_total{device="dm-0"} 0"#,
                r#"node_disk_read_bytes_total{device="sda"} 1536"#,
                r#"node_disk_read_bytes_total{device="dm-0"} 0"#,
                r#"node_disk_read_time_seconds_total{device="sda"} 4"#,
                r#"node_disk_read_time_seconds_total{device="dm-0"} 0"#,
                r#"node_disk_writes_completed_total{device="sda"} 5"#,
                r#"node_disk_writes_completed_total{device="dm-0"} 0"#,
                r#"node_disk_writes_merged_total{device="sda"} 6"#,
                r#"node_disk_writes_merged_total{device="dm-0"} 0"#,
                r#"node_disk_written_bytes_total{device="sda"} 3584"#,
                r#"node_disk_written_bytes_total{device="dm-0"} 0"#,
                r#"node_disk_write_time_seconds_total{device="sda"} 0.008"#,
                r#"node_disk_write_time_seconds_total{device="dm-0"} 0"#,
                r#"node_disk_io_now{device="sda"} 9"#,
                r#"node_disk_io_now{device="dm-0"} 0"#,
                r#"node_disk_io_time_seconds_total{device="sda"} 0.01"#,
                r#"node_disk_io_time_seconds_total{device="dm-0"} 0"#,
                r#"node_disk_io_time_weighted_seconds_total{device="sda"} 0.011"#,
                r#"node_disk_io_time_weighted_seconds_total{device="dm-0"} 0"#,
                r#"node_disk_discards_completed_total{device="sda"} 12"#,
                r#"node_disk_discards_merged_total{device="sda"} 13"#,
                r#"node_disk_discarded_sectors_total{device="sda"} 14"#,
                r#"node_disk_discard_time_seconds_total{device="sda"} 0.015"#,
                r#"node_disk_flush_requests_total{device="sda"} 16"#,
                r#"node_disk_flush_requests_time_seconds_total{device="sda"} 0.288"#,
                r#"node_disk_filesystem_info{device="sda",type="ext4",usage="",uuid="",version=""} 1"#,
            ]
        );
    }
}
