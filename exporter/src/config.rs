//! The command line: flags as Prometheus users know them, checked whole before anything starts.
//!
//! Every flag is one long name with dots, takes `--flag=value` or `--flag value`, and a boolean `--x` has its
//! `--no-x`. Nothing here touches the host.

pub mod file;
mod group;
mod switches;
pub(crate) mod units;

use std::collections::HashSet;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, FromArgMatches as _, ValueEnum, value_parser};

use plimsoll_abi::connections::MAX_PREFIXES;

pub use group::{DestinationGroup, GroupError, network};
pub use switches::Collector;
pub use units::{UnitError, parse_duration, parse_percent, parse_size};

use crate::http::ListenAddress;
use crate::identity::Runtime;
use crate::node;
use crate::report::Rightsizing;
use crate::runtimes::Socket;
use crate::telemetry::log::LogFormat;
use crate::telemetry::{REVISION, RUST_VERSION, VERSION};

/// What the command line says, complete and valid.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Config {
    /// The HTTP side.
    #[command(flatten)]
    pub web: Web,
    /// Where to look at the host.
    #[command(flatten)]
    pub host: Host,
    /// The programs in the kernel.
    #[command(flatten)]
    pub kernel: Kernel,
    /// What is asked of connections.
    #[command(flatten)]
    pub tcp: Tcp,
    /// What Plimsoll may cost.
    #[command(flatten)]
    pub overhead: Overhead,
    /// How long a dead container is still served.
    #[command(flatten)]
    pub tombstone: Tombstone,
    /// The host's own metrics.
    #[command(flatten)]
    pub node: node::Options,
    /// Container runtimes.
    #[command(flatten)]
    pub runtimes: Runtimes,
    /// Kubernetes.
    #[command(flatten)]
    pub kubernetes: Kubernetes,
    /// The log.
    #[command(flatten)]
    pub log: Log,
    /// Configuration file in YAML, for the labels of series, the modules of /probe and where to push to; read again on SIGHUP
    #[arg(long = "config.file", value_name = "FILE", help_heading = "Configuration file")]
    pub file: Option<PathBuf>,

    /// Names of the collectors that are on, in the order of the table.
    #[arg(skip)]
    pub collectors: Vec<&'static str>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Invocation {
    /// The exporter.
    Serve(Box<Config>),
    /// Whether these configuration files are valid.
    CheckConfig(Vec<PathBuf>),
    /// Whether these web configuration files, and what they name, are valid.
    CheckWebConfig(Vec<PathBuf>),
    /// What containers were given beside what they used.
    Rightsizing(Box<Rightsizing>),
    /// Results of checks, for an Icinga that cannot reach this host.
    Push {
        /// The file that says which.
        file: PathBuf,
        /// Whether only to say whether it is valid.
        check: bool,
    },
}

/// The HTTP side.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Web")]
pub struct Web {
    /// Address to listen on: :PORT (all addresses), HOST:PORT or [IPV6]:PORT; may be given more than once
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":18760")]
    pub listen_addresses: Vec<ListenAddress>,
    /// Path of the metrics; those under cAdvisor's names alone are at "cadvisor" below it, those under
    /// node_exporter's at "node"
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    pub telemetry_path: String,
    /// Scrapes that may run at the same time; 0 is no limit
    #[arg(long = "web.max-requests", value_name = "N", default_value_t = 40, value_parser = value_parser!(u32).range(0..=10_000))]
    pub max_requests: u32,
    /// Probes of /probe that may run at the same time
    #[arg(long = "web.max-probes", value_name = "N", default_value_t = 16, value_parser = value_parser!(u32).range(1..=1000))]
    pub max_probes: u32,
    /// The longest a scrape or a probe may take; a scraper that waits less gets its answer earlier
    #[arg(long = "web.scrape-timeout", value_name = "DURATION", default_value = "10s", value_parser = scrape_timeout)]
    pub scrape_timeout: Duration,
    /// File in YAML with certificates, users and limits, as exporter-toolkit has it; read again when it changes
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Serve each new counter series once at 0, to every scraper.
    #[arg(skip)]
    pub zero_first: bool,
    /// Write `_created` in OpenMetrics.
    #[arg(skip)]
    pub openmetrics_created: bool,
    /// Let `/-/reload` read the configuration file again.
    #[arg(skip)]
    pub lifecycle: bool,
}

