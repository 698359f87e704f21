//! What is mounted.

/// One line of `/proc/self/mounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The device, or what a file system without one calls itself.
    pub device: String,
    /// Where.
    pub directory: String,
    /// Its type.
    pub kind: String,
}

/// File systems of other hosts, as gnulib knows them.
const REMOTE: &[&str] =
    &["acfs", "afs", "coda", "auristorfs", "fhgfs", "gpfs", "ibrix", "ocfs2", "vxfs", "nfs", "nfs4", "ceph"];

/// More that somebody has to answer for.
const MAY_HANG: &[&str] =
    &["9p", "autofs", "beegfs", "cifs", "glusterfs", "lustre", "ncpfs", "smb3", "smbfs", "virtiofs"];

impl Mount {
    /// Whether it is another host's.
    pub fn is_remote(&self) -> bool {
        let windows = matches!(self.kind.as_str(), "smbfs" | "smb3" | "cifs");
        self.device.contains(':')
            || (self.device.starts_with("//") && windows)
            || REMOTE.contains(&self.kind.as_str())
            || self.device == "-hosts"
    }

    /// Whether it may be that nobody answers.
    pub fn may_hang(&self) -> bool {
        self.is_remote() || self.kind.starts_with("fuse") || MAY_HANG.contains(&self.kind.as_str())
    }
}

/// All of them, in their order. What is no line of one is left out.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ').map(plain);
            Some(Mount { device: fields.next()?, directory: fields.next()?, kind: fields.next()? })
        })
        .collect()
}

/// With what the kernel writes as three octal digits after a backslash.
fn plain(field: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, more)) = rest.split_first() {
        let octal = more
            .get(..3)
            .filter(|digits| *first == b'\\' && digits.iter().all(|digit| matches!(digit, b'0'..=b'7')));
        let number = octal.and_then(|digits| {
            digits.iter().try_fold(0_u8, |sum, digit| sum.checked_mul(8)?.checked_add(digit - b'0'))
        });
        bytes.push(number.unwrap_or(*first));
        rest = if number.is_some() { more.get(3..).unwrap_or_default() } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(device: &str, kind: &str) -> Mount {
        Mount { device: device.to_owned(), directory: "/x".to_owned(), kind: kind.to_owned() }
    }

    #[test]
    fn a_line_is_a_mount_and_its_blanks_are_octal() {
        let text = b"proc /proc proc rw 0 0\n/dev/sda1 /a\\040b\\011\\134 ext4 rw 0 0\nbroken line\n\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[1].directory, "/a b\t\\");
        assert_eq!(
            parse(b"a\\4 b\\777 c\\x d")[0],
            Mount { device: "a\\4".to_owned(), directory: "b\\777".to_owned(), kind: "c\\x".to_owned() }
        );
    }

    #[test]
    fn what_is_of_another_host_is_remote_and_more_may_hang() {
        for (device, kind) in
            [("srv:/x", "nfs4"), ("//srv/x", "cifs"), ("x", "gpfs"), ("a@b:/", "fuse.sshfs")]
        {
            assert!(mount(device, kind).is_remote() && mount(device, kind).may_hang(), "{device} {kind}");
        }
        for (device, kind) in [("x", "fuse"), ("tag", "virtiofs"), ("/dev/sdb", "fuseblk")] {
            assert!(!mount(device, kind).is_remote() && mount(device, kind).may_hang(), "{device} {kind}");
        }
        for (device, kind) in [("/dev/sda1", "ext4"), ("tmpfs", "tmpfs"), ("//x", "ext4")] {
            assert!(!mount(device, kind).may_hang(), "{device} {kind}");
        }
    }
}
