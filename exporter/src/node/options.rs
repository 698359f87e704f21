//! What the command line says of host metrics, with node_exporter's names and defaults.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use regex::Regex;

/// A regular expression that matches anywhere in a name, as node_exporter's do.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    /// `None` matches nothing, as what is empty does.
    regex: Option<Regex>,
}

impl Pattern {
    /// Whether it matches; an empty one matches nothing.
    pub fn matches(&self, name: &str) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(name))
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The size keeps a pattern from taking all memory.
        let regex = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
        let regex = regex.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            _ => "not a regular expression".to_owned(),
        })?;
        Ok(Self { text: text.to_owned(), regex: Some(regex).filter(|_| !text.is_empty()) })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A regular expression that has to match the whole of a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole(Pattern);

impl Whole {
    /// Whether it matches all of the name.
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

impl FromStr for Whole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // By itself first: it is not to close our parenthesis.
        let _: Pattern = text.parse()?;
        format!("^(?:{text})$").parse().map(Self)
    }
}

/// What is let through: what is included, if that is said, and is not excluded.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    include: Option<&'a Pattern>,
    exclude: Option<&'a Pattern>,
}

impl Filter<'_> {
    /// Whether a name is let through.
    pub fn admits(&self, name: &str) -> bool {
        self.include.is_none_or(|include| include.matches(name))
            && !self.exclude.is_some_and(|exclude| exclude.matches(name))
    }
}

const DISKS: &str = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$";
const INTERFACES: &str = "^lo$";
const MOUNT_POINTS: &str =
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
const FILESYSTEMS: &str = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|\
    mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$";
const UNITS: &str = r".+\.(automount|device|mount|scope|slice)";
const VMSTAT: &str = "^(oom_kill|pgpg|pswp|pg.*fault).*";
const NETSTAT: &str = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|\
    TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|\
    Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
    Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

/// What the command line says of host metrics.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Host metrics")]
pub struct Options {
    /// Disks to leave out of diskstats; the default leaves out partitions, and nothing if others are included
    #[arg(long = "collector.diskstats.device-exclude", value_name = "REGEX")]
    pub diskstats_exclude: Option<Pattern>,
    /// Disks that diskstats has alone
    #[arg(long = "collector.diskstats.device-include", value_name = "REGEX")]
    pub diskstats_include: Option<Pattern>,
    /// Interfaces to leave out of netdev; the default is the loopback, and nothing if others are included
    #[arg(long = "collector.netdev.device-exclude", value_name = "REGEX")]
    pub netdev_exclude: Option<Pattern>,
    /// Interfaces that netdev has alone
    #[arg(long = "collector.netdev.device-include", value_name = "REGEX")]
    pub netdev_include: Option<Pattern>,
    /// Interfaces to leave out of netclass
    #[arg(long = "collector.netclass.ignored-devices", value_name = "REGEX", default_value = "^$")]
    pub netclass_ignored: Pattern,
    /// Interfaces to leave out of arp
    #[arg(long = "collector.arp.device-exclude", value_name = "REGEX")]
    pub arp_exclude: Option<Pattern>,
    /// Interfaces that arp has alone
    #[arg(long = "collector.arp.device-include", value_name = "REGEX")]
    pub arp_include: Option<Pattern>,
    /// Mount points to leave out of filesystem; the default is those of containers and of the kernel, and nothing if
    /// others are included
    #[arg(long = "collector.filesystem.mount-points-exclude", value_name = "REGEX")]
    pub mount_points_exclude: Option<Pattern>,
    /// Mount points that filesystem has alone
    #[arg(long = "collector.filesystem.mount-points-include", value_name = "REGEX")]
    pub mount_points_include: Option<Pattern>,
    /// Types of filesystems to leave out of filesystem; the default is those without storage, and nothing if others
    /// are included
    #[arg(long = "collector.filesystem.fs-types-exclude", value_name = "REGEX")]
    pub fs_types_exclude: Option<Pattern>,
    /// Types of filesystems that filesystem has alone
    #[arg(long = "collector.filesystem.fs-types-include", value_name = "REGEX")]
    pub fs_types_include: Option<Pattern>,
    /// How long filesystem waits for a mount before it calls it stuck
    #[arg(long = "collector.filesystem.mount-timeout", value_name = "DURATION", default_value = "500ms", value_parser = mount_timeout)]
    pub mount_timeout: Duration,
    /// Fields of /proc/vmstat that vmstat has
    #[arg(long = "collector.vmstat.fields", value_name = "REGEX", default_value = VMSTAT)]
    pub vmstat_fields: Pattern,
    /// Fields of /proc/net/netstat, snmp and snmp6 that netstat has
    #[arg(long = "collector.netstat.fields", value_name = "REGEX", default_value = NETSTAT)]
    pub netstat_fields: Pattern,
    /// Power supplies to leave out of powersupplyclass
    #[arg(long = "collector.powersupply.ignored-supplies", value_name = "REGEX", default_value = "^$")]
    pub supplies_ignored: Pattern,
    /// Directory whose files, *.prom, textfile serves; may be given more than once
    #[arg(long = "collector.textfile.directory", value_name = "DIR")]
    pub textfile_directories: Vec<PathBuf>,
    /// Units that systemd has: those that match this in whole, and not what is excluded
    #[arg(long = "collector.systemd.unit-include", value_name = "REGEX", default_value = ".+")]
    pub unit_include: Whole,
    /// Units to leave out of systemd
    #[arg(long = "collector.systemd.unit-exclude", value_name = "REGEX", default_value = UNITS)]
    pub unit_exclude: Whole,
    /// Tasks of services, and how many they may have
    #[arg(long = "collector.systemd.enable-task-metrics")]
    pub systemd_tasks: bool,
    /// How often systemd started services again
    #[arg(long = "collector.systemd.enable-restarts-metrics")]
    pub systemd_restarts: bool,
    /// When units became active
    #[arg(long = "collector.systemd.enable-start-time-metrics")]
    pub systemd_start_time: bool,
    /// Ask systemd by its own socket, without the bus; needs root
    #[arg(long = "collector.systemd.private")]
    pub systemd_private: bool,
}

