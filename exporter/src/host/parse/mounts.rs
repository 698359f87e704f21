//! `/proc/self/mountinfo`, as far as it is about cgroups, and `cgroup.controllers`.

use super::{lines, words};

/// One mount of a cgroup hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupMount {
    /// True for cgroup2.
    pub v2: bool,
    /// The cgroup that is at the mount point; `/` unless only a part is mounted.
    pub root: String,
    /// The mount point.
    pub point: String,
    /// The controllers and flags of a v1 mount, comma-separated, as the kernel lists them.
    pub options: String,
}

impl CgroupMount {
    /// Whether a v1 controller is mounted here.
    pub fn serves(&self, controller: &str) -> bool {
        !self.v2 && self.options.split(',').any(|option| option == controller)
    }
}

/// The cgroup mounts of a `mountinfo` file, in its order.
pub fn parse_mountinfo(bytes: &[u8]) -> Vec<CgroupMount> {
    lines(bytes).filter_map(cgroup_mount).collect()
}

/// `cgroup.controllers`: names, space-separated.
pub fn parse_controllers(bytes: &[u8]) -> Vec<String> {
    words(bytes.trim_ascii()).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn cgroup_mount(line: &[u8]) -> Option<CgroupMount> {
    let mut fields = words(line);
    let root = unescape(fields.nth(3)?)?;
    let point = unescape(fields.next()?)?;
    let mut tail = fields.skip_while(|field| *field != b"-").skip(1);
    let v2 = match tail.next()? {
        b"cgroup" => false,
        b"cgroup2" => true,
        _ => return None,
    };
    let options = std::str::from_utf8(tail.nth(1)?).ok()?.to_owned();
    Some(CgroupMount { v2, root, point, options })
}

/// Undoes the octal escapes of blanks and backslashes. A path that is not UTF-8 is of no use to us.
fn unescape(field: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        out.push(octal.unwrap_or(first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_mounts() {
        let text = b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
            41 31 0:38 /a\\040b /mnt/x\\134y rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";
        let mounts = parse_mountinfo(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].point, "/sys/fs/cgroup/cpu,cpuacct");
        assert!(mounts[0].serves("cpu") && mounts[0].serves("cpuacct") && !mounts[0].serves("memory"));
        let want = CgroupMount {
            v2: true,
            root: "/a b".to_owned(),
            point: "/mnt/x\\y".to_owned(),
            options: "rw,nsdelegate".to_owned(),
        };
        assert_eq!(mounts[1], want);
        assert!(!mounts[1].serves("rw"), "v2 controllers are not in the options");
    }

    #[test]
    fn broken_lines_are_passed_over() {
        assert_eq!(
            parse_mountinfo(b"\n1 2 3\n1 2 3 / /x rw - cgroup\n1 2 3 /\xff /x rw - cgroup c rw\n"),
            []
        );
    }

    #[test]
    fn controllers() {
        assert_eq!(parse_controllers(b"cpuset cpu io\n"), ["cpuset", "cpu", "io"]);
        assert!(parse_controllers(b"\n").is_empty());
    }
}
