//! Names for the kernel's numbers: system calls, errors and signals, as strace and signal(7) spell them.

use std::borrow::Cow;
use std::fmt::Write as _;

use syscalls::Errno;

/// What does not fit a bound.
pub const OTHER: &str = "other";
/// A system call number no ABI has.
pub const UNKNOWN: &str = "unknown";

#[cfg(target_arch = "aarch64")]
use syscalls::{aarch64::Sysno, arm::Sysno as CompatSysno};
#[cfg(not(target_arch = "aarch64"))]
use syscalls::{x86::Sysno as CompatSysno, x86_64::Sysno};

/// The name of a system call of the machine's own ABI; `syscall_0x…` for one newer than our table.
pub fn syscall(number: u32) -> Cow<'static, str> {
    match Sysno::new(number as usize) {
        Some(call) => Cow::Borrowed(call.name()),
        None => Cow::Owned(format!("syscall_{number:#x}")),
    }
}

/// The name of a system call of the 32-bit ABI (i386, or arm on aarch64).
pub fn compat_syscall(number: u32) -> Cow<'static, str> {
    match CompatSysno::new(number as usize) {
        Some(call) => Cow::Borrowed(call.name()),
        None => Cow::Owned(format!("syscall32_{number:#x}")),
    }
}

/// The name of an errno; the number where it has none.
pub fn errno(number: u32) -> Cow<'static, str> {
    match Errno::new(number as i32).name() {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(number.to_string()),
    }
}

/// The path of a Unix socket that has this name in the kernel: an abstract one begins with `@`. Control characters, what is no
/// UTF-8 and the backslash become `\\xNN`.
pub fn socket_path(name: &[u8]) -> String {
    match name.split_first() {
        Some((0, rest)) => format!("@{}", harmless(rest)),
        _ => harmless(name),
    }
}

/// What somebody chose to call something, as text that nobody's terminal is led astray by: control characters, what is no UTF-8 and
/// the backslash become `\\xNN`.
pub fn harmless(name: &[u8]) -> String {
    let mut path = String::new();
    let escape = |path: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(path, "\\x{byte:02x}");
        }
    };
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => escape(&mut path, b"\\"),
                c if c.is_control() => escape(&mut path, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => path.push(c),
            }
        }
        escape(&mut path, chunk.invalid());
    }
    path
}

/// A name asked of DNS, from the labels with their lengths in a message, as it is written (RFC 1035, 5.1) without the last
/// dot: what is no printable ASCII is `\\DDD`, and so are a dot and a backslash inside a label.
pub fn dns_name(mut labels: &[u8]) -> String {
    let mut name = String::new();
    while let Some((length, rest)) = labels.split_first() {
        let (label, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        if !name.is_empty() {
            name.push('.');
        }
        for byte in label {
            match byte {
                b'.' | b'\\' => name.extend(['\\', char::from(*byte)]),
                b'!'..=b'~' => name.push(char::from(*byte)),
                // Writing to a string cannot fail.
                byte => _ = write!(name, "\\{byte:03}"),
            }
        }
        labels = rest;
    }
    if name.is_empty() { ".".to_owned() } else { name }
}

/// The name of a type of DNS records; `TYPE…` where it has none (RFC 3597).
pub fn dns_type(number: u32) -> Cow<'static, str> {
    match DNS_TYPES.iter().find(|(of, _)| *of == number) {
        Some((_, name)) => Cow::Borrowed(name),
        // Behind a name that was not followed to its end.
        None if number == 0 => Cow::Borrowed(UNKNOWN),
        None => Cow::Owned(format!("TYPE{number}")),
    }
}

/// The name of the rcode in a DNS header.
pub fn dns_rcode(number: u32) -> Cow<'static, str> {
    match DNS_RCODES.get(number as usize) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("RCODE{number}")),
    }
}

/// IANA, those that are in use.
static DNS_TYPES: [(u32, &str); 35] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (28, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (39, "DNAME"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (251, "IXFR"),
    (252, "AXFR"),
    (255, "ANY"),
    (257, "CAA"),
];

/// IANA, by number.
static DNS_RCODES: [&str; 12] = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
    "DSOTYPENI",
];

