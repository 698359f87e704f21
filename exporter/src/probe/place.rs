//! Where a target is: resolved once, held against what may be probed, and only then connected to, by that address.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use plimsoll_checks::deadline::Deadline;
use plimsoll_checks::net::{self, resolve};

use super::End;
use super::allow::Allow;
use super::module::Family;
use super::report::{Gauge, Report};

static PROTOCOL: Gauge = Gauge::new("probe_ip_protocol", "Specifies whether probe ip protocol is IP4 or IP6");
static LOOKUP: Gauge =
    Gauge::new("probe_dns_lookup_time_seconds", "Returns the time taken for probe dns lookup in seconds");
static HASH: Gauge = Gauge::new(
    "probe_ip_addr_hash",
    "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
);

/// What a probe is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'a> {
    pub(super) allow: &'a Allow,
    pub(super) deadline: Deadline,
}

/// Finds where the target is, and tells what it found; also how long that took.
pub(super) fn find(
    host: &str,
    port: u16,
    family: Family,
    bounds: Bounds<'_>,
    report: &mut Report,
) -> Result<(SocketAddr, Duration), End> {
    [&PROTOCOL, &LOOKUP, &HASH].into_iter().for_each(|gauge| report.set(gauge, 0.0));
    let start = Instant::now();
    let found = look_up(host, port, family, bounds);
    report.set(&LOOKUP, start.elapsed().as_secs_f64());
    let address = found?;
    report.note(format_args!("{host} is at {}", address.ip()));
    report.set(&PROTOCOL, if address.is_ipv4() { 4.0 } else { 6.0 });
    report.set(&HASH, hash(address.ip()).into());
    Ok((address, start.elapsed()))
}

/// The address of a host that may be probed, the same for as long as the probe lasts.
pub(super) fn look_up(host: &str, port: u16, family: Family, bounds: Bounds<'_>) -> Result<SocketAddr, End> {
    let wanted = match family {
        Family { fallback: true, .. } => net::Family::Any,
        Family { v4: true, .. } => net::Family::V4,
        Family { v4: false, .. } => net::Family::V6,
    };
    let name = host.trim_matches(['[', ']']);
    let all = net::resolve(name, port, wanted, bounds.deadline).map_err(|error| match error {
        resolve::Error::Expired => End::Failed(format!("{host}: no address in time")),
        error => End::Failed(error.to_string()),
    })?;
    let liked = all.iter().find(|address| address.is_ipv4() == family.v4);
    let address = *liked.or(all.first()).ok_or_else(|| End::Failed(format!("{host} has no address")))?;
    bounds.allow.admits(name, address.ip()).map_err(End::Refused)?;
    Ok(address)
}

/// The host and port of a target; an address of IPv6 with a port has brackets.
pub(super) fn split(target: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = plimsoll_checks::http::url::split_port(target)?;
    let port = port.map(u16::try_from).transpose().ok()?;
    (!host.is_empty()).then_some((host, port))
}

/// FNV-1a, of 32 bits.
fn hash(address: IpAddr) -> u32 {
    let add = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    match address {
        IpAddr::V4(v4) => v4.octets().iter().fold(0x811c_9dc5, add),
        IpAddr::V6(v6) => v6.octets().iter().fold(0x811c_9dc5, add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_with_or_without_a_port() {
        assert_eq!(split("a:80"), Some(("a", Some(80))));
        assert_eq!((split("a"), split("[::1]:8")), (Some(("a", None)), Some(("::1", Some(8)))));
        assert_eq!(split("::1"), Some(("::1", None)));
        for wrong in ["", ":80", "a:b", "a:70000", "[::1"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_hash_is_that_of_fnv() {
        assert_eq!(hash(IpAddr::from([127, 0, 0, 1])), 0xdaaf_40ed);
    }
}
