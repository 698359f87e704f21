//! The options of the probers tcp, icmp, dns and grpc.

use plimsoll_checks::net::Protocol;
use plimsoll_checks::net::dns::{Question, kind};

use super::super::Fault;
use super::super::fields::{Fields, items};
use super::super::yaml::Node;
use super::{expressions, family, source, tls};
use crate::probe::module::{Dns, Expression, Grpc, Icmp, Records, Step, Tcp};

/// More steps are no conversation.
const MAX_STEPS: usize = 256;
/// What an echo carries unless it is told otherwise.
const PAYLOAD: usize = 28;
/// More does not go into a datagram.
const MOST_PAYLOAD: usize = 65_507 - 8;

/// As `tcp` says.
pub(super) fn tcp(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Tcp {
    let mut fields = Fields::of(node, path, faults);
    let name = fields.name("query_response");
    let steps = fields.take("query_response").map(|node| items(node, &name, faults)).unwrap_or_default();
    if let Some(step) = steps.get(MAX_STEPS) {
        faults.push(Fault::new(step.at, &name, format!("more than {MAX_STEPS} steps")));
    }
    let number = |(number, node): (usize, _)| (format!("{name}[{number}]"), node);
    let steps = steps.iter().take(MAX_STEPS).enumerate().map(number);
    let steps: Vec<Step> = steps.map(|(path, node)| step(node, &path, faults)).collect();
    let module = Tcp {
        family: family(&mut fields, faults),
        source: source(&mut fields, faults),
        speaks_tls: fields.flag("tls", faults).unwrap_or_default(),
        tls: tls(&mut fields, faults),
        steps,
    };
    let starts = usize::from(module.speaks_tls) + module.steps.iter().filter(|step| step.starttls).count();
    if starts > 1 {
        faults.push(Fault::new(node.at, path, "TLS is started twice"));
    }
    fields.refuse_the_rest(faults);
    module
}

fn step(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Step {
    let mut fields = Fields::of(node, path, faults);
    let step = Step {
        expect: fields.parsed("expect", faults, Expression::new),
        send: fields.text("send", faults).unwrap_or_default(),
        starttls: fields.flag("starttls", faults).unwrap_or_default(),
    };
    fields.refuse_the_rest(faults);
    step
}

/// As `icmp` says.
pub(super) fn icmp(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Icmp {
    let mut fields = Fields::of(node, path, faults);
    let ttl = fields.number("ttl", 0..=255, faults).filter(|ttl| *ttl > 0);
    let payload = fields.number("payload_size", 0..=MOST_PAYLOAD, faults).filter(|size| *size > 0);
    let module = Icmp {
        family: family(&mut fields, faults),
        source: source(&mut fields, faults),
        payload: payload.unwrap_or(PAYLOAD),
        whole: fields.flag("dont_fragment", faults).unwrap_or_default(),
        ttl: ttl.and_then(|ttl| u8::try_from(ttl).ok()),
    };
    fields.refuse_the_rest(faults);
    module
}

/// As `dns` says; none without a name to ask for.
pub(super) fn dns(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Option<Dns> {
    let mut fields = Fields::of(node, path, faults);
    let before = faults.len();
    let protocol = fields.parsed("transport_protocol", faults, |text| match text {
        "udp" | "" => Ok(Protocol::Udp),
        "tcp" => Ok(Protocol::Tcp),
        _ => Err(format!("expected udp or tcp, not {text:?}")),
    });
    let protocol = protocol.unwrap_or(Protocol::Udp);
    let speaks_tls = fields.flag("dns_over_tls", faults).unwrap_or_default();
    if speaks_tls && protocol == Protocol::Udp {
        let text = "is spoken over TCP alone: transport_protocol has to be tcp";
        faults.push(Fault::new(node.at, &fields.name("dns_over_tls"), text));
    }
    let kind = fields.parsed("query_type", faults, |text| {
        kind::parse(text).ok_or_else(|| format!("{text:?} is no type of records"))
    });
    fields.parsed("query_class", faults, |text| match text {
        "IN" => Ok(()),
        _ => Err("expected IN: other classes are not asked for"),
    });
    let codes = fields.list("valid_rcodes", faults, |text| {
        let known = CODES.iter().find(|(name, _)| *name == text);
        known.map(|(_, code)| *code).ok_or_else(|| format!("{text:?} is no code of a response"))
    });
    let name = fields.parsed("query_name", faults, |text| match Question::new(text, 1).message(0) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} cannot be asked for")),
    });
    let sections = ["validate_answer_rrs", "validate_authority_rrs", "validate_additional_rrs"];
    let records = sections.map(|section| records(section, &mut fields, faults));
    let (family, source) = (family(&mut fields, faults), source(&mut fields, faults));
    let tls = tls(&mut fields, faults);
    if name.is_none() && faults.len() == before {
        faults.push(Fault::new(node.at, &fields.name("query_name"), "is missing: the name to ask for"));
    }
    let recurse = fields.flag("recursion_desired", faults).unwrap_or(true);
    fields.refuse_the_rest(faults);
    Some(Dns {
        family,
        source,
        protocol,
        speaks_tls,
        tls,
        name: name?,
        kind: kind.unwrap_or(kind::ANY),
        recurse,
        codes: if codes.is_empty() { vec![0] } else { codes },
        records,
    })
}

const CODES: [(&str, u16); 12] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
    ("DSOTYPENI", 11),
];

fn records(name: &'static str, fields: &mut Fields<'_>, faults: &mut Vec<Fault>) -> Records {
    let path = fields.name(name);
    let Some(node) = fields.take(name) else { return Records::default() };
    let mut fields = Fields::of(node, &path, faults);
    let records = Records {
        never: expressions("fail_if_matches_regexp", &mut fields, faults),
        all: expressions("fail_if_all_match_regexp", &mut fields, faults),
        always: expressions("fail_if_not_matches_regexp", &mut fields, faults),
        any: expressions("fail_if_none_matches_regexp", &mut fields, faults),
    };
    fields.refuse_the_rest(faults);
    records
}

/// As `grpc` says.
pub(super) fn grpc(node: &Node<'_>, path: &str, faults: &mut Vec<Fault>) -> Grpc {
    let mut fields = Fields::of(node, path, faults);
    let module = Grpc {
        family: family(&mut fields, faults),
        service: fields.text("service", faults).unwrap_or_default(),
        speaks_tls: fields.flag("tls", faults).unwrap_or_default(),
        tls: tls(&mut fields, faults),
    };
    fields.refuse_the_rest(faults);
    module
}