/// The name of a signal: `SIGKILL`, `SIGRTMIN+3`.
pub fn signal(number: u32) -> Cow<'static, str> {
    const SIGRTMIN: u32 = 32; // the kernel's own, below the C library's
    match SIGNALS.get((number as usize).wrapping_sub(1)) {
        Some(name) => Cow::Borrowed(name),
        None if number == SIGRTMIN => Cow::Borrowed("SIGRTMIN"),
        None => Cow::Owned(format!("SIGRTMIN+{}", number.saturating_sub(SIGRTMIN))),
    }
}

/// signal(7), the numbers of x86 and arm.
static SIGNALS: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// The path of a disk that has this name in the kernel. One path of several to the same NVMe namespace, `nvme0c1n2`, is
/// called as what stands for all of them, `nvme0n2`.
pub fn disk(name: &[u8]) -> Option<String> {
    let name = name.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())?;
    // A slash cannot be in a file's name, so the kernel has another character for it.
    let name = String::from_utf8_lossy(name).replace('!', "/");
    let head = || {
        let (controller, rest) = name.strip_prefix("nvme")?.split_once('c')?;
        let (path, namespace) = rest.split_once('n')?;
        let numbers = [controller, path, namespace].iter().all(|part| part.parse::<u32>().is_ok());
        numbers.then(|| format!("nvme{controller}n{namespace}"))
    };
    Some(format!("/dev/{}", head().unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_sockets_show_no_hostile_bytes() {
        assert_eq!(socket_path(b"/run/a.sock"), "/run/a.sock");
        assert_eq!(socket_path(b"\0ab\0c"), r"@ab\x00c");
        assert_eq!(socket_path("/\u{e9}\n\u{1b}[2J\u{9b}".as_bytes()), "/\u{e9}\\x0a\\x1b[2J\\xc2\\x9b");
        assert_eq!(socket_path(b"/\xff\\xff"), r"/\xff\x5cxff");
    }

    #[test]
    fn names_of_dns_are_written_as_in_a_zone() {
        assert_eq!(dns_name(b"\x03www\x07example\x04test"), "www.example.test");
        assert_eq!(dns_name(b""), ".");
        assert_eq!(dns_name(b"\x05a.b\\c\x04\n\xff \""), r#"a\.b\\c.\010\255\032""#);
        assert_eq!(dns_name(b"\x3fshort"), "short", "cut short");
    }

    #[test]
    fn numbers_have_their_usual_names() {
        assert_eq!(errno(2), "ENOENT");
        assert_eq!(errno(13), "EACCES");
        assert_eq!(errno(11), "EAGAIN");
        assert_eq!(errno(512), "ERESTARTSYS");
        assert_eq!(errno(516), "ERESTART_RESTARTBLOCK");
        assert_eq!(errno(4000), "4000");
        assert_eq!(signal(9), "SIGKILL");
        assert_eq!(signal(15), "SIGTERM");
        assert_eq!(signal(31), "SIGSYS");
        assert_eq!(signal(32), "SIGRTMIN");
        assert_eq!(signal(64), "SIGRTMIN+32");
        assert_eq!(syscall(9999), "syscall_0x270f");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn each_abi_has_its_own_numbers() {
        assert_eq!(syscall(257), "openat");
        assert_eq!(syscall(0), "read");
        assert_eq!(compat_syscall(20), "getpid");
        assert_eq!(compat_syscall(295), "openat");
        assert_eq!(compat_syscall(3), "read");
    }

    #[test]
    fn the_table_of_aarch64() {
        assert_eq!(syscalls::aarch64::Sysno::new(56).map(|call| call.name()), Some("openat"));
        assert_eq!(syscalls::aarch64::Sysno::new(139).map(|call| call.name()), Some("rt_sigreturn"));
    }

    #[test]
    fn disks_are_called_by_their_paths() {
        assert_eq!(disk(b"sda\0\0\0").as_deref(), Some("/dev/sda"));
        assert_eq!(disk(b"cciss!c0d1\0").as_deref(), Some("/dev/cciss/c0d1"));
        assert_eq!(disk(b"nvme1n2\0").as_deref(), Some("/dev/nvme1n2"));
        assert_eq!(disk(b"nvme1c12n2\0").as_deref(), Some("/dev/nvme1n2"));
        assert_eq!(disk(b"nvmecn\0").as_deref(), Some("/dev/nvmecn"));
        assert_eq!(disk(&[0; 32]), None);
    }
}