/// Where to look at the host.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Host")]
pub struct Host {
    /// Where procfs is mounted
    #[arg(long = "path.procfs", value_name = "DIR", default_value = "/proc", value_parser = directory)]
    pub procfs: PathBuf,
    /// Where sysfs is mounted
    #[arg(long = "path.sysfs", value_name = "DIR", default_value = "/sys", value_parser = directory)]
    pub sysfs: PathBuf,
    /// Where the host's root directory is mounted
    #[arg(long = "path.rootfs", value_name = "DIR", default_value = "/", value_parser = directory)]
    pub rootfs: PathBuf,
    /// Cgroups that are no containers and lie deeper than this count into their ancestor at this depth
    #[arg(long = "cgroup.max-depth", value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=32))]
    pub cgroup_max_depth: u32,
}

/// The programs in the kernel.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Kernel")]
pub struct Kernel {
    /// Cgroups that can be counted for at the same time; those beyond count as unattributed
    #[arg(long = "kernel.slots", value_name = "N", default_value_t = 1024, value_parser = value_parser!(u32).range(64..=65_536))]
    pub slots: u32,
    /// The most memory the maps of the programs may take, such as 64MiB
    #[arg(long = "kernel.memory-limit", value_name = "SIZE", default_value = "64MiB", value_parser = memory_limit)]
    pub memory_limit: u64,
    /// Port of DNS resolvers, for the collector dns; may be given up to 4 times
    #[arg(long = "dns.port", value_name = "PORT", default_values_t = [53], value_parser = value_parser!(u16).range(1..))]
    pub dns_ports: Vec<u16>,
    /// Count DNS questions and answers by the name asked for as well, for the collector dns
    #[arg(long = "dns.names")]
    pub dns_names: bool,
}

/// What is asked of connections.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Connections")]
pub struct Tcp {
    /// Ask conntrack where connections really go whose address is translated: costs a little for each packet sent.
    /// auto does so if conntrack has entries in the host's network namespace when the exporter starts
    #[arg(long = "tcp.actual-destination", value_name = "WHEN", default_value = "auto")]
    pub actual_destination: When,
    /// Show destinations in these networks by a name in place of their addresses: NAME=CIDR,…; may be given more than
    /// once. Where networks overlap the smallest counts
    #[arg(long = "tcp.destination-group", value_name = "GROUP")]
    pub destination_groups: Vec<DestinationGroup>,
    /// Show a destination by its name in place of its address, where all DNS answers that the container had for that
    /// address were for one name; needs --dns.names
    #[arg(long = "tcp.destination-names")]
    pub destination_names: bool,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it, and a comment would become a line of --help")]
pub enum When {
    Auto,
    On,
    Off,
}

/// What Plimsoll may cost.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Overhead")]
pub struct Overhead {
    /// The share of all CPUs together that Plimsoll may use, its programs in the kernel included, such as 2%;
    /// above it the dearest signals rest until it is calm. 0 is no ceiling
    #[arg(long = "overhead.cpu", value_name = "PERCENT", default_value = "2%", value_parser = parse_percent)]
    pub cpu: f64,
    /// How often the cost is measured; a signal rests after two intervals above the ceiling
    #[arg(long = "overhead.interval", value_name = "DURATION", default_value = "10s", value_parser = overhead_interval)]
    pub interval: Duration,
}

/// Container runtimes.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Runtimes")]
pub struct Runtimes {
    /// Socket of a container runtime, in place of its usual one: docker=PATH, podman=PATH, containerd=PATH or cri-o=PATH; may be given more than once
    #[arg(long = "runtime.socket", value_name = "SOCKET", value_parser = runtime_socket)]
    pub sockets: Vec<Socket>,
    /// Look for sockets at their usual places.
    #[arg(skip)]
    pub discover: bool,
}

/// Kubernetes.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct Kubernetes {
    /// Name of this node, whose pods are followed at the API server; with a kubeconfig it is the host's by default
    #[arg(long = "kubernetes.node", value_name = "NAME", env = "NODE_NAME", value_parser = node_name)]
    pub node: Option<String>,
    /// How to reach the API server, in place of the service account of the pod that this runs in
    #[arg(long = "kubernetes.kubeconfig", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The longest pause between one try to reach the API server and the next
    #[arg(long = "kubernetes.max-backoff", value_name = "DURATION", default_value = "60s", value_parser = max_backoff)]
    pub max_backoff: Duration,
    /// Whether to follow it, if a flag says so.
    #[arg(skip)]
    pub on: Option<bool>,
    /// Follow services too.
    #[arg(skip)]
    pub services: bool,
}