impl Options {
    /// Disks.
    pub fn diskstats(&self) -> Filter<'_> {
        filter(self.diskstats_include.as_ref(), self.diskstats_exclude.as_ref(), &DEFAULTS.0)
    }

    /// Interfaces of netdev.
    pub fn netdev(&self) -> Filter<'_> {
        filter(self.netdev_include.as_ref(), self.netdev_exclude.as_ref(), &DEFAULTS.1)
    }

    /// Interfaces of arp.
    pub fn arp(&self) -> Filter<'_> {
        Filter { include: self.arp_include.as_ref(), exclude: self.arp_exclude.as_ref() }
    }

    /// Mount points.
    pub fn mount_points(&self) -> Filter<'_> {
        filter(self.mount_points_include.as_ref(), self.mount_points_exclude.as_ref(), &DEFAULTS.2)
    }

    /// Types of filesystems.
    pub fn fs_types(&self) -> Filter<'_> {
        filter(self.fs_types_include.as_ref(), self.fs_types_exclude.as_ref(), &DEFAULTS.3)
    }

    /// Flags that cannot both be given, as a sentence of it.
    pub fn contradiction(&self) -> Option<String> {
        let pairs = [
            ("collector.diskstats.device", &self.diskstats_include, &self.diskstats_exclude),
            ("collector.netdev.device", &self.netdev_include, &self.netdev_exclude),
            ("collector.arp.device", &self.arp_include, &self.arp_exclude),
            ("collector.filesystem.mount-points", &self.mount_points_include, &self.mount_points_exclude),
            ("collector.filesystem.fs-types", &self.fs_types_include, &self.fs_types_exclude),
        ];
        let given = |pattern: &Option<Pattern>| pattern.as_ref().is_some_and(|pattern| !pattern.is_empty());
        let (name, ..) = pairs.into_iter().find(|(_, include, exclude)| given(include) && given(exclude))?;
        Some(format!("'--{name}-include' and '--{name}-exclude' exclude each other"))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            diskstats_exclude: None,
            diskstats_include: None,
            netdev_exclude: None,
            netdev_include: None,
            netclass_ignored: constant("^$"),
            arp_exclude: None,
            arp_include: None,
            mount_points_exclude: None,
            mount_points_include: None,
            fs_types_exclude: None,
            fs_types_include: None,
            mount_timeout: Duration::from_millis(500),
            vmstat_fields: constant(VMSTAT),
            netstat_fields: constant(NETSTAT),
            supplies_ignored: constant("^$"),
            textfile_directories: Vec::new(),
            unit_include: Whole(constant("^(?:.+)$")),
            unit_exclude: Whole(constant(&format!("^(?:{UNITS})$"))),
            systemd_tasks: false,
            systemd_restarts: false,
            systemd_start_time: false,
            systemd_private: false,
        }
    }
}

