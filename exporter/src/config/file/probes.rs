//! The fields `probe` and `modules`: the latter as blackbox_exporter has them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use plimsoll_checks::range::Thresholds;
use plimsoll_checks::tls::Versions;

use self::services::{dns, grpc, icmp, tcp};
use super::Fault;
use super::fields::Fields;
use super::yaml::{Node, Value};
use crate::config::parse_duration;
use crate::probe::allow::Allow;
use crate::probe::module::{Expression, Family, Limits, Module, Prober, Tls};

mod http;
mod services;

/// More modules than this are a mistake.
const MAX_MODULES: usize = 1024;
/// More targets than this are a network.
const MAX_ALLOWED: usize = 1024;
const PROBERS: [&str; 5] = ["http", "tcp", "icmp", "dns", "grpc"];

/// What may be probed.
pub(super) fn allow(node: &Node<'_>, faults: &mut Vec<Fault>) -> Allow {
    let mut allow = Allow::default();
    let mut fields = Fields::of(node, "probe", faults);
    let name = fields.name("allow");
    let entries = fields.list("allow", faults, |text| Allow::default().add(text).map(|()| text.to_owned()));
    if entries.len() > MAX_ALLOWED {
        faults.push(Fault::new(node.at, &name, format!("more than {MAX_ALLOWED} entries")));
    }
    for entry in entries {
        // Each was one a moment ago.
        let _ = allow.add(&entry);
    }
    allow.link_local = fields.flag("link_local", faults).unwrap_or_default();
    fields.refuse_the_rest(faults);
    allow
}

/// The modules by their names.
pub(super) fn modules(node: &Node<'_>, faults: &mut Vec<Fault>) -> BTreeMap<String, Arc<Module>> {
    let mut modules = BTreeMap::new();
    for (key, path, node) in entries(node, "modules", faults) {
        if let Some(module) = module(node, &path, faults)
            && modules.len() < MAX_MODULES
            && modules.insert(key.to_owned(), Arc::new(module)).is_some()
        {
            faults.push(Fault::new(node.at, &path, "this module is here twice"));
        }
    }
    if modules.len() == MAX_MODULES {
        faults.push(Fault::new(node.at, "modules", format!("{MAX_MODULES} modules or more")));
    }
    modules
}

/// The entries of a map whose keys are the user's: the key, what it is called in a fault, the value.
fn entries<'n>(
    node: &'n Node<'n>,
    path: &str,
    faults: &mut Vec<Fault>,
) -> Vec<(&'n str, String, &'n Node<'n>)> {
    match &node.value {
        Value::Map(entries) => {
            entries.iter().map(|(key, node)| (&*key.name, format!("{path}.{}", key.name), node)).collect()
        }
        Value::Null => Vec::new(),
        Value::Scalar(_) | Value::List(_) => {
            faults.push(Fault::new(node.at, path, "expected fields, as in \"name: value\""));
            Vec::new()
        }
    }
}

fn module(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Option<Module> {
    let mut fields = Fields::of(node, path, faults);
    let before = faults.len();
    let prober = fields.text("prober", faults);
    let timeout = fields.parsed("timeout", faults, parse_duration).filter(|timeout| !timeout.is_zero());
    let limits = fields.take("state").map(|node| limits(node, &fields.name("state"), faults));
    let mut own = None;
    for name in PROBERS {
        let Some(node) = fields.take(name) else { continue };
        if prober.as_deref() == Some(name) {
            own = Some(node);
        } else if let Some(prober) = &prober {
            let text = format!("the prober is {prober}, which does not look at this");
            faults.push(Fault::new(node.at, &fields.name(name), text));
        }
    }
    let name = fields.name("prober");
    fields.refuse_the_rest(faults);
    let nothing = Node { at: node.at, value: Value::Null };
    let (options, path) = (own.unwrap_or(&nothing), |name: &str| format!("{path}.{name}"));
    let prober = match prober.as_deref() {
        Some("http") => Prober::Http(http::http(options, &path("http"), faults)),
        Some("tcp") => Prober::Tcp(tcp(options, &path("tcp"), faults)),
        Some("icmp") => Prober::Icmp(icmp(options, &path("icmp"), faults)),
        Some("dns") => Prober::Dns(dns(options, &path("dns"), faults)?),
        Some("grpc") => Prober::Grpc(grpc(options, &path("grpc"), faults)),
        other => {
            if other.is_some() || faults.len() == before {
                let what = other.map_or("is missing".to_owned(), |other| format!("not {other:?}"));
                let text = format!("{what}: one of {}", PROBERS.join(", "));
                faults.push(Fault::new(node.at, &name, text));
            }
            return None;
        }
    };
    Some(Module { timeout, prober, limits: limits.unwrap_or_default() })
}

/// Ours alone: what is a warning, and what is critical.
fn limits(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Limits {
    let mut fields = Fields::of(node, path, faults);
    let mut range = |name| {
        fields
            .parsed(name, faults, |text| Thresholds::parse(Some(text), None).map(|both| both.warning))
            .flatten()
    };
    let seconds = Thresholds { warning: range("warning"), critical: range("critical") };
    let certificate_days = fields.parsed("certificate_days", faults, |text| {
        let (warning, critical) = text.split_once(',').unwrap_or((text, "0"));
        let days = |text: &str| text.trim().parse().ok();
        days(warning).zip(days(critical)).ok_or("expected days as in \"30,14\"")
    });
    fields.refuse_the_rest(faults);
    Limits { seconds, certificate_days }
}

/// Which addresses of a name.
fn family(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Family {
    let v4 = fields.parsed("preferred_ip_protocol", faults, |text| match text {
        "ip4" => Ok(true),
        "ip6" | "" => Ok(false),
        _ => Err(format!("expected ip4 or ip6, not {text:?}")),
    });
    let fallback = fields.flag("ip_protocol_fallback", faults);
    Family { v4: v4.unwrap_or(false), fallback: fallback.unwrap_or(true) }
}

/// The address to send from.
fn source(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Option<IpAddr> {
    fields.parsed("source_ip_address", faults, |text| {
        text.parse().map_err(|_| format!("{text:?} is no address"))
    })
}

/// How TLS is spoken.
fn tls(fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Tls {
    let path = fields.name("tls_config");
    let Some(node) = fields.take("tls_config") else { return Tls::default() };
    let mut fields = Fields::of(node, &path, faults);
    let (certificate, key) = (fields.text("cert_file", faults), fields.text("key_file", faults));
    if certificate.is_some() != key.is_some() {
        faults.push(Fault::new(node.at, &path, "cert_file and key_file need each other"));
    }
    let versions = fields.parsed("min_version", faults, |text| match text {
        "TLS12" => Versions::parse("1.2+").ok_or(""),
        "TLS13" => Versions::parse("1.3+").ok_or(""),
        _ => Err("expected TLS12 or TLS13: older versions are not spoken"),
    });
    let tls = Tls {
        insecure: fields.flag("insecure_skip_verify", faults).unwrap_or_default(),
        authorities: fields.text("ca_file", faults),
        identity: certificate.zip(key),
        server_name: fields.text("server_name", faults).filter(|name| !name.is_empty()),
        versions: versions.unwrap_or_default(),
    };
    fields.refuse_the_rest(faults);
    tls
}

/// Regular expressions.
fn expressions(name: &'static str, fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Vec<Expression> {
    fields.list(name, faults, Expression::new)
}

#[cfg(test)]
mod tests;