/// How long a dead container is still served.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Tombstones")]
pub struct Tombstone {
    /// Scrapes a dead container is still served in
    #[arg(long = "tombstone.scrapes", value_name = "N", default_value_t = 2, value_parser = value_parser!(u32).range(0..=1000))]
    pub scrapes: u32,
    /// The least time a dead container is still served
    #[arg(long = "tombstone.min-age", value_name = "DURATION", default_value = "2m", value_parser = min_age)]
    pub min_age: Duration,
    /// Dead containers kept at most; beyond it the oldest go first, and are counted
    #[arg(long = "tombstone.max", value_name = "N", default_value_t = 4096, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub max: u32,
}

/// The log.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct Log {
    /// The least grave messages to log
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    pub level: LogLevel,
    /// The form of the log's lines
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt")]
    pub format: LogFormat,
}

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it, and a comment would become a line of --help")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Info => Self::INFO,
            LogLevel::Warn => Self::WARN,
            LogLevel::Error => Self::ERROR,
        }
    }
}

impl Invocation {
    /// Reads a command line, the program's name first. `Err` is also what `--help` and `--version` answer.
    pub fn from_args<I>(args: I, collectors: &[Collector]) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item: Into<OsString> + Clone>,
    {
        let mut command = Config::command(collectors);
        let matches = command.try_get_matches_from_mut(args)?;
        let files = |matches: &ArgMatches| matches.get_many("file").into_iter().flatten().cloned().collect();
        match matches.subcommand() {
            Some((CHECK_CONFIG, matches)) => return Ok(Self::CheckConfig(files(matches))),
            Some((CHECK_WEB_CONFIG, matches)) => return Ok(Self::CheckWebConfig(files(matches))),
            _ => {}
        }
        if let Some((REPORT, matches)) = matches.subcommand()
            && let Some((_, matches)) = matches.subcommand()
        {
            return Ok(Self::Rightsizing(Box::new(Rightsizing::from_arg_matches(matches)?)));
        }
        if let Some((CHECKS, matches)) = matches.subcommand()
            && let Some((_, matches)) = matches.subcommand()
            && let Some(file) = matches.get_one::<PathBuf>("file")
        {
            return Ok(Self::Push { file: file.clone(), check: matches.get_flag("check") });
        }
        Config::from_matches(&mut command, &matches, collectors).map(|config| Self::Serve(Box::new(config)))
    }
}

impl Config {
    /// The command line as clap sees it, with two flags for each of `collectors`.
    pub fn command(collectors: &[Collector]) -> Command {
        let about = "Kernel events as labelled per-container counters for Prometheus";
        Self::augment_args(Command::new("plimsoll"))
            // After the arguments, which would put the comment of the struct in its place.
            .about(about)
            .version(format!("{VERSION} (revision {REVISION}, rust {RUST_VERSION})"))
            .args(switches::args(collectors))
            .subcommand(check(CHECK_CONFIG, "Says whether configuration files are valid, and every fault they have"))
            .subcommand(check(
                CHECK_WEB_CONFIG,
                "Says whether files for --web.config.file, and the certificates and keys they name, are valid",
            ))
            .subcommand(checks())
            .subcommand(report())
            .args_conflicts_with_subcommands(true)
            .disable_help_subcommand(true)
    }