/// The default patterns, compiled once.
static DEFAULTS: std::sync::LazyLock<(Pattern, Pattern, Pattern, Pattern)> = std::sync::LazyLock::new(|| {
    (constant(DISKS), constant(INTERFACES), constant(MOUNT_POINTS), constant(FILESYSTEMS))
});

/// A pattern of this file: a test compiles it.
fn constant(text: &str) -> Pattern {
    Pattern { text: text.to_owned(), regex: Regex::new(text).ok() }
}

fn filter<'a>(
    include: Option<&'a Pattern>,
    exclude: Option<&'a Pattern>,
    default: &'a Pattern,
) -> Filter<'a> {
    let include = include.filter(|pattern| !pattern.is_empty());
    Filter { include, exclude: exclude.or(include.is_none().then_some(default)) }
}

fn mount_timeout(text: &str) -> Result<Duration, String> {
    let duration = crate::config::parse_duration(text).map_err(|error| error.to_string())?;
    let fits = (Duration::from_millis(10)..=Duration::from_secs(5)).contains(&duration);
    fits.then_some(duration).ok_or_else(|| "expected 10ms to 5s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_node_exporters() {
        let options = Options::default();
        for (name, admitted) in [
            ("sda", true),
            ("sda1", false),
            ("nvme0n1", true),
            ("nvme0n1p2", false),
            ("loop7", false),
            ("dm-0", true),
            ("md127", true),
            ("zram0", false),
            ("vda", true),
        ] {
            assert_eq!(options.diskstats().admits(name), admitted, "{name}");
        }
        assert!(!options.netdev().admits("lo") && options.netdev().admits("eth0"));
        for (name, admitted) in [
            ("/", true),
            ("/dev/shm", false),
            ("/proc", false),
            ("/home", true),
            ("/var/lib/docker/overlay2/x", false),
            ("/developers", true),
        ] {
            assert_eq!(options.mount_points().admits(name), admitted, "{name}");
        }
        assert!(options.fs_types().admits("ext4") && options.fs_types().admits("tmpfs"));
        assert!(!options.fs_types().admits("overlay") && !options.fs_types().admits("cgroup2"));
        assert!(!options.netclass_ignored.matches("eth0"));
    }

    #[test]
    fn what_is_included_is_all_there_is() {
        let pattern = |text: &str| Some(text.parse().expect("a pattern"));
        let mut options = Options { diskstats_include: pattern("^sd[ab]"), ..Options::default() };
        let admits = |options: &Options| ["sda", "sda1", "sdc"].map(|name| options.diskstats().admits(name));
        assert_eq!(admits(&options), [true, true, false]);
        assert_eq!(options.contradiction(), None);
        options.diskstats_exclude = pattern("1$");
        let told = "'--collector.diskstats.device-include' and '--collector.diskstats.device-exclude' exclude each other";
        assert_eq!(options.contradiction().as_deref(), Some(told));
        options.diskstats_include = pattern("");
        assert_eq!((admits(&options), options.contradiction()), ([true, false, true], None));
        options.diskstats_exclude = pattern("");
        assert_eq!(admits(&options), [true, true, true], "nothing is left out");
    }
}
