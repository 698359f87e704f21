//! Options that most checks have, for their tables.

use super::{Arg, Opt};

/// `-h`
pub const HELP: Opt = Opt::new("h", "help", Arg::Help, "Print this help");
/// `-V`
pub const VERSION: Opt = Opt::new("V", "version", Arg::Version, "Print name and version");
/// `-v`
pub const VERBOSE: Opt = Opt::new("v", "verbose", Arg::No, "Say more, for a person who looks for a fault");
/// `-t`
pub const TIMEOUT: Opt = Opt::new(
    "t",
    "timeout",
    Arg::Value("SECONDS[:STATE]"),
    "When to give up (10), and the state to give then (CRITICAL): ok, warning, critical, unknown or its number",
);
/// `-H`
pub const HOSTNAME: Opt = Opt::new("H", "hostname", Arg::Value("ADDRESS"), "Name or address of the host");
/// `-p`
pub const PORT: Opt = Opt::new("p", "port", Arg::Value("NUMBER"), "Port");
/// `-4`
pub const IPV4: Opt = Opt::new("4", "use-ipv4", Arg::No, "Only IPv4");
/// `-6`
pub const IPV6: Opt = Opt::new("6", "use-ipv6", Arg::No, "Only IPv6");
/// `-w`, a range
pub const WARNING: Opt =
    Opt::new("w", "warning", Arg::Value("RANGE"), "Warn when the value is outside of RANGE");
/// `-c`, a range
pub const CRITICAL: Opt =
    Opt::new("c", "critical", Arg::Value("RANGE"), "Critical when the value is outside of RANGE");