    fn from_matches(
        command: &mut Command,
        matches: &ArgMatches,
        collectors: &[Collector],
    ) -> Result<Self, clap::Error> {
        let mut config = Self::from_arg_matches(matches)?;
        config.web.zero_first = switches::is_on(matches, switches::ZERO_FIRST, false);
        config.web.openmetrics_created = switches::is_on(matches, switches::CREATED, true);
        config.runtimes.discover = switches::is_on(matches, switches::DISCOVER, true);
        config.kubernetes.on = switches::said(matches, switches::KUBERNETES);
        config.kubernetes.services = switches::is_on(matches, switches::SERVICES, false);
        config.web.lifecycle = switches::is_on(matches, switches::LIFECYCLE, false);
        config.collectors = switches::collectors(matches, collectors);
        if let Some(text) = config.tcp.contradiction() {
            return Err(command.error(ErrorKind::ValueValidation, text));
        }
        if let Some(text) = config.node.contradiction() {
            return Err(command.error(ErrorKind::ValueValidation, text));
        }
        let is_on = |name: &str| config.collectors.contains(&name);
        let needs = [
            (config.kernel.dns_names && !is_on("dns"), "'--dns.names' needs '--collector.dns'"),
            (
                config.tcp.destination_names && !config.kernel.dns_names,
                "'--tcp.destination-names' needs '--dns.names'",
            ),
            (
                config.tcp.destination_names && !is_on("connections"),
                "'--tcp.destination-names' needs '--collector.connections'",
            ),
        ];
        if let Some((_, text)) = needs.into_iter().find(|(lacks, _)| *lacks) {
            return Err(command.error(ErrorKind::ValueValidation, text));
        }
        if config.kernel.dns_ports.len() > MAX_DNS_PORTS {
            let text = format!("'--dns.port' is given more than {MAX_DNS_PORTS} times");
            return Err(command.error(ErrorKind::ValueValidation, text));
        }
        let mut seen = Vec::new();
        for address in &config.web.listen_addresses {
            if seen.contains(&address) {
                let text = format!("'--web.listen-address' is given twice with '{address}'");
                return Err(command.error(ErrorKind::ValueValidation, text));
            }
            seen.push(address);
        }
        Ok(config)
    }
}

impl Tcp {
    /// What groups of destinations cannot all be true.
    fn contradiction(&self) -> Option<String> {
        let (mut names, mut prefixes) = (HashSet::new(), HashSet::new());
        for group in &self.destination_groups {
            if !names.insert(&group.name) {
                return Some(format!("'--tcp.destination-group' names '{}' twice", group.name));
            }
            if let Some((address, _)) = group.prefixes.iter().find(|prefix| !prefixes.insert(**prefix)) {
                let address = IpAddr::V6(*address).to_canonical();
                return Some(format!("'--tcp.destination-group' has the network at {address} twice"));
            }
        }
        let too_many = prefixes.len() > MAX_PREFIXES as usize;
        too_many.then(|| format!("'--tcp.destination-group' has more than {MAX_PREFIXES} networks"))
    }
}

/// What serves nothing and is over soon.
pub const COMMANDS: [&str; 4] = [CHECKS, CHECK_CONFIG, CHECK_WEB_CONFIG, REPORT];
const CHECK_CONFIG: &str = "check-config";
const CHECK_WEB_CONFIG: &str = "check-web-config";

fn check(name: &'static str, about: &'static str) -> Command {
    let file = Arg::new("file").value_name("FILE").required(true).num_args(1..);
    Command::new(name).about(about).arg(file.value_parser(value_parser!(PathBuf)))
}

