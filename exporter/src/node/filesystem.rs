//! Space and inodes of each mounted filesystem. A mount that hangs costs itself, and no scrape.

mod ask;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(super) use self::ask::Mounts;

use self::ask::Space;
use super::page::Of;
use super::{Collector, Host, NodeError, Page};
use crate::exposition::{Family, Value};

pub(super) static COLLECTOR: Collector = Collector {
    name: "filesystem",
    summary: "space and inodes of the host's filesystems",
    default: true,
    families: &FAMILIES,
    collect,
};

const OF: Of = Of {
    labels: &["device", "fstype", "mountpoint"],
    source: "/proc/1/mounts and statfs(2)",
    bound: "one for each mount that `--collector.filesystem.mount-points-exclude` and `…fs-types-exclude` leave",
};

static FAMILIES: [Family; 7] = [
    OF.gauge(
        "node_filesystem_device_error",
        "Whether an error occurred while getting statistics for the given device.",
        "0 or 1",
    ),
    OF.gauge("node_filesystem_readonly", "Filesystem read-only status.", "0 or 1"),
    OF.gauge("node_filesystem_size_bytes", "Filesystem size in bytes.", "bytes"),
    OF.gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.", "bytes"),
    OF.gauge(
        "node_filesystem_avail_bytes",
        "Filesystem space available to non-root users in bytes.",
        "bytes",
    ),
    OF.gauge("node_filesystem_files", "Filesystem total file nodes.", "inodes"),
    OF.gauge("node_filesystem_files_free", "Filesystem total free file nodes.", "inodes"),
];

/// Of the families from the third on.
const READS: [fn(&Space) -> u64; 5] =
    [|s| s.size, |s| s.free, |s| s.available, |s| s.files, |s| s.files_free];

/// A line of the table of mounts.
#[derive(Debug, PartialEq)]
struct Mount {
    device: String,
    /// As the host sees it.
    point: String,
    kind: String,
    read_only: bool,
}

/// The mounts that can be seen from here: those below the host's root directory, by the host's names.
fn parse(text: &str, rootfs: &Path) -> Result<Vec<Mount>, NodeError> {
    let mut seen = BTreeSet::new();
    let mut mounts = Vec::new();
    for line in text.lines() {
        // Not procfs' MountEntry: it leaves blanks in names as \040.
        let mut words = line.split(' ');
        let (Some(device), Some(point), Some(kind), Some(options)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(NodeError::parse("/proc/mounts", line));
        };
        let (device, point) = (unescape(device), stripped(&unescape(point), rootfs));
        // Of two with the same names only the upper one can be seen.
        if seen.insert((device.clone(), point.clone(), kind.to_owned())) {
            let read_only = options.split(',').any(|option| option == "ro");
            mounts.push(Mount { device, point, kind: kind.to_owned(), read_only });
        }
    }
    Ok(mounts)
}

/// A mount point without the prefix that the host's root directory has here.
fn stripped(point: &str, rootfs: &Path) -> String {
    let rest = rootfs.to_str().filter(|rootfs| *rootfs != "/").and_then(|rootfs| point.strip_prefix(rootfs));
    match rest {
        Some("") => "/".to_owned(),
        Some(rest) => rest.to_owned(),
        None => point.to_owned(),
    }
}

/// The kernel writes blanks, tabs, line feeds and backslashes as three octal digits.
fn unescape(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(u8::is_ascii) {
            Some(code) => {
                out.push(char::from(code));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

fn collect(host: &mut Host, page: &mut Page<'_>) -> Result<(), NodeError> {
    let mut mounts = parse(&host.of_init("1/mounts")?, &host.paths.rootfs)?;
    let options = &host.options;
    mounts.retain(|m| options.mount_points().admits(&m.point) && options.fs_types().admits(&m.kind));
    let place = |mount: &Mount| host.paths.rootfs.join(mount.point.trim_start_matches('/'));
    let places: Vec<PathBuf> = mounts.iter().map(place).collect();
    let spaces = host.mounts.ask(&places, options.mount_timeout);
    let put = |page: &mut Page<'_>, mount: &Mount, value: Value| {
        let labels = [("device", &*mount.device), ("fstype", &mount.kind), ("mountpoint", &mount.point)];
        page.put(&labels, value);
    };
    page.family(&FAMILIES[0]);
    for (mount, space) in mounts.iter().zip(&spaces) {
        put(page, mount, space.is_none().into());
    }
    page.family(&FAMILIES[1]);
    for mount in &mounts {
        put(page, mount, mount.read_only.into());
    }
    for (family, read) in FAMILIES[2..].iter().zip(READS) {
        page.family(family);
        for (mount, space) in mounts.iter().zip(&spaces) {
            if let Some(space) = space {
                put(page, mount, read(space).into());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn mounts_by_the_hosts_names() {
        let text = "/dev/sda1 /host ext4 rw,relatime 0 0\n/dev/sdb1 /host/srv/my\\040disk xfs ro,noatime 0 0\n\
                    tmpfs /tmp tmpfs rw 0 0\ntmpfs /tmp tmpfs rw 0 0\na\\134b /x\\0 nfs rw 0 0\n";
        let mount = |device: &str, point: &str, kind: &str, read_only| Mount {
            device: device.to_owned(),
            point: point.to_owned(),
            kind: kind.to_owned(),
            read_only,
        };
        assert_eq!(
            parse(text, Path::new("/host")).expect("good lines"),
            [
                mount("/dev/sda1", "/", "ext4", false),
                mount("/dev/sdb1", "/srv/my disk", "xfs", true),
                mount("tmpfs", "/tmp", "tmpfs", false),
                mount("a\\b", "/x\\0", "nfs", false),
            ]
        );
        assert_eq!(parse("/dev/sda1 /host ext4 rw 0 0\n", Path::new("/")).expect("good")[0].point, "/host");
        assert!(parse("/dev/sda1 /host\n", Path::new("/")).is_err());
    }

    #[test]
    fn what_can_be_asked_and_what_cannot() {
        let mut fixture = Fixture::new(&[
            ("proc/1/mounts", "/dev/a / ext4 rw 0 0\n/dev/b /gone ext4 ro 0 0\nproc /proc proc rw 0 0\n"),
            ("root/x", ""),
        ]);
        let samples = fixture.samples(&COLLECTOR);
        let names: Vec<_> = samples.iter().filter_map(|line| line.split('{').next()).collect();
        assert_eq!(
            samples[..4],
            [
                r#"node_filesystem_device_error{device="/dev/a",fstype="ext4",mountpoint="/"} 0"#,
                r#"node_filesystem_device_error{device="/dev/b",fstype="ext4",mountpoint="/gone"} 1"#,
                r#"node_filesystem_readonly{device="/dev/a",fstype="ext4",mountpoint="/"} 0"#,
                r#"node_filesystem_readonly{device="/dev/b",fstype="ext4",mountpoint="/gone"} 1"#,
            ]
        );
        assert_eq!(
            names[4..],
            [
                "node_filesystem_size_bytes",
                "node_filesystem_free_bytes",
                "node_filesystem_avail_bytes",
                "node_filesystem_files",
                "node_filesystem_files_free"
            ]
        );
    }
}
