//! What TLS showed, in gauges.

use plimsoll_checks::tls::{Session, Shown};

use super::module::Tls;
use super::report::{Gauge, Report};

pub(super) static EARLIEST: Gauge =
    Gauge::new("probe_ssl_earliest_cert_expiry", "Returns last SSL chain expiry in unixtime");
static CHAIN: Gauge =
    Gauge::new("probe_ssl_last_chain_expiry_timestamp_seconds", "Returns last SSL chain expiry in timestamp");
static VERSION: Gauge = Gauge::labelled(
    "probe_tls_version_info",
    "Returns the TLS version used or NaN when unknown",
    &["version"],
);
static INFO: Gauge = Gauge::labelled(
    "probe_ssl_last_chain_info",
    "Contains SSL leaf certificate information",
    &["fingerprint_sha256", "issuer", "subject", "subjectalternative"],
);

/// Tells of a handshake.
pub(super) fn tell(session: &Session, report: &mut Report) -> Shown {
    let shown = session.shown();
    if let Some(end) = shown.earliest_end() {
        report.set(&EARLIEST, end as f64);
    }
    report.set_of(&VERSION, &[&shown.version.replace("TLSv", "TLS ")], 1.0);
    if let Ok(own) = shown.own() {
        let names = own.names.join(",");
        report.set_of(&INFO, &[&own.fingerprint, &own.issuer, &own.subject, &names], 1.0);
    }
    shown
}

/// Tells of it, and when the chain ends by which it was verified: nobody vouches for what was not.
pub(super) fn tell_chain(session: &Session, tls: &Tls, report: &mut Report) -> Shown {
    let shown = tell(session, report);
    if !tls.insecure
        && let Some(end) = shown.chain_end(tls.authorities.as_deref())
    {
        report.set(&CHAIN, end as f64);
    }
    shown
}