const CHECKS: &str = "checks";
const REPORT: &str = "report";

fn checks() -> Command {
    let file = Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf));
    let check = Arg::new("check").long("check").action(ArgAction::SetTrue);
    let push = Command::new("push")
        .about("Runs checks, and hands their results to an Icinga that cannot reach this host")
        .arg(file.help("What to run, and where Icinga is, in YAML"))
        .arg(check.help("Only say whether the file is valid, and every fault it has"));
    let about = "Checks of Nagios and Icinga: the program plimsoll-checks has them";
    Command::new(CHECKS).about(about).subcommand(push).subcommand_required(true).disable_help_subcommand(true)
}

fn report() -> Command {
    let about = "Shows what containers were given beside what they used, and what would fit, by the history of a Prometheus";
    let rightsizing = Rightsizing::augment_args(Command::new("rightsizing").about(about));
    let about = "Reports of what Prometheus has of containers";
    Command::new(REPORT)
        .about(about)
        .subcommand(rightsizing)
        .subcommand_required(true)
        .disable_help_subcommand(true)
}

/// More would cost every packet.
const MAX_DNS_PORTS: usize = plimsoll_abi::dns::MAX_PORTS;

/// What clap has to say of a wrong command line, in one line and without its usage.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let lines = lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

fn directory(text: &str) -> Result<PathBuf, &'static str> {
    if text.starts_with('/') && !text.contains('\0') {
        return Ok(PathBuf::from(text));
    }
    Err("expected an absolute path")
}

fn runtime_socket(text: &str) -> Result<Socket, &'static str> {
    let (name, path) = text.split_once('=').ok_or("expected RUNTIME=PATH")?;
    let known = [Runtime::Docker, Runtime::Podman, Runtime::Containerd, Runtime::CriO];
    let runtime = known.into_iter().find(|runtime| runtime.as_str() == name);
    Ok(Socket {
        runtime: runtime.ok_or("the runtime is docker, podman, containerd or cri-o")?,
        path: directory(path)?,
    })
}

/// It becomes a part of a selector.
fn node_name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let valid = !text.is_empty() && text.len() <= 253 && text.bytes().all(plain);
    if valid { Ok(text.to_owned()) } else { Err("expected a node's name: a-z, 0-9, '-' and '.'") }
}

fn max_backoff(text: &str) -> Result<Duration, UnitError> {
    units::within(parse_duration(text)?, Duration::from_millis(10), Duration::from_secs(3600), "10ms to 1h")
}

fn telemetry_path(text: &str) -> Result<String, &'static str> {
    if !text.starts_with('/') {
        return Err("expected a path that begins with /");
    }
    if text.starts_with("/-/") {
        return Err("paths under /-/ are taken");
    }
    // As it stands in a request line: anything else would never be asked for.
    let plain = |b: u8| b.is_ascii_graphic() && !b"?#%\"<>\\^`{|}".contains(&b);
    if !text.bytes().all(plain) || (text.len() > 1 && text.ends_with('/')) {
        return Err("expected plain characters and no / at the end");
    }
    Ok(text.to_owned())
}

fn scrape_timeout(text: &str) -> Result<Duration, UnitError> {
    units::within(parse_duration(text)?, Duration::from_millis(10), Duration::from_secs(600), "10ms to 10m")
}

fn min_age(text: &str) -> Result<Duration, UnitError> {
    units::within(parse_duration(text)?, Duration::ZERO, Duration::from_secs(86_400), "0 to 1d")
}

fn overhead_interval(text: &str) -> Result<Duration, UnitError> {
    units::within(parse_duration(text)?, Duration::from_millis(50), Duration::from_secs(600), "50ms to 10m")
}

fn memory_limit(text: &str) -> Result<u64, UnitError> {
    units::within(parse_size(text)?, 1 << 20, 64 << 30, "1MiB to 64GiB")
}

#[cfg(test)]
mod tests;
